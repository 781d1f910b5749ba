/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/trace/rules.c preload/base/inbound.c
// needs: tests/unit/shim_fakes.c
/* notify_slot_test.c - a loop is woken, or reads, while another thread holds the notify token or
 * the connection. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "preload/base/alloc.h"
#include "preload/base/clock.h"
#include "preload/base/inbound.h"
#include "preload/base/shim.h"
#include "preload/base/thread.h"
#include "preload/ring/ring.h"
#include "preload/trace/header.h"
#include "preload/trace/layer.h"
#include "preload/trace/rules.h"
#include "preload/trace/shed.h"

#define SLOT (1ull << 32 | 7)

struct otr_shim otr_shim;
static struct otr_self self;
static struct otr_fd a = {.inode = 4, .role = OTR_ROLE_SERVER, .nonblock = 1};
static int no_room;

uint64_t otr_clock_ns(void)
{
	return 1000;
}

void *otr_alloc_once(void *place, size_t size)
{
	void **at = place;

	if (!*at && !no_room)
		*at = calloc(1, size);
	return *at;
}

/* A request arrives on the connection. */
static void reads(struct otr_fd *f)
{
	struct otr_cause cause = {.evidence = 0};

	otr_rules_moved(&self, f, OTR_DIR_IN, 1, 0, 1000, NULL, 0, &cause);
}

/* A loop was woken for two descriptors, and has read one request. */
static int begin(void **state)
{
	(void)state;
	free(otr_shim.inbounds);
	memset(&otr_shim, 0, sizeof(otr_shim));
	memset(&self, 0, sizeof(self));
	no_room = 0;
	otr_proc_state_init(&otr_shim.proc);
	otr_r5_wait(&self.strand, NULL, -1, 2, 1000);
	reads(&a);
	assert_int_equal(self.strand.cur.conn, 4);
	assert_int_equal(self.strand.left, 1);
	return 0;
}

static void is_for_nobody(void)
{
	assert_int_equal(self.strand.cur.conn, 0);
	assert_int_equal(self.strand.left, 0);
}

static void a_slot_that_another_thread_holds(void **state)
{
	struct otr_notify_slot *slot = otr_notify_slot_of(SLOT);

	(void)state;
	assert_non_null(slot);
	otr_rules_notify(&self, SLOT, 0, 1000);
	is_for_nobody();
	otr_notify_slot_clear(slot);
}

static void a_connection_that_another_thread_holds(void **state)
{
	(void)state;
	otr_rules_notify(&self, 0, 0, 1000);
	is_for_nobody();
}

/* It waits for its own answer. */
static void a_strand_that_blocks_keeps_its_current(void **state)
{
	(void)state;
	self.strand.loop = 0;
	otr_rules_notify(&self, 0, 0, 1000);
	assert_int_equal(self.strand.cur.conn, 4);
}

/* To write is not to handle a request. */
static void a_write_handles_no_request(void **state)
{
	struct otr_notify_slot *slot = otr_notify_slot_of(SLOT);

	(void)state;
	otr_rules_notify(&self, SLOT, 1, 1000);
	assert_int_equal(self.strand.cur.conn, 4);
	otr_notify_slot_clear(slot);
}

static void a_request_for_which_no_exchange_is_free(void **state)
{
	struct otr_fd b = a;

	(void)state;
	free(otr_shim.inbounds);
	otr_shim.inbounds = NULL;
	no_room = 1;
	b.inode = 5;
	reads(&b);
	is_for_nobody();
}

#define TEST(f) cmocka_unit_test_setup(f, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_slot_that_another_thread_holds),
		TEST(a_connection_that_another_thread_holds),
		TEST(a_strand_that_blocks_keeps_its_current),
		TEST(a_write_handles_no_request),
		TEST(a_request_for_which_no_exchange_is_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
