/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_CLAIM_H
#define OTR_SOURCE_CLAIM_H

/*
 * ring_lease.h - one agent reads a ring, whoever came first, until it says no more that it lives.
 *
 * `me` is a random number that is not 0. The process can write here, too, and only costs
 * itself its tracing. An agent that was halted for long finds that it has lost the ring, and
 * lets go of it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "bpf/ring.h"

/* Was it not read for OTR_RING_STALE_NS, or ever? What says that it was read later than now
 * is believed. */
bool otr_ring_lease_is_free(const struct otr_ring *ring, uint64_t now_ns);

/* True: it is ours from now on. */
bool otr_ring_lease_take(struct otr_ring *ring, uint64_t me, uint64_t now_ns);

/* The same of one that its process offers to us: nobody has it, though it is new. */
bool otr_ring_lease_given(struct otr_ring *ring, uint64_t me, uint64_t now_ns);

/* Is it ours, still? If so, we live. */
bool otr_ring_lease_keep(struct otr_ring *ring, uint64_t me, uint64_t now_ns);

/* Whoever wants it may have it, at once. */
void otr_ring_lease_drop(struct otr_ring *ring, uint64_t me);

#endif /* OTR_SOURCE_CLAIM_H */
