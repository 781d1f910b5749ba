/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2_test.c - streams of HTTP/2 through the whole pipeline: each lasts to its own end, whatever
 * comes between; what was lost is said; and no parent is claimed where several could be it.
 */

#include "agent/proto/http2.h"
#include "tests/unit/story.h"

#define PREFACE	 "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define SETTINGS "\0\0\0\4\0\0\0\0\0"
#define END_BIT	 1
#define WHOLE	 5 /* END_STREAM, END_HEADERS */
#define BEGUN	 4 /* END_HEADERS */
#define BODY	 1000

/* GET http://a/x; the last byte is the name. */
static const char request[] = "\x82\x86\x01\x01"
			      "a"
			      "\x04\x02/";
static const char answer[] = "\x88";

struct bytes {
	char at[512];
	size_t n;
};

static void add(struct bytes *b, const void *data, size_t n)
{
	memcpy(b->at + b->n, data, n);
	b->n += n;
}

static void add_frame(struct bytes *b, uint8_t type, uint8_t flags, uint8_t stream, size_t len)
{
	const char head[9] = {0, (char)(len >> 8), (char)len, (char)type, (char)flags, 0, 0,
			      0, (char)stream};

	add(b, head, sizeof(head));
}

static void add_request(struct bytes *b, uint8_t stream, char name)
{
	add_frame(b, 1, WHOLE, stream, sizeof(request));
	add(b, request, sizeof(request) - 1);
	add(b, &name, 1);
}

static void add_answer(struct bytes *b, uint8_t stream, uint8_t flags)
{
	add_frame(b, 1, flags, stream, sizeof(answer) - 1);
	add(b, answer, sizeof(answer) - 1);
}

static struct bytes opening(void)
{
	struct bytes b = {.n = 0};

	add(&b, PREFACE, sizeof(PREFACE) - 1);
	add(&b, SETTINGS, sizeof(SETTINGS) - 1);
	return b;
}

static void sent(struct story *s, struct end *e, const struct bytes *b)
{
	move(&s->mk, e, OTR_DIR_OUT, b->at, b->n, b->n);
}

static void got(struct story *s, struct end *e, const struct bytes *b)
{
	move(&s->mk, e, OTR_DIR_IN, b->at, b->n, b->n);
}

/* A connection on which the client has asked for x1 and x3, as streams 1 and 3. */
static void ask_two(struct story *s, struct end *cl)
{
	struct bytes b = opening();

	*cl = tcp_client(101, 20, 2);
	begin(s);
	opens(&s->mk, cl);
	add_request(&b, 1, '1');
	add_request(&b, 3, '3');
	sent(s, cl, &b);
}

static void finish(struct story *s)
{
	ticks(&s->mk, 3000 * MS);
}

static uint64_t length_ms(const struct otr_span *sp)
{
	return (sp->end_ns - sp->start_ns) / MS;
}

static bool has(const struct otr_span *sp, enum otr_key key, const char *text)
{
	return otr_slice_eq(otr_span_string(sp, key), otr_slice_str(text));
}

/* Stream 1 begins its answer first, and ends it last, with DATA that comes in two calls. */
static void each_lasts_to_its_own_end(void **state)
{
	struct bytes b = {.n = 0};
	struct story s;
	struct end cl;

	(void)state;
	ask_two(&s, &cl);
	ticks(&s.mk, 10 * MS);
	add_answer(&b, 1, BEGUN);
	add_answer(&b, 3, WHOLE);
	got(&s, &cl, &b);
	ticks(&s.mk, 20 * MS);
	b.n = 0;
	add_frame(&b, 0, END_BIT, 1, BODY); /* the payload is not copied */
	move(&s.mk, &cl, OTR_DIR_IN, b.at, b.n, b.n + BODY / 2);
	ticks(&s.mk, 30 * MS);
	move(&s.mk, &cl, OTR_DIR_IN, "", 0, BODY - BODY / 2);
	finish(&s);
	assert_int_equal(s.n, 2);
	assert_int_equal(length_ms(span_of(&s, OTR_SPAN_CLIENT, "/3")), 10);
	assert_int_equal(length_ms(span_of(&s, OTR_SPAN_CLIENT, "/1")), 60);
	assert_false(s.spans[0]->failed || s.spans[1]->failed);
	end(&s);
}

