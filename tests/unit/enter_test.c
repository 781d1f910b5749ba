/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/trace/enter.c
// needs: tests/unit/shim_fakes.c
/* enter_test.c - a thread enters the library: what it may do there, and what it gives back. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "preload/base/clock.h"
#include "preload/base/fd.h"
#include "preload/base/hold.h"
#include "preload/base/shim.h"
#include "preload/base/thread.h"
#include "preload/ring/reader_change.h"
#include "preload/ring/ring.h"
#include "preload/trace/enter.h"
#include "preload/trace/user_copy.h"

struct otr_shim otr_shim;
static struct otr_self self;
static struct otr_fd fd;
static uint8_t alive;
static int offers;

struct otr_self *otr_self_now(void)
{
	return &self;
}

void otr_threads_forked(void)
{
}

struct otr_fd *otr_fd_of(int number)
{
	(void)number;
	self.held[self.n_held++] = &fd;
	return &fd;
}

void otr_hold_release(struct otr_self *s)
{
	s->n_held = 0;
}

void otr_hold_abandon(struct otr_self *s)
{
	s->n_held = 0;
}

int otr_ring_ready(void)
{
	assert_int_equal(self.n_held, 0);
	assert_int_not_equal(self.wrapper_frame, 0);
	offers++;
	return 1;
}

void otr_ring_forked(void)
{
}

void otr_ring_unmap_parents(void)
{
}

void otr_copies_forked(void)
{
}

int otr_reader_changed(void)
{
	return 1;
}

void otr_reader_changed_child(const struct otr_ring *parents)
{
	(void)parents;
}

void otr_self_forget(struct otr_self *s)
{
	(void)s;
}

static int begin(void **state)
{
	(void)state;
	memset(&otr_shim, 0, sizeof(otr_shim));
	memset(&self, 0, sizeof(self));
	alive = OTR_ALIVE_YES;
	otr_shim.alive = &alive;
	offers = 0;
	fd.kind = OTR_FD_STREAM;
	return 0;
}

/* The offer takes some 100 us: another thread can use the connection meanwhile. */
static void no_connection_is_held_during_an_offer(void **state)
{
	(void)state;
	otr_offer_early(3);
	assert_int_equal(offers, 1);
	assert_int_equal(self.n_held, 0);
	assert_int_equal(self.wrapper_frame, 0);
	fd.kind = OTR_FD_PIPE;
	otr_offer_early(3);
	assert_int_equal(offers, 1);
}

/* Such a child asks the kernel for threads of its own process, not of its parent's. */
static void a_child_that_is_not_traced_has_threads_of_its_own(void **state)
{
	(void)state;
	otr_shim.pid = 1;
	otr_shim.no_follow = 1;
	alive = 0;
	assert_null(otr_enter());
	assert_null(otr_enter());
	assert_int_equal(otr_shim.idle, 1);
	assert_int_equal(otr_shim.pid, getpid());
}

#define TEST(f) cmocka_unit_test_setup(f, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_connection_is_held_during_an_offer),
		TEST(a_child_that_is_not_traced_has_threads_of_its_own),
	};

	return cmocka_run_group_tests_name("enter", tests, NULL, NULL);
}
