/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_EXACTLY_H
#define OTR_EXACTLY_H

/* exactly.h - the input of a fuzzer in memory of its own size. */

#include <stdlib.h>
#include <string.h>

#include "agent/base/slice.h"

/* Copies `data` into memory of its exact size, so that a sanitizer sees a step beyond. The caller
 * frees it. */
static inline struct otr_slice exactly(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	return (struct otr_slice){copy, size};
}

#endif /* OTR_EXACTLY_H */
