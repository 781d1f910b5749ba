/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/ring/ring.c preload/ring/behind.c preload/ring/doors.c preload/ring/offer.c
// needs: preload/base/shim.c preload/base/real.c preload/base/find.c
// needs: tests/unit/shim_fakes.c
/*
 * scribble_test.c - a thread writes random bytes to a ring while the agent reads it: heads, stamps,
 * sizes, counters, runs, records that are nearly right. The reader ends each drain within the steps
 * that one ring can hold, gives no record that was not checked, and does not crash (make SAN=1
 * unit).
 */

#include "tests/unit/ring_ends.h"

#include <pthread.h>

#define DRAINS 4000
#define SLOTS  (OTR_RING_BYTES / OTR_RING_SLOT)

static struct {
	char *ring; /* the same pages, as the process maps them */
	uint64_t seed;
	_Atomic bool over;
} scribbler;

static uint64_t dice(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Writes a slot with a right stamp, and a record whose head is nearly right. */
static void forge(uint64_t place, uint64_t *state)
{
	struct otr_ring_slot *slot =
		(void *)(scribbler.ring + OTR_RING_HEAD + place % OTR_RING_BYTES);
	struct otr_event *ev = (void *)(slot + 1);

	ev->kind = (uint8_t)(dice(state) % (OTR_EV_MAX + 2));
	ev->hook = (uint8_t)(dice(state) % 8);
	ev->size = (uint16_t)(dice(state) % 512);
	ev->time_ns = dice(state);
	ev->conn = dice(state) % 64;
	slot->size = dice(state) % 4 ? ev->size : (uint32_t)dice(state);
	__atomic_store_n(&slot->stamp, otr_ring_stamp(place), __ATOMIC_RELEASE);
}

/* Advances the head past slots that are not finished, within the size of the ring. */
static void move_head(struct otr_ring *ring, uint64_t *state)
{
	uint64_t tail = __atomic_load_n(&ring->tail, __ATOMIC_RELAXED);
	uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_RELAXED);
	uint64_t by = dice(state) % 16 * OTR_RING_SLOT;

	if (head + by - tail <= OTR_RING_BYTES)
		__atomic_store_n(&ring->head, head + by, __ATOMIC_RELEASE);
}

/* Fields of the ring's head that may change at any time: counters, policies, runs. */
static const struct {
	size_t at, size;
} parts[] = {
	{offsetof(struct otr_ring, counts), sizeof(uint64_t) * (OTR_SHIM_COUNTS - 1)},
	{offsetof(struct otr_ring, policies), sizeof(((struct otr_ring *)0)->policies) - 8},
	{offsetof(struct otr_ring, runs_lost), OTR_RING_RUNS * sizeof(struct otr_ring_run)},
};

static void step(uint64_t *state)
{
	struct otr_ring *ring = (void *)scribbler.ring;
	uint64_t what = dice(state), tail = ring->tail / OTR_RING_SLOT * OTR_RING_SLOT;

	if (what % 8 == 0)
		move_head(ring, state);
	else if (what % 8 < 5)
		forge(tail + (what & 8 ? 0 : what / 16 % 16 * OTR_RING_SLOT), state);
	else if (what % 8 < 6)
		memcpy(scribbler.ring + OTR_RING_HEAD + what / 8 % OTR_RING_BYTES, state,
		       sizeof(*state));
	else if (what >> 16 & 0x3fff)
		memcpy(scribbler.ring + parts[what / 8 % 3].at +
			       what / 32 % parts[what / 8 % 3].size,
		       state, sizeof(*state));
	else /* anywhere: its head, its tail, its reader. Then the agent gives the ring up. */
		memcpy(scribbler.ring + what / 8 % OTR_RING_HEAD / 8 * 8, state, sizeof(*state));
}

static void *scribble(void *arg)
{
	uint64_t state = scribbler.seed;

	while (!scribbler.over)
		step(&state);
	return arg;
}

static uint64_t came_all, drains;

static int judge(void *arg, const struct otr_event *ev)
{
	(void)arg;
	came_all++;
	assert_int_equal(ev->tgid, getpid());
	assert_true(otr_event_check(ev, ev->size));
	return 0;
}

static void join_anew(void)
{
	say_session();
	otr_shim.pid = getpid();
	assert_true(otr_ring_ready());
	scribbler.ring = (char *)otr_shim.ring;
}

static void a_round(uint64_t seed)
{
	struct otr_run_now now;
	pthread_t thread;
	uint64_t mine = ~seed;
	size_t rings = 0;

	join_anew();
	scribbler.seed = seed | 1;
	scribbler.over = false;
	otr_shims_drain(shims, otr_now(), judge, NULL);
	assert_int_equal(pthread_create(&thread, NULL, scribble, NULL), 0);
	for (int i = 0; i < DRAINS && otr_shims_alive(shims); i++) {
		uint64_t before = came_all;

		drains++;
		for (int k = 0; k < 8; k++) /* and between, where the machine has one core */
			step(&mine);
		otr_shims_drain(shims, otr_now(), judge, NULL);
		/* At most one ring, and once more what its writer has abandoned; then its end. */
		assert_true(came_all - before <= 2 * SLOTS + OTR_SHIM_COUNTS + 1);
		otr_shims_watch(shims, (uint64_t)i % 64, OTR_DIR_IN, i % 2);
		otr_shims_policy(shims, (uint64_t)i % 64, OTR_DIR_OUT, OTR_CAPTURE_MUTE, 0);
		otr_shims_get_run(shims, (uint64_t)i % 128, &now);
		otr_shims_poll(shims, otr_now(), judge, NULL);
		rings = otr_shims_alive(shims);
		assert_true(rings <= 1);
	}
	scribbler.over = true;
	pthread_join(thread, NULL);
}

static void no_byte_is_believed(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++)
		a_round(seed * 0x9e3779b97f4a7c15u);
	/* The ring was not given up at once: valid records came among the invalid ones. */
	assert_true(came_all > 100 && drains > 10000);
	assert_true(shims->conns <= 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_byte_is_believed, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
