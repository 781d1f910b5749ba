/* SPDX-License-Identifier: Apache-2.0 */
/* ring.c - writes records into the ring; see bpf/ring.h. */

#include "preload/ring/ring.h"

#include <stddef.h>
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

#include "preload/base/shim.h"

void otr_ring_check_reader(struct otr_ring *ring, uint64_t now)
{
	uint64_t beat = __atomic_load_n(&ring->beat_ns, __ATOMIC_RELAXED);

	if (now > beat && now - beat > OTR_RING_DEAD_NS)
		__atomic_store_n(&ring->off, 1, __ATOMIC_RELEASE);
}

/* Does a record that ends at `end` fit? `end` comes from an older value of the head, which the
 * reader may have passed, as other threads have moved the head on: then the difference is negative,
 * and the compare-and-swap of the head fails. */
static int is_within(uint64_t end, uint64_t tail)
{
	return (int64_t)(end - tail) <= (int64_t)OTR_RING_BYTES;
}

/* The agent often writes the tail, so each read here takes the cache line from the agent. The tail
 * is read only if the last value leaves no room: an older value leaves less room, never more. */
static int has_room(const struct otr_ring *ring, uint64_t end)
{
	uint64_t *seen = &otr_shim.seen_tail;

	if (is_within(end, __atomic_load_n(seen, __ATOMIC_ACQUIRE)))
		return 1;
	__atomic_store_n(seen, __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
	return is_within(end, __atomic_load_n(seen, __ATOMIC_RELAXED));
}

/*
 * A thread writes where the record of another thread was, once the agent has read that record: the
 * stamp, then the tail order the two. ThreadSanitizer sees half of that, since the agent is another
 * process; so it is shown the order, for each slot alone.
 */
#ifdef __SANITIZE_THREAD__
static void reuse(char *at, uint64_t room)
{
	for (uint64_t i = 0; i < room; i += OTR_RING_SLOT)
		__tsan_acquire(at + i);
}

static void written(char *at, uint64_t room)
{
	for (uint64_t i = 0; i < room; i += OTR_RING_SLOT)
		__tsan_release(at + i);
}
#else
static inline void reuse(char *at, uint64_t room)
{
	(void)at, (void)room;
}

static inline void written(char *at, uint64_t room)
{
	(void)at, (void)room;
}
#endif

void *otr_ring_reserve(uint32_t size, uint64_t *place)
{
	struct otr_ring *ring = otr_ring_now();
	uint64_t need = otr_ring_room(size), head;
	struct otr_ring_slot *slot;

	if (!ring)
		return NULL;
	head = __atomic_load_n(&ring->head, __ATOMIC_RELAXED);
	do {
		if (!has_room(ring, head + need)) {
			otr_count(OTR_SHIM_DROPPED);
			return NULL;
		}
	} while (!__atomic_compare_exchange_n(&ring->head, &head, head + need, 1, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	slot = (struct otr_ring_slot *)(otr_shim.slots + head % OTR_RING_BYTES);
	reuse((char *)slot, need);
	slot->size = size;
	*place = head;
	return slot + 1;
}

void otr_ring_commit(uint64_t place)
{
	struct otr_ring_slot *slot =
		(struct otr_ring_slot *)(otr_shim.slots + place % OTR_RING_BYTES);

	written((char *)slot, otr_ring_room(slot->size));
	__atomic_store_n(&slot->stamp, otr_ring_stamp(place), __ATOMIC_RELEASE);
}

void otr_mark_propagates(void)
{
	if (otr_ring_now() && !otr_ring_now()->propagates)
		otr_ring_now()->propagates = 1;
}
