/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PRELOAD_RING_H
#define OTR_PRELOAD_RING_H

/* ring.h - the ring, for the process that writes it; see bpf/ring.h. */

#include <stdint.h>

#include "bpf/ring.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* offer.c: makes the ring and offers it to the agent, once. Returns 1 if records can be written, 0
 * if there is no ring yet, or none can be made. A ring that no agent takes stays, switched off, for
 * an agent that finds it later. */
int otr_ring_ready(void);

/* In a child after fork: closes the descriptors that the parent had open to make its ring. */
void otr_ring_forked(void);

/* In a child after fork: unmaps the parent's ring. */
void otr_ring_unmap_parents(void);

/* When a run begins: switches the ring off if its reader has not renewed its lease for
 * OTR_RING_DEAD_NS, so that no header names a span that no agent will emit. */
void otr_ring_check_reader(struct otr_ring *ring, uint64_t now);

/* Returns room for a record of `size` bytes; *place is for otr_ring_commit(), which must follow.
 * NULL: there is no ring, or it is full, which is counted. */
void *otr_ring_reserve(uint32_t size, uint64_t *place);
/* The record is complete: the agent may read it. */
void otr_ring_commit(uint64_t place);

/* From now on this process may send requests on behalf of those that it serves. So a request with a
 * traceparent is not shed without the causality rules. */
void otr_mark_propagates(void);

/* behind.c: is the reader behind: is more than three quarters of the ring unread? Then requests
 * that begin are shed until half of it is free, so that those that have begun find room. */
int otr_ring_is_behind(void);

#pragma GCC visibility pop

#endif /* OTR_PRELOAD_RING_H */
