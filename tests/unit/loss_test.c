/* SPDX-License-Identifier: Apache-2.0 */
/* loss_test.c - whoever remembers the sum of all losses sees that there are others. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/loss.h"

static void every_loss_changes_the_sum(void **state)
{
	uint64_t before = otr_loss_sum();

	(void)state;
	otr_loss_add(OTR_LOSS_RING, 3);
	assert_int_equal(otr_loss_sum(), before + 3);
	otr_loss_of(OTR_LOSS_CUT, 2, OTR_SLICE("web"));
	assert_int_equal(otr_loss_sum(), before + 5);
	otr_loss_because(OTR_LOSS_CUT, "why");
	assert_int_equal(otr_loss_sum(), before + 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_loss_changes_the_sum),
	};

	return cmocka_run_group_tests_name("loss", tests, NULL, NULL);
}
