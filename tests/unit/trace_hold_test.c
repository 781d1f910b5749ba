/* SPDX-License-Identifier: Apache-2.0 */
// needs: tests/unit/make_spans.c
/* trace_hold_test.c - what becomes of traces: by --ignore, by the sampled flag, by --keep. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/sink/trace_hold.h"
#include "bpf/event.h"
#include "tests/unit/make_spans.h"

struct bench {
	struct otr_trace_hold hold;
	uint32_t passed[256]; /* first byte of trace id << 8 | of span id */
	size_t n;
	size_t dropped, kept;
	enum otr_outcome outcome; /* of the last trace */
	uint8_t flags;		  /* of the spans from now on */
};

static void pass(void *arg, struct otr_span *sp, enum otr_outcome outcome)
{
	struct bench *b = arg;

	if (outcome != OTR_TRACE_KEPT) {
		b->dropped++;
		return;
	}
	assert_true(b->n < OTR_ARRAY_SIZE(b->passed));
	b->passed[b->n++] = (uint32_t)sp->trace_id[3] << 8 | sp->span_id[3];
}

static char health[] = "GET /health*", ready[] = "GET /ready";
static char *patterns[] = {ready, health, NULL};

static void begin(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	b->hold.ignore = patterns;
	b->hold.pass = pass;
	b->hold.arg = b;
	b->flags = OTR_FLAG_SAMPLED;
}

static void put(struct bench *b, uint32_t trace, const struct make *m)
{
	struct otr_span *sp = make_span(trace, m);

	sp->flags = b->flags;
	otr_trace_hold_span(&b->hold, sp);
	otr_span_unref(&sp);
}

static void server(struct bench *b, uint32_t trace, const char *name)
{
	put(b, trace, &(struct make){OTR_SPAN_SERVER, 0, 1, 0, "web", name, 0, 9, 200});
}

static void query(struct bench *b, uint32_t trace)
{
	put(b, trace,
	    &(struct make){OTR_SPAN_CLIENT, OTR_EVIDENCE_STRAND, 2, 1, "web", "SELECT", 1, 2});
}

static void done(struct bench *b, uint32_t trace)
{
	uint8_t id[16] = {[3] = (uint8_t)trace};

	b->outcome = otr_trace_hold_trace(&b->hold, id, b->flags);
}

static void the_whole_trace_or_none_of_it(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	query(&b, 1); /* children may come first */
	server(&b, 1, "GET /health/db");
	done(&b, 1);
	assert_int_equal(b.n, 0);
	server(&b, 2, "GET /orders");
	query(&b, 2);
	assert_int_equal(b.n, 0);
	done(&b, 2);
	assert_int_equal(b.n, 2);
	server(&b, 3, "GET /ready");
	done(&b, 3);
	otr_trace_hold_flush(&b.hold);
	assert_int_equal(b.n, 2);
	otr_trace_hold_fini(&b.hold);
}

/* A root seen by both its ends is called by its server's. */
static void both_ends_are_one(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	put(&b, 1, &(struct make){OTR_SPAN_CLIENT, 0, 1, 0, "probe", "GET", 0, 9, 200});
	put(&b, 1,
	    &(struct make){OTR_SPAN_SERVER, OTR_EVIDENCE_WIRE, 2, 1, "web", "GET /ready", 1, 7,
			   200});
	done(&b, 1);
	otr_trace_hold_flush(&b.hold);
	assert_int_equal(b.n, 0);
	otr_trace_hold_fini(&b.hold);
}

static void a_client_span_of_an_ignored_route_ignores_nothing(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	server(&b, 1, "GET /page");
	put(&b, 1,
	    &(struct make){OTR_SPAN_CLIENT, OTR_EVIDENCE_STRAND, 2, 1, "web", "GET /ready", 1, 2,
			   200});
	done(&b, 1);
	assert_int_equal(b.n, 2);
	otr_trace_hold_fini(&b.hold);
}

