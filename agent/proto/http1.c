/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http1.c - HTTP/1.0 and HTTP/1.1 on one connection (RFC 9112).
 *
 * A message is emitted at its head. The body is stepped over: by its length (section
 * 6.2), chunk by chunk (7.1), or to the end of the stream (6.3). The length of an answer
 * depends on the method of its request, so the methods in flight are kept in a short queue
 * for both directions. An answer whose request was not seen is read as one to GET.
 *
 * Departures, all lenient: bare LF ends a line, empty lines before a head are
 * skipped (2.2 allows one), any token is a method, unknown field lines are ignored.
 * HTTP/0.9 is not recognised. A head beyond 64 KiB is refused.
 */

#include "agent/proto/http1.h"

#include "agent/base/own.h"
#include "agent/proto/header_attrs.h"
#include "agent/proto/http2.h"

static void pending_push(struct otr_http1 *h, enum otr_http1_method method)
{
	if (h->more || h->n == OTR_HTTP1_PENDING) {
		if (h->more < UINT32_MAX)
			h->more++;
		return;
	}
	h->methods[(h->first + h->n++) % OTR_HTTP1_PENDING] = (uint8_t)method;
}

static enum otr_http1_method pending_pop(struct otr_http1 *h)
{
	enum otr_http1_method method;

	if (!h->n) {
		h->more -= h->more > 0;
		return OTR_HTTP1_UNKNOWN;
	}
	method = h->methods[h->first];
	h->first = (h->first + 1) % OTR_HTTP1_PENDING;
	h->n--;
	return method;
}

static enum otr_http1_method method_of(struct otr_slice name)
{
	if (otr_slice_eq(name, OTR_SLICE("HEAD")))
		return OTR_HTTP1_NO_BODY;
	if (otr_slice_eq(name, OTR_SLICE("CONNECT")))
		return OTR_HTTP1_CONNECT;
	return OTR_HTTP1_PLAIN;
}

/* Ends the body with its run, as its length is not known. */
static void end_by_run(struct otr_http1_dir *d, struct otr_msg *msg)
{
	msg->end = OTR_END_RUN;
	d->ended_by_run = true;
}

static void add_length(uint64_t *used, uint64_t length)
{
	*used = length < OTR_USED_ALL - *used ? *used + length : OTR_USED_ALL;
}

/* Sets how the body of a message ends: RFC 9112 section 6.3. */
static void set_body_end(const struct otr_http1_head *head, struct otr_http1_dir *d, bool to_eof,
			 uint64_t *used, struct otr_msg *msg)
{
	switch (head->framing) {
	case OTR_HTTP1_LENGTH:
		add_length(used, head->length);
		break;
	case OTR_HTTP1_CHUNKED:
		msg->end = OTR_END_LATER;
		d->phase = OTR_HTTP1_SIZE;
		break;
	case OTR_HTTP1_NONE:
	case OTR_HTTP1_CODED:
		if (to_eof)
			*used = OTR_USED_ALL;
		else if (head->response || head->framing == OTR_HTTP1_CODED)
			end_by_run(d, msg);
		break; /* a request without any of these fields has no body */
	case OTR_HTTP1_UNCLEAR:
		end_by_run(d, msg);
		break;
	}
}

static void set_request_end(struct otr_http1 *h, struct otr_http1_dir *d,
			    const struct otr_http1_head *head, uint64_t *used, struct otr_msg *msg)
{
	pending_push(h, method_of(head->req.method));
	set_body_end(head, d, false, used, msg);
}

static void set_response_end(struct otr_http1 *h, struct otr_http1_dir *d,
			     const struct otr_http1_head *head, uint64_t *used, struct otr_msg *msg)
{
	enum otr_http1_method method;

	msg->interim = head->status < 200 && head->status != 101;
	if (msg->interim)
		return;

	method = pending_pop(h);
	if (head->status == 101 || (method == OTR_HTTP1_CONNECT && head->status < 300))
		h->tunnel = true;
	else if (method != OTR_HTTP1_NO_BODY && head->status != 204 && head->status != 304)
		set_body_end(head, d, method != OTR_HTTP1_UNKNOWN, used, msg);
}

/* Emits a head of `len` bytes, which is whole, or cut and will stay so. */
static enum otr_parse emit_head(struct otr_http1 *h, struct otr_http1_dir *d,
				const struct otr_http1_head *head, size_t len, bool whole,
				uint64_t *used, struct otr_msg *msg)
{
	otr_http1_head_fill(head, msg);
	*used = len;
	d->scanned = 0;
	d->ended_by_run = false;
	msg->partial = !whole;
	if (head->response)
		set_response_end(h, d, head, used, msg);
	else
		set_request_end(h, d, head, used, msg);
	if (!whole) { /* the part of the head that was read does not show how the body ends */
		*used = len;
		d->phase = OTR_HTTP1_HEAD;
		end_by_run(d, msg);
	}
	return OTR_PARSE_MSG;
}

/* Reads a head that is not whole at the first look, or was not then: it may be cut and stay so.
 * MORE: the rest of the head is to come. */
