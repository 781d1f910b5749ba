/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HOLD_H
#define OTR_HOLD_H

/* hold.h - one thread at a time reads or writes the state of a connection; see share.h. */

#include <sys/types.h>

struct otr_fd;
struct otr_self;

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* Takes the state of a connection for the calling thread until otr_leave(). Returns 1, also
 * where the thread holds it already; 0 where another thread holds it for longer than a moment,
 * or the calling one holds OTR_HELD connections. */
int otr_hold(struct otr_fd *f);

/* Counts `n` bytes that were moved by a thread which could not hold `f`. */
void otr_hold_count_unread(struct otr_fd *f, int dir, ssize_t n);

/* Gives back all that the thread holds. */
void otr_hold_release(struct otr_self *self);

/* Gives back what a call held that was left by longjmp(): as the state may be half written,
 * nothing is injected into these connections any more. */
void otr_hold_abandon(struct otr_self *self);

#pragma GCC visibility pop

#endif /* OTR_HOLD_H */
