/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HOLD_H
#define OTR_HOLD_H

/* hold.h - one thread at a time reads and writes the state of a connection; see share.h. */

#include <sys/types.h>

struct otr_fd;
struct otr_self;

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* Makes the calling thread the holder of a connection until otr_leave(). Returns 1, also if the
 * thread is the holder already; 0 if another thread holds it for longer than a moment, or the
 * calling thread holds OTR_HELD connections. */
int otr_hold(struct otr_fd *f);

/* Counts `n` bytes as unread that a thread moved which could not hold `f`. `n` <= 0: does
 * nothing. */
void otr_hold_count_unread(struct otr_fd *f, int dir, ssize_t n);

/* Releases all connections that the thread holds. */
void otr_hold_release(struct otr_self *self);

/* Releases the connections that a call held which was left by longjmp(). Their state may be half
 * written, so they get no header any more. */
void otr_hold_abandon(struct otr_self *self);

#pragma GCC visibility pop

#endif /* OTR_HOLD_H */