/* One thread reads the answer before the time of the write of another is taken. */
static void an_answer_may_be_seen_before_its_request(void **state)
{
	struct end cl = tcp_client(101, 20, 2);
	struct bytes b = {.n = 0};
	struct story s;

	(void)state;
	begin(&s);
	opens(&s.mk, &cl);
	add(&b, SETTINGS, sizeof(SETTINGS) - 1);
	add_answer(&b, 1, WHOLE);
	got(&s, &cl, &b);
	b = opening();
	add_request(&b, 1, '1');
	sent(&s, &cl, &b);
	b.n = 0;
	add_answer(&b, 3, WHOLE);
	got(&s, &cl, &b);
	b.n = 0;
	add_request(&b, 3, '3');
	sent(&s, &cl, &b);
	finish(&s);
	assert_int_equal(s.n, 2);
	for (size_t i = 0; i < 2; i++)
		assert_false(s.spans[i]->failed || s.spans[i]->cut);
	end(&s);
}

/* The end of stream 1 and the head of stream 3 may be among what was lost. */
static void after_a_hole_nothing_is_guessed(void **state)
{
	struct bytes b = {.n = 0};
	struct story s;
	struct end cl;

	(void)state;
	ask_two(&s, &cl);
	add_answer(&b, 1, BEGUN);
	got(&s, &cl, &b);
	cl.pos[OTR_DIR_IN] += 500; /* no record */
	b.n = 0;
	add_request(&b, 5, '5');
	sent(&s, &cl, &b);
	b.n = 0;
	add_answer(&b, 5, WHOLE);
	got(&s, &cl, &b);
	ticks(&s.mk, 40000 * MS);
	assert_int_equal(s.n, 3);
	assert_true(length_ms(span_of(&s, OTR_SPAN_CLIENT, "/1")) < 10);
	assert_true(has(span_of(&s, OTR_SPAN_CLIENT, "/1"), OTR_KEY_OTRACE_CUT, "end"));
	assert_true(has(span_of(&s, OTR_SPAN_CLIENT, "/3"), OTR_KEY_OTRACE_CUT, "answer"));
	assert_false(span_of(&s, OTR_SPAN_CLIENT, "/5")->cut);
	for (size_t i = 0; i < 3; i++)
		assert_false(s.spans[i]->failed);
	end(&s);
}

static void a_connection_that_ends_fails_what_is_open(void **state)
{
	struct bytes b = {.n = 0};
	struct story s;
	struct end cl;

	(void)state;
	ask_two(&s, &cl);
	add_answer(&b, 1, BEGUN);
	got(&s, &cl, &b);
	closes(&s.mk, &cl, 0);
	finish(&s);
	assert_int_equal(s.n, 2);
	assert_true(
		has(span_of(&s, OTR_SPAN_CLIENT, "/1"), OTR_KEY_ERROR_TYPE, "connection_reset"));
	assert_true(
		has(span_of(&s, OTR_SPAN_CLIENT, "/3"), OTR_KEY_ERROR_TYPE, "connection_closed"));
	end(&s);
}

/* RST_STREAM by either side ends a stream; CANCEL of a client is no error of its own. */
static void a_reset_ends_a_stream(void **state)
{
	struct bytes b = {.n = 0};
	struct story s;
	struct end cl;

	(void)state;
	ask_two(&s, &cl);
	add_frame(&b, 3, 0, 1, 4);
	add(&b, "\0\0\0\x8", 4);
	sent(&s, &cl, &b);
	b.n = 0;
	add_answer(&b, 3, BEGUN);
	add_frame(&b, 3, 0, 3, 4);
	add(&b, "\0\0\0\x2", 4);
	got(&s, &cl, &b);
	finish(&s);
	assert_int_equal(s.n, 2);
	assert_false(span_of(&s, OTR_SPAN_CLIENT, "/1")->failed);
	assert_true(has(span_of(&s, OTR_SPAN_CLIENT, "/3"), OTR_KEY_ERROR_TYPE, "INTERNAL_ERROR"));
	end(&s);
}

