/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_IOV_H
#define OTR_IOV_H

/* iov.h - parts of a list of pieces (struct iovec). Pure: the bytes themselves are not read. */

#include <stddef.h>
#include <sys/uio.h>

#define OTR_PIECES 48 /* pieces of a call that are read; later ones are not */

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* Writes the pieces of the first `len` bytes of `iov` to `out`, up to OTR_PIECES of them. Returns
 * their number. */
int otr_iov_first(struct iovec *out, const struct iovec *iov, int n, size_t len);

/* Writes the pieces after the first `len` bytes of `iov` to `out`, which has room for `n`. Returns
 * their number. */
int otr_iov_after(struct iovec *out, const struct iovec *iov, int n, size_t len);

#pragma GCC visibility pop

#endif /* OTR_IOV_H */
