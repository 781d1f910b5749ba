/* SPDX-License-Identifier: Apache-2.0 */
/* grpc_test.c - spans of gRPC and of HTTP/2 by the conventions: which status is an error, at which
 * side; what a reset means; what is not known is left out. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "agent/base/own.h"
#include "agent/proto/http2.h"
#include "agent/proto/memory.h"
#include "agent/proto/msg.h"
#include "agent/proto/side.h"
#include "agent/span/span_builder.h"

static const struct otr_ev_conn conn = {
	.local = {.family = AF_INET, .port = 8080, .ip = {10, 0, 0, 1}},
	.remote = {.family = AF_INET, .port = 50051, .ip = {10, 0, 0, 2}},
};

static struct otr_proto_memory memory;

static struct otr_msg call(const char *path)
{
	struct otr_msg msg = {
		.kind = OTR_MSG_REQUEST, .op = OTR_SLICE("POST"), .target = otr_slice_str(path)};

	otr_msg_add_text(&msg, OTR_KEY_RPC_SYSTEM_NAME, OTR_SLICE("grpc"));
	otr_msg_add_text(&msg, OTR_KEY_SERVER_ADDRESS, OTR_SLICE("shop:50051"));
	return msg;
}

static struct otr_msg answer(int32_t http, const char *status)
{
	struct otr_msg msg = {.kind = OTR_MSG_RESPONSE, .status = http};

	otr_msg_add_custom(&msg, OTR_HTTP2_GRPC_STATUS, otr_slice_str(status));
	return msg;
}

static struct otr_msg reset(const char *by, const char *why)
{
	struct otr_msg msg = {.kind = OTR_MSG_RESPONSE, .status = 200, .failed = true};

	otr_msg_add_text(&msg, OTR_KEY_ERROR_TYPE, otr_slice_str(why));
	otr_msg_add_custom(&msg, OTR_HTTP_RESET_BY, otr_slice_str(by));
	return msg;
}

static struct otr_span *span_of(enum otr_role role, const struct otr_msg *req,
				const struct otr_msg *rsp)
{
	OTR_AUTO(otr_sb_fini) struct otr_span_builder sb = {0};
	const struct otr_side side = {
		.conn = &conn, .role = role, .proto = &otr_http2, .memory = &memory};

	otr_sb_reset(&sb);
	assert_int_equal(otr_http2.describe(&side, req, rsp, &sb), 0);
	return otr_sb_finish(&sb);
}

/* "": it is absent. */
static void text_is(const struct otr_span *sp, enum otr_key key, const char *want)
{
	struct otr_slice got = otr_span_string(sp, key);

	if (!otr_slice_eq(got, otr_slice_str(want)))
		fail_msg("%s is %.*s, not %s", otr_key_name(key), OTR_SLICE_ARG(got), want);
}

static void check(enum otr_role role, const struct otr_msg *rsp, const char *status,
		  const char *error)
{
	struct otr_msg req = call("/test.Shop/Buy");
	OTR_AUTO(otr_span_unref) struct otr_span *sp = span_of(role, &req, rsp);

	text_is(sp, OTR_KEY_RPC_RESPONSE_STATUS_CODE, status);
	text_is(sp, OTR_KEY_ERROR_TYPE, error);
	assert_int_equal(sp->failed, *error != '\0');
}

static void each_status_at_each_side(void **state)
{
	static const struct {
		const char *code, *name;
		bool server;
	} rows[] = {
		{"0", "OK", false},
		{"1", "CANCELLED", false},
		{"2", "UNKNOWN", true},
		{"3", "INVALID_ARGUMENT", false},
		{"4", "DEADLINE_EXCEEDED", true},
		{"5", "NOT_FOUND", false},
		{"6", "ALREADY_EXISTS", false},
		{"7", "PERMISSION_DENIED", false},
		{"8", "RESOURCE_EXHAUSTED", false},
		{"9", "FAILED_PRECONDITION", false},
		{"10", "ABORTED", false},
		{"11", "OUT_OF_RANGE", false},
		{"12", "UNIMPLEMENTED", true},
		{"13", "INTERNAL", true},
		{"14", "UNAVAILABLE", true},
		{"15", "DATA_LOSS", true},
		{"16", "UNAUTHENTICATED", false},
		{"17", "UNKNOWN", true},
		{"x", "UNKNOWN", true},
		{"99999999999", "UNKNOWN", true},
	};

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++) {
		struct otr_msg rsp = answer(200, rows[i].code);

		check(OTR_ROLE_CLIENT, &rsp, rows[i].name, i ? rows[i].name : "");
		check(OTR_ROLE_SERVER, &rsp, rows[i].name, rows[i].server ? rows[i].name : "");
	}
}

