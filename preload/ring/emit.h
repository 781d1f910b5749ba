/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_EMIT_H
#define OTR_EMIT_H

/*
 * emit.h - records of bpf/event.h for the agent. Each function writes one record; where the ring
 * has no room for it, the record is lost and counted.
 */

#include <stdint.h>
#include <sys/uio.h>

struct otr_cause;
struct otr_fd;
struct otr_self;

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* What the process is: executable, arguments, ids. */
void otr_emit_process(void);
/* The trace that the process was started in, and how OpenTelemetry's variables name it. */
void otr_emit_environment(void);
/* The span that the environment named is a parent in a request that went out. */
void otr_emit_named(void);
/* The reader is behind: requests are shed from here on. */
void otr_emit_behind(void);

/* `kind`: OTR_EV_CONN_OPEN or OTR_EV_CONN_CLOSE; `error`: why it was closed, or 0. */
void otr_emit_conn(int fd, struct otr_fd *f, uint16_t kind, int error);
/* The end of a run whose bytes were not all copied. `eof`: the direction has ended. */
void otr_emit_run(struct otr_fd *f, int dir, int eof);
/* The first `cap` bytes of a call that moved `moved` bytes at `pos`, or fewer where a piece may
 * not be read. Returns how many were copied. `first`: a run begins here. */
uint32_t otr_emit_data(struct otr_fd *f, struct otr_self *self, int dir, uint64_t pos,
		       uint64_t moved, uint64_t start_ns, int first, const struct otr_cause *cause,
		       const struct iovec *iov, int n, uint32_t cap);

/* How far a run has come, in a table beside the ring: the agent reads it also of a process that
 * was killed. */
void otr_emit_progress(struct otr_fd *f, int dir);
void otr_forget_progress(struct otr_fd *f, int dir);

#pragma GCC visibility pop

#endif /* OTR_EMIT_H */
