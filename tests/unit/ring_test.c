/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/ring/ring.c preload/ring/behind.c preload/ring/doors.c preload/ring/offer.c
// needs: preload/base/shim.c preload/base/real.c preload/base/find.c
// needs: tests/unit/shim_fakes.c
/*
 * ring_test.c - records in the ring: in order, over its end, past slots that were never finished;
 * and nothing that a process writes there is trusted.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/source/ring_reader.h"
#include "preload/base/clock.h"
#include "preload/base/fd.h"
#include "preload/base/shim.h"
#include "preload/ring/emit.h"
#include "preload/ring/reader_change.h"
#include "preload/ring/ring.h"

uint64_t otr_clock_ns(void)
{
	return otr_now();
}

static int said; /* how often it was reported that the agent is behind */
void otr_emit_behind(void)
{
	said++;
}

uint32_t otr_netns(void)
{
	return 1;
}

static struct otr_ring_reader rd;

static int begin(void **state)
{
	int fd = memfd_create("ring", 0);
	char *at = mmap(NULL, OTR_RING_HEAD + 2 * OTR_RING_BYTES, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	if (ftruncate(fd, OTR_RING_HEAD + OTR_RING_BYTES))
		return -1;
	mmap(at, OTR_RING_HEAD + OTR_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
	     0);
	mmap(at + OTR_RING_HEAD + OTR_RING_BYTES, OTR_RING_BYTES, PROT_READ | PROT_WRITE,
	     MAP_SHARED | MAP_FIXED, fd, OTR_RING_HEAD);
	close(fd);
	memset(&rd, 0, sizeof(rd));
	otr_shim.seen_tail = said = otr_shim.reader_is_behind = 0;
	rd.ring = otr_shim.ring = (void *)at;
	rd.slots = otr_shim.slots = at + OTR_RING_HEAD;
	return 0;
}

static int put(uint32_t conn, uint32_t cap, bool finish)
{
	struct otr_ev_data *rec;
	uint64_t place;

	rec = otr_ring_reserve((uint32_t)sizeof(*rec) + cap, &place);
	if (!rec)
		return -1;
	memset(rec, 0, sizeof(*rec) + cap);
	rec->hdr.kind = OTR_EV_DATA;
	rec->hdr.size = (uint32_t)sizeof(*rec) + cap;
	rec->hdr.conn = conn;
	rec->moved = cap ? cap : 1;
	rec->cap = cap;
	if (finish)
		otr_ring_commit(place);
	return 0;
}

static void over_the_end_many_times(void **state)
{
	const struct otr_event *ev;

	(void)state;
	for (uint32_t i = 1; i < 20000; i++) {
		assert_int_equal(put(i, i * 37 % 5000, true), 0);
		ev = otr_ring_next(&rd, 9, 5, false);
		assert_non_null(ev);
		assert_int_equal(ev->conn, i);
		assert_int_equal(ev->tgid, 9);
		assert_int_equal(ev->hook, OTR_HOOK_PRELOAD);
	}
	assert_null(otr_ring_next(&rd, 9, 5, false));
}

static void records_that_a_full_ring_drops_are_counted(void **state)
{
	uint32_t n = 0;

	(void)state;
	while (!put(++n, 1000, true))
		;
	assert_int_equal(otr_shim.ring->counts[OTR_SHIM_DROPPED], 1);
	for (uint32_t i = 1; i < n; i++)
		assert_int_equal(otr_ring_next(&rd, 9, 5, false)->conn, i);
	assert_null(otr_ring_next(&rd, 9, 5, false));
	assert_int_equal(put(n, 1000, true), 0);
}

/* A thread reads the head, and loses its CPU while others write and the agent reads. The tail is
 * ahead of that head: neither is the ring full, nor is the agent behind. */
static void the_tail_is_ahead_of_an_old_head(void **state)
{
	(void)state;
	otr_shim.ring->tail = otr_shim.seen_tail = 1000 * OTR_RING_SLOT;
	assert_int_equal(otr_ring_is_behind(), 0);
	assert_int_equal(put(1, 100, true), 0);
	assert_int_equal(otr_shim.ring->counts[OTR_SHIM_DROPPED], 0);
}

/* No agent took the ring that another thread offered: nothing is written into it any more. */
static void a_ring_that_was_withdrawn_is_not_ready(void **state)
{
	(void)state;
	otr_shim.offer_state = 2; /* another thread has made the ring */
	otr_shim.ring->magic = OTR_RING_MAGIC;
	assert_true(otr_ring_ready());
	otr_shim.ring->magic = 0;
	assert_false(otr_ring_ready());
	otr_shim.offer_state = 0;
}

/* From three quarters of a ring until half is left to read: reported once each time. */
static void shedding_begins_at_three_quarters_and_ends_at_half(void **state)
{
	uint64_t used;

	(void)state;
	for (int round = 1; round <= 3; round++) {
		while (!otr_ring_is_behind())
			assert_int_equal(put(1, 1000, true), 0);
		used = rd.ring->head - rd.tail;
		assert_in_range(used, OTR_RING_BYTES / 4 * 3, OTR_RING_BYTES / 4 * 3 + 2048);
		assert_int_equal(otr_ring_is_behind(), 1);
		assert_int_equal(said, round);
		while (otr_ring_is_behind())
			assert_non_null(otr_ring_next(&rd, 9, 5, false));
		assert_in_range(rd.ring->head - rd.tail, 1, OTR_RING_BYTES / 2);
	}
	assert_int_equal(otr_shim.ring->counts[OTR_SHIM_DROPPED], 0);
}

/* A process may report that it sheds requests; other losses the agent counts itself. */
static void a_process_reports_shed_requests_alone(void **state)
{
	static const struct {
		uint16_t cause;
		uint64_t n;
		bool may;
	} rows[] = {{OTR_LOSS_BEHIND, 0, true},
		    {OTR_LOSS_BEHIND, 1, false},
		    {OTR_LOSS_BUDGET, 0, false},
		    {OTR_LOSS_RING, 5, false}};
	struct otr_ev_lost *lost;
	uint64_t place;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		lost = otr_ring_reserve(sizeof(*lost), &place);
		*lost = (struct otr_ev_lost){.hdr = {.kind = OTR_EV_LOST, .size = sizeof(*lost)},
					     .n = rows[i].n};
		lost->cause = rows[i].cause;
		otr_ring_commit(place);
		assert_int_equal(otr_ring_next(&rd, 9, 5, false) != NULL, rows[i].may);
	}
}