static void without_a_status_it_is_that_of_http(void **state)
{
	static const struct {
		int32_t http;
		const char *name;
	} rows[] = {
		{200, ""},
		{400, "INTERNAL"},
		{401, "UNAUTHENTICATED"},
		{403, "PERMISSION_DENIED"},
		{404, "UNIMPLEMENTED"},
		{429, "UNAVAILABLE"},
		{502, "UNAVAILABLE"},
		{503, "UNAVAILABLE"},
		{504, "UNAVAILABLE"},
		{500, "UNKNOWN"},
		{0, ""},
	};

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++) {
		struct otr_msg rsp = answer(rows[i].http, "");

		check(OTR_ROLE_CLIENT, &rsp, rows[i].name, rows[i].name);
	}
	check(OTR_ROLE_CLIENT, NULL, "", "");
}

/* A client that gives up may have reached its deadline: its status is not known. */
static void what_a_reset_means(void **state)
{
	struct otr_msg cancel = reset("client", "CANCEL"),
		       refused = reset("server", "REFUSED_STREAM"),
		       broken = reset("server", "PROTOCOL_ERROR");

	(void)state;
	check(OTR_ROLE_CLIENT, &cancel, "", "CANCEL");
	check(OTR_ROLE_SERVER, &cancel, "CANCELLED", "");
	check(OTR_ROLE_CLIENT, &refused, "UNAVAILABLE", "UNAVAILABLE");
	check(OTR_ROLE_SERVER, &refused, "UNAVAILABLE", "UNAVAILABLE");
	check(OTR_ROLE_CLIENT, &broken, "INTERNAL", "INTERNAL");
}

static void name_is(enum otr_role role, const char *path, const char *status, const char *name,
		    const char *method, const char *original)
{
	struct otr_msg req = call(path), rsp = answer(200, status);
	OTR_AUTO(otr_span_unref) struct otr_span *sp = span_of(role, &req, &rsp);

	assert_true(otr_slice_eq(sp->name, otr_slice_str(name)));
	text_is(sp, OTR_KEY_RPC_METHOD, method);
	text_is(sp, OTR_KEY_RPC_METHOD_ORIGINAL, original);
	text_is(sp, OTR_KEY_SERVER_ADDRESS, "shop");
	assert_int_equal(otr_span_int(sp, OTR_KEY_SERVER_PORT, 0), 50051);
	text_is(sp, OTR_KEY_URL_PATH, "");
}

static void names_are_methods_that_are_there(void **state)
{
	(void)state;
	name_is(OTR_ROLE_CLIENT, "/a.b.Shop/Buy", "0", "a.b.Shop/Buy", "a.b.Shop/Buy", "");
	name_is(OTR_ROLE_CLIENT, "/a.b.Shop/Gone", "12", "a.b.Shop/Gone", "a.b.Shop/Gone", "");
	name_is(OTR_ROLE_SERVER, "/a.b.Shop/Gone", "12", "grpc", "_OTHER", "/a.b.Shop/Gone");
	name_is(OTR_ROLE_CLIENT, "/a b/c?d", "0", "grpc", "_OTHER", "/a b/c");
	name_is(OTR_ROLE_CLIENT, "/", "0", "grpc", "_OTHER", "/");
	name_is(OTR_ROLE_CLIENT, "", "0", "grpc", "", "");
}

/* Of HTTP: a client that gives up has not failed; a method that is not known is left out. */
static void http_that_is_reset_or_unknown(void **state)
{
	struct otr_msg req = {
		.kind = OTR_MSG_REQUEST, .op = OTR_SLICE("GET"), .target = OTR_SLICE("/a")};
	struct otr_msg unknown = {.kind = OTR_MSG_REQUEST, .partial = true};
	struct otr_msg cancel = reset("client", "CANCEL"),
		       broken = reset("server", "INTERNAL_ERROR");
	struct otr_span *sp = span_of(OTR_ROLE_CLIENT, &req, &cancel);

	(void)state;
	assert_false(sp->failed);
	otr_span_unref(&sp);
	sp = span_of(OTR_ROLE_SERVER, &req, &cancel);
	text_is(sp, OTR_KEY_ERROR_TYPE, "client_disconnect");
	otr_span_unref(&sp);
	sp = span_of(OTR_ROLE_CLIENT, &req, &broken);
	text_is(sp, OTR_KEY_ERROR_TYPE, "INTERNAL_ERROR");
	otr_span_unref(&sp);
	sp = span_of(OTR_ROLE_SERVER, &unknown, NULL);
	assert_true(otr_slice_eq(sp->name, OTR_SLICE("HTTP")));
	text_is(sp, OTR_KEY_HTTP_REQUEST_METHOD, "");
	text_is(sp, OTR_KEY_URL_PATH, "");
	text_is(sp, OTR_KEY_OTRACE_CUT, "head");
	otr_span_unref(&sp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_status_at_each_side),
		cmocka_unit_test(without_a_status_it_is_that_of_http),
		cmocka_unit_test(what_a_reset_means),
		cmocka_unit_test(names_are_methods_that_are_there),
		cmocka_unit_test(http_that_is_reset_or_unknown),
	};
	int failed;

	if (otr_proto_memory_init(&memory))
		return 1;
	failed = cmocka_run_group_tests_name("grpc", tests, NULL, NULL);
	otr_proto_memory_fini(&memory);
	return failed;
}
