/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_describe.c - the span of an HTTP exchange, by the OpenTelemetry conventions for HTTP spans
 * 1.44 (stable).
 *
 * Departures: the target in the name of a span is a route that is guessed from the path (route.h). It
 * is set as otrace.route, not as http.route, which only the framework knows. More parts of a target
 * are hidden than the conventions ask for (url.h).
 *
 * A span is made of parts that come again each for itself, and are remembered (attr_cache.h): the
 * request without its target, the user agent, and the target with the status of its answer. What
 * differs between connections is kept with them (http_peer.c). The order of attributes is that of the parts,
 * remembered or not.
 */

#include "agent/proto/http.h"

#include <errno.h>
#include <stdio.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/secret.h"
#include "agent/proto/attr_cache.h"
#include "agent/proto/header_attrs.h"
#include "agent/proto/memory.h"
#include "agent/proto/msg.h"
#include "agent/proto/route.h"
#include "agent/proto/side.h"
#include "agent/proto/url.h"
#include "agent/resource/resource.h"
#include "agent/span/span_builder.h"

#define TEXT_MAX 65536

/* What the span of one exchange is made of. */
struct description {
	const struct otr_side *side;
	const struct otr_msg *req;
	const struct otr_msg *rsp; /* may be NULL */
	bool server;
	struct otr_url url;
	struct otr_slice path; /* without secrets; set_target() sets it */
	struct otr_slice scheme;
	struct otr_slice host;
	uint16_t port;
	bool passed_on; /* Host is not the name of the server, but was passed on by a proxy */
	bool has_host;	/* find_host() was called; before, there is no URL, scheme, host and port */
	struct otr_route_walk walk; /* of the name */
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

