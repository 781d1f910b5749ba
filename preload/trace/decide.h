/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_DECIDE_H
#define OTR_DECIDE_H

/*
 * decide.h - does a header go into the bytes that a call is about to send?
 *
 * A request whose head was read, and that gets no header, is counted by the reason
 * (bpf/shim_count.def). Bytes that are not read as a request are not counted: while injection is
 * off or a seccomp filter is in force; where no request is known to begin (request_boundary.h); on
 * a muted connection; and a request that is shed with no span above it.
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

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* Before the call `o` that sends on `f`, which is held. Returns the length of the header that goes
 * in after the request line, at view->facts.line_end, and sets *header to its slot, which the
 * caller frees (otr_header_free()). 0: no header. */
size_t otr_decide(struct otr_self *self, const struct otr_out *o, struct otr_fd *f, uint64_t now,
		  struct otr_out_view *view, struct otr_header **header);

/* The same for plaintext `iov` inside TLS on the socket `fd`: writes the header to `out`, which has
 * OTR_HEADER_MAX bytes, and its offset in `iov` to *at. `can_change`: the call can be
 * made with the header in it. */
size_t otr_header_for(struct otr_self *self, int fd, struct otr_fd *f, const struct iovec *iov,
		      int n, int can_change, uint64_t now, size_t *at, char *out);

/* Is this the head of a request that a header can go into (counted otherwise)? `can_change`: the
 * call can be made with the header in it. */
int otr_head_gets_header(enum otr_head head, int can_change);

#pragma GCC visibility pop

#endif /* OTR_DECIDE_H */
