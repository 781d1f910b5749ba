/* SPDX-License-Identifier: Apache-2.0 */
/* named_test.c - spans of otrace that a traceparent names, where no nearer parent is known. */

#include "tests/unit/story.h"

#define TRACE		   "00-0af7651916cd43dd8448eb211c80319c-"
#define ROOT		   TRACE "5555555555555555-01"
#define WITH(path, parent) "GET " path " HTTP/1.1\r\nHost: a\r\ntraceparent: " parent "\r\n\r\n"
#define RUN		   10

static const uint8_t span_3[8] = {0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33};

static void put_meta(void *arg, const struct otr_event *ev)
{
	feed(arg, ev);
}

static void meta(struct story *s, enum otr_meta key, const char *text)
{
	otr_meta_put(RUN, key, otr_slice_str(text), s->mk.now_ns, put_meta, s);
}

static void proc(struct story *s, uint16_t kind)
{
	struct end e = {.tgid = RUN, .tid = RUN};
	struct otr_ev_proc pr = {.ppid = 1};

	s->mk.now_ns += MS;
	pr.hdr = stamp(&s->mk, &e, kind, sizeof(pr));
	give(&s->mk, &pr);
}

static void runs(struct story *s)
{
	begin(s);
	meta(s, OTR_META_RUN_ROOT, ROOT);
	proc(s, OTR_EV_PROC_EXEC);
}

static void ends(struct story *s)
{
	proc(s, OTR_EV_PROC_EXIT);
	ticks(&s->mk, 3000 * MS);
}

/* The request that a proxy makes of one that was not seen: its header names the run. */
static void a_header_names_the_run(void **state)
{
	struct end cl = tcp_client(101, 20, 2), sv = tcp_server(102, 30, 2);
	struct story s;

	(void)state;
	runs(&s);
	opens(&s.mk, &cl);
	opens(&s.mk, &sv);
	sends(&s.mk, &cl, WITH("/b", ROOT));
	gets(&s.mk, &sv, WITH("/b", ROOT));
	sends(&s.mk, &sv, OK);
	gets(&s.mk, &cl, OK);
	ends(&s);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.spans[0]->kind, OTR_SPAN_INTERNAL);
	is_child(span_of(&s, OTR_SPAN_CLIENT, "/b"), s.spans[0], OTR_EVIDENCE_HEADER);
	is_child(span_of(&s, OTR_SPAN_SERVER, "/b"), span_of(&s, OTR_SPAN_CLIENT, "/b"),
		 OTR_EVIDENCE_WIRE);
	assert_int_equal(s.traces, 1);
	end(&s);
}

/* A program that is not traced used the run's span as a parent, so the span is emitted. An id of
 * another trace does not count. */
static void a_run_that_was_named_is_a_span(void **state)
{
	struct story s;

	(void)state;
	runs(&s);
	meta(&s, OTR_META_NAMED, ROOT);
	ends(&s);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.spans[0]->kind, OTR_SPAN_INTERNAL);
	end(&s);

	runs(&s);
	meta(&s, OTR_META_NAMED, TRACE "6666666666666666-01");
	meta(&s, OTR_META_NAMED, "");
	ends(&s);
	assert_int_equal(s.n, 0);
	end(&s);
}

/* The run's span is emitted, as it was used as a parent; but after a minute no more exchanges
 * join its trace. */
static void after_a_minute_no_exchange_joins_the_run(void **state)
{
	struct end cl = tcp_client(101, 20, 2);
	struct story s;

	(void)state;
	runs(&s);
	meta(&s, OTR_META_NAMED, ROOT);
	ticks(&s.mk, 60000 * MS);
	opens(&s.mk, &cl);
	sends(&s.mk, &cl, WITH("/b", ROOT));
	gets(&s.mk, &cl, OK);
	ticks(&s.mk, 3000 * MS);
	assert_true(span_of(&s, OTR_SPAN_CLIENT, "/b")->parent_remote);
	ends(&s);
	assert_int_equal(s.n, 2);
	end(&s);
}

/* Client (with an injected header) -> proxy -> server; in the proxy, no evidence shows for which
 * request it asks. */
