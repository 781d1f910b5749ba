/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_RING_LEASE_H
#define OTR_RING_LEASE_H

/*
 * ring_lease.h - a lease on a ring: one agent reads it, until it no longer renews the lease.
 *
 * `me`: the number of this agent, random and not 0. The process can write to the lease too; that
 * costs it only its own tracing. An agent that was halted for long finds that it has lost the
 * lease, and stops reading.
 */

#include <stdbool.h>
#include <stdint.h>

#include "bpf/ring.h"

/* Has the ring no reader, or was the lease not renewed for OTR_RING_STALE_NS? A renewal in the
 * future counts as one. */
bool otr_ring_lease_is_free(const struct otr_ring *ring, uint64_t now_ns);

/* Takes a lease that is free. Returns false where another agent has it. */
bool otr_ring_lease_take(struct otr_ring *ring, uint64_t me, uint64_t now_ns);

/* Takes the lease of a ring that its process offers: it has no reader, though it is new. Returns
 * false where another agent has adopted it. */
bool otr_ring_lease_given(struct otr_ring *ring, uint64_t me, uint64_t now_ns);

/* Renews the lease. Returns false where another agent has it. */
bool otr_ring_lease_keep(struct otr_ring *ring, uint64_t me, uint64_t now_ns);

/* Gives up the lease: another agent may take it at once. */
void otr_ring_lease_drop(struct otr_ring *ring, uint64_t me);

#endif /* OTR_RING_LEASE_H */
