/* SPDX-License-Identifier: Apache-2.0 */
/* traced_set_test.c - a process is traced, refused, or neither, and never both. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/own.h"
#include "agent/traced_set.h"
#include "bpf/shared.h"

static void traced_and_refused(void **state)
{
	OTR_AUTO(otr_traced_set_free) struct otr_traced_set *c = NULL;

	(void)state;
	assert_int_equal(otr_traced_set_new(&c), 0);
	otr_traced_set_add(c, 7);
	otr_traced_set_add(c, 7);
	otr_traced_set_refuse(c, 8, 100);
	assert_int_equal(otr_traced_set_count(c), 1);
	assert_true(otr_traced_set_has(c, 7) && !otr_traced_set_refused(c, 7));
	assert_true(otr_traced_set_refused(c, 8) && !otr_traced_set_has(c, 8));
	assert_false(otr_traced_set_has(c, 9) || otr_traced_set_refused(c, 9));

	/* Later, a process that is traced listens on the wanted port, and the other one ends. */
	otr_traced_set_add(c, 8);
	otr_traced_set_end(c, 7, 150);
	assert_true(otr_traced_set_has(c, 8) && !otr_traced_set_refused(c, 8));
	assert_int_equal(otr_traced_set_count(c), 1);
	assert_true(otr_traced_set_knows(c, 7) && !otr_traced_set_has(c, 7));
	assert_false(otr_traced_set_knows(c, 9));

	/* Traced no more. */
	otr_traced_set_refuse(c, 8, 200);
	assert_int_equal(otr_traced_set_count(c), 0);
	otr_traced_set_end(c, 8, 250);
	assert_true(otr_traced_set_refused(c, 8)); /* its end changes nothing */
}

static void a_refusal_lasts_as_long_as_records_may_come(void **state)
{
	OTR_AUTO(otr_traced_set_free) struct otr_traced_set *c = NULL;

	(void)state;
	assert_int_equal(otr_traced_set_new(&c), 0);
	otr_traced_set_refuse(c, 8, 100);
	otr_traced_set_add(c, 7);
	otr_traced_set_tick(c, 100 + OTR_TRIAL_NS);
	assert_true(otr_traced_set_refused(c, 8));
	otr_traced_set_tick(c, 101 + 2 * OTR_TRIAL_NS);
	assert_false(otr_traced_set_refused(c, 8));
	assert_true(otr_traced_set_has(c, 7));
	otr_traced_set_end(c, 7, 200);
	otr_traced_set_tick(c, 201 + 2 * OTR_TRIAL_NS);
	assert_false(otr_traced_set_knows(c, 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(traced_and_refused),
		cmocka_unit_test(a_refusal_lasts_as_long_as_records_may_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
