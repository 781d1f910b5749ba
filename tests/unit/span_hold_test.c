/* SPDX-License-Identifier: Apache-2.0 */
// needs: tests/unit/make_spans.c
/* span_hold_test.c - which spans --ignore keeps from exporters. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/own.h"
#include "agent/sink/span_hold.h"
#include "bpf/event.h"
#include "tests/unit/make_spans.h"

struct bench {
	struct otr_span_hold hold;
	uint32_t passed[256]; /* first byte of trace id << 8 | of span id */
	size_t n;
};

static void pass(void *arg, struct otr_span *sp)
{
	struct bench *b = arg;

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
}

static void put(struct bench *b, uint32_t trace, const struct make *m)
{
	struct otr_span *sp = make_span(trace, m);

	otr_span_hold_span(&b->hold, sp);
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

	otr_span_hold_trace(&b->hold, id);
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
	otr_span_hold_flush(&b.hold);
	assert_int_equal(b.n, 2);
	otr_span_hold_fini(&b.hold);
}

/* A root of which both ends are seen has the name of the server's. */
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
	otr_span_hold_flush(&b.hold);
	assert_int_equal(b.n, 0);
	otr_span_hold_fini(&b.hold);
}

static void what_is_called_there_is_no_reason(void **state)
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
	otr_span_hold_fini(&b.hold);
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
	otr_span_hold_flush(&b.hold);
	assert_int_equal(b.n, 2);
	assert_int_equal(b.passed[1], 2 << 8 | 2);
	otr_span_hold_fini(&b.hold);
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
	otr_span_hold_flush(&b.hold);
	assert_int_equal(b.n, 202);
	otr_span_hold_fini(&b.hold);
}

static void without_patterns_nothing_waits(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	b.hold.ignore = NULL;
	server(&b, 1, "GET /ready");
	assert_int_equal(b.n, 1);
	otr_span_hold_fini(&b.hold);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_whole_trace_or_none_of_it),
		cmocka_unit_test(both_ends_are_one),
		cmocka_unit_test(what_is_called_there_is_no_reason),
		cmocka_unit_test(late_spans_share_the_fate_of_their_trace),
		cmocka_unit_test(a_part_of_a_long_trace_goes_on),
		cmocka_unit_test(without_patterns_nothing_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
