/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2.c - HTTP/2 on one connection (RFC 9113), and gRPC over it.
 *
 *	client  HEADERS 1  HEADERS 3  DATA 3
 *	server             HEADERS 1  DATA 1 ..  HEADERS 3, trailers 3 (END_STREAM)  DATA 1 (END_STREAM)
 *	        REQUEST 1  REQUEST 3  RESPONSE 1  RESPONSE 3, END 3                  END 1
 *
 * A request is emitted at its head, an answer at its head; what comes last of an answer, trailers,
 * DATA or RST_STREAM, is an OTR_MSG_END. The payload of DATA is stepped over. Each block of fields
 * is read, whatever becomes of it, since HPACK has a state.
 *
 * After a hole the streams that are known go on: an answer whose head was lost is emitted at its
 * end. Fields that refer to what was lost are unknown (hpack.h). Departures: a pushed answer has no
 * request, and so no span. GOAWAY ends nothing: the streams that it refuses end with the
 * connection.
 */

#include "agent/proto/http2.h"

#include <string.h>

#include "agent/base/own.h"
#include "agent/proto/msg.h"

#define CUT (OTR_IN_CUT | OTR_IN_EOF)

/* One call of parse(). */
struct call {
	struct otr_http2 *h2;
	struct otr_http2_dir *d;
	enum otr_dir dir;
	struct otr_slice in;
	unsigned int flags;
	struct otr_http2_frame fr;
	uint64_t *used;
	struct otr_msg *msg;
};

static bool is_asker(const struct call *c)
{
	return c->h2->asker == 1 + c->dir;
}

static bool ends_stream(const struct call *c)
{
	return c->fr.flags & OTR_HTTP2_END_STREAM;
}

static enum otr_parse skip_frame(const struct call *c)
{
	*c->used = (uint64_t)OTR_HTTP2_HEAD + c->fr.len;
	return OTR_PARSE_SKIP;
}

static enum otr_parse emit(const struct call *c, enum otr_msg_kind kind)
{
	c->msg->kind = kind;
	c->msg->stream = c->fr.stream;
	return OTR_PARSE_MSG;
}

/* The answer is over. If its head was not seen before, this is all of it. */
static enum otr_parse emit_end(const struct call *c, struct otr_http2_stream *st)
{
	bool answered = st->answered;

	otr_http2_remove(c->h2, st);
	return emit(c, answered ? OTR_MSG_END : OTR_MSG_RESPONSE);
}

/* Which side sent a block? Its pseudo-headers tell. */
static void learn_asker(const struct call *c, const struct otr_http2_fields *f)
{
	if (c->h2->asker)
		return;
	if (f->req.method.len || f->req.target.len || f->req.scheme.len)
		c->h2->asker = (uint8_t)(1 + c->dir);
	else if (f->status)
		c->h2->asker = (uint8_t)(1 + !c->dir);
}

/* A connection that was joined may begin with the trailers of a request. */
static bool is_request(const struct call *c, const struct otr_http2_fields *f)
{
	if (!(c->fr.stream & 1) || c->fr.stream <= c->h2->last)
		return false;
	return c->h2->whole || c->h2->last || f->req.method.len || f->req.target.len;
}

static enum otr_parse take_request(const struct call *c, const struct otr_http2_fields *f)
{
	if (!is_request(c, f))
		return OTR_PARSE_SKIP;
	c->h2->last = c->fr.stream;
	c->msg->dropped = !otr_http2_add(c->h2, c->fr.stream);
	if (c->msg->dropped)
		return OTR_PARSE_SKIP;
	otr_http2_request_fill(f, c->msg);
	return emit(c, OTR_MSG_REQUEST);
}

static bool is_interim(const struct otr_http2_fields *f)
{
	return f->status >= 100 && f->status < 200;
}

static enum otr_parse take_answer(const struct call *c, const struct otr_http2_fields *f)
{
	struct otr_http2_stream *st = otr_http2_find(c->h2, c->fr.stream);

	if (!st || is_interim(f) || (st->answered && !ends_stream(c)))
		return OTR_PARSE_SKIP;
	otr_http2_answer_fill(f, c->msg);
	if (ends_stream(c))
		return emit_end(c, st);
	st->answered = true;
	c->msg->end = OTR_END_STREAM;
	return emit(c, OTR_MSG_RESPONSE);
}

