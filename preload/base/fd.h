/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_FD_H
#define OTR_FD_H

/* fd.h - what lies behind a number, and whether it still does: fd.c. For shim.h, which has the
 * structs. */

#include "preload/base/shim.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* The inode of our network namespace, 0 where it cannot be told. */
uint32_t otr_netns(void);
/* Known to be none that we follow: to be looked at again after a number of calls. */
static inline int otr_fd_is_none(struct otr_fd *f)
{
	uint16_t looked = otr_get(&f->looked);

	if (otr_get(&f->kind) != OTR_FD_OTHER || otr_get(&f->gen) != otr_get(&otr_shim.gen) ||
	    !((looked + 1) % OTR_LOOK_AGAIN))
		return 0;
	otr_put(&f->looked, (uint16_t)(looked + 1));
	return 1;
}
/* Held by this thread until otr_leave(). NULL: not one we follow, or another thread has it:
 * the bytes that are moved then are told by otr_fd_unseen(). */
struct otr_fd *otr_fd_of(int fd);
struct otr_fd *otr_fd_slot(int fd); /* NULL, too: never looked at */
/* As it was found last, without looking, and held: NULL where that is no stream. */
struct otr_fd *otr_fd_known(int fd);
/* Where the state of a stream lies, without holding it; NULL: of none. */
struct otr_fd *otr_fd_keeper(int fd);
/* `n` bytes were moved by a thread that cannot hold it now. */
void otr_fd_unseen(int fd, int dir, ssize_t n);
/* Is it surely another socket by now? */
int otr_fd_is_other(int fd, const struct otr_fd *f);
/* Before a message begins: is it still the same socket? Looks at it anew if not. */
struct otr_fd *otr_fd_again(int fd, struct otr_fd *f);
/* Likewise, but believed for a while once it was seen: see fd.c. */
int otr_fd_is(int fd, struct otr_fd *f);
void otr_fd_closed(int fd);
void otr_fd_made(int fd, int role);

/* hold.c: takes the state of a connection for this thread until otr_leave(); returns 0 where
 * another thread has it for longer than a moment, or this one has too many. Of one that is
 * held it says 1. */
int otr_hold(struct otr_fd *f);
/* `n` bytes were moved by a thread that could not hold it. */
void otr_unseen(struct otr_fd *f, int dir, ssize_t n);
void otr_drop_all(struct otr_self *self);
/* Likewise what a call held that was left by longjmp(): it may be half written. */
void otr_drop_left(struct otr_self *self);

#pragma GCC visibility pop

#endif /* OTR_FD_H */
