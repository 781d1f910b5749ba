/* SPDX-License-Identifier: Apache-2.0 */
/* http2_fields.c - blocks of fields (RFC 9113, 4.3 and 6.2): gathered, read, and as messages. */

#include "agent/proto/http2.h"

#include <string.h>

#include "agent/base/own.h"
#include "agent/proto/header_attrs.h"
#include "agent/proto/msg.h"

static int32_t read_status(struct otr_slice text)
{
	int32_t status = 0;

	if (text.len != 3)
		return 0;
	for (size_t i = 0; i < 3; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return 0;
		status = status * 10 + text.data[i] - '0';
	}
	return status;
}

static void take_text(struct otr_slice *to, struct otr_slice value)
{
	if (!to->data)
		*to = value;
}

static void take_forwarded(struct otr_http_request *req, enum otr_hpack_field field,
			   struct otr_slice value)
{
	if (field == OTR_HPACK_FORWARDED)
		take_text(&req->forwarded, value);
	else if (field == OTR_HPACK_X_FORWARDED_FOR)
		take_text(&req->x_forwarded_for, value);
	else if (field == OTR_HPACK_X_FORWARDED_HOST)
		take_text(&req->x_forwarded_host, value);
	else if (field == OTR_HPACK_X_FORWARDED_PROTO)
		take_text(&req->x_forwarded_proto, value);
}

static void take_context(struct otr_http_request *req, enum otr_hpack_field field,
			 struct otr_slice value)
{
	if (field == OTR_HPACK_BAGGAGE) {
		take_text(&req->baggage, value);
	} else if (field == OTR_HPACK_TRACEPARENT) {
		req->n_traceparent += req->n_traceparent < 2;
		req->traceparent = value;
	} else if (value.len && req->n_tracestate < OTR_HTTP_TRACESTATES) {
		req->tracestate[req->n_tracestate++] = value;
	}
}

/* A field that the user named; it may be one that is read anyway. */
static void take_of_user(struct otr_http2_fields *f, enum otr_hpack_field field,
			 struct otr_slice value)
{
	int row = field >= OTR_HPACK_NAMED
			  ? (int)(field - OTR_HPACK_NAMED)
			  : otr_header_names_find(f->headers, otr_hpack_name(field));

	if (row >= 0)
		take_text(&f->of_user[row], value);
}

/* `known` is false also for a value that is unknown: what it says is left out. */
static void take_field(void *arg, enum otr_hpack_field field, struct otr_slice value, bool known)
{
	struct otr_http2_fields *f = arg;

	if (!known) {
		f->unknown = true;
		return;
	}
	if (f->headers)
		take_of_user(f, field, value);
	switch (field) {
	case OTR_HPACK_METHOD:
		take_text(&f->req.method, value);
		break;
	case OTR_HPACK_PATH:
		take_text(&f->req.target, value);
		break;
	case OTR_HPACK_SCHEME:
		take_text(&f->req.scheme, value);
		break;
	case OTR_HPACK_AUTHORITY:
		f->req.host = value; /* counts more than Host (8.3.1) */
		break;
	case OTR_HPACK_HOST:
		take_text(&f->req.host, value);
		break;
	case OTR_HPACK_STATUS:
		f->status = read_status(value);
		break;
	case OTR_HPACK_CONTENT_TYPE:
		take_text(&f->content_type, value);
		break;
	case OTR_HPACK_GRPC_STATUS:
		take_text(&f->grpc_status, value);
		break;
	case OTR_HPACK_USER_AGENT:
		take_text(&f->req.user_agent, value);
		break;
	case OTR_HPACK_BAGGAGE:
	case OTR_HPACK_TRACEPARENT:
	case OTR_HPACK_TRACESTATE:
		take_context(&f->req, field, value);
		break;
	default:
		take_forwarded(&f->req, field, value);
		break;
	}
}

