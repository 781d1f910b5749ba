/* SPDX-License-Identifier: Apache-2.0 */
/* late_parent_test.c - evidence of a parent that is weak or comes late, and when a trace is emitted. */

#include "tests/unit/story.h"

/* A trace with weak evidence is not emitted before the hold is over. */
static void weak_evidence_waits_for_the_hold(void **state)
{
	struct story s;
	struct end in = tcp_server(100, 10, 1), cl = tcp_client(101, 10, 2);

	(void)state;
	begin(&s);
	opens(&s.mk, &in);
	opens(&s.mk, &cl);
	gets(&s.mk, &in, GET("/a"));
	made_for(&cl, &in, 1, OTR_EVIDENCE_WAKE);
	sends(&s.mk, &cl, GET("/b"));
	gets(&s.mk, &cl, OK);
	sends(&s.mk, &in, OK);
	ticks(&s.mk, 900 * MS);
	assert_int_equal(s.n, 0);
	ticks(&s.mk, 200 * MS);
	assert_int_equal(s.n, 2);
	assert_false(s.proved);
	is_child(span_of(&s, OTR_SPAN_CLIENT, "/b"), span_of(&s, OTR_SPAN_SERVER, "/a"),
		 OTR_EVIDENCE_WAKE);
	end(&s);
}

static void hands_off(struct story *s, const struct end *worker, const struct end *of,
		      uint64_t since_ns)
{
	struct otr_ev_handoff ho = {
		.hdr = stamp(&s->mk, worker, OTR_EV_HANDOFF, sizeof(ho)),
		.parent = {.conn = of->conn,
			   .pos = (uint32_t)(of->pos[OTR_DIR_IN] - 1),
			   .dir = OTR_DIR_IN,
			   .pos_kind = OTR_POS_TCP_SEQ},
		.since_ns = since_ns,
		.strand_since_ns = since_ns,
	};

	ho.hdr.conn = 0;
	give(&s->mk, &ho);
}

/* Two inbound requests are open, and a thread of a pool asks for one of them. `first`: the
 * evidence of the source when it asked. */
static const struct otr_span *pool(struct story *s, uint8_t first, bool of_other)
{
	struct end in1 = tcp_server(100, 10, 1), in2 = tcp_server(110, 10, 3);
	struct end cl = tcp_client(101, 10, 2);
	uint64_t since;

	begin(s);
	cl.tid = 77;
	opens(&s->mk, &in1);
	opens(&s->mk, &in2);
	opens(&s->mk, &cl);
	gets(&s->mk, &in1, GET("/a1"));
	gets(&s->mk, &in2, GET("/a2"));
	since = s->mk.now_ns;
	if (first)
		made_for(&cl, of_other ? &in2 : &in1, 1, first);
	sends(&s->mk, &cl, GET("/b"));
	gets(&s->mk, &cl, OK);
	hands_off(s, &cl, &in1, since);
	sends(&s->mk, &in1, OK);
	sends(&s->mk, &in2, OK);
	ticks(&s->mk, 1200 * MS);
	assert_int_equal(s->n, 3);
	return span_of(s, OTR_SPAN_CLIENT, "/b");
}

static void pool_gives(uint8_t first, bool of_other, int evidence)
{
	struct story s;
	const struct otr_span *b = pool(&s, first, of_other);

	is_child(b, span_of(&s, OTR_SPAN_SERVER, "/a1"), evidence);
	end(&s);
}

static void late_evidence(void **state)
{
	(void)state;
	pool_gives(OTR_EVIDENCE_NONE, false, OTR_EVIDENCE_HANDOFF);
	/* late evidence overrides weak evidence */
	pool_gives(OTR_EVIDENCE_WAKE, true, OTR_EVIDENCE_HANDOFF);
	/* and agrees with what is known */
	pool_gives(OTR_EVIDENCE_STRAND, false, OTR_EVIDENCE_STRAND);
}

static void two_candidates(void **state)
{
	struct story s;
	const struct otr_span *b = NULL;
	struct otr_stitch_stats stats;

	(void)state;
	b = pool(&s, OTR_EVIDENCE_STRAND, true);
	is_root(b);
	assert_int_equal(b->n_links, 2);
	assert_int_equal(s.traces, 3);
	otr_stitch_stats(otr_pipeline_stitch(s.pl), &stats);
	assert_int_equal(stats.contradicted, 1);
	end(&s);
}

