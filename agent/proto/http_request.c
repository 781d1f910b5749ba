/* SPDX-License-Identifier: Apache-2.0 */
/* http_request.c - a request as a message: its fields, what proxies say of it (RFC 7239, Forwarded),
 * its trace (W3C Trace Context, Baggage). */

#include "agent/proto/http.h"

#include <string.h>

#include "agent/proto/msg.h"
#include "agent/proto/trace_context.h"

#define TRACESTATE_MAX 4096 /* bytes; 512 must be passed on, at least */

static struct otr_slice trim(struct otr_slice s)
{
	while (s.len && (s.data[0] == ' ' || s.data[0] == '\t'))
		s = otr_slice_sub(s, 1, s.len);
	while (s.len && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Returns the first element of a list, for X-Forwarded-*. */
static struct otr_slice first_of(struct otr_slice list)
{
	const char *comma = list.len ? memchr(list.data, ',', list.len) : NULL;

	if (comma)
		list.len = (size_t)(comma - list.data);
	return trim(list);
}

/* Returns the value of `name` in the first element of a Forwarded field. */
static struct otr_slice forwarded(struct otr_slice list, struct otr_slice name)
{
	struct otr_slice pair, value;
	const char *semi;

	for (list = first_of(list); list.len; list = otr_slice_sub(list, pair.len + 1, list.len)) {
		semi = memchr(list.data, ';', list.len);
		pair = list;
		if (semi)
			pair.len = (size_t)(semi - list.data);
		value = trim(pair);
		if (value.len <= name.len || value.data[name.len] != '=' ||
		    !otr_slice_eq_nocase(otr_slice_sub(value, 0, name.len), name))
			continue;
		value = otr_slice_sub(value, name.len + 1, value.len);
		if (value.len > 1 && value.data[0] == '"')
			value = otr_slice_sub(value, 1, value.len - 2);
		return value;
	}
	return OTR_SLICE_NONE;
}

static struct otr_slice first_nonempty(struct otr_slice a, struct otr_slice b)
{
	return a.len ? a : b;
}

/* Joins the fields of a tracestate. Only whole fields are taken, as members must not be cut (W3C
 * Trace Context, 3.3). The result lives until the next call in this thread. */
static struct otr_slice tracestate(const struct otr_http_request *req)
{
	static _Thread_local char all[TRACESTATE_MAX];
	struct otr_slice one;
	size_t len = 0;

	if (!req->n_tracestate)
		return OTR_SLICE_NONE;
	if (req->n_tracestate == 1)
		return req->tracestate[0];
	for (uint8_t i = 0; i < req->n_tracestate; i++) {
		one = req->tracestate[i];
		if (len + 1 + one.len > sizeof(all))
			break;
		if (len)
			all[len++] = ',';
		memcpy(all + len, one.data, one.len);
		len += one.len;
	}
	return (struct otr_slice){all, len};
}

/* Adds what proxies say of the first request: Forwarded, else X-Forwarded-*. */
static void add_forwarded(const struct otr_http_request *req, struct otr_msg *msg)
{
	const struct otr_slice list = req->forwarded;

	otr_msg_add_custom(msg, OTR_HTTP_FORWARDED_HOST,
			   first_nonempty(forwarded(list, OTR_SLICE("host")),
					  first_of(req->x_forwarded_host)));
	otr_msg_add_text(msg, OTR_KEY_URL_SCHEME,
			 first_nonempty(forwarded(list, OTR_SLICE("proto")),
					first_of(req->x_forwarded_proto)));
	otr_msg_add_text(
		msg, OTR_KEY_CLIENT_ADDRESS,
		first_nonempty(forwarded(list, OTR_SLICE("for")), first_of(req->x_forwarded_for)));
}

void otr_http_request_fill(const struct otr_http_request *req, struct otr_msg *msg)
{
	otr_msg_add_text(msg, OTR_KEY_NETWORK_PROTOCOL_VERSION, req->version);
	msg->op = req->method;
	msg->target = req->target;
	otr_msg_add_text(msg, OTR_KEY_SERVER_ADDRESS, req->host);
	if (req->forwarded.len || req->x_forwarded_host.len || req->x_forwarded_proto.len ||
	    req->x_forwarded_for.len)
		add_forwarded(req, msg);
	if (req->scheme.len && !otr_msg_text(msg, OTR_KEY_URL_SCHEME).len)
		otr_msg_add_text(msg, OTR_KEY_URL_SCHEME, req->scheme);
	otr_msg_add_text(msg, OTR_KEY_USER_AGENT_ORIGINAL, req->user_agent);
	msg->baggage = req->baggage;
	if (req->n_traceparent == 1 && otr_traceparent_valid(req->traceparent)) {
		msg->trace_ctx = req->traceparent;
		msg->trace_state = tracestate(req);
	}
}
