/* SPDX-License-Identifier: Apache-2.0 */
/* recent_test.c - what was put last is found, and never under another number or after it was
 * dropped. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/recent.h"

static void the_last_of_a_slot_is_found(void **state)
{
	struct otr_recent re = {0};
	int a, b;

	(void)state;
	assert_null(otr_recent_find(&re, 0));
	otr_recent_put(&re, 7, &a);
	assert_ptr_equal(otr_recent_find(&re, 7), &a);
	assert_null(otr_recent_find(&re, 7 + OTR_RECENT));
	otr_recent_put(&re, 7 + OTR_RECENT, &b);
	assert_ptr_equal(otr_recent_find(&re, 7 + OTR_RECENT), &b);
	assert_null(otr_recent_find(&re, 7));
}

static void what_is_dropped_is_not_found(void **state)
{
	struct otr_recent re = {0};
	int a;

	(void)state;
	otr_recent_put(&re, 7, &a);
	otr_recent_drop(&re, 7 + OTR_RECENT); /* another one, in the same slot */
	assert_ptr_equal(otr_recent_find(&re, 7), &a);
	otr_recent_drop(&re, 7);
	assert_null(otr_recent_find(&re, 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_of_a_slot_is_found),
		cmocka_unit_test(what_is_dropped_is_not_found),
	};

	return cmocka_run_group_tests_name("recent", tests, NULL, NULL);
}
