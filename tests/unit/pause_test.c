/* SPDX-License-Identifier: Apache-2.0 */

/*
 * pause_test.c - the source shed requests, to keep its CPU budget: spans of before and after are
 * whole, or marked.
 */

#include "tests/unit/story.h"

static void pauses(struct maker *mk)
{
	struct otr_ev_lost lost = {
		.hdr = stamp(mk, NULL, OTR_EV_LOST, sizeof(lost)),
		.cause = OTR_LOSS_BUDGET,
	};

	give(mk, &lost);
}

/* A request and its answer of which there are no records. */
static void lets_go(struct end *e)
{
	e->pos[OTR_DIR_IN] += 40;
	e->pos[OTR_DIR_OUT] += 40;
	e->run_dir = -1;
}

static void is_behind(struct maker *mk)
{
	struct otr_ev_lost lost = {
		.hdr = stamp(mk, NULL, OTR_EV_LOST, sizeof(lost)),
		.cause = OTR_LOSS_BEHIND,
	};

	give(mk, &lost);
}

static bool is_cut_by(const struct otr_span *sp, struct otr_slice why)
{
	return sp->cut && otr_slice_eq(otr_span_string(sp, OTR_KEY_OTRACE_CUT), why);
}

static bool is_marked(const struct otr_span *sp)
{
	return is_cut_by(sp, OTR_SLICE("budget"));
}

/* The stream continues with the next request, at once: there is no hole to wait for. */
static void a_pause_leaves_no_hole(void **state)
{
	uint64_t holes = otr_loss_get(OTR_LOSS_HOLE);
	struct end sv = tcp_server(100, 10, 1);
	struct story s;

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	for (int i = 0; i < 3; i++) {
		gets(&s.mk, &sv, GET("/a"));
		sends(&s.mk, &sv, OK);
		pauses(&s.mk);
		lets_go(&sv);
	}
	gets(&s.mk, &sv, GET("/b"));
	sends(&s.mk, &sv, OK);
	ticks(&s.mk, 60 * MS);
	assert_int_equal(s.n, 4);
	assert_false(span_of(&s, OTR_SPAN_SERVER, "/b")->cut);
	assert_int_equal(otr_loss_get(OTR_LOSS_HOLE), holes);
	end(&s);
}

/* The connection ended without an answer. If records were lost, the answer may be among them. */
static void no_answer_where_some_were_lost(void **state)
{
	struct otr_ev_lost lost = {.cause = OTR_LOSS_RING, .n = 1};
	struct end cl;
	struct story s;

	for (int lossy = 0; lossy < 3; lossy++) {
		begin(&s);
		cl = tcp_client(101, 10, 1);
		opens(&s.mk, &cl);
		sends(&s.mk, &cl, GET("/a"));
		lost.hdr = stamp(&s.mk, NULL, OTR_EV_LOST, sizeof(lost));
		lost.hdr.tgid = lossy == 2 ? 9999 : 0; /* another process's */
		if (lossy)
			give(&s.mk, &lost);
		closes(&s.mk, &cl, 0);
		ticks(&s.mk, 60 * MS);
		assert_int_equal(s.n, 1);
		assert_int_equal(s.spans[0]->cut, lossy == 1);
		assert_int_equal(s.spans[0]->failed, lossy != 1);
		end(&s);
	}
	(void)state;
}

/* A request was open when the pause began: the requests that it made since are missing. */
static void an_exchange_open_at_the_pause_is_thinned(void **state)
{
	struct end sv = tcp_server(100, 10, 1);
	struct story s;

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	gets(&s.mk, &sv, GET("/a"));
	pauses(&s.mk);
	sends(&s.mk, &sv, OK);
	ticks(&s.mk, 60 * MS);
	assert_int_equal(s.n, 1);
	assert_true(is_marked(s.spans[0]));
	end(&s);
}

/* The parent was shed: the child is no root, though it has no parent. */
static void child_of_what_was_shed(void **state)
{
	struct end in = tcp_server(100, 10, 1), cl = tcp_client(101, 10, 2);
	struct story s;

	(void)state;
	begin(&s);
	opens(&s.mk, &in);
	opens(&s.mk, &cl);
	pauses(&s.mk);
	lets_go(&in);
	made_for(&cl, &in, 3, OTR_EVIDENCE_STRAND);
	sends(&s.mk, &cl, GET("/b"));
	gets(&s.mk, &cl, OK);
	ticks(&s.mk, 60 * MS);
	assert_int_equal(s.n, 1);
	assert_true(is_marked(span_of(&s, OTR_SPAN_CLIENT, "/b")));
	end(&s);
}

