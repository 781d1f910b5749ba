/* SPDX-License-Identifier: Apache-2.0 */
/* governor_test.c - how much is traced, given the CPU that was spent in each period. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/governor.h"

#define PERIOD OTR_GOVERNOR_PERIOD_NS
#define BEGAN  1000000000ull

static struct otr_usage used = {.now_ns = BEGAN, .cost_ns = 123456789};

static void begin(struct otr_governor *g, double share)
{
	used = (struct otr_usage){.now_ns = BEGAN, .cost_ns = 123456789};
	otr_governor_init(g, share, &used);
	used.now_ns += OTR_GOVERNOR_GRACE_NS;
}

/* One period in which otrace spent `cores`, and the traced programs used `traced`. */
static bool spend(struct otr_governor *g, double cores, double traced)
{
	used.now_ns += PERIOD;
	used.cost_ns += (uint64_t)(cores * (double)PERIOD);
	used.traced_ns += (uint64_t)(traced * (double)PERIOD);
	assert_true(otr_governor_due(g, used.now_ns));
	assert_false(otr_governor_due(g, used.now_ns - 1));
	return otr_governor_judge(g, &used);
}

/* The traced part of a period is `share` of it, to a thousandth. */
static void assert_part(const struct otr_governor *g, double share)
{
	double is = (double)g->part_ns / (double)PERIOD;

	assert_true(is > share - 0.001 && is < share + 0.001);
}

static void within_budget_nothing_changes(void **state)
{
	struct otr_governor g;

	(void)state;
	begin(&g, 0.1);
	for (int i = 0; i < 100; i++)
		assert_false(spend(&g, 0.099, 0));
	assert_false(otr_governor_thins(&g));
	assert_int_equal(g.thin_ns, 0);
	assert_false(otr_governor_pauses(&g, used.now_ns + PERIOD / 2));
}

static void by_default_a_quarter_of_a_core_is_allowed(void **state)
{
	struct otr_governor g;

	(void)state;
	begin(&g, OTR_SHARE_AUTO);
	for (int i = 0; i < 10; i++)
		assert_false(spend(&g, 0.249, 1));
	assert_false(spend(&g, 0.6, 12.5)); /* 5 % of 12.5 cores are 0.625 */
	assert_false(spend(&g, 0.6, 12.5));
	assert_false(spend(&g, 0.26, 1));
	assert_true(spend(&g, 0.26, 1));
}

static void no_budget_is_never_due(void **state)
{
	struct otr_governor g;

	(void)state;
	begin(&g, 0);
	assert_false(otr_governor_due(&g, UINT64_MAX / 2));
}

/* The cost of loading and listing at the start does not count. */
static void grace_at_start(void **state)
{
	struct otr_governor g;

	(void)state;
	begin(&g, 0.1);
	assert_false(otr_governor_due(&g, BEGAN + OTR_GOVERNOR_GRACE_NS));
	assert_true(otr_governor_due(&g, BEGAN + OTR_GOVERNOR_GRACE_NS + PERIOD));
}

static void one_burst_is_let_pass(void **state)
{
	struct otr_governor g;

	(void)state;
	begin(&g, 0.1);
	for (int i = 0; i < 10; i++) {
		assert_false(spend(&g, 0.9, 0));
		assert_false(spend(&g, 0.05, 0));
	}
	assert_false(otr_governor_thins(&g));
}

/* First, so much is traced as should fit; then by what it really cost. */
static void so_much_is_traced_as_fits(void **state)
{
	struct otr_governor g;

	(void)state;
	begin(&g, 0.1);
	spend(&g, 0.5, 0);
	assert_true(spend(&g, 0.5, 0));
	assert_part(&g, 0.18);		 /* of 0.5 is 0.09 */
	assert_true(spend(&g, 0.12, 0)); /* probes cost CPU in a pause, too */
	assert_part(&g, 0.135);
	assert_false(spend(&g, 0.09, 0));
	assert_false(spend(&g, 0.099, 0)); /* within the budget, above the aim */
	assert_false(spend(&g, 0.083, 0)); /* not worth a change */
	assert_int_equal(g.thin_ns, 4 * PERIOD);
	assert_true(g.seen_ns > PERIOD * 58 / 100 && g.seen_ns < PERIOD * 59 / 100);
}

