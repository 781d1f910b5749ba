/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_IOV_H
#define OTR_IOV_H

/* iov.h - parts of a list of pieces (struct iovec). Pure: the pieces are not read. */

#include <stddef.h>
#include <sys/uio.h>

#define OTR_PIECES 48 /* of one call; what lies in later ones is not read */

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* Writes the first `len` bytes of `iov` to `out`, at most OTR_PIECES of them. Returns how many
 * pieces these are. */
int otr_trim(struct iovec *out, const struct iovec *iov, int n, size_t len);

/* Writes what lies behind the first `len` bytes of `iov` to `out`, which has room for `n`.
 * Returns how many pieces these are. */
int otr_beyond(struct iovec *out, const struct iovec *iov, int n, size_t len);

#pragma GCC visibility pop

#endif /* OTR_IOV_H */
