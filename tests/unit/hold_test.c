/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/base/hold.c
// needs: tests/unit/shim_fakes.c
/* hold_test.c - a thread holds a connection; bytes that another one moved meanwhile. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "preload/base/clock.h"
#include "preload/base/hold.h"
#include "preload/base/shim.h"
#include "preload/base/thread.h"

struct otr_shim otr_shim;
static struct otr_self self = {.tid = 9};
static struct otr_fd_page page;
static int dropped, reads_of_clock;

struct otr_self *otr_self_now(void)
{
	return &self;
}

void otr_count(enum otr_shim_count what)
{
	dropped += what == OTR_SHIM_DROPPED;
}

/* The holder releases while the other thread looks at the clock for the third time: after far more
 * than a hold takes. */
uint64_t otr_clock_ns(void)
{
	if (++reads_of_clock == 3)
		page.fds[5].owner = 0;
	return (uint64_t)reads_of_clock * 30000;
}

static void a_second_thread_waits_for_a_slow_holder(void **state)
{
	struct otr_fd *f = &page.fds[5];

	(void)state;
	f->owner = 7; /* a thread that lives */
	assert_true(otr_hold(f));
	assert_int_equal(reads_of_clock, 3);
	assert_int_equal(f->owner, self.tid);
	otr_hold_release(&self);
}

static void a_second_thread_goes_on_without_a_holder_that_does_not_release(void **state)
{
	struct otr_fd *f = &page.fds[6];

	(void)state;
	f->owner = 7;
	reads_of_clock = 10;
	assert_false(otr_hold(f));
	assert_in_range(reads_of_clock, 12, 16);
	assert_int_equal(self.n_held, 0);
}

/* They are the request that R4 was asked for: the next one has a cause of its own. */
static void bytes_moved_during_a_hold_are_counted(void **state)
{
	struct otr_fd *f = &page.fds[4];

	(void)state;
	f->has_cause = 1;
	f->last_dir = OTR_DIR_OUT;
	otr_hold_count_unread(f, OTR_DIR_IN, 30);
	assert_true(otr_hold(f));
	assert_true(f->has_cause);
	otr_hold_release(&self);
	otr_hold_count_unread(f, OTR_DIR_OUT, 70);
	assert_true(otr_hold(f));
	assert_false(f->has_cause);
	assert_int_equal(f->dirs[OTR_DIR_IN].total, 30);
	assert_int_equal(f->dirs[OTR_DIR_OUT].total, 70);
	assert_int_equal(f->boundary.state, OTR_BOUNDARY_UNKNOWN);
	assert_int_equal(dropped, 2);
	otr_hold_release(&self);
	assert_int_equal(f->owner, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_thread_waits_for_a_slow_holder),
		cmocka_unit_test(a_second_thread_goes_on_without_a_holder_that_does_not_release),
		cmocka_unit_test(bytes_moved_during_a_hold_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
