/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CIPHERTEXT_H
#define OTR_CIPHERTEXT_H

/* ciphertext.h - which bytes of a socket are ciphertext. */

#include <sys/uio.h>

struct otr_fd;
struct otr_self;

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* Are these bytes of `f`, the socket `fd`, ciphertext? They are if a TLS library moves them and
 * they begin a TLS record, or if the socket is known to carry TLS. If the thread is in a call of a
 * TLS library, keeps `fd` as the socket of its session (otr_self.tls_fd), and begins the upper
 * layer of `f`. */
int otr_ciphertext_is(struct otr_self *self, int fd, struct otr_fd *f, const struct iovec *iov,
		      int n);

#pragma GCC visibility pop

#endif /* OTR_CIPHERTEXT_H */