static void a_proxy(struct story *s, uint32_t tgid, uint64_t late_ns)
{
	struct end c1 = tcp_client(100, 20, 1), s1 = tcp_server(101, 30, 1);
	struct end c2 = tcp_client(102, tgid, 2);

	begin(s);
	opens(&s->mk, &c1);
	opens(&s->mk, &s1);
	opens(&s->mk, &c2);
	c1.cause = (struct otr_cause){.ids = OTR_IDS_INJECTED};
	memcpy(c1.cause.span_id, span_3, sizeof(span_3));
	sends(&s->mk, &c1, WITH("/out", TRACE "3333333333333333-01"));
	gets(&s->mk, &s1, WITH("/out", TRACE "3333333333333333-01"));
	if (late_ns)
		sends(&s->mk, &s1, OK);
	ticks(&s->mk, late_ns);
	sends(&s->mk, &c2, WITH("/in", TRACE "3333333333333333-01"));
	gets(&s->mk, &c2, OK);
	if (!late_ns)
		sends(&s->mk, &s1, OK);
	gets(&s->mk, &c1, OK);
	ticks(&s->mk, 3000 * MS);
	assert_int_equal(s->n, 3);
}

static void a_proxy_that_passes_our_header_on_is_the_parent(void **state)
{
	const struct otr_span *in;
	struct story s;

	(void)state;
	a_proxy(&s, 30, 0);
	is_child(span_of(&s, OTR_SPAN_CLIENT, "/in"), span_of(&s, OTR_SPAN_SERVER, "/out"),
		 OTR_EVIDENCE_HEADER);
	assert_int_equal(s.traces, 1);
	end(&s);

	a_proxy(&s, 31, 0); /* another process than the one that read the header */
	in = span_of(&s, OTR_SPAN_CLIENT, "/in");
	assert_memory_equal(in->parent_id, span_3, 8);
	end(&s);

	a_proxy(&s, 30, 50 * MS); /* the answer was sent before */
	in = span_of(&s, OTR_SPAN_CLIENT, "/in");
	assert_memory_equal(in->parent_id, span_3, 8);
	end(&s);
}

/* The records of the client come last: its process has just begun. */
static void records_of_the_client_may_come_last(void **state)
{
	struct end c1 = tcp_client(100, 20, 1), s1 = tcp_server(101, 30, 1);
	struct end c2 = tcp_client(102, 30, 2);
	struct story s;

	(void)state;
	begin(&s);
	opens(&s.mk, &s1);
	opens(&s.mk, &c2);
	opens(&s.mk, &c1);
	gets(&s.mk, &s1, WITH("/out", TRACE "3333333333333333-01"));
	sends(&s.mk, &c2, WITH("/in", TRACE "3333333333333333-01"));
	c1.cause = (struct otr_cause){.ids = OTR_IDS_INJECTED};
	memcpy(c1.cause.span_id, span_3, sizeof(span_3));
	sends(&s.mk, &c1, WITH("/out", TRACE "3333333333333333-01"));
	gets(&s.mk, &c2, OK);
	sends(&s.mk, &s1, OK);
	gets(&s.mk, &c1, OK);
	ticks(&s.mk, 3000 * MS);
	assert_int_equal(s.n, 3);
	is_child(span_of(&s, OTR_SPAN_SERVER, "/out"), span_of(&s, OTR_SPAN_CLIENT, "/out"),
		 OTR_EVIDENCE_WIRE);
	is_child(span_of(&s, OTR_SPAN_CLIENT, "/in"), span_of(&s, OTR_SPAN_SERVER, "/out"),
		 OTR_EVIDENCE_HEADER);
	assert_int_equal(s.traces, 1);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_names_the_run),
		cmocka_unit_test(a_run_that_was_named_is_a_span),
		cmocka_unit_test(after_a_minute_no_exchange_joins_the_run),
		cmocka_unit_test(records_of_the_client_may_come_last),
		cmocka_unit_test(a_proxy_that_passes_our_header_on_is_the_parent),
	};

	return cmocka_run_group_tests_name("named", tests, NULL, NULL);
}
