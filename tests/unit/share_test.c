/* SPDX-License-Identifier: Apache-2.0 */
/* share_test.c - the share of the time that was traced when a span began. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/stitch/share.h"

static void all_is_traced_before_the_first_change(void **state)
{
	struct otr_shares shares = {0};

	(void)state;
	assert_int_equal(otr_shares_at(&shares, 5), OTR_SHARE_WHOLE);
	otr_shares_add(&shares, 10, 250000);
	assert_int_equal(otr_shares_at(&shares, 9), OTR_SHARE_WHOLE);
	assert_int_equal(otr_shares_at(&shares, 10), 250000);
	otr_shares_add(&shares, 20, OTR_SHARE_WHOLE);
	assert_int_equal(otr_shares_at(&shares, 19), 250000);
	assert_int_equal(otr_shares_at(&shares, 1000), OTR_SHARE_WHOLE);
}

static void what_is_too_old_has_the_oldest_share(void **state)
{
	struct otr_shares shares = {0};

	(void)state;
	for (uint32_t i = 1; i <= 100; i++)
		otr_shares_add(&shares, 10 * i, i);
	for (uint32_t i = 100; i > 100 - OTR_SHARES; i--)
		assert_int_equal(otr_shares_at(&shares, 10 * i + 9), i);
	assert_int_equal(otr_shares_at(&shares, 5), 100 - OTR_SHARES + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_traced_before_the_first_change),
		cmocka_unit_test(what_is_too_old_has_the_oldest_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
