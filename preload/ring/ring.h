/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PRELOAD_RING_H
#define OTR_PRELOAD_RING_H

/* ring.h - the ring, from the process's end: made, offered, found by another agent. Of shim.h,
 * which includes it. */

#include <stdint.h>

#include "bpf/ring.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

struct otr_self;

/* ring.c: makes the ring and offers it, once. Where nobody takes it, it waits, switched off,
 * for one who finds it. */
int otr_ring_ready(void);
/* In a child: closes what was open in its parent for that. */
void otr_ring_forked(void);
/* And its maker's ring is none of its. */
void otr_ring_leave(void);
/* At the begin of a run: where its reader has been dead for long, we sleep from now on, and no
 * header names what nobody sees. */
void otr_ring_look(struct otr_ring *ring, uint64_t now);
void otr_count(enum otr_shim_count what);
/* Is the reader so far behind that no more requests are begun? What was begun finds room. */
int otr_ring_is_behind(void);
/* Is this switch on, OTR_RING_NO_..? */
int otr_switch_is_on(uint32_t flag);
/* Room for a record of `size` bytes, or NULL, counted; then otr_ring_commit(). */
void *otr_ring_reserve(uint32_t size, uint64_t *place);
void otr_ring_commit(uint64_t place);

/* reader_change.c: another agent reads the ring. Forgets what was known of connections and exchanges;
 * returns 0 where another thread does, this moment. */
int otr_reader_changed(void);
/* In a child whose maker was asleep, or has not yet seen that it is awake: the same. */
void otr_reader_changed_child(const struct otr_ring *makers);
void otr_self_again(struct otr_self *self);
/* It may have begun while nobody looked: where it is in what it says is not known. */
static inline int otr_fd_is_late(const struct otr_fd *f)
{
	return otr_get(&otr_shim.gen) && !f->seen_open;
}
/* What is known of it begins now; whether it was seen open, is. */
static inline void otr_fd_begins(struct otr_fd *f)
{
	otr_put(&f->gen, otr_get(&otr_shim.gen));
	if (otr_fd_is_late(f))
		f->boundary.state = OTR_BOUNDARY_OPAQUE;
}
/* Where children offer theirs, as the reader of this ring says. */
void otr_take_session(const struct otr_ring *ring);
/* What *alive holds; 0 in a child. */
#define OTR_ALIVE_YES	1
#define OTR_ALIVE_BEGUN 2 /* by another thread, this moment */

#pragma GCC visibility pop

#endif /* OTR_PRELOAD_RING_H */