/* The server reads requests, and asks another by HTTP/1 for the run that it has read. `two`: on one
 * connection at once. */
static const struct otr_span *proxy(struct story *s, bool two)
{
	struct end sv = tcp_server(102, 30, 2), cl = tcp_client(103, 30, 3);
	struct bytes b = opening();

	begin(s);
	opens(&s->mk, &sv);
	opens(&s->mk, &cl);
	add_request(&b, 1, '1');
	if (two)
		add_request(&b, 3, '3');
	got(s, &sv, &b);
	cl.cause = (struct otr_cause){.parent = {.conn = 102,
						 .pos = sv.run_pos[OTR_DIR_IN],
						 .dir = OTR_DIR_IN,
						 .pos_kind = OTR_POS_TCP_SEQ},
				      .evidence = OTR_EVIDENCE_STRAND};
	sends(&s->mk, &cl, GET("/back"));
	gets(&s->mk, &cl, OK);
	b.n = 0;
	add_answer(&b, 1, WHOLE);
	if (two)
		add_answer(&b, 3, WHOLE);
	sent(s, &sv, &b);
	finish(s);
	return span_of(s, OTR_SPAN_CLIENT, "/back");
}

static void one_stream_is_a_parent(void **state)
{
	struct story s;
	const struct otr_span *back;

	(void)state;
	back = proxy(&s, false);
	is_child(back, span_of(&s, OTR_SPAN_SERVER, "/1"), OTR_EVIDENCE_STRAND);
	end(&s);
}

static void of_two_streams_none_is_claimed(void **state)
{
	struct story s;

	(void)state;
	is_root(proxy(&s, true));
	assert_int_equal(s.n, 3);
	end(&s);
}

/* A client resets stream 1 and, `ns` later, asks on stream 3, with no byte of the server between: one
 * run, and only stream 3 is open. The handler of stream 1, which goes on, or that of stream 3 asks
 * another. */
static void asks_after_a_reset(uint64_t ns)
{
	struct end sv = tcp_server(102, 30, 2), cl = tcp_client(103, 30, 3);
	struct bytes b = opening();
	struct story s;

	begin(&s);
	opens(&s.mk, &sv);
	opens(&s.mk, &cl);
	add_request(&b, 1, '1');
	got(&s, &sv, &b);
	b.n = 0;
	add_frame(&b, 3, 0, 1, 4);
	add(&b, "\0\0\0\x8", 4);
	got(&s, &sv, &b);
	ticks(&s.mk, ns);
	b.n = 0;
	add_request(&b, 3, '3');
	got(&s, &sv, &b);
	cl.cause = (struct otr_cause){.parent = {.conn = 102,
						 .pos = sv.run_pos[OTR_DIR_IN],
						 .dir = OTR_DIR_IN,
						 .pos_kind = OTR_POS_TCP_SEQ},
				      .evidence = OTR_EVIDENCE_STRAND};
	sends(&s.mk, &cl, GET("/back"));
	gets(&s.mk, &cl, OK);
	b.n = 0;
	add_answer(&b, 3, WHOLE);
	sent(&s, &sv, &b);
	finish(&s);
	assert_int_equal(s.n, 3);
	is_root(span_of(&s, OTR_SPAN_CLIENT, "/back"));
	end(&s);
}

static void after_a_reset_in_the_run_none_is_claimed(void **state)
{
	(void)state;
	asks_after_a_reset(0);
	asks_after_a_reset(60000 * MS); /* all that was known of stream 1 is freed */
}

