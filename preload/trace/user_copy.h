/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_USER_COPY_H
#define OTR_USER_COPY_H

/*
 * user_copy.h - reads the bytes of a call that sends, before the kernel has said whether they are
 * readable, and copies them for after the call, when another thread may have freed them.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "preload/parse/inject.h"

struct otr_copy;
struct otr_fd;
struct otr_out;
struct otr_out_view;
struct otr_self;

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* In the constructor: allocates the copies. Returns 0 if there is no memory. */
int otr_copies_alloc(void);
/* In a child after fork: frees the copies of the parent's threads. */
void otr_copies_forked(void);

/* Copies `len` bytes of the caller's memory. Returns 0 if they are not readable. */
int otr_user_copy(void *to, const void *from, size_t len);

/* Calls otr_head_read() for the readable bytes of `o`, and sets `view`, whose `iov` has room for
 * otr_n_pieces(). */
enum otr_head otr_user_copy_head(const struct otr_out *o, struct otr_out_view *view);

/* Before a call that sends `iov` (NULL: the pieces of `o`) on `f` (NULL: not known yet): copies the
 * bytes that will be read after the call. The caller owns the copy: otr_copy_free(). NULL: no bytes
 * will be read; or no copy is free; or the process has one thread, so that nobody frees the bytes.
 * `page`: as in struct otr_out_view. */
struct otr_copy *otr_copy_keep(const struct otr_self *self, const struct otr_fd *f,
			       const struct otr_out *o, const struct iovec *iov, int n,
			       uintptr_t page);

/* After a call that sent `moved` bytes: sets `out`, which has room for three pieces, to the copied
 * bytes. A piece with base NULL stands for bytes that were not copied. Returns the number of
 * pieces. */
int otr_copy_read(const struct otr_copy *c, struct iovec *out, size_t moved);

/* `c` may be NULL. */
void otr_copy_free(struct otr_copy *c);

#pragma GCC visibility pop

#endif /* OTR_USER_COPY_H */
