/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_IO_H
#define OTR_IO_H

/*
 * io.h - one call that moves bytes, whatever it is called.
 *
 * The wrappers of exports.c describe their call and hand it over; what the caller gets
 * back (value, errno, bytes) is what it would have had without us.
 */

#include <sys/types.h>
#include <sys/uio.h>

#include "preload/trace/call.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* Makes the call, perhaps with a header put in. */
ssize_t otr_out(const struct otr_out *o);

/* After a call that received: `ret` and errno are as it left them, and stay so. */
void otr_in(const struct otr_in *in, ssize_t ret);

/* After a call that sent what cannot be looked at (sendfile, splice), or received it. */
void otr_out_unseen(int fd, ssize_t ret);
void otr_in_unseen(int fd, ssize_t ret);

/* After a call that sent what nothing was put into. */
void otr_out_reported(int fd, const struct iovec *iov, int n, ssize_t ret);

/* Before any call that sends: what is left of a header goes first, also when nothing else
 * is done any more. Returns 0, or -1 with errno where it cannot go yet. */
int otr_out_first(int fd, int is_message, int flags);

#pragma GCC visibility pop

#endif /* OTR_IO_H */