/* Another connection has a request open: which of both is worked for is not believed. */
static void of_two_connections_none_is_claimed(void **state)
{
	struct end other = tcp_server(110, 30, 7), sv = tcp_server(102, 30, 2),
		   cl = tcp_client(103, 30, 3);
	struct bytes b = opening();
	struct story s;

	(void)state;
	begin(&s);
	opens(&s.mk, &other);
	opens(&s.mk, &sv);
	opens(&s.mk, &cl);
	add_request(&b, 1, '1');
	got(&s, &other, &b);
	got(&s, &sv, &b);
	cl.cause = (struct otr_cause){.parent = {.conn = 102,
						 .pos = sv.run_pos[OTR_DIR_IN],
						 .dir = OTR_DIR_IN,
						 .pos_kind = OTR_POS_TCP_SEQ},
				      .evidence = OTR_EVIDENCE_STRAND};
	sends(&s.mk, &cl, GET("/back"));
	gets(&s.mk, &cl, OK);
	finish(&s);
	is_root(span_of(&s, OTR_SPAN_CLIENT, "/back"));
	end(&s);
}

/* A connection that was open before: what refers to its past is left out. */
static void what_was_compressed_before_is_unknown(void **state)
{
	static const char block[] = "\x82\x86\xbe\xc0\x04\x02/1";
	struct end cl = tcp_client(101, 20, 2);
	const struct otr_span *sp;
	struct bytes b = {.n = 0};
	struct story s;

	(void)state;
	cl.unseen_open = true;
	begin(&s);
	opens(&s.mk, &cl);
	add_frame(&b, 1, WHOLE, 9, sizeof(block) - 1);
	add(&b, block, sizeof(block) - 1);
	sent(&s, &cl, &b);
	b.n = 0;
	add_answer(&b, 9, WHOLE);
	got(&s, &cl, &b);
	finish(&s);
	assert_int_equal(s.n, 1);
	sp = span_of(&s, OTR_SPAN_CLIENT, "/1");
	assert_true(has(sp, OTR_KEY_HTTP_REQUEST_METHOD, "GET"));
	assert_true(has(sp, OTR_KEY_SERVER_ADDRESS, "10.0.0.2"));
	assert_true(has(sp, OTR_KEY_OTRACE_CUT, "head"));
	end(&s);
}

/* More streams at once than the state has room for: those beyond are counted. */
static void streams_beyond_the_bound_are_counted(void **state)
{
	static struct otr_http2 h2;
	struct otr_msg msg;
	struct bytes b;
	uint64_t used;
	unsigned int requests = 0, dropped = 0;

	(void)state;
	for (unsigned int i = 0; i < 600; i++) {
		b = (struct bytes){.n = 0};
		add_request(&b, 1, '1');
		b.at[7] = (char)((2 * i + 1) >> 8);
		b.at[8] = (char)(2 * i + 1);
		otr_msg_clear(&msg);
		requests += otr_http2.parse(&h2, OTR_DIR_OUT, (struct otr_slice){b.at, b.n}, 0,
					    &used, &msg) == OTR_PARSE_MSG;
		dropped += msg.dropped;
	}
	assert_int_equal(requests, OTR_HTTP2_STREAMS - 1);
	assert_int_equal(dropped, 600 - requests);
	for (unsigned int i = 0; i < 600; i++) {
		struct otr_http2_stream *at = otr_http2_find(&h2, 2 * i + 1);

		assert_int_equal(at != NULL, i < requests);
		if (at && i % 3)
			otr_http2_remove(&h2, at);
	}
	for (unsigned int i = 0; i < requests; i++)
		assert_int_equal(otr_http2_find(&h2, 2 * i + 1) != NULL, i % 3 == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_lasts_to_its_own_end),
		cmocka_unit_test(an_answer_may_be_seen_before_its_request),
		cmocka_unit_test(after_a_hole_nothing_is_guessed),
		cmocka_unit_test(a_connection_that_ends_fails_what_is_open),
		cmocka_unit_test(a_reset_ends_a_stream),
		cmocka_unit_test(one_stream_is_a_parent),
		cmocka_unit_test(of_two_streams_none_is_claimed),
		cmocka_unit_test(after_a_reset_in_the_run_none_is_claimed),
		cmocka_unit_test(of_two_connections_none_is_claimed),
		cmocka_unit_test(what_was_compressed_before_is_unknown),
		cmocka_unit_test(streams_beyond_the_bound_are_counted),
	};

	return cmocka_run_group_tests_name("http2", tests, NULL, NULL);
}
