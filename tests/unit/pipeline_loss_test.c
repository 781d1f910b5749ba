/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline_loss_test.c - one connection that breaks off, or was joined late, or has lost bytes. */

#include <errno.h>

#include "agent/stitch/open.h"
#include "tests/unit/story.h"

static void client_goes_amid_the_body(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	gets(&s.mk, &sv, GET("/big"));
	sends(&s.mk, &sv, "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
	closes(&s.mk, &sv, ECONNRESET);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 1);
	assert_true(s.spans[0]->failed);
	assert_true(otr_slice_eq(otr_span_string(s.spans[0], OTR_KEY_ERROR_TYPE),
				 OTR_SLICE("client_disconnect")));
	end(&s);
}

static void nobody_answers(void **state)
{
	struct story s;
	struct end cl = tcp_client(100, 10, 1);

	(void)state;
	begin(&s);
	opens(&s.mk, &cl);
	sends(&s.mk, &cl, GET("/void"));
	ticks(&s.mk, 500 * MS);
	assert_int_equal(s.n, 0);
	closes(&s.mk, &cl, ETIMEDOUT);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 1);
	assert_true(otr_slice_eq(otr_span_string(s.spans[0], OTR_KEY_ERROR_TYPE),
				 OTR_SLICE("timeout")));
	end(&s);
}

static void lost_amid_a_body(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	gets(&s.mk, &sv, "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n");
	sv.pos[OTR_DIR_IN] += 400; /* no record has these bytes */
	gets(&s.mk, &sv,
	     "12345678901234567890"
	     "12345678901234567890"
	     "12345678901234567890"
	     "12345678901234567890"
	     "12345678901234567890");
	sends(&s.mk, &sv, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 1); /* the body was stepped over */
	assert_false(s.spans[0]->cut);
	end(&s);
}

/* A hole in place of a head: the next whole request is found. */
static void lost_amid_heads(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);
	uint64_t holes = otr_loss_get(OTR_LOSS_HOLE);

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	gets(&s.mk, &sv, GET("/a"));
	sends(&s.mk, &sv, OK);
	sv.pos[OTR_DIR_IN] += 40; /* a whole request, lost */
	sv.pos[OTR_DIR_OUT] += 40;
	sv.run_dir = -1;
	gets(&s.mk, &sv, GET("/c"));
	sends(&s.mk, &sv, OK);
	ticks(&s.mk, 200 * MS);
	assert_int_equal(s.n, 2);
	span_of(&s, OTR_SPAN_SERVER, "/c");
	assert_true(otr_loss_get(OTR_LOSS_HOLE) > holes);
	end(&s);
}

/* Attached while a response is being sent. */
static void joined_in_the_middle(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);

	(void)state;
	begin(&s);
	sv.unseen_open = true;
	opens(&s.mk, &sv);
	sends(&s.mk, &sv, "the rest of some body that nobody knows");
	gets(&s.mk, &sv, GET("/a"));
	sends(&s.mk, &sv, OK);
	sends(&s.mk, &sv, OK); /* it answers no request, so it is dropped */
	ticks(&s.mk, 100 * MS);
	gets(&s.mk, &sv, GET("/b"));
	sends(&s.mk, &sv, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 2);
	end(&s);
}

#define GONE "HTTP/1.1 410 Gone\r\nContent-Length: 2\r\n\r\nno"

/* Attached between a request and its whole answer, at either end: the next request, which
 * follows at once, is paired with its own answer and not with that one. */
static void joined_before_an_answer(void **state)
{
	struct end ends[] = {tcp_server(100, 10, 1), tcp_client(100, 10, 1)};
	struct story s;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct end *e = &ends[i];

		begin(&s);
		e->unseen_open = true;
		opens(&s.mk, e);
		if (i)
			gets(&s.mk, e, GONE);
		else
			sends(&s.mk, e, GONE);
		for (int n = 0; n < 3; n++) {
			if (i)
				sends(&s.mk, e, GET("/a")), gets(&s.mk, e, OK);
			else
				gets(&s.mk, e, GET("/a")), sends(&s.mk, e, OK);
		}
		ticks(&s.mk, 2000 * MS);
		assert_int_equal(s.n, 3);
		for (size_t n = 0; n < s.n; n++) {
			assert_int_equal(
				otr_span_int(s.spans[n], OTR_KEY_HTTP_RESPONSE_STATUS_CODE, 0),
				200);
			assert_true(s.spans[n]->end_ns > s.spans[n]->start_ns);
		}
		end(&s);
	}
}

