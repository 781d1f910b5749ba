/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_READER_CHANGE_H
#define OTR_READER_CHANGE_H

/* reader_change.h - another agent reads the ring from now on. */

struct otr_ring;
struct otr_self;

/* Values of *otr_shim.alive; 0: a child after fork that has not begun its own state. */
#define OTR_ALIVE_YES	    1
#define OTR_ALIVE_BEGINNING 2 /* a thread resets the state at this moment */

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* Forgets the state of connections and exchanges. Returns 0 if another thread does so at this
 * moment. */
int otr_reader_changed(void);

/* The same in a child after fork, if `parents`, the ring of its parent, is switched off or has a
 * new reader that the parent has not seen yet. */
void otr_reader_changed_child(const struct otr_ring *parents);

/* Forgets the current of the thread, whose state is valid for the present reader from now on. */
void otr_self_forget(struct otr_self *self);

/* Takes over the session of the agent that reads `ring`: children offer their rings there. */
void otr_take_session(const struct otr_ring *ring);

#pragma GCC visibility pop

#endif /* OTR_READER_CHANGE_H */