static void late_spans_share_the_fate_of_their_trace(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	server(&b, 1, "GET /ready");
	done(&b, 1);
	server(&b, 2, "GET /page");
	done(&b, 2);
	assert_int_equal(b.n, 1);
	query(&b, 1);
	query(&b, 2);
	otr_trace_hold_flush(&b.hold);
	assert_int_equal(b.n, 2);
	assert_int_equal(b.passed[1], 2 << 8 | 2);
	otr_trace_hold_fini(&b.hold);
}

static void a_part_of_a_long_trace_goes_on(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	query(&b, 1);
	server(&b, 2, "GET /page");
	assert_int_equal(b.n, 1);
	done(&b, 2);
	assert_int_equal(b.n, 2);
	for (uint32_t i = 0; i < 200; i++)
		query(&b, 9);
	otr_trace_hold_flush(&b.hold);
	assert_int_equal(b.n, 202);
	otr_trace_hold_fini(&b.hold);
}

static void without_patterns_nothing_waits(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	b.hold.ignore = NULL;
	server(&b, 1, "GET /ready");
	assert_int_equal(b.n, 1);
	otr_trace_hold_fini(&b.hold);
}

static void the_flag_decides(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	b.hold.ignore = NULL;
	b.flags = OTR_FLAG_RANDOM;
	server(&b, 1, "GET /page");
	assert_int_equal(b.dropped, 1); /* at once: nothing can change that */
	done(&b, 1);
	assert_int_equal(b.outcome, OTR_TRACE_UNSAMPLED);
	b.flags |= OTR_FLAG_SAMPLED;
	server(&b, 2, "GET /page");
	done(&b, 2);
	assert_int_equal(b.outcome, OTR_TRACE_KEPT);
	assert_int_equal(b.n, 1);
	otr_trace_hold_fini(&b.hold);
}

/* From now on no trace is sampled. */
static void unsampled(struct bench *b, const char *keep)
{
	struct otr_err err;

	begin(b);
	b->hold.ignore = NULL;
	b->flags = 0;
	assert_int_equal(otr_keep_read(&b->hold.keep, keep, "--keep", &err), 0);
}

static void errors_are_kept_whole(void **state)
{
	struct bench b;

	(void)state;
	unsampled(&b, "error");
	query(&b, 1);
	put(&b, 1,
	    &(struct make){OTR_SPAN_SERVER, 0, 1, 0, "web", "GET /page", 0, 9, 500,
			   .error = "500"});
	done(&b, 1);
	assert_int_equal(b.outcome, OTR_TRACE_KEPT);
	assert_int_equal(b.n, 2);
	query(&b, 1); /* a late one */
	otr_trace_hold_flush(&b.hold);
	assert_int_equal(b.n, 3);
	server(&b, 2, "GET /page");
	done(&b, 2);
	assert_int_equal(b.outcome, OTR_TRACE_UNSAMPLED);
	assert_int_equal(b.n, 3);
	otr_trace_hold_fini(&b.hold);
}

static void slow_ones_are_kept(void **state)
{
	struct bench b;

	(void)state;
	unsampled(&b, "slow=9ms,error");
	server(&b, 1, "GET /page"); /* 9 ms */
	done(&b, 1);
	assert_int_equal(b.n, 1);
	put(&b, 2, &(struct make){OTR_SPAN_SERVER, 0, 1, 0, "web", "GET /page", 0, 8.9, 200});
	done(&b, 2);
	assert_int_equal(b.n, 1);
	otr_trace_hold_fini(&b.hold);
}