/* One end of a wire emitted the request, and the other shed it. */
static void an_end_whose_mate_was_shed_is_marked(void **state)
{
	struct end cl = tcp_client(101, 10, 2), sv = tcp_server(102, 20, 2);
	struct story s;

	(void)state;
	begin(&s);
	opens(&s.mk, &cl);
	opens(&s.mk, &sv);
	pauses(&s.mk);
	gets(&s.mk, &sv, GET("/b"));
	sends(&s.mk, &sv, OK);
	ticks(&s.mk, 60 * MS);
	assert_int_equal(s.n, 1);
	assert_true(is_marked(span_of(&s, OTR_SPAN_SERVER, "/b")));
	end(&s);
}

/* A process is behind: its spans are whole, but an exchange whose other end was shed is marked. */
static void a_process_that_is_behind(void **state)
{
	struct end cl = tcp_client(101, 10, 2), sv = tcp_server(102, 20, 2);
	uint64_t holes = otr_loss_get(OTR_LOSS_HOLE);
	struct end alone = tcp_server(103, 30, 1);
	struct story s;

	(void)state;
	begin(&s);
	opens(&s.mk, &cl);
	opens(&s.mk, &sv);
	opens(&s.mk, &alone);
	gets(&s.mk, &alone, GET("/a"));
	is_behind(&s.mk);
	sends(&s.mk, &alone, OK);
	lets_go(&alone);
	gets(&s.mk, &alone, GET("/c"));
	sends(&s.mk, &alone, OK);
	gets(&s.mk, &sv, GET("/b"));
	sends(&s.mk, &sv, OK);
	ticks(&s.mk, 60 * MS);
	assert_int_equal(s.n, 3);
	assert_false(span_of(&s, OTR_SPAN_SERVER, "/a")->cut);
	assert_false(span_of(&s, OTR_SPAN_SERVER, "/c")->cut);
	assert_true(is_cut_by(span_of(&s, OTR_SPAN_SERVER, "/b"), OTR_SLICE("behind")));
	assert_int_equal(otr_loss_get(OTR_LOSS_HOLE), holes);
	end(&s);
}

/* Long after the last pause, nothing is ascribed to it. */
static void a_pause_long_ago_marks_nothing(void **state)
{
	struct end cl = tcp_client(101, 10, 2), sv = tcp_server(102, 20, 2);
	struct story s;

	(void)state;
	begin(&s);
	opens(&s.mk, &cl);
	opens(&s.mk, &sv);
	pauses(&s.mk);
	ticks(&s.mk, 11000 * MS);
	gets(&s.mk, &sv, GET("/b"));
	sends(&s.mk, &sv, OK);
	ticks(&s.mk, 60 * MS);
	assert_int_equal(s.n, 1);
	assert_false(s.spans[0]->cut);
	end(&s);
}

static void share_is(struct maker *mk, uint32_t millionths)
{
	struct otr_ev_share share = {
		.hdr = stamp(mk, NULL, OTR_EV_SHARE, sizeof(share)),
		.millionths = millionths,
	};

	give(mk, &share);
}

static double share_of(struct story *s, const char *path)
{
	const struct otr_span *sp = span_of(s, OTR_SPAN_SERVER, path);

	for (uint16_t i = 0; i < sp->n_attrs; i++)
		if (sp->attrs[i].key == OTR_KEY_OTRACE_SAMPLED_SHARE)
			return sp->attrs[i].real;
	return 1;
}

/* Spans say which part of the time was traced when their trace began. */
static void the_share_travels_with_the_spans(void **state)
{
	static const struct {
		const char *path;
		uint32_t millionths;
	} rows[] = {{"/a", 0}, {"/b", 250000}, {"/c", 1000000}};
	struct end sv = tcp_server(100, 10, 1);
	struct story s;

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	for (size_t i = 0; i < 3; i++) {
		if (rows[i].millionths)
			share_is(&s.mk, rows[i].millionths);
		gets(&s.mk, &sv, i == 0 ? GET("/a") : i == 1 ? GET("/b") : GET("/c"));
		ticks(&s.mk, 1 * MS);
		if (i == 1) /* the share of its beginning counts */
			share_is(&s.mk, 500000);
		sends(&s.mk, &sv, OK);
	}
	ticks(&s.mk, 60 * MS);
	assert_int_equal(s.n, 3);
	assert_true(share_of(&s, "/a") > 0.99);
	assert_true(share_of(&s, "/b") > 0.249 && share_of(&s, "/b") < 0.251);
	assert_true(share_of(&s, "/c") > 0.99);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pause_leaves_no_hole),
		cmocka_unit_test(no_answer_where_some_were_lost),
		cmocka_unit_test(an_exchange_open_at_the_pause_is_thinned),
		cmocka_unit_test(child_of_what_was_shed),
		cmocka_unit_test(an_end_whose_mate_was_shed_is_marked),
		cmocka_unit_test(a_process_that_is_behind),
		cmocka_unit_test(a_pause_long_ago_marks_nothing),
		cmocka_unit_test(the_share_travels_with_the_spans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
