/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HEADER_H
#define OTR_HEADER_H

/* header.h - ids, and what is put on the wire. */

#include "preload/base/shim.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* The ids of the exchange that begins on `f`, by the head that came. */
void otr_inbound_ids(struct otr_inbound *sv, const struct otr_fd *f, const struct iovec *iov,
		     int n);
/* Is a trace with this id sampled? See bpf/ring.h. */
int otr_sampled(const uint8_t trace_id[16], uint64_t threshold);
/* Is there anything to name in one? Its cause was asked for. */
int otr_header_has_span(const struct otr_fd *f);
/* Returns the header's length, 0: none is to be put in; f->cause then says what it says. */
size_t otr_header_make(struct otr_fd *f, const struct iovec *iov, int n, char *out);
/* Is this, or the one that a head names, a host that gets no header? One that is not named may
 * be any of them. `port`: where the name has none. There is a ring. */
int otr_host_denied(const char *host, size_t len, unsigned int port);
int otr_header_denied(const struct otr_fd *f, const struct iovec *iov, int n);
uint64_t otr_random(void);
/* One more request in the trace that the process was started in. */
void otr_own_call(void);
/* Who reads requests here may sleep until another thread has done the work. */
void otr_may_sleep(void);

#pragma GCC visibility pop

#endif /* OTR_HEADER_H */