static void the_first_of_a_route_and_minute_is_kept(void **state)
{
	static const double minute = 60000;
	struct bench b;

	(void)state;
	unsampled(&b, "first");
	for (uint32_t i = 1; i <= 6; i++) {
		double at = i > 4 ? minute : 0;

		put(&b, i,
		    &(struct make){OTR_SPAN_SERVER, 0, 1, 0, "web", i % 2 ? "GET /a" : "GET /b", at,
				   at + 1, 200});
		done(&b, i);
		assert_int_equal(b.outcome,
				 i == 3 || i == 4 ? OTR_TRACE_UNSAMPLED : OTR_TRACE_KEPT);
	}
	assert_int_equal(b.n, 4);
	otr_trace_hold_fini(&b.hold);
}

/* A request of the minute before, which took long, is no first one again; nor does one route take
 * the place of another. */
static void minutes_and_routes_do_not_alternate(void **state)
{
	static const double minute = 60000;
	struct bench b;

	(void)state;
	unsampled(&b, "first");
	for (uint32_t i = 0; i < 8; i++) {
		put(&b, i + 1,
		    &(struct make){OTR_SPAN_SERVER, 0, 1, 0, "web", "GET /a", i % 2 ? 0 : minute, 1,
				   200});
		done(&b, i + 1);
	}
	assert_int_equal(b.n, 1);
	for (uint32_t turn = 0; turn < 2; turn++) {
		for (uint32_t i = 0; i < 1200; i++) {
			char name[32];

			snprintf(name, sizeof(name), "GET /r%u", i);
			b.n = b.n > 200 ? 0 : b.n; /* only 256 are kept by this test */
			put(&b, 100,
			    &(struct make){OTR_SPAN_SERVER, 0, 1, 0, "web", name, 3 * minute, 1,
					   200});
			b.hold.n_known = 0;
			done(&b, 100);
			b.kept += b.outcome == OTR_TRACE_KEPT;
		}
	}
	assert_int_equal(b.kept, OTR_TRACE_HOLD_ROUTES); /* in place of /a, too, which is older */
	otr_trace_hold_fini(&b.hold);
}

/* What is known of the first part holds for the rest, whatever its root seems to be. */
static void the_rest_of_a_trace_follows_its_first_part(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	b.hold.keep.errors = true;
	b.flags = 0;
	put(&b, 1,
	    &(struct make){OTR_SPAN_CLIENT, 0, 3, 2, "web", "GET", 0, 9, 500, .error = "500"});
	otr_trace_hold_flush(&b.hold); /* a tick */
	assert_int_equal(b.n, 1);
	server(&b, 1, "GET /ready"); /* --ignore names it */
	done(&b, 1);
	assert_int_equal(b.outcome, OTR_TRACE_KEPT);
	assert_int_equal(b.n, 2);
	otr_trace_hold_fini(&b.hold);
}

static void a_wrong_keep_is_refused(void **state)
{
	static const char *const bad[] = {
		"errors", "slow", "slow=", "slow=fast", "slow=0", "error first"};
	struct otr_keep keep;
	struct otr_err err;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(bad); i++)
		assert_int_equal(otr_keep_read(&keep, bad[i], "--keep", &err), -EINVAL);
	assert_int_equal(otr_keep_read(&keep, NULL, "--keep", &err), 0);
	assert_false(keep.errors || keep.first || keep.slow_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_whole_trace_or_none_of_it),
		cmocka_unit_test(both_ends_are_one),
		cmocka_unit_test(a_client_span_of_an_ignored_route_ignores_nothing),
		cmocka_unit_test(late_spans_share_the_fate_of_their_trace),
		cmocka_unit_test(a_part_of_a_long_trace_goes_on),
		cmocka_unit_test(without_patterns_nothing_waits),
		cmocka_unit_test(the_flag_decides),
		cmocka_unit_test(errors_are_kept_whole),
		cmocka_unit_test(slow_ones_are_kept),
		cmocka_unit_test(the_first_of_a_route_and_minute_is_kept),
		cmocka_unit_test(minutes_and_routes_do_not_alternate),
		cmocka_unit_test(the_rest_of_a_trace_follows_its_first_part),
		cmocka_unit_test(a_wrong_keep_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
