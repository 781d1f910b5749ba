/* SPDX-License-Identifier: Apache-2.0 */
/* proto_describe_test.c - spans by the conventions, also of messages that were cut. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "agent/base/own.h"
#include "agent/proto/http1.h"
#include "agent/proto/memory.h"
#include "agent/proto/pgsql.h"
#include "agent/proto/route.h"
#include "agent/proto/side.h"
#include "agent/span/span_builder.h"

static const struct otr_ev_conn conn = {
	.local = {.family = AF_INET, .port = 8080, .ip = {10, 0, 0, 1}},
	.remote = {.family = AF_INET, .port = 5433, .ip = {10, 0, 0, 2}},
};

static struct otr_proto_settings settings;
static struct otr_proto_memory memory;

static struct otr_span *span_of(const struct otr_proto_ops *proto, enum otr_role role,
				const struct otr_msg *req, const struct otr_msg *rsp)
{
	OTR_AUTO(otr_sb_fini) struct otr_span_builder sb = {0};
	const struct otr_side side = {.conn = &conn,
				      .role = role,
				      .proto = proto,
				      .settings = &settings,
				      .memory = &memory};

	otr_sb_reset(&sb);
	assert_int_equal(proto->describe(&side, req, rsp, &sb), 0);
	return otr_sb_finish(&sb);
}

static void parse_one(const struct otr_proto_ops *proto, void *state, enum otr_dir dir,
		      struct otr_slice in, unsigned int flags, enum otr_parse want,
		      struct otr_msg *msg)
{
	uint64_t used;

	memset(msg, 0, sizeof(*msg));
	assert_int_equal(proto->parse(state, dir, in, flags, &used, msg), want);
}

static void text_is(const struct otr_span *sp, enum otr_key key, const char *want)
{
	struct otr_slice got = otr_span_string(sp, key);

	if (!otr_slice_eq(got, otr_slice_str(want)))
		fail_msg("%s is %.*s, not %s", otr_key_name(key), OTR_SLICE_ARG(got), want);
}

static void name_is(const struct otr_span *sp, const char *want)
{
	if (!otr_slice_eq(sp->name, otr_slice_str(want)))
		fail_msg("name is %.*s, not %s", OTR_SLICE_ARG(sp->name), want);
}

static struct otr_span *http_span(const char *request, int status, enum otr_role role)
{
	struct otr_http1 state = {0};
	struct otr_msg req, rsp = {.kind = OTR_MSG_RESPONSE, .status = status};

	parse_one(&otr_http1, &state, OTR_DIR_OUT, otr_slice_str(request), 0, OTR_PARSE_MSG, &req);
	return span_of(&otr_http1, role, &req, status ? &rsp : NULL);
}

static struct otr_slice custom(const struct otr_span *sp, const char *name)
{
	const struct otr_attr *at;

	for (size_t i = 0; (at = otr_span_attr(sp, i)); i++)
		if (at->key == OTR_KEY_CUSTOM && otr_slice_eq(at->name, otr_slice_str(name)))
			return at->string;
	return OTR_SLICE_NONE;
}

/* A proxy passes on its own Host, which does not name the server: 10.0.0.2:5433. */
static void http_host_of_a_proxy(void **state)
{
	static const char *const passed_on[] = {
		"shop.example", "shop.example:8080", "10.0.0.1:5433",
		"[::1]:5433",	"localhost:5433",    "LOCALHOST:5433",
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(passed_on); i++) {
		OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;
		struct otr_slice host;

		snprintf(text, sizeof(text), "GET /a HTTP/1.1\r\nHost: %s\r\n\r\n", passed_on[i]);
		sp = http_span(text, 200, OTR_ROLE_CLIENT);
		text_is(sp, OTR_KEY_SERVER_ADDRESS, "10.0.0.2");
		assert_int_equal(otr_span_int(sp, OTR_KEY_SERVER_PORT, 0), 5433);
		text_is(sp, OTR_KEY_URL_FULL, "http://10.0.0.2:5433/a");
		host = custom(sp, "http.request.header.host");
		assert_true(otr_slice_eq(host, otr_slice_str(passed_on[i])));
	}
}

/* Host is the address, or may be a name of it. */
static void http_host_of_the_server(void **state)
{
	static const char *const own[] = {"10.0.0.2:5433", "db.example:5433"};
	char text[128], url[128];

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(own); i++) {
		OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;

		snprintf(text, sizeof(text), "GET /a HTTP/1.1\r\nHost: %s\r\n\r\n", own[i]);
		snprintf(url, sizeof(url), "http://%s/a", own[i]);
		sp = http_span(text, 200, OTR_ROLE_CLIENT);
		text_is(sp, OTR_KEY_URL_FULL, url);
		assert_null(custom(sp, "http.request.header.host").data);
	}
}