/* The span was emitted as a root: the late parent is counted as lost, for its service. */
static void evidence_after_the_emission_is_lost(void **state)
{
	struct story s;
	struct end in = tcp_server(100, 10, 1), cl = tcp_client(101, 10, 2);
	uint64_t before = otr_loss_get(OTR_LOSS_LATE), since;
	struct otr_loss_share shares[OTR_LOSS_SHARES];
	size_t n;

	(void)state;
	begin(&s);
	cl.tid = 77;
	opens(&s.mk, &in);
	opens(&s.mk, &cl);
	gets(&s.mk, &in, GET("/a"));
	since = s.mk.now_ns;
	sends(&s.mk, &cl, GET("/b"));
	gets(&s.mk, &cl, OK);
	ticks(&s.mk, 1200 * MS);
	is_root(span_of(&s, OTR_SPAN_CLIENT, "/b"));
	assert_int_equal(otr_loss_get(OTR_LOSS_LATE), before);
	hands_off(&s, &cl, &in, since);
	assert_int_equal(otr_loss_get(OTR_LOSS_LATE), before + 1);
	n = otr_loss_shares(shares);
	while (n && shares[n - 1].cause != OTR_LOSS_LATE)
		n--;
	assert_true(n);
	assert_string_equal(shares[n - 1].service, "unknown_service");
	end(&s);

	/* The late evidence names the parent that it has: nothing is lost. */
	begin(&s);
	in = tcp_server(100, 10, 1);
	cl = tcp_client(101, 10, 2);
	cl.tid = 77;
	opens(&s.mk, &in);
	opens(&s.mk, &cl);
	gets(&s.mk, &in, GET("/a"));
	since = s.mk.now_ns;
	made_for(&cl, &in, 1, OTR_EVIDENCE_STRAND);
	sends(&s.mk, &cl, GET("/b"));
	gets(&s.mk, &cl, OK);
	sends(&s.mk, &in, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 2);
	hands_off(&s, &cl, &in, since);
	assert_int_equal(otr_loss_get(OTR_LOSS_LATE), before + 1);
	end(&s);
}

/* No evidence while others are open: an orphan, emitted after the hold. */
static void orphan(void **state)
{
	struct story s;
	struct end in = tcp_server(100, 10, 1), cl = tcp_client(101, 10, 2);
	struct otr_stitch_stats stats;

	(void)state;
	begin(&s);
	opens(&s.mk, &in);
	opens(&s.mk, &cl);
	gets(&s.mk, &in, GET("/a"));
	sends(&s.mk, &cl, GET("/b"));
	gets(&s.mk, &cl, OK);
	sends(&s.mk, &in, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 1);
	ticks(&s.mk, 1000 * MS);
	assert_int_equal(s.n, 2);
	is_root(span_of(&s, OTR_SPAN_CLIENT, "/b"));
	otr_stitch_stats(otr_pipeline_stitch(s.pl), &stats);
	assert_int_equal(stats.orphans, 1);
	end(&s);
}

/* A request that is made after the answer has no parent. */
static void after_the_answer(void **state)
{
	struct story s;
	struct end in = tcp_server(100, 10, 1), cl = tcp_client(101, 10, 2);

	(void)state;
	begin(&s);
	opens(&s.mk, &in);
	opens(&s.mk, &cl);
	gets(&s.mk, &in, GET("/a"));
	sends(&s.mk, &in, OK);
	made_for(&cl, &in, 1, OTR_EVIDENCE_STRAND);
	sends(&s.mk, &cl, GET("/b"));
	gets(&s.mk, &cl, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 2);
	is_root(span_of(&s, OTR_SPAN_CLIENT, "/b"));
	end(&s);
}

/* A child that is open keeps its trace; spans that are over for 30 s are emitted. */
static void slow_child(void **state)
{
	struct story s;
	struct end in = tcp_server(100, 10, 1), cl = tcp_client(101, 10, 2);

	(void)state;
	begin(&s);
	opens(&s.mk, &in);
	opens(&s.mk, &cl);
	gets(&s.mk, &in, GET("/a"));
	made_for(&cl, &in, 1, OTR_EVIDENCE_STRAND);
	sends(&s.mk, &cl, GET("/b"));
	sends(&s.mk, &in, OK);
	ticks(&s.mk, 20000 * MS);
	assert_int_equal(s.n, 0);
	ticks(&s.mk, 15000 * MS);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.traces, 0);
	gets(&s.mk, &cl, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.traces, 1);
	is_child(span_of(&s, OTR_SPAN_CLIENT, "/b"), span_of(&s, OTR_SPAN_SERVER, "/a"),
		 OTR_EVIDENCE_STRAND);
	end(&s);
}

/* A claim of a request that another process serves is not believed. */
static void another_process(void **state)
{
	struct story s;
	struct end in = tcp_server(100, 10, 1), cl = tcp_client(101, 11, 2);

	(void)state;
	begin(&s);
	opens(&s.mk, &in);
	opens(&s.mk, &cl);
	gets(&s.mk, &in, GET("/a"));
	made_for(&cl, &in, 1, OTR_EVIDENCE_STRAND);
	sends(&s.mk, &cl, GET("/b"));
	gets(&s.mk, &cl, OK);
	sends(&s.mk, &in, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 2);
	is_root(span_of(&s, OTR_SPAN_CLIENT, "/b"));
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weak_evidence_waits_for_the_hold),
		cmocka_unit_test(late_evidence),
		cmocka_unit_test(evidence_after_the_emission_is_lost),
		cmocka_unit_test(two_candidates),
		cmocka_unit_test(orphan),
		cmocka_unit_test(after_the_answer),
		cmocka_unit_test(slow_child),
		cmocka_unit_test(another_process),
	};

	return cmocka_run_group_tests_name("parent", tests, NULL, NULL);
}