/* Sequence numbers wrap within the stream. */
static void wraps_at_4_gib(void **state)
{
	struct story s;
	struct end sv = tcp_end(100, 10, OTR_ROLE_SERVER, UINT32_MAX - 20, UINT32_MAX - 50);

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	for (int i = 0; i < 4; i++) {
		gets(&s.mk, &sv, GET("/a"));
		sends(&s.mk, &sv, OK);
	}
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 4);

	/* a single run of 5 GiB */
	gets(&s.mk, &sv, GET("/huge"));
	sends(&s.mk, &sv, "HTTP/1.1 200 OK\r\nContent-Length: 5368709120\r\n\r\n");
	for (int i = 0; i < 5; i++) {
		pours(&s.mk, &sv, OTR_DIR_OUT, 1ull << 30);
		run_is(&s.mk, &sv, OTR_DIR_OUT, true, "");
		ticks(&s.mk, 20 * MS);
	}
	gets(&s.mk, &sv, GET("/b"));
	sends(&s.mk, &sv, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 6);
	assert_false(span_of(&s, OTR_SPAN_SERVER, "/huge")->cut);
	end(&s);
}

/* The same bytes twice, and a record that overlaps another. */
static void bytes_reported_twice(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);
	uint64_t pos;

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	pos = sv.pos[OTR_DIR_IN];
	gets(&s.mk, &sv, "GET /a HTTP/1.1\r\n");
	sv.pos[OTR_DIR_IN] = pos + 4;
	gets(&s.mk, &sv, "/a HTTP/1.1\r\nHost: a\r\n\r\n");
	sends(&s.mk, &sv, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 1);
	end(&s);
}

/* A thread's read has an earlier time than the write of another thread that it answers. */
static void an_answer_with_an_earlier_time_than_its_request(void **state)
{
	struct story s;
	struct end cl = tcp_client(100, 10, 1);

	(void)state;
	begin(&s);
	opens(&s.mk, &cl);
	gets(&s.mk, &cl, OK);
	sends(&s.mk, &cl, GET("/a"));
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 1);
	assert_int_equal(otr_span_int(s.spans[0], OTR_KEY_HTTP_RESPONSE_STATUS_CODE, 0), 200);
	end(&s);
}

static void an_unknown_protocol_gives_no_span(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	for (int i = 0; i < 20; i++) {
		gets(&s.mk, &sv, "\x01\x02\x03\x04 something else");
		sends(&s.mk, &sv, "\x05 not yours");
	}
	ticks(&s.mk, 100 * MS);
	closes(&s.mk, &sv, 0);
	assert_int_equal(s.n, 0);
	end(&s);
}

static void a_body_until_the_close(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	gets(&s.mk, &sv, "GET /old HTTP/1.0\r\n\r\n");
	sends(&s.mk, &sv, "HTTP/1.0 200 OK\r\n\r\nall there is");
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 0);
	closes(&s.mk, &sv, 0);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 1);
	assert_false(s.spans[0]->failed);
	end(&s);
}

static void stopped_amid_a_request(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	gets(&s.mk, &sv, GET("/a"));
	ticks(&s.mk, 10 * MS);
	otr_pipeline_flush(s.pl);
	assert_int_equal(s.n, 1);
	assert_true(s.spans[0]->cut);
	assert_false(s.spans[0]->failed);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_goes_amid_the_body),
		cmocka_unit_test(nobody_answers),
		cmocka_unit_test(lost_amid_a_body),
		cmocka_unit_test(lost_amid_heads),
		cmocka_unit_test(joined_in_the_middle),
		cmocka_unit_test(joined_before_an_answer),
		cmocka_unit_test(wraps_at_4_gib),
		cmocka_unit_test(bytes_reported_twice),
		cmocka_unit_test(an_answer_with_an_earlier_time_than_its_request),
		cmocka_unit_test(an_unknown_protocol_gives_no_span),
		cmocka_unit_test(a_body_until_the_close),
		cmocka_unit_test(stopped_amid_a_request),
	};

	return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
