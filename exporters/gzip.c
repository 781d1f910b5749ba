/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip.c - compresses buffers, one after the other, each to a gzip file.
 *
 * The level is 1: spans of one service resemble each other so much that level 1 removes 9 of 10
 * bytes; tests/bench/encode_bench.c prints what the other levels cost.
 */

#include "exporters/gzip.h"

#include <errno.h>

#include "agent/base/buf.h"

#define LEVEL	    1
#define GZIP_HEADER 16 /* added to the window's bits: gzip, not zlib */

static int prepare(struct otr_gzip *gz)
{
	if (gz->ready)
		return deflateReset(&gz->zs) == Z_OK ? 0 : -EINVAL;
	if (deflateInit2(&gz->zs, LEVEL, Z_DEFLATED, MAX_WBITS + GZIP_HEADER, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	gz->ready = true;
	return 0;
}

int otr_gzip(struct otr_gzip *gz, struct otr_buf *out, struct otr_slice in)
{
	int rc = prepare(gz);
	size_t bound;
	char *to;

	if (rc)
		return rc;
	bound = deflateBound(&gz->zs, in.len);
	to = otr_buf_room(out, bound);
	if (!to)
		return out->rc;
	gz->zs.next_in = (Bytef *)(uintptr_t)in.data;
	gz->zs.avail_in = (uInt)in.len;
	gz->zs.next_out = (Bytef *)to;
	gz->zs.avail_out = (uInt)bound;
	if (deflate(&gz->zs, Z_FINISH) != Z_STREAM_END)
		return -EINVAL;
	out->len += bound - gz->zs.avail_out;
	return 0;
}

void otr_gzip_fini(struct otr_gzip *gz)
{
	if (gz->ready)
		deflateEnd(&gz->zs);
	gz->ready = false;
}
