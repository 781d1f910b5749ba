/* SPDX-License-Identifier: Apache-2.0 */
/* parent_test.c - which exchange is the parent of which. */

#include "tests/unit/story.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define WITH(path, span)                       \
	"GET " path " HTTP/1.1\r\nHost: a\r\n" \
	"traceparent: 00-" TRACE "-" span "-01\r\n\r\n"

static const uint8_t trace_id[16] = {0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd,
				     0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c};
static const uint8_t span_1[8] = {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11};
static const uint8_t span_2[8] = {0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22};

/* A -> B: A serves a request and asks B, over a wire both ends of which are seen. */
static void both_ends_and_what_caused_them(void **state)
{
	struct story s;
	struct end in = tcp_server(100, 10, 1);
	struct end cl = tcp_client(101, 10, 2), sv = tcp_server(102, 20, 2);
	const struct otr_span *a, *c, *b;

	(void)state;
	begin(&s);
	opens(&s.mk, &in);
	gets(&s.mk, &in, GET("/a"));
	opens(&s.mk, &cl);
	made_for(&cl, &in, 3, OTR_EVIDENCE_STRAND);
	sends(&s.mk, &cl, GET("/b"));
	opens(&s.mk, &sv);
	gets(&s.mk, &sv, GET("/b"));
	sends(&s.mk, &sv, OK);
	gets(&s.mk, &cl, OK);
	sends(&s.mk, &in, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.traces, 1);
	assert_true(s.proved);
	a = span_of(&s, OTR_SPAN_SERVER, "/a");
	c = span_of(&s, OTR_SPAN_CLIENT, "/b");
	b = span_of(&s, OTR_SPAN_SERVER, "/b");
	is_root(a);
	is_child(c, a, OTR_EVIDENCE_STRAND);
	is_child(b, c, OTR_EVIDENCE_WIRE);
	end(&s);
}

/* The times of reads are before those of the writes: two bounds of one event. */
static void a_read_may_have_an_earlier_time_than_its_write(void **state)
{
	struct story s;
	struct end cl = tcp_client(101, 10, 2), sv = tcp_server(102, 20, 2);
	const struct otr_span *c, *b;

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	opens(&s.mk, &cl);
	gets(&s.mk, &sv, GET("/b"));
	sends(&s.mk, &cl, GET("/b"));
	gets(&s.mk, &cl, OK);
	sends(&s.mk, &sv, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 2);
	c = span_of(&s, OTR_SPAN_CLIENT, "/b");
	b = span_of(&s, OTR_SPAN_SERVER, "/b");
	is_child(b, c, OTR_EVIDENCE_WIRE);
	assert_int_equal(c->start_ns, b->start_ns);
	assert_int_equal(c->end_ns, b->end_ns);
	assert_true(b->end_ns > b->start_ns);
	assert_false(otr_span_string(b, OTR_KEY_OTRACE_CLOCK).len);
	end(&s);
}

/* One kernel counts the SYN, the other does not; addresses do not help. */
static void positions_may_differ_by_the_syn(void **state)
{
	struct story s;
	struct end cl = tcp_client(101, 10, 2), sv = tcp_server(102, 20, 2);

	(void)state;
	begin(&s);
	sv.isn_in++;
	sv.port = 8080;
	opens(&s.mk, &cl);
	opens(&s.mk, &sv);
	sends(&s.mk, &cl, GET("/b"));
	gets(&s.mk, &sv, GET("/b"));
	sends(&s.mk, &sv, OK);
	gets(&s.mk, &cl, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.traces, 1);
	is_child(span_of(&s, OTR_SPAN_SERVER, "/b"), span_of(&s, OTR_SPAN_CLIENT, "/b"),
		 OTR_EVIDENCE_WIRE);
	end(&s);
}

/* The source of the facts of a connection stood still, so the facts come after the bytes. */
static void facts_come_late(void **state)
{
	struct story s;
	struct end cl = tcp_client(101, 10, 2), sv = tcp_server(102, 20, 2);

	(void)state;
	begin(&s);
	gets(&s.mk, &sv, GET("/b"));
	opens(&s.mk, &cl);
	sends(&s.mk, &cl, GET("/b"));
	opens(&s.mk, &sv);
	sends(&s.mk, &sv, OK);
	gets(&s.mk, &cl, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.traces, 1);
	is_child(span_of(&s, OTR_SPAN_SERVER, "/b"), span_of(&s, OTR_SPAN_CLIENT, "/b"),
		 OTR_EVIDENCE_WIRE);
	end(&s);
}

/* The same at the client's end. */
static void facts_of_the_client_come_late(void **state)
{
	struct story s;
	struct end cl = tcp_client(101, 10, 2), sv = tcp_server(102, 20, 2);

	(void)state;
	begin(&s);
	sends(&s.mk, &cl, GET("/b"));
	opens(&s.mk, &sv);
	gets(&s.mk, &sv, GET("/b"));
	sends(&s.mk, &sv, OK);
	gets(&s.mk, &cl, OK);
	opens(&s.mk, &cl);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 2);
	is_child(span_of(&s, OTR_SPAN_SERVER, "/b"), span_of(&s, OTR_SPAN_CLIENT, "/b"),
		 OTR_EVIDENCE_WIRE);
	end(&s);
}

