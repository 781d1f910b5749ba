/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http1_describe.c - the span of an HTTP exchange, by the OpenTelemetry conventions for HTTP spans
 * 1.44 (stable).
 *
 * Departures: the target in the name of a span is a route that is guessed from the path (route.h). It
 * is set as otrace.route, not as http.route, which only the framework knows. More parts of a target
 * are hidden than the conventions ask for (url.h).
 */

#include "agent/proto/http1.h"

#include <errno.h>
#include <stdio.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/secret.h"
#include "agent/proto/memory.h"
#include "agent/proto/msg.h"
#include "agent/proto/route.h"
#include "agent/proto/side.h"
#include "agent/proto/url.h"
#include "agent/resource/resource.h"
#include "agent/span/span_builder.h"

#define TEXT_MAX 65536

/* One exchange that is being described. */
struct exchange {
	const struct otr_side *side;
	const struct otr_msg *req;
	const struct otr_msg *rsp; /* may be NULL */
	bool server;
	struct otr_url url;
	struct otr_slice path; /* without secrets */
	struct otr_slice scheme;
	struct otr_slice host;
	uint16_t port;
	bool passed_on; /* Host is not the name of the server, but was passed on by a proxy */
	char host_text[OTR_ADDR_TEXT];
};

/* OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS replaces the list of the conventions. */
static bool is_listed(const char *list, struct otr_slice method)
{
	size_t n;

	for (list += strspn(list, ", "); *list; list += strspn(list, ", ")) {
		n = strcspn(list, ", ");
		if (otr_slice_eq((struct otr_slice){list, n}, method))
			return true;
		list += n;
	}
	return false;
}

static bool is_standard(const struct otr_proto_settings *set, struct otr_slice method)
{
	static const char *const known[] = {
		"GET",	   "HEAD",    "POST",  "PUT",	"DELETE",
		"CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY",
	};

	if (!method.len || method.len > OTR_HTTP1_METHOD_MAX)
		return false;
	if (set && set->http_methods)
		return is_listed(set->http_methods, method);
	for (size_t i = 0; i < OTR_ARRAY_SIZE(known); i++)
		if (otr_slice_eq(method, otr_slice_str(known[i])))
			return true;
	return false;
}

/* Returns the scheme if it is "http" or "https"; clients may send any text. */
static struct otr_slice scheme_word(struct otr_slice s)
{
	if (otr_slice_eq_nocase(s, OTR_SLICE("https")))
		return OTR_SLICE("https");
	if (otr_slice_eq_nocase(s, OTR_SLICE("http")))
		return OTR_SLICE("http");
	return OTR_SLICE_NONE;
}

static void find_scheme(struct exchange *ex)
{
	ex->scheme = scheme_word(ex->url.scheme);
	if (!ex->scheme.len && ex->server)
		ex->scheme = scheme_word(otr_msg_text(ex->req, OTR_KEY_URL_SCHEME));
	if (!ex->scheme.len)
		ex->scheme = ex->side->ref.layer == OTR_LAYER_TLS ? OTR_SLICE("https")
								  : OTR_SLICE("http");
}

/* Finds the name that the client asked for: in the target, in what a proxy forwards, in Host. If
 * there is none, or Host is not the name of the server, the name is the address of the socket. A
 * name without a port has the port of the scheme. */
static void find_host(struct exchange *ex)
{
	struct otr_slice name = ex->url.authority;

	if (!name.len && ex->server)
		name = otr_msg_custom(ex->req, OTR_HTTP1_FORWARDED_HOST);
	if (!name.len)
		name = otr_msg_text(ex->req, OTR_KEY_SERVER_ADDRESS);
	ex->host = otr_url_host(name, &ex->port);
	if (!ex->port && ex->host.len)
		ex->port = ex->scheme.len == 5 ? 443 : 80;
	ex->passed_on = !ex->server && !ex->url.authority.len && ex->host.len &&
			otr_http1_host_differs(ex->side, ex->host, ex->port);
	if (!ex->host.len || ex->passed_on)
		ex->host = otr_side_server(ex->side, ex->host_text, &ex->port);
	if (!ex->port && ex->host.len)
		ex->port = ex->scheme.len == 5 ? 443 : 80;
}

