/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PRELOAD_FLOW_H
#define OTR_PRELOAD_FLOW_H

/*
 * flow.h - bytes that moved on a connection. In all functions the calling thread holds `f`, `dir`
 * is OTR_DIR_IN or OTR_DIR_OUT, and `iov` are the `n` pieces that the kernel took or gave; `n` is 0
 * if the library may not read them.
 */

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "preload/base/shim.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* Emits `moved` bytes of `f`, the socket `fd`, and applies the causality rules. `start_ns`: when
 * the call began; 0: not known. */
void otr_moved(struct otr_self *self, int fd, struct otr_fd *f, int dir, uint64_t moved,
	       uint64_t start_ns, const struct iovec *iov, int n);

/* After a call that moved no bytes: `ret` is 0 at the end of the stream, or -1 with errno
 * `error`. */
void otr_not_moved(struct otr_self *self, int fd, struct otr_fd *f, int dir, ssize_t ret,
		   int error);

/* Sets f->role by the first bytes that move, if it is not known. */
void otr_learn_role(struct otr_fd *f, int dir, const struct iovec *iov, int n);

/* Before OTR_EV_CONN_CLOSE: emits the end of the last run of `f`. */
void otr_end_runs(struct otr_fd *f);

/* frames.c: emits bytes of a connection whose HTTP/2 frames are followed. The arguments are those
 * of otr_emit_data(). */
void otr_frames_moved(struct otr_fd *f, struct otr_self *self, int dir, uint64_t pos,
		      uint64_t moved, uint64_t start_ns, int first, const struct otr_cause *cause,
		      const struct iovec *iov, int n);

/* frames.c: reads the first bytes of a direction. Returns the protocol that they open, of those
 * that decide how the connection is captured, and sets f->opening to it. */
enum otr_opening otr_opening_read(struct otr_fd *f, int dir, const struct iovec *iov, int n);

#pragma GCC visibility pop

#endif /* OTR_PRELOAD_FLOW_H */
