/* SPDX-License-Identifier: Apache-2.0 */
/* past.c - bytes that were moved past otr_out() and otr_in(), and what is owed of a header. */

#include <alloca.h>
#include <errno.h>
#include <stddef.h>

#include "preload/header.h"
#include "preload/io.h"
#include "preload/real.h"
#include "preload/shim.h"

/* A stream socket's bytes in direction `dir`; of other descriptors nothing is said. `said`:
 * they are the program's, which moves on with them in what it says, and may be gone where
 * there are threads; else ours. Returns 0 where nobody looked. */
static int told(int fd, int dir, const struct iovec *iov, int n, ssize_t ret, int said)
{
	struct iovec *seen = alloca(otr_n_pieces(0, n) * sizeof(*seen));
	struct otr_self *self;
	struct otr_fd *f;
	int error = errno;

	self = *otr_shim.off ? NULL : otr_enter();
	if (!self)
		return 0;
	f = otr_fd_of(fd);
	if (f && f->kind == OTR_FD_STREAM && ret > 0) {
		n = said && !otr_is_alone() ? 0 : otr_trim(seen, iov, n, (size_t)ret);
		otr_moved(self, fd, f, dir, (uint64_t)ret, 0, seen, n);
		if (said && f->role != OTR_ROLE_SERVER)
			otr_talk_went(&f->talk, (uint64_t)ret, seen, n);
	} else if (f && f->kind == OTR_FD_STREAM) {
		otr_not_moved(self, fd, f, dir, ret, error);
	}
	otr_leave(self);
	errno = error;
	return 1;
}

/* Sent past otr_out(). */
static void went(int fd, const struct iovec *iov, int n, ssize_t ret)
{
	struct otr_fd *f;

	if (told(fd, OTR_DIR_OUT, iov, n, ret, 1))
		return;
	f = *otr_shim.off || ret <= 0 ? NULL : otr_fd_known(fd);
	if (f && f->kind == OTR_FD_STREAM)
		otr_talk_went(&f->talk, (uint64_t)ret, NULL, 0);
}

void otr_out_told(int fd, const struct iovec *iov, int n, ssize_t ret)
{
	went(fd, iov, n, ret);
}

void otr_out_unseen(int fd, ssize_t ret)
{
	went(fd, NULL, 0, ret);
}

void otr_in_unseen(int fd, ssize_t ret)
{
	told(fd, OTR_DIR_IN, NULL, 0, ret, 0);
}

static ssize_t send_first(int fd, int is_message, int flags, const struct iovec *rest)
{
	if (!is_message)
		return otr_real.write(fd, rest->iov_base, rest->iov_len);
	return otr_real.send(fd, rest->iov_base, rest->iov_len,
			     (flags & (MSG_DONTWAIT | MSG_NOSIGNAL)) | MSG_MORE);
}

/* As if nothing of the caller's had been sent yet: it blocks or fails as that would. */
int otr_out_first(int fd, int is_message, int flags)
{
	struct otr_fd *f = otr_fd_known(fd);
	int error = errno;
	struct iovec rest;
	ssize_t k;

	if (f && f->rest && otr_fd_is_other(fd, f))
		otr_header_free(f); /* its socket is gone */
	while (f && otr_header_left(f, &rest)) {
		k = send_first(fd, is_message, flags, &rest);
		if (k <= 0)
			return -1;
		told(fd, OTR_DIR_OUT, &rest, 1, k, 0);
		if ((size_t)k < rest.iov_len)
			otr_header_rest(f, rest.iov_len - (size_t)k,
					f->rest_at + (size_t)k);
		else
			otr_header_free(f);
	}
	errno = error;
	return 0;
}
