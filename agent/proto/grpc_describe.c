/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc_describe.c - the span of a gRPC call, by the OpenTelemetry conventions for RPC spans 1.45.
 *
 * The status is that of the trailers. Where there is none, it is what a client makes of the status
 * of HTTP or of a reset ("gRPC over HTTP2", "HTTP to gRPC Status Code Mapping"). A client that resets
 * its call by CANCEL has cancelled it, or its deadline is over: the wire does not tell, so its span
 * has no status.
 */

#include "agent/proto/http2.h"

#include <errno.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/grpc_status.h"
#include "agent/base/own.h"
#include "agent/base/secret.h"
#include "agent/proto/header_attrs.h"
#include "agent/proto/msg.h"
#include "agent/proto/side.h"
#include "agent/proto/url.h"
#include "agent/span/span_builder.h"

#define TEXT_MAX   4096
#define METHOD_MAX 255

static enum otr_grpc_status of_reset(struct otr_slice why)
{
	if (otr_slice_eq(why, OTR_SLICE("REFUSED_STREAM")))
		return OTR_GRPC_UNAVAILABLE;
	if (otr_slice_eq(why, OTR_SLICE("CANCEL")))
		return OTR_GRPC_CANCELLED;
	if (otr_slice_eq(why, OTR_SLICE("ENHANCE_YOUR_CALM")))
		return OTR_GRPC_RESOURCE_EXHAUSTED;
	if (otr_slice_eq(why, OTR_SLICE("INADEQUATE_SECURITY")))
		return OTR_GRPC_PERMISSION_DENIED;
	return OTR_GRPC_INTERNAL;
}

static enum otr_grpc_status find_status(const struct otr_msg *rsp)
{
	struct otr_slice text;

	if (!rsp)
		return OTR_GRPC_NONE;
	text = otr_msg_custom(rsp, OTR_HTTP2_GRPC_STATUS);
	if (text.len)
		return otr_grpc_status_read(text);
	text = otr_msg_text(rsp, OTR_KEY_ERROR_TYPE);
	if (text.len)
		return of_reset(text);
	return !rsp->status || rsp->status == 200 ? OTR_GRPC_NONE
						  : otr_grpc_status_of_http(rsp->status);
}

static bool gave_up(const struct otr_msg *rsp)
{
	return rsp && otr_slice_eq(otr_msg_custom(rsp, OTR_HTTP_RESET_BY), OTR_SLICE("client")) &&
	       otr_slice_eq(otr_msg_text(rsp, OTR_KEY_ERROR_TYPE), OTR_SLICE("CANCEL"));
}

static bool is_server_error(enum otr_grpc_status status)
{
	return status == OTR_GRPC_UNKNOWN || status == OTR_GRPC_DEADLINE_EXCEEDED ||
	       status == OTR_GRPC_UNIMPLEMENTED || status == OTR_GRPC_INTERNAL ||
	       status == OTR_GRPC_UNAVAILABLE || status == OTR_GRPC_DATA_LOSS;
}

static void set_status(bool server, const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	enum otr_grpc_status status = find_status(rsp);

	if (!server && gave_up(rsp)) {
		otr_sb_error(sb, OTR_SLICE("CANCEL"));
		return;
	}
	if (status == OTR_GRPC_NONE)
		return;
	otr_sb_string(sb, OTR_KEY_RPC_RESPONSE_STATUS_CODE,
		      otr_slice_str(otr_grpc_status_name(status)));
	if (server ? is_server_error(status) : status != OTR_GRPC_OK)
		otr_sb_error(sb, otr_slice_str(otr_grpc_status_name(status)));
}

static bool is_word(struct otr_slice text, const char *also)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i] | 0x20;

		if (!(c >= 'a' && c <= 'z') && !(text.data[i] >= '0' && text.data[i] <= '9') &&
		    !strchr(also, text.data[i]))
			return false;
	}
	return text.len > 0;
}

/* Returns "package.Service/Method", if the path is one and holds no secret. */
static struct otr_slice method_of(struct otr_slice path)
{
	struct otr_slice method = otr_slice_sub(path, 1, path.len), service, name;
	const char *slash = method.len ? memrchr(method.data, '/', method.len) : NULL;