/* Sets the Host that was passed on, without userinfo. */
static int set_passed_on(const struct exchange *ex, struct otr_span_builder *sb)
{
	char room[256];
	OTR_AUTO(otr_buf_fini) struct otr_buf text = OTR_BUF_ON(room, TEXT_MAX);

	if (!ex->passed_on)
		return 0;
	otr_url_authority(&text, otr_msg_text(ex->req, OTR_KEY_SERVER_ADDRESS));
	otr_sb_custom_list(sb, OTR_SLICE("http.request.header.host"), otr_buf_view(&text));
	return text.rc == -ENOMEM ? -ENOMEM : 0;
}

static void put_host(const struct exchange *ex, struct otr_buf *out)
{
	bool v6 = memchr(ex->host.data, ':', ex->host.len) != NULL;

	otr_buf_str(out, v6 ? "[" : "");
	otr_buf_slice(out, ex->host);
	otr_buf_str(out, v6 ? "]" : "");
	if (ex->port != (ex->scheme.len == 5 ? 443 : 80))
		otr_buf_printf(out, ":%u", (unsigned int)ex->port);
}

static void put_query(const struct exchange *ex, struct otr_buf *out)
{
	const struct otr_proto_settings *set = ex->side->settings;

	otr_url_query(out, ex->url.query, set ? set->redact : NULL);
}

static int set_url_full(const struct exchange *ex, struct otr_span_builder *sb)
{
	char room[256];
	OTR_AUTO(otr_buf_fini) struct otr_buf text = OTR_BUF_ON(room, TEXT_MAX);

	if (!ex->host.len || !ex->url.path.len)
		return 0;
	otr_buf_slice(&text, ex->scheme);
	otr_buf_str(&text, "://");
	if (ex->url.authority.len)
		otr_url_authority(&text, ex->url.authority);
	else
		put_host(ex, &text);
	if (ex->url.path.data[0] == '/')
		otr_buf_slice(&text, ex->path);
	if (ex->url.query.len) {
		otr_buf_byte(&text, '?');
		put_query(ex, &text);
	}
	otr_sb_string(sb, OTR_KEY_URL_FULL, otr_buf_view(&text));
	return text.rc == -ENOMEM ? -ENOMEM : 0;
}

static int set_query(const struct exchange *ex, struct otr_span_builder *sb)
{
	char room[256];
	OTR_AUTO(otr_buf_fini) struct otr_buf text = OTR_BUF_ON(room, TEXT_MAX);

	put_query(ex, &text);
	otr_sb_string(sb, OTR_KEY_URL_QUERY, otr_buf_view(&text));
	return text.rc == -ENOMEM ? -ENOMEM : 0;
}

static int set_user_agent(const struct exchange *ex, struct otr_span_builder *sb)
{
	char room[256];
	OTR_AUTO(otr_buf_fini) struct otr_buf text = OTR_BUF_ON(room, TEXT_MAX);

	otr_secret_hide(&text, otr_msg_text(ex->req, OTR_KEY_USER_AGENT_ORIGINAL));
	otr_sb_string(sb, OTR_KEY_USER_AGENT_ORIGINAL, otr_buf_view(&text));
	return text.rc == -ENOMEM ? -ENOMEM : 0;
}

static int set_server(const struct exchange *ex, struct otr_span_builder *sb)
{
	char buf[OTR_ADDR_TEXT];
	struct otr_slice client = otr_msg_text(ex->req, OTR_KEY_CLIENT_ADDRESS);
	uint16_t port;

	client = otr_url_host(client, &port); /* Forwarded may have a port */
	if (!client.len && ex->side->conn)
		client = otr_addr_text(&ex->side->conn->remote, buf);
	otr_sb_string(sb, OTR_KEY_CLIENT_ADDRESS, client);
	otr_sb_string(sb, OTR_KEY_URL_PATH, ex->path);
	otr_sb_string(sb, OTR_KEY_URL_SCHEME, ex->scheme);
	return set_user_agent(ex, sb);
}

