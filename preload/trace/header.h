/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HEADER_H
#define OTR_HEADER_H

/* header.h - the ids of traces and spans, and the header that names them. */

#include "preload/base/shim.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* Sets the ids of the inbound exchange that begins on `f`, by the request head in `iov`. */
void otr_inbound_ids(struct otr_inbound *inbound, const struct otr_fd *f, const struct iovec *iov,
		     int n);
/* Is there a span that the header of the next request can name? f->cause must be set. */
int otr_header_has_span(const struct otr_fd *f);
/* Writes the header of the request `iov` on `f` to `out`, which has OTR_HEADER_MAX bytes, and
 * sets the ids of f->cause. Returns its length; 0: the trace is not known, or there is no span
 * to name. */
size_t otr_header_make(struct otr_fd *f, const struct iovec *iov, int n, char *out);
/* Does --no-inject-to name this host (`port`: the default if the name has none), or the host of
 * this request head? If the host is not known: is any host named? There must be a ring. */
int otr_host_denied(const char *host, size_t len, unsigned int port);
int otr_header_denied(const struct otr_fd *f, const struct iovec *iov, int n);
/* Returns a random number other than 0; no two are equal in a process. */
uint64_t otr_random(void);
/* Counts a request that is sent in the trace of `otrace run`: after CALLS_MAX the process counts as
 * a server. */
void otr_count_run_call(void);
/* A thread of this process reads requests from blocking sockets, so it may wait for threads of a
 * pool. */
void otr_reader_blocks(void);

#pragma GCC visibility pop

#endif /* OTR_HEADER_H */
