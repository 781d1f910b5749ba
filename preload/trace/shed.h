/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PRELOAD_SHED_H
#define OTR_PRELOAD_SHED_H

/* shed.h - requests that are left out, each with its answer, so that no half exchange is
 * emitted. */

#include <stdint.h>
#include <sys/uio.h>

#include "preload/base/shim.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* Is this the direction of requests? */
static inline int otr_is_request_dir(const struct otr_fd *f, int dir)
{
	return (dir == OTR_DIR_IN) == (f->role == OTR_ROLE_SERVER);
}

/* Are the next bytes in this direction shed? This is decided where a request begins. */
int otr_will_shed(const struct otr_fd *f, int dir);

/* Counts a request that is shed, by the reason: paused, or the reader is behind. */
void otr_shed_count(const struct otr_fd *f, int dir);

/* Keeps `shed`, the result of otr_will_shed(), for the answer. `first`: a run begins. */
static inline void otr_shed_decided(struct otr_fd *f, int dir, int first, int shed)
{
	otr_put(&f->shed, (uint8_t)shed);
	if (shed && first && otr_is_request_dir(f, dir))
		otr_shed_count(f, dir);
}

/* May the request that is about to go out be shed without the causality rules? So it is if the
 * agent has paused this server, the thread works for no known request, and the last exchange was
 * shed, too. */
int otr_ask_is_shed(const struct otr_self *self, const struct otr_fd *f);

/* Counts bytes of a connection whose exchange is shed with OTR_SHED_ALL. Returns 0 if more than
 * that has to be done; then nothing is counted. */
int otr_shed_moved(struct otr_self *self, struct otr_fd *f, int dir, uint64_t moved,
		   const struct iovec *iov, int n);
static inline int otr_shed_fast_path(struct otr_self *self, struct otr_fd *f, int dir,
				     uint64_t moved, const struct iovec *iov, int n)
{
	return f->shed && otr_shed_moved(self, f, dir, moved, iov, n);
}

#pragma GCC visibility pop

#endif /* OTR_PRELOAD_SHED_H */
