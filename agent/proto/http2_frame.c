/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2_frame.c - frames (RFC 9113, 4.1 and 6), and which bytes are frames for certain.
 *
 *	| length 24 | type 8 | flags 8 | stream 32 | length bytes of payload |
 */

#include "agent/proto/http2.h"

#include "agent/base/own.h"

#define ANY	   UINT32_MAX
#define USUAL_MAX  16384u     /* SETTINGS_MAX_FRAME_SIZE, unless a side allows more */
#define STREAM_MAX (1u << 20) /* of a connection that is joined */
#define AHEAD	   (1u << 12) /* how far streams may be ahead of the latest one known */
#define CHAIN	   4	      /* frames in a row that are looked at */

/* The length of a payload: at least `min`, and `max` at most; which flags; of a stream, or of the
 * connection. */
static const struct {
	uint32_t min, max;
	uint8_t flags;
	enum {
		STREAM,
		CONNECTION,
		EITHER
	} of;
} types[OTR_HTTP2_TYPES] = {
	[OTR_HTTP2_DATA] = {0, ANY, 0x09, STREAM},
	[OTR_HTTP2_HEADERS] = {1, ANY, 0x2d, STREAM},
	[OTR_HTTP2_PRIORITY] = {5, 5, 0, STREAM},
	[OTR_HTTP2_RST_STREAM] = {4, 4, 0, STREAM},
	[OTR_HTTP2_SETTINGS] = {0, 6 * 64, 0x01, CONNECTION},
	[OTR_HTTP2_PUSH_PROMISE] = {4, ANY, 0x0c, STREAM},
	[OTR_HTTP2_PING] = {8, 8, 0x01, CONNECTION},
	[OTR_HTTP2_GOAWAY] = {8, ANY, 0, CONNECTION},
	[OTR_HTTP2_WINDOW_UPDATE] = {4, 4, 0, EITHER},
	[OTR_HTTP2_CONTINUATION] = {0, ANY, 0x04, STREAM},
};

static uint32_t big_endian(const char *at, size_t n)
{
	uint32_t out = 0;

	for (size_t i = 0; i < n; i++)
		out = out << 8 | (uint8_t)at[i];
	return out;
}

bool otr_http2_frame_read(struct otr_http2_frame *fr, struct otr_slice in)
{
	fr->len = big_endian(in.data, 3);
	fr->type = (uint8_t)in.data[3];
	fr->flags = (uint8_t)in.data[4];
	fr->stream = big_endian(in.data + 5, 4) & 0x7fffffff;
	if (fr->type >= OTR_HTTP2_TYPES)
		return true; /* an extension (5.5), to be ignored */
	if (fr->len < types[fr->type].min || fr->len > types[fr->type].max)
		return false;
	if (fr->type == OTR_HTTP2_SETTINGS && fr->len % 6)
		return false;
	return types[fr->type].of == EITHER || (fr->stream != 0) == (types[fr->type].of == STREAM);
}

/* Is the frame one as usual, so that random bytes are hardly ever like it? */
static bool is_usual(const struct otr_http2_frame *fr, struct otr_slice in, uint32_t last)
{
	uint32_t most = last ? last + AHEAD : STREAM_MAX;

	if (fr->type == OTR_HTTP2_DATA && !fr->len && !(fr->flags & OTR_HTTP2_END_STREAM))
		return false; /* it says nothing */
	return fr->type < OTR_HTTP2_TYPES && fr->len <= USUAL_MAX &&
	       !(fr->flags & ~types[fr->type].flags) && !((uint8_t)in.data[5] & 0x80) &&
	       fr->stream <= most && (!fr->stream || fr->stream & 1);
}

/* The frames of a chain are looked at as far as `in` goes. One frame alone has to end where `in`
 * does, or behind it. */
bool otr_http2_certain(struct otr_slice in, uint32_t last)
{
	struct otr_http2_frame fr;

	if (otr_slice_starts(in, OTR_HTTP2_PREFACE))
		return true;
	for (unsigned int i = 0; i < CHAIN; i++) {
		if (in.len < OTR_HTTP2_HEAD)
			return i > 0;
		if (!otr_http2_frame_read(&fr, in) || !is_usual(&fr, in, last))
			return false;
		if (fr.len >= in.len - OTR_HTTP2_HEAD)
			return true;
		in = otr_slice_sub(in, OTR_HTTP2_HEAD + fr.len, in.len);
	}
	return true;
}

/* Is the frame of SETTINGS whole, and are its parameters known ones (6.5.2)? */
static bool opens_with_settings(const struct otr_http2_frame *fr, struct otr_slice in)
{
	if (fr->type != OTR_HTTP2_SETTINGS || fr->flags || in.len < OTR_HTTP2_HEAD + fr->len)
		return false;
	for (size_t at = OTR_HTTP2_HEAD; at < OTR_HTTP2_HEAD + fr->len; at += 6)
		if (in.data[at] || !in.data[at + 1] || in.data[at + 1] > 9)
			return fr->len > 6 &&
			       at > OTR_HTTP2_HEAD; /* an extension is not the first */
	return true;
}

/* Where the block of HEADERS begins. */
static size_t field_at(const struct otr_http2_frame *fr)
{
	return OTR_HTTP2_HEAD + (fr->flags & OTR_HTTP2_PADDED ? 1u : 0) +
	       (fr->flags & OTR_HTTP2_PRIO ? 5u : 0);
}

/* Does a block begin with a pseudo-header of the static table, 1 to 14, or its name: :method, :path,
 * :scheme, :status, :authority? Returns its index, or 0. */
static unsigned int first_field(const struct otr_http2_frame *fr, struct otr_slice in)
{
	size_t at = field_at(fr);
	uint8_t byte = at < in.len && at < OTR_HTTP2_HEAD + fr->len ? (uint8_t)in.data[at] : 0;
	uint8_t index = byte & 0x0f;

	if (index > 14 || (byte >= 0x20 && (byte & 0xf0) != 0x40 && (byte & 0xf0) != 0x80))
		return 0;
	return index;
}

bool otr_http2_may_answer(const struct otr_http2_frame *fr, struct otr_slice in)
{
	size_t at = field_at(fr);

	return (in.len <= at && at < OTR_HTTP2_HEAD + fr->len) || first_field(fr, in) >= 8;
}

/* A frame of which five bytes are fixed: not by chance. */
static bool is_control(const struct otr_http2_frame *fr)
{
	return fr->type == OTR_HTTP2_WINDOW_UPDATE || fr->type == OTR_HTTP2_PING ||
	       fr->type == OTR_HTTP2_RST_STREAM || fr->type == OTR_HTTP2_PRIORITY ||
	       (fr->type == OTR_HTTP2_SETTINGS && fr->flags);
}

bool otr_http2_sniff(enum otr_dir dir, struct otr_slice head)
{
	struct otr_http2_frame fr;

	(void)dir;
	if (head.len >= 14 && otr_slice_starts(OTR_HTTP2_PREFACE, otr_slice_sub(head, 0, 24)))
		return true;
	if (head.len < OTR_HTTP2_HEAD || !otr_http2_frame_read(&fr, head) ||
	    !is_usual(&fr, head, 0))
		return false;
	if (opens_with_settings(&fr, head))
		return (fr.len || head.len >= 2 * OTR_HTTP2_HEAD) && otr_http2_certain(head, 0);
	if (is_control(&fr))
		return otr_http2_certain(head, 0);
	return fr.type == OTR_HTTP2_HEADERS && fr.flags & OTR_HTTP2_END_HEADERS &&
	       first_field(&fr, head) && otr_http2_certain(head, 0);
}