static void header_names_the_parent(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	gets(&s.mk, &sv, WITH("/a", "1111111111111111"));
	sends(&s.mk, &sv, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 1);
	assert_memory_equal(s.spans[0]->trace_id, trace_id, 16);
	assert_memory_equal(s.spans[0]->parent_id, span_1, 8);
	assert_int_equal(s.spans[0]->evidence, OTR_EVIDENCE_HEADER);
	assert_true(s.spans[0]->parent_remote);
	assert_int_equal(s.spans[0]->flags, 1);
	end(&s);
}

/* in (a) -> client -> server (b); the last two carry `header`. */
static void chain(struct story *s, const char *a, const char *b, uint8_t evidence)
{
	struct end in = tcp_server(100, 10, 1);
	struct end cl = tcp_client(101, 10, 2), sv = tcp_server(102, 20, 2);

	begin(s);
	opens(&s->mk, &in);
	opens(&s->mk, &cl);
	opens(&s->mk, &sv);
	gets(&s->mk, &in, a);
	if (evidence)
		made_for(&cl, &in, 1, evidence);
	sends(&s->mk, &cl, b);
	gets(&s->mk, &sv, b);
	sends(&s->mk, &sv, OK);
	gets(&s->mk, &cl, OK);
	sends(&s->mk, &in, OK);
	ticks(&s->mk, 1200 * MS);
	assert_int_equal(s->n, 3);
}

static void proxy_passes_the_header_on(void **state)
{
	struct story s;
	const struct otr_span *a, *b, *c;

	(void)state;
	chain(&s, WITH("/a", "1111111111111111"), WITH("/b", "1111111111111111"),
	      OTR_EVIDENCE_STRAND);
	a = span_of(&s, OTR_SPAN_SERVER, "/a");
	b = span_of(&s, OTR_SPAN_SERVER, "/b");
	c = span_of(&s, OTR_SPAN_CLIENT, "/b");
	assert_memory_equal(a->parent_id, span_1, 8);
	is_child(c, a, OTR_EVIDENCE_STRAND);
	is_child(b, c, OTR_EVIDENCE_WIRE);
	end(&s);
}

/* An SDK in the process of `a` begins the trace: all spans of otrace are in it, as one tree. */
static void sdk_writes_the_header(void **state)
{
	struct story s;
	const struct otr_span *a, *b, *c;

	(void)state;
	chain(&s, GET("/a"), WITH("/b", "2222222222222222"), OTR_EVIDENCE_STRAND);
	a = span_of(&s, OTR_SPAN_SERVER, "/a");
	b = span_of(&s, OTR_SPAN_SERVER, "/b");
	c = span_of(&s, OTR_SPAN_CLIENT, "/b");
	assert_memory_equal(a->trace_id, trace_id, 16);
	is_root(a);
	is_child(c, a, OTR_EVIDENCE_STRAND);
	is_child(b, c, OTR_EVIDENCE_WIRE);
	end(&s);

	chain(&s, GET("/a"), WITH("/b", "2222222222222222"), 0);
	a = span_of(&s, OTR_SPAN_SERVER, "/a");
	b = span_of(&s, OTR_SPAN_SERVER, "/b");
	c = span_of(&s, OTR_SPAN_CLIENT, "/b");
	assert_memory_not_equal(a->trace_id, trace_id, 16);
	assert_memory_equal(c->parent_id, span_2, 8);
	assert_int_equal(c->evidence, OTR_EVIDENCE_HEADER);
	is_child(b, c, OTR_EVIDENCE_WIRE);
	end(&s);
}

/* The ids on the wire override the evidence of the source; a link keeps the other. */
static void sdk_begins_another_trace(void **state)
{
	struct story s;
	const struct otr_span *a, *c;

	(void)state;
	chain(&s,
	      "GET /a HTTP/1.1\r\ntraceparent: "
	      "00-ffffffffffffffffffffffffffffffff-1111111111111111-01"
	      "\r\n\r\n",
	      WITH("/b", "2222222222222222"), OTR_EVIDENCE_STRAND);
	a = span_of(&s, OTR_SPAN_SERVER, "/a");
	c = span_of(&s, OTR_SPAN_CLIENT, "/b");
	assert_memory_equal(c->trace_id, trace_id, 16);
	assert_memory_equal(c->parent_id, span_2, 8);
	assert_int_equal(c->n_links, 1);
	assert_memory_equal(c->links[0].span_id, a->span_id, 8);
	assert_memory_equal(c->links[0].trace_id, a->trace_id, 16);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_and_what_caused_them),
		cmocka_unit_test(a_read_may_have_an_earlier_time_than_its_write),
		cmocka_unit_test(positions_may_differ_by_the_syn),
		cmocka_unit_test(facts_come_late),
		cmocka_unit_test(facts_of_the_client_come_late),
		cmocka_unit_test(header_names_the_parent),
		cmocka_unit_test(proxy_passes_the_header_on),
		cmocka_unit_test(sdk_writes_the_header),
		cmocka_unit_test(sdk_begins_another_trace),
	};

	return cmocka_run_group_tests_name("parent", tests, NULL, NULL);
}
