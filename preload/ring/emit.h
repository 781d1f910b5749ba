/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_EMIT_H
#define OTR_EMIT_H

/*
 * emit.h - records of bpf/event.h for the agent. Each otr_emit function writes one record into the
 * ring; if the ring has no room, the record is lost and counted. The thread holds the connection
 * that is given as `f`.
 */

#include <stdint.h>
#include <sys/uio.h>

struct otr_cause;
struct otr_fd;
struct otr_self;

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* The process: executable, arguments, ids. */
void otr_emit_process(void);
/* The trace in which the process was started, and OpenTelemetry's variables that name the
 * process. */
void otr_emit_environment(void);
/* The span that TRACEPARENT names is the parent in a request that was sent. */
void otr_emit_named(void);
/* The reader is behind, and requests are shed from now on. */
void otr_emit_behind(void);

/* A connection begins or ends. `kind`: OTR_EV_CONN_OPEN or OTR_EV_CONN_CLOSE; `error`: the errno
 * that has ended the connection, or 0. */
void otr_emit_conn(int fd, struct otr_fd *f, uint16_t kind, int error);
/* The end of a run whose bytes were not all copied. `eof`: no more bytes come in this direction. */
void otr_emit_run(struct otr_fd *f, int dir, int eof);
/* The first `cap` bytes of a call that moved `moved` bytes at position `pos`; fewer if a piece of
 * `iov` may not be read (its base is NULL). `first`: a run begins. Returns how many bytes were
 * copied. */
uint32_t otr_emit_data(struct otr_fd *f, struct otr_self *self, int dir, uint64_t pos,
		       uint64_t moved, uint64_t start_ns, int first, const struct otr_cause *cause,
		       const struct iovec *iov, int n, uint32_t cap);

/* Not a record: writes the state of a run to, or removes it from, a table in the memory of the
 * ring, from which the agent reads it after the process was killed. */
void otr_emit_progress(struct otr_fd *f, int dir);
void otr_forget_progress(struct otr_fd *f, int dir);

#pragma GCC visibility pop

#endif /* OTR_EMIT_H */
