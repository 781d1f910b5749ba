/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/trace/rules.c preload/base/inbound.c
/* letter_test.c - a loop is woken, or reads, while another thread holds the notify token or the
 * connection. */

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

#define BOX (1ull << 32 | 7)

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

int otr_is_single_threaded(void)
{
	return 0;
}

struct otr_fd *otr_fd_upper(struct otr_fd *f)
{
	return f;
}

int otr_ring_is_behind(void)
{
	return 0;
}

int otr_will_shed(const struct otr_fd *f, int dir)
{
	(void)f, (void)dir;
	return 0;
}

void otr_mark_propagates(void)
{
}

void otr_reader_blocks(void)
{
}

void otr_inbound_ids(struct otr_inbound *sv, const struct otr_fd *f, const struct iovec *iov, int n)
{
	(void)sv, (void)f, (void)iov, (void)n;
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

static void while_another_writes(void **state)
{
	struct otr_notify_slot *box = otr_notify_slot_of(BOX);

	(void)state;
	assert_non_null(box);
	otr_rules_notify(&self, BOX, 0, 1000);
	is_for_nobody();
	otr_notify_slot_clear(box);
}

static void what_another_thread_holds(void **state)
{
	(void)state;
	otr_rules_notify(&self, 0, 0, 1000);
	is_for_nobody();
}

/* It waits for its own answer. */
static void but_who_blocks_goes_on(void **state)
{
	(void)state;
	self.strand.loop = 0;
	otr_rules_notify(&self, 0, 0, 1000);
	assert_int_equal(self.strand.cur.conn, 4);
}

/* To write is not to handle a request. */
static void nor_who_writes(void **state)
{
	struct otr_notify_slot *box = otr_notify_slot_of(BOX);

	(void)state;
	otr_rules_notify(&self, BOX, 1, 1000);
	assert_int_equal(self.strand.cur.conn, 4);
	otr_notify_slot_clear(box);
}

static void a_request_for_which_there_is_no_room(void **state)
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
		TEST(while_another_writes),
		TEST(what_another_thread_holds),
		TEST(but_who_blocks_goes_on),
		TEST(nor_who_writes),
		TEST(a_request_for_which_there_is_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