/* What only the agent makes: a process cannot forge it. */
static void only_the_agent_makes_some_kinds(void **state)
{
	static const struct {
		uint16_t kind;
		uint32_t size;
	} rows[] = {{OTR_EV_TICK, sizeof(struct otr_event)},
		    {OTR_EV_CLOCK, sizeof(struct otr_ev_clock)},
		    {OTR_EV_BYPASSED, sizeof(struct otr_ev_bypassed)},
		    {OTR_EV_SHARE, sizeof(struct otr_ev_share)}};
	struct otr_ev_share *made;
	uint64_t place;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		made = otr_ring_reserve(rows[i].size, &place);
		memset(made, 0, rows[i].size);
		made->hdr = (struct otr_event){.kind = rows[i].kind, .size = rows[i].size};
		if (rows[i].kind == OTR_EV_SHARE)
			made->millionths = 1;
		otr_ring_commit(place);
		assert_null(otr_ring_next(&rd, 9, 5, false));
	}
}

static void a_writer_that_was_killed(void **state)
{
	(void)state;
	put(1, 10, true);
	put(2, 3000, false);
	put(3, 10, true);
	assert_int_equal(otr_ring_next(&rd, 9, 5, false)->conn, 1);
	/* The writer may still be writing it. */
	assert_null(otr_ring_next(&rd, 9, 5, false));
	assert_int_equal(otr_ring_next(&rd, 9, 5, true)->conn, 3);
	assert_null(otr_ring_next(&rd, 9, 5, true));
}

static void impossible_records_are_skipped(void **state)
{
	struct otr_ev_data *rec;
	uint64_t place, was = otr_loss_get(OTR_LOSS_RECORD);

	(void)state;
	/* A size beyond the ring, a record with wrong lengths, a kind that only the agent makes. */
	put(1, 10, true);
	((struct otr_ring_slot *)otr_shim.slots)->size = 1u << 30;
	put(2, 10, true);
	assert_int_equal(otr_ring_next(&rd, 9, 5, false)->conn, 2);

	rec = otr_ring_reserve(sizeof(*rec), &place);
	memset(rec, 0, sizeof(*rec));
	rec->hdr.kind = OTR_EV_META;
	rec->hdr.size = sizeof(*rec);
	otr_ring_commit(place);
	assert_null(otr_ring_next(&rd, 9, 5, false));
	assert_int_equal(otr_loss_get(OTR_LOSS_RECORD), was + 2);

	/* A head that is more than a ring ahead, or behind the tail. */
	otr_shim.ring->head += 2 * OTR_RING_BYTES;
	assert_null(otr_ring_next(&rd, 9, 5, false));
	assert_true(rd.broken);
}

static void a_time_in_the_future_becomes_now(void **state)
{
	struct otr_ev_data *rec = (void *)(otr_shim.slots + sizeof(struct otr_ring_slot));
	uint64_t at, now = otr_now();

	(void)state;
	put(1, 10, true);
	rec->hdr.time_ns = 1ull << 60;
	at = otr_ring_next(&rd, 9, 77, false)->time_ns;
	assert_in_range(at, now, otr_now());
}

#define TEST(f) cmocka_unit_test_setup(f, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(over_the_end_many_times),
		TEST(records_that_a_full_ring_drops_are_counted),
		TEST(the_tail_is_ahead_of_an_old_head),
		TEST(a_ring_that_was_withdrawn_is_not_ready),
		TEST(shedding_begins_at_three_quarters_and_ends_at_half),
		TEST(a_process_reports_shed_requests_alone),
		TEST(only_the_agent_makes_some_kinds),
		TEST(a_writer_that_was_killed),
		TEST(impossible_records_are_skipped),
		TEST(a_time_in_the_future_becomes_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
