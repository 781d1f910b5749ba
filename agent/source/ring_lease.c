/* SPDX-License-Identifier: Apache-2.0 */
/* ring_lease.c - which agent reads a ring; see ring_lease.h. */

#include "agent/source/ring_lease.h"

#define BEAT_NS 1000000000ull

static uint64_t reader_of(const struct otr_ring *ring)
{
	return __atomic_load_n(&ring->reader, __ATOMIC_ACQUIRE);
}

static uint64_t beat_of(const struct otr_ring *ring)
{
	return __atomic_load_n(&ring->beat_ns, __ATOMIC_ACQUIRE);
}

static void beat(struct otr_ring *ring, uint64_t now_ns)
{
	__atomic_store_n(&ring->beat_ns, now_ns, __ATOMIC_RELEASE);
}

bool otr_ring_lease_is_free(const struct otr_ring *ring, uint64_t now_ns)
{
	uint64_t last = beat_of(ring);

	return !last || (last < now_ns && now_ns - last > OTR_RING_STALE_NS);
}

static bool change(struct otr_ring *ring, uint64_t was, uint64_t to)
{
	return __atomic_compare_exchange_n(&ring->reader, &was, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

bool otr_ring_lease_take(struct otr_ring *ring, uint64_t me, uint64_t now_ns)
{
	uint64_t was = reader_of(ring);

	if (!otr_ring_lease_is_free(ring, now_ns) || !change(ring, was, me))
		return false;
	beat(ring, now_ns);
	return true;
}

bool otr_ring_lease_given(struct otr_ring *ring, uint64_t me, uint64_t now_ns)
{
	if (!change(ring, 0, me))
		return false;
	beat(ring, now_ns);
	return true;
}

bool otr_ring_lease_keep(struct otr_ring *ring, uint64_t me, uint64_t now_ns)
{
	if (reader_of(ring) != me)
		return false;
	if (now_ns - beat_of(ring) >= BEAT_NS)
		beat(ring, now_ns);
	return true;
}

void otr_ring_lease_drop(struct otr_ring *ring, uint64_t me)
{
	if (reader_of(ring) != me)
		return;
	beat(ring, 0);
	change(ring, me, 0);
}
