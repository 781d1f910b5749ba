/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/ring/emit.c
// needs: tests/unit/shim_fakes.c
/* progress_test.c - how far runs have come, in the table beside the ring: each has one place; and
 * what is announced in a ring that no agent has yet. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "preload/base/clock.h"
#include "preload/base/shim.h"
#include "preload/base/thread.h"
#include "preload/ring/emit.h"
#include "preload/ring/ring.h"

struct otr_shim otr_shim;
static struct otr_ring ring;
static struct otr_ev_conn record; /* the last one; larger ones are lost */

struct otr_self *otr_self_now(void)
{
	return NULL;
}

void *otr_ring_reserve(uint32_t size, uint64_t *place)
{
	*place = 0;
	return size <= sizeof(record) ? &record : NULL;
}

void otr_ring_commit(uint64_t place)
{
	(void)place;
}

static int begin(void **state)
{
	(void)state;
	memset(&ring, 0, sizeof(ring));
	otr_shim.ring = &ring;
	return 0;
}

/* The `which`-th connection whose runs out go to the same places as those of inode 1. */
static struct otr_fd rival(int which)
{
	uint32_t at = otr_ring_hash(otr_dir_key(1, OTR_DIR_OUT)) % OTR_RING_RUNS;
	struct otr_fd f = {.inode = 0};

	while (which >= 0)
		if (otr_ring_hash(otr_dir_key(++f.inode, OTR_DIR_OUT)) % OTR_RING_RUNS == at)
			which--;
	return f;
}

static int places_taken(void)
{
	int n = 0;

	for (int i = 0; i < OTR_RING_RUNS; i++)
		n += ring.runs[i].key != 0;
	return n;
}

/* The first of two runs ends; the second keeps its place, and gives it back at its end. */
static void a_run_uses_one_slot_until_its_end(void **state)
{
	struct otr_fd a = rival(0), b = rival(1);

	(void)state;
	otr_emit_progress(&a, OTR_DIR_OUT);
	otr_emit_progress(&b, OTR_DIR_OUT);
	assert_int_equal(places_taken(), 2);
	otr_forget_progress(&a, OTR_DIR_OUT);
	otr_emit_progress(&b, OTR_DIR_OUT);
	assert_int_equal(places_taken(), 1);
	otr_forget_progress(&b, OTR_DIR_OUT);
	assert_int_equal(places_taken(), 0);
}

static void a_run_without_a_slot_is_counted(void **state)
{
	struct otr_fd f;

	(void)state;
	for (int i = 0; i < 9; i++) {
		f = rival(i);
		otr_emit_progress(&f, OTR_DIR_OUT);
	}
	assert_int_equal(places_taken(), 8);
	assert_int_equal(ring.runs_lost, 1);
}

/* Such a ring may be taken back: the connection is announced again in the next one. */
static void a_ring_that_is_not_offered_yet(void **state)
{
	struct otr_fd f = {.inode = 5};

	(void)state;
	otr_shim.pid = 7;
	otr_emit_conn(-1, &f, OTR_EV_CONN_OPEN, 0);
	assert_int_equal(record.hdr.conn, 5);
	assert_int_equal(f.announced_by, 0);
	otr_shim.is_offered = 1;
	otr_emit_conn(-1, &f, OTR_EV_CONN_OPEN, 0);
	assert_int_equal(f.announced_by, 7);
}

#define TEST(f) cmocka_unit_test_setup(f, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_run_uses_one_slot_until_its_end),
		TEST(a_run_without_a_slot_is_counted),
		TEST(a_ring_that_is_not_offered_yet),
	};

	return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
