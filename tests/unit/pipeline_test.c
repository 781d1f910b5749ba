/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline_test.c - one connection: what its bytes make of spans. */

#include <errno.h>

#include "agent/stitch/open.h"
#include "tests/unit/story.h"

static void one_request(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	gets(&s.mk, &sv, GET("/a"));
	sends(&s.mk, &sv, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.traces, 1);
	assert_true(s.proved);
	is_root(span_of(&s, OTR_SPAN_SERVER, "/a"));
	assert_int_equal(otr_span_int(s.spans[0], OTR_KEY_HTTP_RESPONSE_STATUS_CODE, 0), 200);
	assert_int_equal(s.spans[0]->end_ns - s.spans[0]->start_ns, MS / 10);
	assert_int_equal(s.spans[0]->flags, 3);
	end(&s);
}

static void keep_alive(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	for (int i = 0; i < 5; i++) {
		gets(&s.mk, &sv, GET("/a"));
		sends(&s.mk, &sv, OK);
	}
	closes(&s.mk, &sv, 0); /* idle: no error, no span */
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 5);
	assert_int_equal(s.traces, 5);
	for (size_t i = 0; i < s.n; i++)
		assert_false(s.spans[i]->failed);
	end(&s);
}

static void count_open(void *arg, struct otr_span *root, struct otr_span *waits)
{
	int *reported = arg;

	assert_true(otr_slice_eq(root->name, OTR_SLICE("GET /a")));
	assert_null(waits);
	(*reported)++;
}

/* Reported at 5 and 10 s, once each, and no more once it is answered. */
static void open_for_long(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);
	int reported = 0;

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	gets(&s.mk, &sv, GET("/a"));
	for (int i = 0; i < 24; i++) {
		ticks(&s.mk, 500 * MS);
		otr_stitch_each_open(otr_pipeline_stitch(s.pl), count_open, &reported);
	}
	assert_int_equal(reported, 2);
	sends(&s.mk, &sv, OK);
	ticks(&s.mk, 30000 * MS);
	otr_stitch_each_open(otr_pipeline_stitch(s.pl), count_open, &reported);
	assert_int_equal(reported, 2);
	assert_int_equal(s.n, 1);
	end(&s);
}

static void pipelined(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	gets(&s.mk, &sv, GET("/a") GET("/b") GET("/c"));
	sends(&s.mk, &sv, OK);
	sends(&s.mk, &sv, "HTTP/1.1 404 Not\r\nContent-Length: 0\r\n\r\n" OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 3);
	assert_int_equal(otr_span_int(span_of(&s, OTR_SPAN_SERVER, "/b"),
				      OTR_KEY_HTTP_RESPONSE_STATUS_CODE, 0),
			 404);
	end(&s);
}

static void byte_by_byte(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);
	const char *head = GET("/slow");
	uint64_t began;

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	began = s.mk.now_ns + MS / 10;
	for (; *head; head++)
		move(&s.mk, &sv, OTR_DIR_IN, head, 1, 1);
	for (head = OK; *head; head++)
		move(&s.mk, &sv, OTR_DIR_OUT, head, 1, 1);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.spans[0]->start_ns, began);
	assert_int_equal(s.spans[0]->end_ns, s.mk.now_ns - 100 * MS);
	end(&s);
}

#define BIG 10000000ull

/* Of a body, nothing is copied but the state of its run, which watch() asks for. */
static void long_body(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);
	uint64_t last;

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	gets(&s.mk, &sv, GET("/big"));
	sends(&s.mk, &sv, "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
	assert_int_equal(s.watched, 1);
	pours(&s.mk, &sv, OTR_DIR_OUT, BIG / 2);
	run_is(&s.mk, &sv, OTR_DIR_OUT, true, "");
	ticks(&s.mk, 300 * MS);
	assert_int_equal(s.n, 0);
	pours(&s.mk, &sv, OTR_DIR_OUT, BIG - BIG / 2);
	last = s.mk.now_ns;
	ticks(&s.mk, 20 * MS);
	run_is(&s.mk, &sv, OTR_DIR_OUT, true, "");
	assert_int_equal(s.watched, 0);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.spans[0]->end_ns, last);
	assert_false(s.spans[0]->cut);

	/* and the connection is read on */
	gets(&s.mk, &sv, GET("/next"));
	sends(&s.mk, &sv, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 2);
	end(&s);
}

static void chunked_by_tail(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);
	uint64_t last;

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	gets(&s.mk, &sv, GET("/chunked"));
	sends(&s.mk, &sv,
	      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	      "100000\r\nabc");
	pours(&s.mk, &sv, OTR_DIR_OUT, BIG);
	run_is(&s.mk, &sv, OTR_DIR_OUT, true, "more abc");
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 0);
	pours(&s.mk, &sv, OTR_DIR_OUT, 100);
	last = s.mk.now_ns;
	run_is(&s.mk, &sv, OTR_DIR_OUT, true, "\r\n0\r\n\r\n");
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.spans[0]->end_ns, last);
	assert_false(s.spans[0]->cut);
	gets(&s.mk, &sv, GET("/next"));
	sends(&s.mk, &sv, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 2);
	end(&s);
}

static void expects_continue(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	gets(&s.mk, &sv,
	     "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
	     "Expect: 100-continue\r\n\r\n");
	sends(&s.mk, &sv, "HTTP/1.1 100 Continue\r\n\r\n");
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 0);
	gets(&s.mk, &sv, "12345");
	sends(&s.mk, &sv, OK);
	gets(&s.mk, &sv, GET("/next"));
	sends(&s.mk, &sv, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 2);
	end(&s);
}

static void answers_without_body(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	gets(&s.mk, &sv, "HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n");
	sends(&s.mk, &sv, "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n");
	gets(&s.mk, &sv, GET("/none"));
	sends(&s.mk, &sv, "HTTP/1.1 204 No Content\r\n\r\n");
	gets(&s.mk, &sv, GET("/same"));
	sends(&s.mk, &sv, "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n");
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 3);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_request),		cmocka_unit_test(keep_alive),
		cmocka_unit_test(open_for_long),	cmocka_unit_test(pipelined),
		cmocka_unit_test(byte_by_byte),		cmocka_unit_test(long_body),
		cmocka_unit_test(chunked_by_tail),	cmocka_unit_test(expects_continue),
		cmocka_unit_test(answers_without_body),
	};

	return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
