/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_REPORT_H
#define OTR_REPORT_H

/*
 * report.h - bytes of a stream socket that move by calls which do not pass through otr_out() and
 * otr_in(): sendmmsg, sendfile, splice. Each function is called after the call, which returned
 * `ret`; for other descriptors it does nothing. errno stays as it is.
 */

#include <sys/types.h>
#include <sys/uio.h>

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* After a call that sends `iov` unchanged. */
void otr_report_sent(int fd, const struct iovec *iov, int n, ssize_t ret);

/* After a call that sends or receives bytes that the library cannot read. */
void otr_report_out(int fd, ssize_t ret);
void otr_report_in(int fd, ssize_t ret);

#pragma GCC visibility pop

#endif /* OTR_REPORT_H */
