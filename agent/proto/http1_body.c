/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http1_body.c - chunked bodies, RFC 9112 section 7.1.
 *
 *	size [;extension] CRLF  data CRLF  ...  0 [;extension] CRLF  *(field CRLF)  CRLF
 *
 * The data of a chunk is stepped over, copied or not. If a size was not copied, the last
 * bytes of the run show the end: a body without trailers ends CRLF "0" CRLF CRLF.
 */

#include "agent/proto/http1.h"

#define SIZE_DIGITS 15 /* more digits could overflow a sum of sizes */

/* Returns the size on the first line of a chunk, -1 if there is none. */
static int64_t read_size(struct otr_slice line)
{
	int64_t size = 0;
	size_t i = 0;

	for (; i < line.len && otr_hex_digit(line.data[i]) >= 0; i++) {
		if (i == SIZE_DIGITS)
			return -1;
		size = size << 4 | otr_hex_digit(line.data[i]);
	}
	if (!i)
		return -1;
	return i == line.len || strchr("; \t\r\n", line.data[i]) ? size : -1;
}

/* Returns the length of the line that begins `in`, with its end; 0: the line is not whole. */
static size_t line_len(struct otr_slice in)
{
	const char *lf;

	in = otr_slice_sub(in, 0, OTR_HTTP1_LINE_MAX);
	lf = in.len ? memchr(in.data, '\n', in.len) : NULL;
	return lf ? (size_t)(lf - in.data) + 1 : 0;
}

static bool is_empty(struct otr_slice in, size_t len)
{
	return len == 1 || (len == 2 && in.data[0] == '\r');
}

/* Takes one line of the framing, and the data that it announces, off the front of `in`. Returns
 * their length, which may pass in.len; 0: the line is not whole; -1: it is no framing. */
static int64_t take_line(struct otr_http1_dir *d, struct otr_slice in, bool *over)
{
	size_t len = line_len(in);
	int64_t size;

	if (!len)
		return in.len >= OTR_HTTP1_LINE_MAX ? -1 : 0;
	if (d->phase == OTR_HTTP1_NEXT) { /* the line end behind the data */
		if (!is_empty(in, len))
			return -1;
		d->phase = OTR_HTTP1_SIZE;
		return (int64_t)len;
	}
	if (d->phase == OTR_HTTP1_TRAILER) {
		*over = is_empty(in, len);
		return (int64_t)len;
	}
	size = read_size(otr_slice_sub(in, 0, len));
	if (size < 0)
		return -1;
	d->phase = size ? OTR_HTTP1_NEXT : OTR_HTTP1_TRAILER;
	return (int64_t)len + size;
}

enum otr_parse otr_http1_chunks(struct otr_http1_dir *d, struct otr_slice in, unsigned int flags,
				uint64_t *used, struct otr_msg *msg)
{
	int64_t n = 1;

	if (d->phase == OTR_HTTP1_LOST)
		return OTR_PARSE_BAD;
	while (n > 0 && *used < in.len && !msg->over) {
		n = take_line(d, otr_slice_sub(in, *used, in.len), &msg->over);
		*used += n > 0 ? (uint64_t)n : 0;
	}
	if (msg->over)
		d->phase = OTR_HTTP1_HEAD;
	if (*used)
		return OTR_PARSE_SKIP; /* the rest is for the next call */
	if (n < 0)
		return OTR_PARSE_BAD;
	if (!flags)
		return OTR_PARSE_MORE;
	d->phase = OTR_HTTP1_LOST;
	*used = in.len;
	return OTR_PARSE_SKIP;
}

static bool ends_with(struct otr_slice in, struct otr_slice with)
{
	return in.len >= with.len && !memcmp(in.data + in.len - with.len, with.data, with.len);
}

enum otr_parse otr_http1_tail(struct otr_http1_dir *d, struct otr_slice in, uint64_t *used,
			      struct otr_msg *msg)
{
	if (d->phase == OTR_HTTP1_HEAD)
		return OTR_PARSE_BAD; /* no chunked body is open */
	msg->over =
		ends_with(in, OTR_SLICE("\n0\r\n\r\n")) || otr_slice_eq(in, OTR_SLICE("0\r\n\r\n"));
	d->phase = msg->over ? OTR_HTTP1_HEAD : OTR_HTTP1_LOST;
	*used = in.len;
	return OTR_PARSE_SKIP;
}
