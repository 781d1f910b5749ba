/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe_known_test.c - what describe() remembers changes no span: random conversations, in which
 * much comes again, are described with a memory that is kept and with one that is emptied before
 * each span. All attributes are compared, in their order, as text and as protobuf.
 *
 * OTR_SEED=N repeats a run.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/proto/attr_cache.h"
#include "agent/proto/http1.h"
#include "agent/proto/memory.h"
#include "agent/proto/msg.h"
#include "agent/proto/pgsql.h"
#include "agent/proto/side.h"
#include "agent/span/span_builder.h"
#include "exporters/otlp_encode.h"
#include "exporters/otlp_json.h"

#define ROUNDS 30000

static uint64_t random_state;

static uint32_t pick(uint32_t n)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(random_state >> 33) % n;
}

#define ONE_OF(list) (list)[pick(OTR_ARRAY_SIZE(list))]

/* Mostly the first, so that whole conversations come again. */
#define MOSTLY(list) (list)[pick(8) ? 0 : pick(OTR_ARRAY_SIZE(list))]

static char color[] = "color";
static char *const redact[] = {color, NULL};
static const struct otr_proto_settings settings[] = {
	{0},
	{.redact = redact, .http_methods = "GET, FROB"},
	{.no_query_text = true},
};

static struct otr_ev_conn conns[] = {
	{.local = {AF_INET, 8080, {10, 0, 0, 1}}, .remote = {AF_INET, 80, {10, 0, 0, 2}}},
	{.local = {AF_INET, 8080, {10, 0, 0, 1}}, .remote = {AF_INET, 443, {10, 0, 0, 2}}},
	{.local = {AF_INET6, 1, {1}}, .remote = {AF_INET6, 5432, {[15] = 1}}},
	{.local = {AF_UNIX, 0, {0}}, .remote = {AF_UNIX, 0, {0}}, .path = "/run/a.sock"},
	{.local = {AF_UNIX, 0, {0}}, .remote = {AF_UNIX, 0, {0}}, .path = "/run/b.sock"},
};

static unsigned int round_now;

/* A target: of a few, one with another id, one in a part of the site that is seldom seen, or one in
 * the newest part, whose names become too many for a route while they come again. */
static void add_target(char *to, size_t size)
{
	static const char *const few[] = {
		"/",
		"/a",
		"/a?color=red&token=x",
		"/reset/ghp_0123456789abcdefghij0123456789abcdef",
		"/users/17/orders;v=1?q=%zz",
		"//user:pw@h/x",
		"http://other.example/abs?x=1",
		"*",
		"/\xff\xfe",
		"/a/b/c/d/e/f/g/h/i/j",
	};

	switch (pick(5)) {
	case 2:
		snprintf(to, size, "/new-%c%c/%c", 'a' + (char)(round_now / 600 % 26),
			 'a' + (char)(round_now / 600 / 26), 'a' + (char)pick(12));
		break;
	case 0:
		snprintf(to, size, "/users/%u/x", pick(10000));
		break;
	case 1:
		snprintf(to, size, "/p%c%c%c/q%u/r%c", 'a' + (char)pick(26), 'a' + (char)pick(26),
			 'a' + (char)pick(3), pick(14), 'a' + (char)pick(14));
		break;
	default:
		snprintf(to, size, "%s", ONE_OF(few));
	}
}

static void make_request(char *to, size_t size)
{
	static const char *const methods[] = {"GET", "POST", "FROB", "CONNECT", "get"};
	static const char *const fields[] = {
		"",
		"Host: shop.example\r\n",
		"Host: shop.example:8080\r\n",
		"Host: 10.0.0.2\r\nUser-Agent: curl/8\r\n",
		"Host: localhost\r\nX-Forwarded-For: 1.2.3.4:5\r\n",
		"Host: :99\r\nX-Forwarded-Proto: https\r\n",
		"Host: a@b\r\nForwarded: for=1.1.1.1;host=h.example;proto=https\r\n",
		"User-Agent: x token=0123456789abcdef0123456789abcdef01\r\n",
	};
	char target[200];
	const char *field = MOSTLY(fields);

	add_target(target, sizeof(target));
	snprintf(to, size, "%s %s HTTP/1.%d\r\n%s%s", MOSTLY(methods), target, !pick(8), field,
		 pick(50) ? "\r\n" : "Acc");
}

static struct otr_proto_memory kept, emptied;
static struct otr_span_builder builder;
static struct otr_otlp_encoder encoder;
static struct otr_side_memo memos[OTR_ARRAY_SIZE(conns)]; /* with `kept` */
static unsigned long n_blocks; /* of spans described with a memory that is kept */

