/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PRELOAD_RING_H
#define OTR_PRELOAD_RING_H

/* ring.h - the ring, from the side of the process that writes it; see bpf/ring.h. */

#include <stdint.h>

#include "bpf/ring.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* offer.c: makes the ring and offers it to the agent, once. Returns 1 where records can be
 * written, 0 where there is no ring yet, or none can be had. Where no agent takes it, it stays,
 * switched off, for one that finds it later. */
int otr_ring_ready(void);

/* In a child after fork: closes the descriptors that the parent had open to make its ring. */
void otr_ring_forked(void);

/* In a child after fork: unmaps the parent's ring. */
void otr_ring_unmap_parents(void);

/* Where a run begins: switches the ring off if its reader has shown no sign of life for
 * OTR_RING_DEAD_NS, so that no header names a span that no agent will see. */
void otr_ring_check_reader(struct otr_ring *ring, uint64_t now);

/* Room for a record of `size` bytes; *place is for otr_ring_commit(), which must follow. NULL:
 * there is no ring, or it is full, which is counted. */
void *otr_ring_reserve(uint32_t size, uint64_t *place);
void otr_ring_commit(uint64_t place);

/* Requests may go out on behalf of those that come in: the agent sheds none of these whose
 * trace is named. */
void otr_mark_propagates(void);

/* behind.c: is more than three quarters of the ring unread? Then no request is begun in it until
 * half of it is free; those that were begun find room. */
int otr_ring_is_behind(void);

#pragma GCC visibility pop

#endif /* OTR_PRELOAD_RING_H */
