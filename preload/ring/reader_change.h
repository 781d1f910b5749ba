/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_READER_CHANGE_H
#define OTR_READER_CHANGE_H

/* reader_change.h - another agent reads the ring from now on. */

struct otr_ring;
struct otr_self;

/* What *otr_shim.alive holds; 0 in a child that has not begun its own state. */
#define OTR_ALIVE_YES	    1
#define OTR_ALIVE_BEGINNING 2 /* a thread begins it at this moment */

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* Forgets what is known of connections and exchanges. Returns 0 where another thread does so at
 * this moment. */
int otr_reader_changed(void);

/* The same in a child after fork, where the ring of its parent is switched off, or the parent
 * has not seen its new reader yet. */
void otr_reader_changed_child(const struct otr_ring *parents);

/* Forgets what the thread worked for, and takes over the number of the reader. */
void otr_self_forget(struct otr_self *self);

/* Takes the session of the agent that reads `ring`: children offer their rings there. */
void otr_take_session(const struct otr_ring *ring);

#pragma GCC visibility pop

#endif /* OTR_READER_CHANGE_H */