/* The part of a payload that is fields: without padding, priority, a promised stream. `whole`: the
 * payload is there to its end. */
static struct otr_slice fields_of(const struct otr_http2_frame *fr, struct otr_slice payload)
{
	bool whole = payload.len >= fr->len;
	size_t skip = 0, pad = 0;

	payload = otr_slice_sub(payload, 0, fr->len);
	if (fr->type == OTR_HTTP2_CONTINUATION)
		return payload;
	if (fr->flags & OTR_HTTP2_PADDED && payload.len) {
		pad = (uint8_t)payload.data[0];
		skip = 1;
	}
	if (fr->type == OTR_HTTP2_PUSH_PROMISE)
		skip += 4;
	else if (fr->flags & OTR_HTTP2_PRIO)
		skip += 5;
	payload = otr_slice_sub(payload, skip, payload.len);
	if (whole)
		payload.len -= pad < payload.len ? pad : payload.len;
	return payload;
}

/* Gathers the fields of all frames in `in`. False: there is no room for them. */
static bool gather(struct otr_slice in, struct otr_slice *out)
{
	static _Thread_local char room[OTR_HTTP2_BLOCK];
	struct otr_http2_frame fr;
	struct otr_slice part;
	size_t n = 0;

	while (in.len >= OTR_HTTP2_HEAD) {
		otr_http2_frame_read(&fr, in);
		in = otr_slice_sub(in, OTR_HTTP2_HEAD, in.len);
		part = fields_of(&fr, in);
		if (!n && fr.len >= in.len) { /* the only frame */
			*out = part;
			return true;
		}
		if (part.len > sizeof(room) - n)
			return false;
		memcpy(room + n, part.data, part.len);
		n += part.len;
		in = otr_slice_sub(in, fr.len, in.len);
	}
	*out = (struct otr_slice){room, n};
	return true;
}

void otr_http2_block(struct otr_http2_dir *d, struct otr_slice in, size_t size, bool whole,
		     struct otr_http2_fields *out)
{
	struct otr_slice block;

	memset(out, 0, sizeof(*out));
	out->headers = d->hpack.headers;
	if (!gather(otr_slice_sub(in, 0, size), &block)) {
		whole = false;
		block.len = 0;
	}
	if (!otr_hpack_read(&d->hpack, block, take_field, out))
		whole = false;
	if (whole)
		return;
	otr_hpack_lost(&d->hpack);
	out->unknown = true;
}

/* "application/grpc", "application/grpc+proto"; gRPC-Web has its status in the body, which is not
 * copied, so it is HTTP. */
static bool is_grpc(struct otr_slice type)
{
	const struct otr_slice name = OTR_SLICE("application/grpc");

	return otr_slice_starts(type, name) &&
	       (type.len == name.len || type.data[name.len] == '+' || type.data[name.len] == ';');
}

void otr_http2_request_fill(const struct otr_http2_fields *f, struct otr_msg *msg)
{
	struct otr_http_request req = f->req;

	req.version = OTR_SLICE("2");
	otr_http_request_fill(&req, msg);
	if (is_grpc(f->content_type))
		otr_msg_add_text(msg, OTR_KEY_RPC_SYSTEM_NAME, OTR_SLICE("grpc"));
	for (size_t i = 0; f->headers && i < f->headers->n; i++)
		otr_header_attrs_add(f->headers, i, f->of_user[i], msg);
	msg->partial = f->unknown;
}

void otr_http2_answer_fill(const struct otr_http2_fields *f, struct otr_msg *msg)
{
	msg->status = f->status;
	msg->failed = f->status >= 500;
	msg->partial = f->unknown;
	if (is_grpc(f->content_type))
		otr_msg_add_text(msg, OTR_KEY_RPC_SYSTEM_NAME, OTR_SLICE("grpc"));
	otr_msg_add_custom(msg, OTR_HTTP2_GRPC_STATUS, f->grpc_status);
}
