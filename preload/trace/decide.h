/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_DECIDE_H
#define OTR_DECIDE_H

/*
 * decide.h - does a header go into what is about to be sent? A request with a head that gets none
 * is counted by the reason (bpf/shim_count.def). Not counted is what was not read as a request: all
 * bytes while injection is off or a seccomp filter is in force, what goes out where no request is
 * known to begin (request_boundary.h) or on a connection that nobody records, and a request that
 * is shed with no span above it.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "preload/parse/inject.h"

struct otr_fd;
struct otr_header;
struct otr_out;
struct otr_out_view;
struct otr_self;

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* A call `o` that sends on `f`, which is held. Returns the length of the header in *header, whose
 * slot is taken, and says in `view` where it goes in. 0: none. */
size_t otr_decide(struct otr_self *self, const struct otr_out *o, struct otr_fd *f, uint64_t now,
		  struct otr_out_view *view, struct otr_header **header);

/* The same for plaintext `iov` of the socket `fd` inside TLS: writes the header to `out`, which
 * has OTR_HEADER_MAX bytes, and its offset in `iov` to *at. `plain`: the call may be changed. */
size_t otr_header_for(struct otr_self *self, int fd, struct otr_fd *f, const struct iovec *iov,
		      int n, int plain, uint64_t now, size_t *at, char *out);

/* Does a request with this head get a header, in a call that may be changed (`plain`)? */
int otr_head_gets_header(enum otr_head head, int plain);

#pragma GCC visibility pop

#endif /* OTR_DECIDE_H */