/* Is this the answer to a request that is still to be read? One thread may have written it, and
 * another one read the answer at once. */
static bool must_await(const struct call *c)
{
	const struct otr_http2 *h2 = c->h2;
	bool answers = h2->whole ? !is_asker(c)
				 : !h2->dirs[!c->dir].begun && otr_http2_may_answer(&c->fr, c->in);

	return answers && c->fr.stream & 1 && c->fr.stream > h2->last &&
	       !(c->flags & (CUT | OTR_IN_ALONE));
}

/* Finds the end of the block that begins `in`, behind the frame with END_HEADERS; 0: it is not
 * there. Sets *bad if another frame is in between, or the block is too long. */
static size_t block_end(const struct call *c, bool *bad)
{
	struct otr_http2_frame fr = c->fr;
	size_t at = c->d->scanned;

	*bad = false;
	for (;;) {
		if (c->in.len < at + OTR_HTTP2_HEAD)
			return 0;
		*bad = !otr_http2_frame_read(&fr, otr_slice_sub(c->in, at, c->in.len)) ||
		       fr.stream != c->fr.stream || fr.len > OTR_HTTP2_BLOCK ||
		       at > OTR_HTTP2_BLOCK || (at && fr.type != OTR_HTTP2_CONTINUATION);
		if (*bad || c->in.len < at + OTR_HTTP2_HEAD + fr.len)
			return 0;
		c->d->scanned = (uint32_t)at; /* this frame is looked at again, others are not */
		at += OTR_HTTP2_HEAD + fr.len;
		if (fr.flags & OTR_HTTP2_END_HEADERS)
			return at;
	}
}

/* Reads the block: whole, or as far as it is there and will be. Returns false to wait. */
static bool read_block(const struct call *c, struct otr_http2_fields *f)
{
	bool bad;
	size_t end = block_end(c, &bad);

	if (!end && !bad && !(c->flags & CUT))
		return false;
	c->d->scanned = 0;
	*c->used = end ? end : (uint64_t)OTR_HTTP2_HEAD + c->fr.len;
	otr_http2_block(c->d, c->in, end ? end : bad ? 0 : c->in.len, end > 0, f);
	return true;
}

static enum otr_parse take_block(const struct call *c)
{
	struct otr_http2_fields f;

	if (c->fr.type == OTR_HTTP2_HEADERS && must_await(c)) {
		c->msg->awaits = true;
		return OTR_PARSE_MORE;
	}
	if (!read_block(c, &f))
		return OTR_PARSE_MORE;
	if (c->fr.type != OTR_HTTP2_HEADERS)
		return OTR_PARSE_SKIP;
	learn_asker(c, &f);
	if (!c->h2->asker)
		return OTR_PARSE_SKIP;
	return is_asker(c) ? take_request(c, &f) : take_answer(c, &f);
}

static enum otr_parse take_data(const struct call *c)
{
	struct otr_http2_stream *st = NULL;

	skip_frame(c);
	if (ends_stream(c) && c->h2->asker && !is_asker(c))
		st = otr_http2_find(c->h2, c->fr.stream);
	if (!st)
		return OTR_PARSE_SKIP;
	c->msg->partial = !st->answered;
	return emit_end(c, st);
}

/* RFC 9113, 7 */
static struct otr_slice error_name(uint32_t code)
{
	static const char *const names[] = {
		"NO_ERROR",
		"PROTOCOL_ERROR",
		"INTERNAL_ERROR",
		"FLOW_CONTROL_ERROR",
		"SETTINGS_TIMEOUT",
		"STREAM_CLOSED",
		"FRAME_SIZE_ERROR",
		"REFUSED_STREAM",
		"CANCEL",
		"COMPRESSION_ERROR",
		"CONNECT_ERROR",
		"ENHANCE_YOUR_CALM",
		"INADEQUATE_SECURITY",
		"HTTP_1_1_REQUIRED",
	};

	return code < OTR_ARRAY_SIZE(names) ? otr_slice_str(names[code]) : OTR_SLICE("_OTHER");
}

static uint32_t error_code(struct otr_slice in)
{
	uint32_t code = 0;

	if (in.len < OTR_HTTP2_HEAD + 4)
		return UINT32_MAX; /* it was cut */
	for (size_t i = 0; i < 4; i++)
		code = code << 8 | (uint8_t)in.data[OTR_HTTP2_HEAD + i];
	return code;
}

