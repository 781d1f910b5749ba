/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_FD_H
#define OTR_FD_H

/* fd.h - which socket a descriptor number names. */

#include "preload/base/shim.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* The inode of the network namespace of the process, or 0. */
uint32_t otr_netns(void);

/* Is the number known to be nothing that is followed? Then it is checked again after
 * OTR_RECHECK_CALLS calls. */
static inline int otr_fd_is_none(struct otr_fd *f)
{
	uint16_t looked = otr_get(&f->calls_unchecked);

	if (otr_get(&f->kind) != OTR_FD_OTHER ||
	    otr_get(&f->reader_gen) != otr_get(&otr_shim.reader_gen) ||
	    !((looked + 1) % OTR_RECHECK_CALLS))
		return 0;
	otr_put(&f->calls_unchecked, (uint16_t)(looked + 1));
	return 1;
}
/* The state of a socket, pipe or eventfd, which this thread holds until otr_leave(). NULL: `fd`
 * is nothing that is followed, or another thread holds it; its bytes are then counted by
 * otr_fd_count_unread(). */
struct otr_fd *otr_fd_of(int fd);
struct otr_fd *otr_fd_slot(int fd); /* NULL: the number was never used */
/* The state of a stream as it was found last, held, without a system call. NULL: none, or
 * another thread holds it. */
struct otr_fd *otr_fd_known(int fd);
/* The same without holding it. NULL: no stream. */
struct otr_fd *otr_fd_home(int fd);
/* Counts `n` bytes that were moved by a thread that cannot hold the state. */
void otr_fd_count_unread(int fd, int dir, ssize_t n);
/* Is `fd` certainly another socket than `f`? One system call; 0 under a seccomp filter. */
int otr_fd_is_other(int fd, const struct otr_fd *f);
/* Is `fd` still the socket `f`? The inode is read once in 10 ms at most: see fd.c. */
int otr_fd_is_same(int fd, struct otr_fd *f);

/* For conn.c. The slot of a number that is used; NULL: there is no memory, or it is too large. */
struct otr_fd *otr_fd_make_slot(int fd);
/* Forgets all but what socket(), accept() or connect() said of it just now. */
void otr_fd_forget(struct otr_fd *f);
/* Was it known in another reader's time, and is a header on its way? Else that is forgotten. */
int otr_fd_is_stale(struct otr_fd *f);
/* The number that kept the state is closed: does another number of the socket take it over? */
int otr_fd_pass_on(struct otr_fd *f);
/* After a call for which the state of socket `inode` was found at `f`, in its life *life: where
 * that state is now, which need not be held. Another number may have taken it over during the
 * call; then *life is that one's. NULL: the connection has ended. */
struct otr_fd *otr_fd_heir(struct otr_fd *f, uint64_t inode, uint32_t *life);

/* Did it perhaps begin while no agent read the ring? Then its position in the protocol is not
 * known. */
static inline int otr_fd_may_be_midstream(const struct otr_fd *f)
{
	return otr_get(&otr_shim.reader_gen) && !f->seen_open;
}
/* What is known of `f` begins now. */
static inline void otr_fd_begins(struct otr_fd *f)
{
	otr_put(&f->reader_gen, otr_get(&otr_shim.reader_gen));
	if (otr_fd_may_be_midstream(f))
		f->boundary.state = OTR_BOUNDARY_UNKNOWN;
}

#pragma GCC visibility pop

#endif /* OTR_FD_H */
