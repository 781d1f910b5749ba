/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_UUID5_H
#define OTR_UUID5_H

/* uuid5.h - UUIDs made from names (RFC 9562, 5.5). */

#include <stdint.h>

#include "agent/base/slice.h"

#define OTR_UUID_TEXT 37 /* with its NUL */

void otr_sha1(uint8_t out[20], struct otr_slice in);

/* Writes the UUID of `name` in the namespace `ns`, as text. The first 440 bytes of the name
 * count. */
void otr_uuid5(char out[OTR_UUID_TEXT], const uint8_t ns[16], struct otr_slice name);

#endif /* OTR_UUID5_H */