	if (!slash || path.data[0] != '/' || method.len > METHOD_MAX ||
	    memchr(method.data, '\0', method.len))
		return OTR_SLICE_NONE;
	service = otr_slice_sub(method, 0, (size_t)(slash - method.data));
	name = otr_slice_sub(method, service.len + 1, method.len);
	if (!is_word(service, "._-/") || !is_word(name, "_-") || otr_secret_shape(service) ||
	    otr_secret_shape(name))
		return OTR_SLICE_NONE;
	return method;
}

/* gRPC has no queries, but whoever asks may send one. */
static struct otr_slice without_query(struct otr_slice path)
{
	size_t n = 0;

	while (n < path.len && path.data[n] != '?' && path.data[n] != '#')
		n++;
	return otr_slice_sub(path, 0, n);
}

static int set_original(struct otr_slice path, struct otr_span_builder *sb)
{
	char room[256];
	OTR_AUTO(otr_buf_fini) struct otr_buf text = OTR_BUF_ON(room, TEXT_MAX);

	otr_url_path(&text, without_query(path));
	otr_sb_string(sb, OTR_KEY_RPC_METHOD, OTR_SLICE("_OTHER"));
	otr_sb_string(sb, OTR_KEY_RPC_METHOD_ORIGINAL, otr_buf_view(&text));
	return text.rc == -ENOMEM ? -ENOMEM : 0;
}

/* A server that does not have the method may be asked for anything. */
static int set_method(bool server, const struct otr_msg *req, const struct otr_msg *rsp,
		      struct otr_span_builder *sb)
{
	struct otr_slice method = method_of(req->target);

	otr_sb_name(sb, OTR_SLICE("grpc"));
	if (!req->target.len)
		return 0;
	if (!method.len || (server && find_status(rsp) == OTR_GRPC_UNIMPLEMENTED))
		return set_original(req->target, sb);
	otr_sb_name(sb, method);
	otr_sb_string(sb, OTR_KEY_RPC_METHOD, method);
	return 0;
}

/* The name that the client asked for; if there is none, or a proxy passed on another's, the address
 * of the socket. */
static void set_server(const struct otr_side *side, const struct otr_msg *req,
		       struct otr_span_builder *sb)
{
	char buf[OTR_ADDR_TEXT];
	uint16_t port = 0, own;
	struct otr_slice own_host = otr_side_server(side, buf, &own);
	struct otr_slice host = otr_url_host(otr_msg_text(req, OTR_KEY_SERVER_ADDRESS), &port);

	if (host.len && !port)
		port = own;
	if (!host.len ||
	    (side->role != OTR_ROLE_SERVER && otr_http_host_differs(side, host, port))) {
		host = own_host;
		port = own;
	}
	otr_sb_string(sb, OTR_KEY_SERVER_ADDRESS, host);
	if (port)
		otr_sb_int(sb, OTR_KEY_SERVER_PORT, port);
}

bool otr_grpc_is(const struct otr_msg *req, const struct otr_msg *rsp)
{
	return otr_msg_text(req, OTR_KEY_RPC_SYSTEM_NAME).len ||
	       (rsp && otr_msg_text(rsp, OTR_KEY_RPC_SYSTEM_NAME).len);
}

int otr_grpc_describe(const struct otr_side *side, const struct otr_msg *req,
		      const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	bool server = side->role == OTR_ROLE_SERVER;
	int rc = set_method(server, req, rsp, sb);

	sb->span.kind = server ? OTR_SPAN_SERVER : OTR_SPAN_CLIENT;
	sb->span.scope = "otrace/grpc";
	otr_sb_string(sb, OTR_KEY_RPC_SYSTEM_NAME, OTR_SLICE("grpc"));
	set_server(side, req, sb);
	otr_side_peer(side, sb);
	set_status(server, rsp, sb);
	if (req->partial)
		otr_sb_string(sb, OTR_KEY_OTRACE_CUT, OTR_SLICE("head"));
	return rc ? rc : otr_header_attrs_put(side->settings, req, true, sb);
}
