/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HEADER_H
#define OTR_HEADER_H

/* header.h - trace and span ids, and the header that names them. */

#include "preload/base/shim.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* Sets the ids of the exchange that begins on `f`, by the request head in `iov`. */
void otr_inbound_ids(struct otr_inbound *inbound, const struct otr_fd *f, const struct iovec *iov,
		     int n);
/* Is there a span that a header of the next request can name? f->cause is set. */
int otr_header_has_span(const struct otr_fd *f);
/* Writes the header of the request `iov` on `f` to `out`, which has OTR_HEADER_MAX bytes, and
 * sets the ids of f->cause. Returns its length; 0: no header goes in. */
size_t otr_header_make(struct otr_fd *f, const struct iovec *iov, int n, char *out);
/* Do requests to this host, or to the one that a head names, go without a header? Where no host
 * is named, yes if any host is listed. `port`: the one that applies where the name has none.
 * There is a ring. */
int otr_host_denied(const char *host, size_t len, unsigned int port);
int otr_header_denied(const struct otr_fd *f, const struct iovec *iov, int n);
uint64_t otr_random(void);
/* Counts a request that is sent in the trace of `otrace run`. */
void otr_own_call(void);
/* A thread of this process that reads requests may sleep until another thread has done the
 * work. */
void otr_may_sleep(void);

#pragma GCC visibility pop

#endif /* OTR_HEADER_H */