static void describe(struct otr_buf *out, struct otr_proto_memory *memory, struct otr_side side,
		     const struct otr_msg *req, const struct otr_msg *rsp)
{
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;
	const struct otr_span *one;
	struct otr_slice wire;

	side.memory = memory;
	if (memory == &kept && side.conn)
		side.memo = &memos[side.conn - conns];
	otr_sb_reset(&builder);
	assert_int_equal(side.proto->describe(&side, req, rsp, &builder), 0);
	sp = otr_sb_finish(&builder);
	assert_non_null(sp);
	n_blocks += memory == &kept ? sp->n_blocks : 0;
	one = sp;
	assert_int_equal(otr_otlp_json_line(out, &one, 1), 0);
	assert_int_equal(otr_otlp_encode(&encoder, &one, 1, &wire), 0);
	otr_buf_slice(out, wire);
}

static void are_same(struct otr_side side, const struct otr_msg *req, const struct otr_msg *rsp)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf one = {0}, other = {0};

	describe(&one, &kept, side, req, rsp);
	otr_attr_cache_clear(emptied.attrs);
	describe(&other, &emptied, side, req, rsp);
	if (!otr_slice_eq(otr_buf_view(&one), otr_buf_view(&other)))
		fail_msg("%.*s\n%.*s", (int)one.len, one.data, (int)other.len, other.data);
}

static struct otr_side random_side(const struct otr_proto_ops *proto)
{
	static const struct otr_slice services[] = {{NULL, 0}, {"shop", 4}, {"cart", 4}};
	static const struct otr_proto_settings *set = &settings[0];

	if (!pick(2000)) /* other settings forget all */
		set = &ONE_OF(settings);
	return (struct otr_side){
		.proto = proto,
		.conn = pick(20) ? &MOSTLY(conns) : NULL,
		.role = pick(4) ? OTR_ROLE_SERVER : OTR_ROLE_CLIENT,
		.ref.layer = pick(8) ? OTR_LAYER_SOCKET : OTR_LAYER_TLS,
		.settings = set,
		.service = MOSTLY(services),
		.same_host = !pick(10),
	};
}

static void http_round(void)
{
	static const int statuses[] = {200, 0, 404, 500};
	struct otr_msg req = {0}, rsp = {.kind = OTR_MSG_RESPONSE, .status = MOSTLY(statuses)};
	struct otr_http1 state = {0};
	char text[600];
	uint64_t used;

	make_request(text, sizeof(text));
	if (otr_http1.parse(&state, OTR_DIR_IN, otr_slice_str(text), OTR_IN_EOF, &used, &req) ==
	    OTR_PARSE_MSG)
		are_same(random_side(&otr_http1), &req, pick(10) ? &rsp : NULL);
}

static void pgsql_round(void)
{
	static const char *const statements[] = {
		"",
		"SELECT 1",
		"SELECT * FROM t WHERE a = 'SECRETVAL' -- x",
		"COMMIT",
		"UPDATE t SET a = E'it\\'s",
		"\x80\xff",
	};
	static const char *const databases[] = {"", "shop", "cart"};
	static const struct otr_slice ops[] = {OTR_SLICE("QUERY"), OTR_PGSQL_PREPARE,
					       OTR_PGSQL_CANCEL};
	struct otr_msg req = {.op = ONE_OF(ops), .partial = !pick(20)};
	struct otr_msg rsp = {.kind = OTR_MSG_RESPONSE, .failed = !pick(9)};
	char text[100];

	if (pick(3))
		snprintf(text, sizeof(text), "%s", ONE_OF(statements));
	else
		snprintf(text, sizeof(text), "SELECT x FROM t%u WHERE id = 5", pick(600));
	req.target = otr_slice_str(text);
	otr_msg_add_text(&req, OTR_KEY_DB_NAMESPACE, otr_slice_str(ONE_OF(databases)));
	otr_msg_add_int(&rsp, OTR_KEY_DB_RESPONSE_RETURNED_ROWS, (int64_t)pick(3));
	are_same(random_side(&otr_pgsql), &req, pick(10) ? &rsp : NULL);
}

static void changes_no_span(void **state)
{
	const char *seed = getenv("OTR_SEED");

	(void)state;
	random_state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
	printf("OTR_SEED=%lu\n", (unsigned long)random_state);
	for (round_now = 0; round_now < ROUNDS; round_now++) {
		if (!pick(20)) /* more is learned of a connection */
			ONE_OF(conns).remote.port = (uint16_t)(80 + pick(2));
		http_round();
		if (round_now % 3 == 0)
			pgsql_round();
	}
	assert_true(n_blocks > ROUNDS / 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_no_span),
	};
	int rc;

	if (otr_proto_memory_init(&kept) || otr_proto_memory_init(&emptied))
		return 1;
	rc = cmocka_run_group_tests_name("describe_known", tests, NULL, NULL);
	otr_proto_memory_fini(&kept);
	otr_proto_memory_fini(&emptied);
	for (size_t i = 0; i < OTR_ARRAY_SIZE(memos); i++)
		otr_side_memo_fini(&memos[i]);
	otr_sb_fini(&builder);
	otr_otlp_encoder_fini(&encoder);
	return rc;
}
