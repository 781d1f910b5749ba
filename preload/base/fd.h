/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_FD_H
#define OTR_FD_H

/* fd.h - which socket a descriptor number names. A number is `fd`, its slot `f`. */

#include "preload/base/shim.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* Returns the inode of the network namespace of the process, or 0. */
uint32_t otr_netns(void);

/* Is the number known to be no socket, pipe or eventfd? Once in OTR_RECHECK_CALLS calls the answer
 * is 0, so that the number is checked again. */
static inline int otr_fd_is_none(struct otr_fd *f)
{
	uint16_t calls = otr_get(&f->calls_unchecked);

	if (otr_get(&f->kind) != OTR_FD_OTHER ||
	    otr_get(&f->reader_gen) != otr_get(&otr_shim.reader_gen) ||
	    !((calls + 1) % OTR_RECHECK_CALLS))
		return 0;
	otr_put(&f->calls_unchecked, (uint16_t)(calls + 1));
	return 1;
}
/* Returns the state of a socket, pipe or eventfd, which this thread then holds until otr_leave().
 * NULL: `fd` is not followed, or another thread holds it; then the caller counts bytes by
 * otr_fd_count_unread(). */
struct otr_fd *otr_fd_of(int fd);
/* Returns the slot of a number, or NULL if the number was never used. */
struct otr_fd *otr_fd_slot(int fd);
/* Returns the state of a stream as it was found last, held, without a system call. NULL: `fd` is no
 * stream, or another thread holds it. */
struct otr_fd *otr_fd_known(int fd);
/* The same without holding it. NULL: `fd` is no stream. */
struct otr_fd *otr_fd_home(int fd);
/* Counts `n` bytes as unread that a thread moved which cannot hold the state. `n` <= 0: does
 * nothing. */
void otr_fd_count_unread(int fd, int dir, ssize_t n);
/* Is `fd` for certain another socket than `f`? One system call; 0 under a seccomp filter. */
int otr_fd_is_other(int fd, const struct otr_fd *f);
/* Is `fd` still the socket `f`? Reads the inode once in 10 ms at most: see fd.c. */
int otr_fd_is_same(int fd, struct otr_fd *f);

/* For conn.c. Returns the slot of a number, allocated at its first use; NULL: there is no memory,
 * or the number is too large. */
struct otr_fd *otr_fd_make_slot(int fd);
/* Clears the state of `f`, which is held; frees its header. */
void otr_fd_forget(struct otr_fd *f);
/* If the state of `f` is that for an earlier reader of the ring: returns 1 if a header is still
 * being sent on `f`, else clears the state. */
int otr_fd_is_stale(struct otr_fd *f);
/* The number of `f` is about to be closed: moves the state to another number of the same socket.
 * Returns 0 if none is known. */
int otr_fd_pass_on(struct otr_fd *f);
/* After a call on the socket `inode`, whose state was that of `f` with f->gen == *gen before the
 * call: returns where that state is now, and sets *gen to its generation. Another number may have
 * taken it over during the call. NULL: the connection has ended. Holds nothing. */
struct otr_fd *otr_fd_heir(struct otr_fd *f, uint64_t inode, uint32_t *gen);

/* May the connection have begun while no agent read the ring? Then its position in the protocol is
 * not known. */
static inline int otr_fd_may_be_midstream(const struct otr_fd *f)
{
	return otr_get(&otr_shim.reader_gen) && !f->seen_open;
}
/* The library follows `f` from now on, for the present reader of the ring. */
static inline void otr_fd_follow(struct otr_fd *f)
{
	otr_put(&f->reader_gen, otr_get(&otr_shim.reader_gen));
	if (otr_fd_may_be_midstream(f))
		f->boundary.state = OTR_BOUNDARY_UNKNOWN;
}

#pragma GCC visibility pop

#endif /* OTR_FD_H */
