/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PRELOAD_SHED_H
#define OTR_PRELOAD_SHED_H

/*
 * shed.h - requests that are not emitted: their answers are not either, so that no exchange is
 * seen by half.
 */

#include <stdint.h>
#include <sys/uio.h>

#include "preload/base/shim.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* Do requests go in this direction? */
static inline int otr_asks(const struct otr_fd *f, int dir)
{
	return (dir == OTR_DIR_IN) == (f->role == OTR_ROLE_SERVER);
}

/* Is what moves next in this direction shed? Decided where a request begins. */
int otr_will_shed(const struct otr_fd *f, int dir);

/* Counts a request that is shed for want of CPU. */
void otr_shed_count(const struct otr_fd *f, int dir);

/* Keeps what otr_will_shed() said, `shed`. `first`: a run begins in this direction. */
static inline void otr_shed_decided(struct otr_fd *f, int dir, int first, int shed)
{
	otr_put(&f->shed, (uint8_t)shed);
	if (shed && first && otr_asks(f, dir))
		otr_shed_count(f, dir);
}

/* Is the request that is about to go out shed without a loss of context? That is
 * so for a process that is no server, works for no request, and is paused by the agent. */
int otr_ask_is_shed(const struct otr_self *self, const struct otr_fd *f);

/* Counts what moved on a connection whose exchange is shed, where nothing else is to be done.
 * Returns 0 where there is more to do. */
int otr_shed_moved(struct otr_self *self, struct otr_fd *f, int dir, uint64_t moved,
		   const struct iovec *iov, int n);
static inline int otr_shed_fast_path(struct otr_self *self, struct otr_fd *f, int dir,
				     uint64_t moved, const struct iovec *iov, int n)
{
	return f->shed && otr_shed_moved(self, f, dir, moved, iov, n);
}

#pragma GCC visibility pop

#endif /* OTR_PRELOAD_SHED_H */