static enum otr_parse take_reset(const struct call *c)
{
	struct otr_http2_stream *st;

	if (c->in.len < OTR_HTTP2_HEAD + 4 && !(c->flags & CUT))
		return OTR_PARSE_MORE;
	skip_frame(c);
	st = c->h2->asker ? otr_http2_find(c->h2, c->fr.stream) : NULL;
	if (!st)
		return OTR_PARSE_SKIP;
	otr_http2_remove(c->h2, st);
	c->msg->failed = true;
	otr_msg_add_text(c->msg, OTR_KEY_ERROR_TYPE, error_name(error_code(c->in)));
	otr_msg_add_custom(c->msg, OTR_HTTP_RESET_BY,
			   is_asker(c) ? OTR_SLICE("client") : OTR_SLICE("server"));
	return emit(c, OTR_MSG_END);
}

static enum otr_parse take_frame(const struct call *c)
{
	switch (c->fr.type) {
	case OTR_HTTP2_HEADERS:
	case OTR_HTTP2_PUSH_PROMISE:
		return take_block(c);
	case OTR_HTTP2_CONTINUATION: /* its first frame was lost, or was too long */
		otr_hpack_lost(&c->d->hpack);
		return skip_frame(c);
	case OTR_HTTP2_DATA:
		return take_data(c);
	case OTR_HTTP2_RST_STREAM:
		return take_reset(c);
	default:
		return skip_frame(c);
	}
}

/* Are these bytes of a preface, as far as they go? */
static bool is_preface(struct otr_slice in)
{
	return otr_slice_starts(OTR_HTTP2_PREFACE, otr_slice_sub(in, 0, OTR_HTTP2_PREFACE.len));
}

static enum otr_parse take_preface(const struct call *c)
{
	if (c->in.len < OTR_HTTP2_PREFACE.len)
		return c->flags & CUT ? OTR_PARSE_BAD : OTR_PARSE_MORE;
	c->h2->asker = (uint8_t)(1 + c->dir);
	c->h2->whole = true;
	c->d->begun = true;
	*c->used = OTR_HTTP2_PREFACE.len;
	return OTR_PARSE_SKIP;
}

static enum otr_parse parse(void *state, enum otr_dir dir, struct otr_slice in, unsigned int flags,
			    uint64_t *used, struct otr_msg *msg)
{
	struct otr_http2 *h2 = state;
	struct call c = {.h2 = h2,
			 .d = &h2->dirs[dir],
			 .dir = dir,
			 .in = in,
			 .flags = flags,
			 .used = used,
			 .msg = msg};

	*used = 0;
	if (!c.d->begun && in.len && is_preface(in))
		return take_preface(&c);
	if (in.len < OTR_HTTP2_HEAD)
		return flags & CUT ? OTR_PARSE_BAD : OTR_PARSE_MORE;
	if (!otr_http2_frame_read(&c.fr, in))
		return OTR_PARSE_BAD;
	c.d->begun = true;
	return take_frame(&c);
}

static size_t resync(void *state, enum otr_dir dir, struct otr_slice in)
{
	struct otr_http2 *h2 = state;
	struct otr_http2_dir *d = &h2->dirs[dir];
	size_t i = 0;

	otr_hpack_lost(&d->hpack);
	d->scanned = 0;
	while (i < in.len && !otr_http2_certain(otr_slice_sub(in, i, in.len), h2->last))
		i++;
	return i;
}

static int describe(const struct otr_side *side, const struct otr_msg *req,
		    const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	return otr_grpc_is(req, rsp) ? otr_grpc_describe(side, req, rsp, sb)
				     : otr_http_describe(side, req, rsp, sb);
}

static void set_up(void *state, const struct otr_proto_settings *settings)
{
	struct otr_http2 *h2 = state;

	if (settings->headers.n)
		h2->dirs[0].hpack.headers = h2->dirs[1].hpack.headers = &settings->headers;
}

const struct otr_proto_ops otr_http2 = {
	.name = "http2",
	.title = "HTTP/2",
	.scope = "otrace/http",
	.multiplexed = true,
	.state_size = sizeof(struct otr_http2),
	.capture = OTR_CAPTURE_FRAMES,
	.head_bytes = 4096, /* where the walk along the frames is lost, of each call */
	.sniff = otr_http2_sniff,
	.set_up = set_up,
	.parse = parse,
	.resync = resync,
	.describe = describe,
};