static void http_client(void **state)
{
	OTR_AUTO(otr_span_unref)
	struct otr_span *sp = http_span("GET /users/17/x?sig=abc&page=2#f HTTP/1.1\r\n"
					"Host: shop.example:5433\r\n\r\n",
					404, OTR_ROLE_CLIENT);

	(void)state;
	assert_int_equal(sp->kind, OTR_SPAN_CLIENT);
	name_is(sp, "GET"); /* a path that is answered 404 is not learned */
	text_is(sp, OTR_KEY_URL_FULL, "http://shop.example:5433/users/17/x?sig=REDACTED&page=2");
	text_is(sp, OTR_KEY_SERVER_ADDRESS, "shop.example");
	assert_int_equal(otr_span_int(sp, OTR_KEY_SERVER_PORT, 0), 5433);
	assert_null(custom(sp, "http.request.header.host").data);
	text_is(sp, OTR_KEY_ERROR_TYPE, "404");
	assert_true(sp->failed);
	text_is(sp, OTR_KEY_NETWORK_PEER_ADDRESS, "10.0.0.2");
}

static void http_server(void **state)
{
	OTR_AUTO(otr_span_unref)
	struct otr_span *sp = http_span("FROB /users/17/x?token=abc HTTP/1.1\r\n"
					"Host: inner\r\nX-Forwarded-Proto: https\r\n"
					"X-Forwarded-For: 2001:db8::1, 10.9.9.9\r\n"
					"X-Forwarded-Host: shop.example\r\n\r\n",
					404, OTR_ROLE_SERVER);

	(void)state;
	assert_int_equal(sp->kind, OTR_SPAN_SERVER);
	assert_false(sp->failed);
	text_is(sp, OTR_KEY_HTTP_REQUEST_METHOD, "_OTHER");
	text_is(sp, OTR_KEY_HTTP_REQUEST_METHOD_ORIGINAL, "FROB");
	text_is(sp, OTR_KEY_URL_PATH, "/users/17/x");
	text_is(sp, OTR_KEY_URL_QUERY, "token=REDACTED");
	text_is(sp, OTR_KEY_URL_SCHEME, "https");
	text_is(sp, OTR_KEY_CLIENT_ADDRESS, "2001:db8::1");
	text_is(sp, OTR_KEY_SERVER_ADDRESS, "shop.example");
	assert_int_equal(otr_span_int(sp, OTR_KEY_SERVER_PORT, 0), 443);
}

static const char *method_known_as(const char *request)
{
	static char got[80];
	struct otr_span *sp = http_span(request, 200, OTR_ROLE_SERVER);

	const char *blank = memchr(sp->name.data, ' ', sp->name.len);

	snprintf(got, sizeof(got), "%.*s %.*s %.*s",
		 blank ? (int)(blank - sp->name.data) : (int)sp->name.len, sp->name.data,
		 OTR_SLICE_ARG(otr_span_string(sp, OTR_KEY_HTTP_REQUEST_METHOD)),
		 OTR_SLICE_ARG(otr_span_string(sp, OTR_KEY_HTTP_REQUEST_METHOD_ORIGINAL)));
	otr_span_unref(&sp);
	return got;
}

/* OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS replaces the list of the conventions; case counts. */
static void http_methods_are_a_users_choice(void **state)
{
	(void)state;
	assert_string_equal(method_known_as("PURGE /a HTTP/1.1\r\n\r\n"), "HTTP _OTHER PURGE");
	settings.http_methods = "GET, PURGE,,abcdefghijklmnopqrstuvwx";
	assert_string_equal(method_known_as("PURGE /a HTTP/1.1\r\n\r\n"), "PURGE PURGE ");
	assert_string_equal(method_known_as("purge /a HTTP/1.1\r\n\r\n"), "HTTP _OTHER purge");
	assert_string_equal(method_known_as("POST /a HTTP/1.1\r\n\r\n"), "HTTP _OTHER POST");
	assert_string_equal(method_known_as("abcdefghijklmnopqrstuvwx /a HTTP/1.1\r\n\r\n"),
			    "abcdefghijklmnopqrstuvwx abcdefghijklmnopqrstuvwx ");
	settings.http_methods = "";
	assert_string_equal(method_known_as("GET /a HTTP/1.1\r\n\r\n"), "HTTP _OTHER GET");
	settings.http_methods = NULL;
	assert_string_equal(method_known_as("GET /a HTTP/1.1\r\n\r\n"), "GET GET ");
}