/* Returns the owner of the routes: this service, or the host that is asked. */
static struct otr_slice route_owner(const struct exchange *ex)
{
	return ex->server && ex->side->service.data ? ex->side->service : ex->host;
}

static void set_name(const struct exchange *ex, struct otr_span_builder *sb)
{
	char name[OTR_ROUTE_MAX + 32];
	char route[OTR_ROUTE_MAX];
	struct otr_slice method = ex->req->op;
	size_t n, len;

	if (!is_standard(ex->side->settings, method))
		method = OTR_SLICE("HTTP");
	n = otr_route(ex->side->memory->routes, route, route_owner(ex), ex->path,
		      ex->rsp ? ex->rsp->status : 0);
	len = method.len; /* at most OTR_HTTP1_METHOD_MAX */
	memcpy(name, method.data, len);
	if (n)
		name[len++] = ' ';
	memcpy(name + len, route, n);
	otr_sb_name(sb, (struct otr_slice){name, len + n});
	otr_sb_string(sb, OTR_KEY_OTRACE_ROUTE, (struct otr_slice){route, n});
}

static void set_method(const struct exchange *ex, struct otr_span_builder *sb)
{
	bool known = is_standard(ex->side->settings, ex->req->op);
	struct otr_slice original = ex->req->op;

	if (!known && otr_secret_shape(original))
		original = OTR_SLICE(OTR_SECRET_HIDDEN);
	otr_sb_string(sb, OTR_KEY_HTTP_REQUEST_METHOD, known ? ex->req->op : OTR_SLICE("_OTHER"));
	if (!known)
		otr_sb_string(sb, OTR_KEY_HTTP_REQUEST_METHOD_ORIGINAL, original);
}

static void set_status(const struct exchange *ex, struct otr_span_builder *sb)
{
	char text[12];
	int n;

	if (!ex->rsp || !ex->rsp->status)
		return;
	otr_sb_int(sb, OTR_KEY_HTTP_RESPONSE_STATUS_CODE, ex->rsp->status);
	if (ex->rsp->status < (ex->server ? 500 : 400))
		return;
	n = snprintf(text, sizeof(text), "%d", ex->rsp->status);
	otr_sb_error(sb, (struct otr_slice){text, (size_t)n});
}

static void set_common(const struct exchange *ex, struct otr_span_builder *sb)
{
	set_name(ex, sb);
	set_method(ex, sb);
	set_status(ex, sb);
	otr_sb_string(sb, OTR_KEY_SERVER_ADDRESS, ex->host);
	if (ex->port)
		otr_sb_int(sb, OTR_KEY_SERVER_PORT, ex->port);
	otr_sb_string(sb, OTR_KEY_NETWORK_PROTOCOL_VERSION,
		      otr_msg_text(ex->req, OTR_KEY_NETWORK_PROTOCOL_VERSION));
	otr_side_peer(ex->side, sb);
	if (ex->req->partial)
		otr_sb_string(sb, OTR_KEY_OTRACE_CUT, OTR_SLICE("head"));
}

static int set_all(struct exchange *ex, struct otr_span_builder *sb)
{
	int rc;

	find_scheme(ex);
	find_host(ex);
	set_common(ex, sb);
	if (!ex->server) {
		rc = set_url_full(ex, sb);
		return rc ? rc : set_passed_on(ex, sb);
	}
	rc = set_server(ex, sb);
	return rc ? rc : set_query(ex, sb);
}

int otr_http1_describe(const struct otr_side *side, const struct otr_msg *req,
		       const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	char room[256];
	OTR_AUTO(otr_buf_fini) struct otr_buf path = OTR_BUF_ON(room, TEXT_MAX);
	struct exchange ex = {
		.side = side,
		.req = req,
		.rsp = rsp,
		.server = side->role == OTR_ROLE_SERVER,
	};

	otr_url_split(&ex.url, req->target, otr_slice_eq(req->op, OTR_SLICE("CONNECT")));
	otr_url_path(&path, ex.url.path);
	if (path.rc == -ENOMEM)
		return -ENOMEM;
	ex.path = otr_buf_view(&path);

	sb->span.kind = ex.server ? OTR_SPAN_SERVER : OTR_SPAN_CLIENT;
	return set_all(&ex, sb);
}