/* A load of 1.2 times the budget is traced for three quarters of the time, not for half of it. */
static void a_little_excess_costs_little(void **state)
{
	struct otr_governor g;

	(void)state;
	begin(&g, 0.1);
	spend(&g, 0.12, 0);
	spend(&g, 0.12, 0);
	assert_part(&g, 0.75);
	for (int i = 0; i < 10; i++)
		assert_false(spend(&g, 0.75 * 0.12, 0));
}

/* What was over once and is just within the budget now does not swing. */
static void a_load_at_the_budget_does_not_swing(void **state)
{
	struct otr_governor g;
	int changes = 0;

	(void)state;
	begin(&g, 0.1);
	for (int i = 0; i < 100; i++)
		changes +=
			spend(&g, (i < 2 ? 0.105 : 0.098) * (double)g.part_ns / (double)PERIOD, 0);
	assert_int_equal(changes, 1);
	assert_part(&g, 0.857);
}

static void a_part_is_traced_whatever_it_costs(void **state)
{
	struct otr_governor g;

	(void)state;
	begin(&g, 0.0001);
	for (int i = 0; i < 9; i++)
		spend(&g, 2, 0);
	assert_int_equal(g.part_ns, OTR_GOVERNOR_LEAST_NS);
	assert_false(otr_governor_pauses(&g, used.now_ns + PERIOD / 64 - 1));
	assert_true(otr_governor_pauses(&g, used.now_ns + PERIOD / 64));
}

static void it_is_lifted_as_the_load_falls(void **state)
{
	struct otr_governor g;

	(void)state;
	begin(&g, 0.1);
	spend(&g, 0.36, 0);
	spend(&g, 0.36, 0);
	assert_part(&g, 0.25);
	assert_true(spend(&g, 0.045, 0)); /* half of the load */
	assert_part(&g, 0.5);
	assert_true(spend(&g, 0.04, 0)); /* less than the budget */
	assert_false(otr_governor_thins(&g));
	assert_false(spend(&g, 0.5, 0)); /* a burst again */
}

/* One period may be quiet by chance: no more than four times as much in the next. */
static void one_quiet_period_does_not_end_it(void **state)
{
	struct otr_governor g;

	(void)state;
	begin(&g, 0.1);
	spend(&g, 0.9, 0);
	spend(&g, 0.9, 0);
	assert_part(&g, 0.1);
	assert_true(spend(&g, 0, 0));
	assert_part(&g, 0.4);
}

/* One period in which otrace spent `cores` without any work. */
static bool rest(struct otr_governor *g, double cores)
{
	used.idle_ns += (uint64_t)(cores * (double)PERIOD);
	return spend(g, cores, 0);
}

static void what_is_spent_idle_ends_no_tracing(void **state)
{
	struct otr_governor g;

	(void)state;
	begin(&g, 0.01);
	for (int i = 0; i < 10; i++)
		assert_false(rest(&g, 0.02));
	assert_false(otr_governor_thins(&g));
}

/* 0.7 % of a core is more than half of 1 %, and all that is spent when the load has ended. */
static void idle_cost_does_not_keep_it_paused(void **state)
{
	struct otr_governor g;

	(void)state;
	begin(&g, 0.01);
	spend(&g, 0.2, 0);
	spend(&g, 0.2, 0);
	assert_part(&g, 0.045);
	assert_true(rest(&g, 0.007));
	assert_true(rest(&g, 0.007));
	assert_true(rest(&g, 0.007));
	assert_false(otr_governor_thins(&g));
	assert_false(rest(&g, 0.007));
}

