/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CIPHERTEXT_H
#define OTR_CIPHERTEXT_H

/* ciphertext.h - bytes of a socket that a TLS library moves. */

#include <sys/uio.h>

struct otr_fd;
struct otr_self;

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* Are these bytes of `f` ciphertext? They are where a TLS library moves them now
 * and they look like a record, or where it did so before. */
int otr_tls_below(struct otr_self *self, int fd, struct otr_fd *f, const struct iovec *iov, int n);

#pragma GCC visibility pop

#endif /* OTR_CIPHERTEXT_H */
