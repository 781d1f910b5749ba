/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_USER_COPY_H
#define OTR_USER_COPY_H

/*
 * user_copy.h - reads what a caller wants sent, where it is not known yet whether it can be read,
 * and keeps a copy for after the call, when another thread may have freed it.
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

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* In the constructor: 0 where there is no memory. */
int otr_copies_alloc(void);
/* In a child after fork: frees the copies of the parent's threads. */
void otr_copies_forked(void);

/* Copies `len` bytes of the caller's. Returns 0 where they cannot be read. */
int otr_user_copy(void *to, const void *from, size_t len);

/* otr_head_read() of what `o` sends, as far as that can be read. */
enum otr_head otr_user_copy_head(const struct otr_out *o, struct otr_out_view *view);

/* Before a call that sends `iov` (NULL: what `o` says) on `f` (NULL: not known yet): copies what
 * will be read after the call. otr_copy_free() must follow. NULL: nothing will be read, or the
 * process has one thread, so that the caller's memory stays as it is. `page`: as in struct
 * otr_out_view. */
struct otr_copy *otr_copy_keep(const struct otr_self *self, const struct otr_fd *f,
			       const struct otr_out *o, const struct iovec *iov, int n,
			       uintptr_t page);

/* After a call that sent `moved` bytes: sets `out`, which has room for three pieces, to those
 * of them that were copied. A piece whose base is NULL was not. Returns how many pieces. */
int otr_copy_read(const struct otr_copy *c, struct iovec *out, size_t moved);

/* `c` may be NULL. */
void otr_copy_free(struct otr_copy *c);

#pragma GCC visibility pop

#endif /* OTR_USER_COPY_H */