	if (!method.len || method.len > OTR_HTTP_METHOD_MAX)
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

static void find_scheme(struct description *d)
{
	d->scheme = scheme_word(d->url.scheme);
	if (!d->scheme.len && d->server)
		d->scheme = scheme_word(otr_msg_text(d->req, OTR_KEY_URL_SCHEME));
	if (!d->scheme.len)
		d->scheme = d->side->ref.layer == OTR_LAYER_TLS ? OTR_SLICE("https")
								: OTR_SLICE("http");
}

/* find_scheme() has set "https" or "http". */
static uint16_t default_port(const struct description *d)
{
	return d->scheme.len == 5 ? 443 : 80;
}

/* Splits the target, and finds the name that the client asked for: in the target, in what a proxy
 * forwards, in Host. If there is none, or Host is not the name of the server, the name is the
 * address of the socket. A name without a port has the port of the scheme. */
static void find_host(struct description *d)
{
	struct otr_slice name;

	if (d->has_host)
		return;
	d->has_host = true;
	otr_url_split(&d->url, d->req->target, otr_slice_eq(d->req->op, OTR_SLICE("CONNECT")));
	find_scheme(d);
	name = d->url.authority;
	if (!name.len && d->server)
		name = otr_msg_custom(d->req, OTR_HTTP_FORWARDED_HOST);
	if (!name.len)
		name = otr_msg_text(d->req, OTR_KEY_SERVER_ADDRESS);
	d->host = otr_url_host(name, &d->port);
	if (!d->port && d->host.len)
		d->port = default_port(d);
	d->passed_on = !d->server && !d->url.authority.len && d->host.len &&
		       otr_http_host_differs(d->side, d->host, d->port);
	if (!d->host.len || d->passed_on)
		d->host = otr_side_server(d->side, d->host_text, &d->port);
	if (!d->port && d->host.len)
		d->port = default_port(d);
}

/* Sets the Host that was passed on, without userinfo. */
static int set_passed_on(const struct description *d, struct otr_span_builder *sb)
{
	char room[256];
	OTR_AUTO(otr_buf_fini) struct otr_buf text = OTR_BUF_ON(room, TEXT_MAX);

	if (!d->passed_on)
		return 0;
	otr_url_authority(&text, otr_msg_text(d->req, OTR_KEY_SERVER_ADDRESS));
	otr_sb_custom_list(sb, OTR_SLICE("http.request.header.host"), otr_buf_view(&text));
	return text.rc == -ENOMEM ? -ENOMEM : 0;
}

static void put_host(const struct description *d, struct otr_buf *out)
{
	bool v6 = memchr(d->host.data, ':', d->host.len) != NULL;

	otr_buf_str(out, v6 ? "[" : "");
	otr_buf_slice(out, d->host);
	otr_buf_str(out, v6 ? "]" : "");
	if (d->port != default_port(d))
		otr_buf_printf(out, ":%u", (unsigned int)d->port);
}

static void put_query(const struct description *d, struct otr_buf *out)
{
	const struct otr_proto_settings *set = d->side->settings;

	otr_url_query(out, d->url.query, set ? set->redact : NULL);
}

static int set_url_full(const struct description *d, struct otr_span_builder *sb)
{
	char room[256];
	OTR_AUTO(otr_buf_fini) struct otr_buf text = OTR_BUF_ON(room, TEXT_MAX);

	if (!d->host.len || !d->url.path.len)
		return 0;
	otr_buf_slice(&text, d->scheme);
	otr_buf_str(&text, "://");
	if (d->url.authority.len)
		otr_url_authority(&text, d->url.authority);
	else
		put_host(d, &text);
	if (d->url.path.data[0] == '/')
		otr_buf_slice(&text, d->path);
	if (d->url.query.len) {
		otr_buf_byte(&text, '?');
		put_query(d, &text);
	}
	otr_sb_string(sb, OTR_KEY_URL_FULL, otr_buf_view(&text));
	return text.rc == -ENOMEM ? -ENOMEM : 0;
}

static int set_query(const struct description *d, struct otr_span_builder *sb)
{
	char room[256];
	OTR_AUTO(otr_buf_fini) struct otr_buf text = OTR_BUF_ON(room, TEXT_MAX);

	put_query(d, &text);
	otr_sb_string(sb, OTR_KEY_URL_QUERY, otr_buf_view(&text));
	return text.rc == -ENOMEM ? -ENOMEM : 0;
}

static int set_user_agent(struct description *d, struct otr_span_builder *sb)
{
	char room[256];
	OTR_AUTO(otr_buf_fini) struct otr_buf text = OTR_BUF_ON(room, TEXT_MAX);

	otr_secret_hide(&text, otr_msg_text(d->req, OTR_KEY_USER_AGENT_ORIGINAL));
	otr_sb_string(sb, OTR_KEY_USER_AGENT_ORIGINAL, otr_buf_view(&text));
	return text.rc == -ENOMEM ? -ENOMEM : 0;
}

/* Returns the owner of the routes: this service, or the host that is asked. */
static struct otr_slice route_owner(const struct description *d)
{
	return d->server && d->side->service.data ? d->side->service : d->host;
}

static void set_name(struct description *d, struct otr_span_builder *sb)
{
	char name[OTR_ROUTE_MAX + 32];
	char route[OTR_ROUTE_MAX];
	struct otr_slice method = d->req->op;
	size_t n, len;

	if (!is_standard(d->side->settings, method))
		method = OTR_SLICE("HTTP");
	n = otr_route(d->side->memory->routes, route, route_owner(d), d->path,
		      d->rsp ? d->rsp->status : 0, &d->walk);
	len = method.len; /* at most OTR_HTTP_METHOD_MAX */
	memcpy(name, method.data, len);
	if (n)
		name[len++] = ' ';
	memcpy(name + len, route, n);
	otr_sb_name(sb, (struct otr_slice){name, len + n});
	otr_sb_string(sb, OTR_KEY_OTRACE_ROUTE, (struct otr_slice){route, n});
}

static void set_method(const struct description *d, struct otr_span_builder *sb)
{
	bool known = is_standard(d->side->settings, d->req->op);
	struct otr_slice original = d->req->op;

	if (!original.len) /* of HTTP/2, where bytes were lost: it is not known */
		return;
	if (!known && otr_secret_shape(original))
		original = OTR_SLICE(OTR_SECRET_HIDDEN);
	otr_sb_string(sb, OTR_KEY_HTTP_REQUEST_METHOD, known ? d->req->op : OTR_SLICE("_OTHER"));
	if (!known)
		otr_sb_string(sb, OTR_KEY_HTTP_REQUEST_METHOD_ORIGINAL, original);
}

/* A stream of HTTP/2 was reset, and why. A client that gives up has not failed. */
static bool set_reset(const struct description *d, struct otr_span_builder *sb)
{
	struct otr_slice why = otr_msg_text(d->rsp, OTR_KEY_ERROR_TYPE);
	bool by_client =
		otr_slice_eq(otr_msg_custom(d->rsp, OTR_HTTP_RESET_BY), OTR_SLICE("client"));

	if (!why.len)
		return false;
	if (!by_client || !otr_slice_eq(why, OTR_SLICE("CANCEL")))
		otr_sb_error(sb, why);
	else if (d->server)
		otr_sb_error(sb, OTR_SLICE("client_disconnect"));
	return true;
}

static void set_error(const struct description *d, struct otr_span_builder *sb)
{
	char text[12];
	int n;

	if (d->rsp && set_reset(d, sb))
		return;
	if (!d->rsp || d->rsp->status < (d->server ? 500 : 400))
		return;
	n = snprintf(text, sizeof(text), "%d", d->rsp->status);
	otr_sb_error(sb, (struct otr_slice){text, (size_t)n});
}

/* The part of the request without its target. The peer of a client is the server. */
static int set_request(struct description *d, struct otr_span_builder *sb)
{
	find_host(d);
	set_method(d, sb);
	otr_sb_string(sb, OTR_KEY_SERVER_ADDRESS, d->host);
	if (d->port)
		otr_sb_int(sb, OTR_KEY_SERVER_PORT, d->port);
	otr_sb_string(sb, OTR_KEY_NETWORK_PROTOCOL_VERSION,
		      otr_msg_text(d->req, OTR_KEY_NETWORK_PROTOCOL_VERSION));
	if (d->server) {
		otr_sb_string(sb, OTR_KEY_URL_SCHEME, d->scheme);
		return 0;
	}
	otr_side_peer(d->side, sb);
	return set_passed_on(d, sb);
}

/* The part of the target and the status: of a URL that is asked for again, the same. */
static int set_target(struct description *d, struct otr_span_builder *sb)
{
	char room[256];
	OTR_AUTO(otr_buf_fini) struct otr_buf path = OTR_BUF_ON(room, TEXT_MAX);

	find_host(d);
	otr_url_path(&path, d->url.path);
	if (path.rc == -ENOMEM)
		return -ENOMEM;
	d->path = otr_buf_view(&path);
	set_name(d, sb);
	if (d->rsp && d->rsp->status)
		otr_sb_int(sb, OTR_KEY_HTTP_RESPONSE_STATUS_CODE, d->rsp->status);
	if (!d->server)
		return set_url_full(d, sb);
	otr_sb_string(sb, OTR_KEY_URL_PATH, d->path);
	return set_query(d, sb);
}

/* What is set each time: the rest. */
static int set_others(const struct description *d, struct otr_span_builder *sb)
{
	if (d->server)
		otr_http_peer(d->side, d->req, sb);
	set_error(d, sb);
	if (d->req->partial)
		otr_sb_string(sb, OTR_KEY_OTRACE_CUT, OTR_SLICE("head"));
	if (!d->side->settings || !d->side->settings->headers.n)
		return 0;
	return otr_header_attrs_put(d->side->settings, d->req, false, sb);
}

/* Sets a part of the span for the first or second time, and remembers it if it is the second. */
static int make_part(struct description *d, struct otr_span_builder *sb, struct otr_attr_key *key,
		     int (*set)(struct description *d, struct otr_span_builder *sb))
{
	struct otr_attr_cache *cache = d->side->memory->attrs;
	uint16_t from = sb->span.n_attrs;
	int rc = set(d, sb);

	if (!rc && otr_attr_cache_wants(cache, key))
		otr_attr_cache_put(cache, key, otr_sb_block_since(sb, from, set == set_target),
				   &d->walk, set == set_target ? sizeof(d->walk) : 0);
	return rc;
}

/* Sets the part of the request. Returns the serial of what is known of it in `*serial`, or 0. */
static int put_request(struct description *d, struct otr_span_builder *sb, struct otr_attr_key *key,
		       uint64_t *serial)
{
	const struct otr_attr_known *known;

	otr_http_request_key(key, d->side, d->req);
	known = otr_attr_cache_find(d->side->memory->attrs, key);
	*serial = known ? known->serial : 0;
	if (!known)
		return make_part(d, sb, key, set_request);
	otr_sb_block(sb, known->block);
	return 0;
}

static int put_agent(struct description *d, struct otr_span_builder *sb, struct otr_attr_key *key)
{
	const struct otr_attr_known *known;

	if (!d->server || !otr_msg_text(d->req, OTR_KEY_USER_AGENT_ORIGINAL).len)
		return 0;
	otr_http_agent_key(key, d->req);
	known = otr_attr_cache_find(d->side->memory->attrs, key);
	if (!known)
		return make_part(d, sb, key, set_user_agent);
	otr_sb_block(sb, known->block);
	return 0;
}

/* A route is learned, so it may be another one than before. */
static int put_target(struct description *d, struct otr_span_builder *sb, struct otr_attr_key *key,
		      uint64_t serial)
{
	const struct otr_attr_known *known;

	otr_http_target_key(key, serial, d->req, d->rsp);
	known = otr_attr_cache_find(d->side->memory->attrs, key);
	if (!known || !otr_route_again(d->side->memory->routes, known->note))
		return make_part(d, sb, key, set_target);
	otr_sb_block(sb, known->block);
	return 0;
}

/* Sets the fields that are read before find_host() sets the others. */
static void begin(struct description *d, const struct otr_side *side, const struct otr_msg *req,
		  const struct otr_msg *rsp)
{
	d->side = side;
	d->req = req;
	d->rsp = rsp;
	d->server = side->role == OTR_ROLE_SERVER;
	d->has_host = false;
}

int otr_http_describe(const struct otr_side *side, const struct otr_msg *req,
		      const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	struct description d;
	struct otr_attr_key key;
	uint64_t serial;
	int rc;

	begin(&d, side, req, rsp);
	otr_proto_memory_check(side->memory, side->settings);
	sb->span.kind = d.server ? OTR_SPAN_SERVER : OTR_SPAN_CLIENT;
	rc = put_request(&d, sb, &key, &serial);
	if (!rc)
		rc = put_agent(&d, sb, &key);
	if (!rc)
		rc = put_target(&d, sb, &key, serial);
	return rc ? rc : set_others(&d, sb);
}