static void http_userinfo_is_hidden(void **state)
{
	OTR_AUTO(otr_span_unref)
	struct otr_span *sp =
		http_span("GET http://me:pw@h.example/a HTTP/1.1\r\n\r\n", 0, OTR_ROLE_CLIENT);

	(void)state;
	text_is(sp, OTR_KEY_URL_FULL, "http://REDACTED:REDACTED@h.example/a");
	text_is(sp, OTR_KEY_SERVER_ADDRESS, "h.example");
	name_is(sp, "GET /a");
	assert_int_equal(otr_span_int(sp, OTR_KEY_HTTP_RESPONSE_STATUS_CODE, -1), -1);
	assert_false(sp->failed);
}

static void route_is(struct otr_routes *rt, const char *path, int status, const char *want)
{
	char route[OTR_ROUTE_MAX];
	size_t n = otr_route(rt, route, OTR_SLICE("svc"), otr_slice_str(path), status, NULL);

	if (!otr_slice_eq((struct otr_slice){route, n}, otr_slice_str(want)))
		fail_msg("%s is %.*s, not %s", path, (int)n, route, want);
}

static void routes(void **state)
{
	OTR_AUTO(otr_routes_free) struct otr_routes *rt = otr_routes_new();
	char path[64];

	(void)state;
	assert_non_null(rt);
	route_is(rt, "/", 200, "/");
	route_is(rt, "/users/17", 200, "/users/{id}");
	route_is(rt, "/u/6ba7b810-9dad-11d1-80b4-00c04fd430c8/x", 200, "/u/{id}/x");
	route_is(rt, "/c/5f0e1a2b3c", 200, "/c/{id}");
	route_is(rt, "/api/v1/cafe", 200, "/api/v1/cafe");
	route_is(rt, "/nobody/knows", 404, "");
	for (int i = 0; i < 10; i++) {
		snprintf(path, sizeof(path), "/by-name/%c%c", 'k' + i, 'k' + i);
		route_is(rt, path, 200, path);
	}
	route_is(rt, "/by-name/another", 200, "/by-name/{id}");
	route_is(rt, "/by-name/kk", 200, "/by-name/{id}");
	route_is(rt, "/a/b/c/d/e/f/g/h/i/j", 200, "/a/b/c/d/e/f/g/h/{rest}");
}

static void http_cut(void **state)
{
	struct otr_http1 st = {0};
	struct otr_msg msg;

	(void)state;
	parse_one(&otr_http1, &st, OTR_DIR_OUT,
		  OTR_SLICE("GET /a HTTP/1.1\r\nHost: h\r\nCookie: aaaa"), OTR_IN_CUT,
		  OTR_PARSE_MSG, &msg);
	assert_true(msg.partial);
	assert_int_equal(msg.end, OTR_END_RUN);
	parse_one(&otr_http1, &st, OTR_DIR_IN,
		  OTR_SLICE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), 0,
		  OTR_PARSE_MSG, &msg);
	parse_one(&otr_http1, &st, OTR_DIR_IN, OTR_SLICE("12345678"), OTR_IN_TAIL, OTR_PARSE_SKIP,
		  &msg);
	assert_false(msg.over);
	parse_one(&otr_http1, &st, OTR_DIR_IN, OTR_SLICE("x\r\n0\r\n\r\n"), OTR_IN_TAIL,
		  OTR_PARSE_SKIP, &msg);
	assert_true(msg.over);
}

/* A path that is cut is another path; of a query, whole pairs are kept. */
static void http_cut_target(void **state)
{
	static const char *const lines[][2] = {
		{"GET /status/42", ""},
		{"GET /status/42?a=1", "/status/42"},
		{"GET /a?b=1&c=2&d", "/a?b=1&c=2"},
		{"GET /a HTT", "/a"},
		{"GET /a ", "/a"},
	};
	struct otr_msg msg;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(lines); i++) {
		struct otr_http1 st = {0};

		parse_one(&otr_http1, &st, OTR_DIR_OUT, otr_slice_str(lines[i][0]), OTR_IN_CUT,
			  OTR_PARSE_MSG, &msg);
		assert_true(otr_slice_eq(msg.target, otr_slice_str(lines[i][1])));
	}
}

