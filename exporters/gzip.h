/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_GZIP_H
#define OTR_GZIP_H

/* gzip.h - compresses buffers, one after the other, each to a gzip file (RFC 1952). */

#include <stdbool.h>
#include <zlib.h>

#include "agent/base/slice.h"

struct otr_buf;

struct otr_gzip { /* begins zeroed */
	z_stream zs;
	bool ready;
};

/* Appends `in`, compressed. Returns 0, -ENOMEM, or -EMSGSIZE if `out` may not hold so much. */
int otr_gzip(struct otr_gzip *gz, struct otr_buf *out, struct otr_slice in);
void otr_gzip_fini(struct otr_gzip *gz);

#endif /* OTR_GZIP_H */