static enum otr_parse parse_slowly(struct otr_http1 *h, struct otr_http1_dir *d,
				   struct otr_slice in, unsigned int flags, uint64_t *used,
				   struct otr_msg *msg)
{
	struct otr_http1_head head;
	size_t end;

	if (!otr_http1_plausible(in))
		return OTR_PARSE_BAD;
	if (d->scanned > in.len)
		d->scanned = 0;
	end = otr_http1_head_end(in, d->scanned);
	if (end > OTR_HTTP1_HEAD_MAX || (!end && in.len > OTR_HTTP1_HEAD_MAX))
		return OTR_PARSE_BAD;
	if (!end && !flags) {
		d->scanned = (uint32_t)in.len;
		return OTR_PARSE_MORE;
	}
	in = otr_slice_sub(in, 0, end ? end : in.len);
	if (!otr_http1_head_read(&head, in))
		return OTR_PARSE_BAD;
	if (h->headers && !head.response)
		otr_header_attrs_read(h->headers, in, msg);
	return emit_head(h, d, &head, in.len, end > 0, used, msg);
}

/* Most heads are whole at the first look, and read in one pass. */
static enum otr_parse parse_head(struct otr_http1 *h, struct otr_http1_dir *d, struct otr_slice in,
				 unsigned int flags, uint64_t *used, struct otr_msg *msg)
{
	struct otr_http1_head head;
	size_t end = d->scanned ? 0 : otr_http1_head_take(&head, in);

	if (!end || end > OTR_HTTP1_HEAD_MAX)
		return parse_slowly(h, d, in, flags, used, msg);
	if (h->headers && !head.response)
		otr_header_attrs_read(h->headers, otr_slice_sub(in, 0, end), msg);
	return emit_head(h, d, &head, end, true, used, msg);
}

static size_t skip_empty_lines(struct otr_slice in)
{
	size_t i = 0;

	while (i < in.len && (in.data[i] == '\r' || in.data[i] == '\n'))
		i++;
	return i;
}

/* After CONNECT or an upgrade: HTTP/2 ("Upgrade: h2c") is read on. Its stream 1 is the answer to the
 * request that asked for the upgrade, which has its span by now, with status 101. */
static enum otr_parse leave(enum otr_dir dir, struct otr_slice in, uint64_t *used,
			    struct otr_msg *msg)
{
	if (otr_http2.sniff(dir, otr_slice_sub(in, 0, OTR_SNIFF_MAX)))
		msg->next = &otr_http2;
	else
		*used = in.len;
	return OTR_PARSE_SWITCH;
}

static enum otr_parse parse(void *state, enum otr_dir dir, struct otr_slice in, unsigned int flags,
			    uint64_t *used, struct otr_msg *msg)
{
	struct otr_http1 *h = state;
	struct otr_http1_dir *d = &h->dirs[dir];

	*used = 0;
	if (!in.len)
		return flags ? OTR_PARSE_BAD : OTR_PARSE_MORE;
	if (h->tunnel)
		return leave(dir, in, used, msg);
	if (flags & OTR_IN_TAIL)
		return otr_http1_tail(d, in, used, msg);
	if (d->phase != OTR_HTTP1_HEAD)
		return otr_http1_chunks(d, in, flags, used, msg);

	*used = skip_empty_lines(in);
	if (*used)
		return OTR_PARSE_SKIP;
	return parse_head(h, d, in, flags, used, msg);
}

/* Requests may be among the bytes that were lost, so the queue is emptied. If the last message
 * only had no known end, no others were lost. */
static void reset_queue(struct otr_http1 *h, struct otr_http1_dir *d)
{
	if (d->phase == OTR_HTTP1_HEAD && !d->ended_by_run)
		h->n = h->more = 0;
	memset(d, 0, sizeof(*d));
}

/* A head may begin anywhere, as the line end before it may be lost. */
static size_t resync(void *state, enum otr_dir dir, struct otr_slice in)
{
	struct otr_http1 *h = state;
	size_t i;

	reset_queue(h, &h->dirs[dir]);
	for (i = 0; i < in.len; i++)
		if (otr_http1_certain(otr_slice_sub(in, i, in.len)))
			break;
	return i;
}

/* Does `head` begin with a first line that no other protocol has? Empty lines before it are
 * skipped, as servers do (2.2). */
static bool sniff(enum otr_dir dir, struct otr_slice head)
{
	(void)dir;
	head = otr_slice_sub(head, skip_empty_lines(head), head.len);
	return otr_http1_certain(head) || otr_http1_any_case(head);
}

static void set_up(void *state, const struct otr_proto_settings *settings)
{
	struct otr_http1 *h = state;

	h->headers = settings->headers.n ? &settings->headers : NULL;
}

const struct otr_proto_ops otr_http1 = {
	.name = "http1",
	.title = "HTTP/1",
	.scope = "otrace/http",
	.state_size = sizeof(struct otr_http1),
	.capture = OTR_CAPTURE_HEAD,
	.head_bytes = 2048, /* cookies alone often fill 1 KiB */
	.body_by_tail = true,
	.sniff = sniff,
	.set_up = set_up,
	.parse = parse,
	.resync = resync,
	.describe = otr_http_describe,
};