static void http_as_servers_take_it(void **state)
{
	static const char *const yes[] = {
		"\r\nGET / HTTP/1.1\r\n",
		"\n\r\nPOST /a HTTP/1.0\r\n",
		"get / HTTP/1.1\r\n",
		"Post /a HTTP/1.1\r\n",
	};
	static const char *const no[] = {"\r\n", "\r\nhello", "get /", "get / RTSP/1.0\r\n",
					 "gut / HTTP/1.1\r\n"};

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(yes); i++)
		assert_true(otr_http1.sniff(OTR_DIR_IN, otr_slice_str(yes[i])));
	for (size_t i = 0; i < OTR_ARRAY_SIZE(no); i++)
		assert_false(otr_http1.sniff(OTR_DIR_IN, otr_slice_str(no[i])));
}

#define QUERY "Q\0\0\0\x22SELECT * FROM t WHERE a = 'x'"

static void pgsql_spans(void **state)
{
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;
	struct otr_pgsql pg = {0};
	struct otr_msg req, rsp;

	(void)state;
	parse_one(&otr_pgsql, &pg, OTR_DIR_OUT, (struct otr_slice){QUERY, sizeof(QUERY)}, 0,
		  OTR_PARSE_MSG, &req);
	parse_one(&otr_pgsql, &pg, OTR_DIR_IN, OTR_SLICE("E\0\0\0\x13SERROR\0C42P01\0\0"), 0,
		  OTR_PARSE_SKIP, &rsp);
	parse_one(&otr_pgsql, &pg, OTR_DIR_IN, OTR_SLICE("Z\0\0\0\5I"), 0, OTR_PARSE_MSG, &rsp);
	assert_int_equal(req.stream, rsp.stream);
	sp = span_of(&otr_pgsql, OTR_ROLE_CLIENT, &req, &rsp);
	name_is(sp, "SELECT t");
	text_is(sp, OTR_KEY_DB_QUERY_TEXT, "SELECT * FROM t WHERE a = ?");
	text_is(sp, OTR_KEY_ERROR_TYPE, "42P01");
	text_is(sp, OTR_KEY_DB_RESPONSE_STATUS_CODE, "42P01");
	assert_true(sp->failed);
	assert_int_equal(otr_span_int(sp, OTR_KEY_SERVER_PORT, 0), 5433);
}

/* The middle of a large result was not copied: its last bytes show the end. */
static void pgsql_tail(void **state)
{
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;
	struct otr_pgsql pg = {0};
	struct otr_msg req, rsp;

	(void)state;
	parse_one(&otr_pgsql, &pg, OTR_DIR_OUT, (struct otr_slice){QUERY, sizeof(QUERY)}, 0,
		  OTR_PARSE_MSG, &req);
	parse_one(&otr_pgsql, &pg, OTR_DIR_IN, OTR_SLICE("D\0\1\0\0\0\1abc"), OTR_IN_CUT,
		  OTR_PARSE_SKIP, &rsp);
	assert_true(rsp.opens);
	parse_one(&otr_pgsql, &pg, OTR_DIR_IN, OTR_SLICE("xxxxxxxx"), OTR_IN_TAIL, OTR_PARSE_SKIP,
		  &rsp);
	parse_one(&otr_pgsql, &pg, OTR_DIR_IN, OTR_SLICE("xxZ\0\0\0\5I"), OTR_IN_TAIL,
		  OTR_PARSE_MSG, &rsp);
	assert_true(rsp.partial);
	sp = span_of(&otr_pgsql, OTR_ROLE_CLIENT, &req, &rsp);
	text_is(sp, OTR_KEY_OTRACE_CUT, "answer");
	assert_int_equal(otr_span_int(sp, OTR_KEY_DB_RESPONSE_RETURNED_ROWS, -1), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(http_client),
		cmocka_unit_test(http_host_of_a_proxy),
		cmocka_unit_test(http_host_of_the_server),
		cmocka_unit_test(http_server),
		cmocka_unit_test(http_userinfo_is_hidden),
		cmocka_unit_test(http_methods_are_a_users_choice),
		cmocka_unit_test(routes),
		cmocka_unit_test(http_cut),
		cmocka_unit_test(http_cut_target),
		cmocka_unit_test(http_as_servers_take_it),
		cmocka_unit_test(pgsql_spans),
		cmocka_unit_test(pgsql_tail),
	};
	int rc;

	if (otr_proto_memory_init(&memory))
		return 1;
	rc = cmocka_run_group_tests_name("proto_describe", tests, NULL, NULL);
	otr_proto_memory_fini(&memory);
	return rc;
}