/* 0.004 without work, which no pause saves: 0.005 are left for work. */
static void work_has_what_the_idle_cost_leaves(void **state)
{
	struct otr_governor g;

	(void)state;
	begin(&g, 0.01);
	for (int i = 0; i < 2; i++) {
		used.idle_ns += (uint64_t)(0.004 * (double)PERIOD);
		spend(&g, 0.014, 0);
	}
	assert_part(&g, 0.5);
	used.idle_ns += (uint64_t)(0.004 * (double)PERIOD);
	assert_false(spend(&g, 0.009, 0));
}

/* The budget is a share of what the traced processes use, if that is more than a core. */
static void many_cores_allow_more(void **state)
{
	struct otr_governor g;

	(void)state;
	begin(&g, 0.1);
	for (int i = 0; i < 4; i++)
		spend(&g, 0.35, 4);
	assert_false(otr_governor_thins(&g));
	spend(&g, 0.35, 0.5);
	assert_true(spend(&g, 0.35, 0.5));
	assert_true(g.allowed > 0.099 && g.allowed < 0.101);
}

/* The CPU time of processes that have ended drops out of the sum; one core is the least. */
static void sums_that_shrink(void **state)
{
	struct otr_governor g;

	(void)state;
	begin(&g, 0.1);
	spend(&g, 0.05, 4);
	used.traced_ns = 1;
	spend(&g, 0.05, 0);
	assert_true(g.allowed > 0.099 && g.allowed < 0.101);
	assert_false(otr_governor_thins(&g));
}

static void a_period_begins_traced(void **state)
{
	struct otr_governor g;
	uint64_t at;

	(void)state;
	begin(&g, 0.1);
	spend(&g, 0.18, 0);
	spend(&g, 0.18, 0);
	at = used.now_ns;
	assert_part(&g, 0.5);
	g.part_ns = PERIOD / 2;
	assert_false(otr_governor_pauses(&g, at));
	assert_int_equal(otr_governor_until(&g, at), PERIOD / 2);
	assert_true(otr_governor_pauses(&g, at + PERIOD / 2));
	assert_int_equal(otr_governor_until(&g, at + PERIOD / 2), PERIOD / 2);
	assert_int_equal(otr_governor_until(&g, at + 2 * PERIOD), 0);
}

static void another_share_begins_anew(void **state)
{
	struct otr_governor g;

	(void)state;
	begin(&g, 0.1);
	spend(&g, 0.5, 0);
	assert_true(spend(&g, 0.5, 0));
	spend(&g, 0.09, 0);
	assert_true(otr_governor_thins(&g));
	otr_governor_set_share(&g, 0, &used);
	assert_false(otr_governor_thins(&g));
	assert_false(otr_governor_pauses(&g, used.now_ns + PERIOD));
	assert_int_equal(g.thin_ns, PERIOD); /* for the summary */
	otr_governor_set_share(&g, 0.2, &used);
	used.now_ns += OTR_GOVERNOR_GRACE_NS;
	for (int i = 0; i < 10; i++)
		assert_false(spend(&g, 0.19, 0));
	spend(&g, 0.5, 0);
	assert_true(spend(&g, 0.5, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(within_budget_nothing_changes),
		cmocka_unit_test(by_default_a_quarter_of_a_core_is_allowed),
		cmocka_unit_test(no_budget_is_never_due),
		cmocka_unit_test(grace_at_start),
		cmocka_unit_test(one_burst_is_let_pass),
		cmocka_unit_test(so_much_is_traced_as_fits),
		cmocka_unit_test(a_little_excess_costs_little),
		cmocka_unit_test(a_load_at_the_budget_does_not_swing),
		cmocka_unit_test(a_part_is_traced_whatever_it_costs),
		cmocka_unit_test(it_is_lifted_as_the_load_falls),
		cmocka_unit_test(one_quiet_period_does_not_end_it),
		cmocka_unit_test(what_is_spent_idle_ends_no_tracing),
		cmocka_unit_test(idle_cost_does_not_keep_it_paused),
		cmocka_unit_test(work_has_what_the_idle_cost_leaves),
		cmocka_unit_test(many_cores_allow_more),
		cmocka_unit_test(sums_that_shrink),
		cmocka_unit_test(a_period_begins_traced),
		cmocka_unit_test(another_share_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
