/* SPDX-License-Identifier: Apache-2.0 */
/* bypass.c - bytes that do not pass through otr_out() and otr_in(), and the rest of a header. */

#include <alloca.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>

#include "preload/base/fd.h"
#include "preload/base/header_slot.h"
#include "preload/base/hold.h"
#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/base/sys.h"
#include "preload/base/thread.h"
#include "preload/parse/iov.h"
#include "preload/parse/request_boundary.h"
#include "preload/trace/call.h"
#include "preload/trace/enter.h"
#include "preload/trace/flow.h"
#include "preload/trace/header.h"
#include "preload/trace/io.h"

static void emit(struct otr_self *self, int fd, struct otr_fd *f, int dir, const struct iovec *iov,
		 int n, ssize_t ret, int is_programs)
{
	struct iovec *seen = alloca(otr_n_pieces(0, n) * sizeof(*seen));

	n = is_programs && !otr_is_single_threaded() ? 0 : otr_trim(seen, iov, n, (size_t)ret);
	otr_moved(self, fd, f, dir, (uint64_t)ret, 0, seen, n);
	if (is_programs && f->role != OTR_ROLE_SERVER)
		otr_boundary_sent(&f->boundary, (uint64_t)ret, seen, n);
}

/* Emits what moved on a stream socket in direction `dir`; nothing of other descriptors.
 * `is_programs`: the bytes are the program's, so the boundary of requests moves on with them,
 * and they may be freed where there are threads. Otherwise they are the rest of a header. */
static void report(int fd, int dir, const struct iovec *iov, int n, ssize_t ret, int is_programs)
{
	int error = errno;
	struct otr_self *self;
	struct otr_fd *f;

	if (otr_is_off())
		return;
	self = otr_enter();
	f = self ? otr_fd_of(fd) : NULL;
	if (f && f->kind == OTR_FD_STREAM && ret > 0)
		emit(self, fd, f, dir, iov, n, ret, is_programs);
	else if (f && f->kind == OTR_FD_STREAM)
		otr_not_moved(self, fd, f, dir, ret, error);
	else if (!f)
		otr_fd_unseen(fd, dir, ret);
	if (self)
		otr_leave(self);
	errno = error;
}

void otr_out_reported(int fd, const struct iovec *iov, int n, ssize_t ret)
{
	report(fd, OTR_DIR_OUT, iov, n, ret, 1);
}

void otr_out_unseen(int fd, ssize_t ret)
{
	report(fd, OTR_DIR_OUT, NULL, 0, ret, 1);
}

void otr_in_unseen(int fd, ssize_t ret)
{
	report(fd, OTR_DIR_IN, NULL, 0, ret, 0);
}

/* By bare system calls: a thread that is cancelled in a call of libc would not report how much
 * was sent. */
static long send_rest(int fd, int is_message, int flags, const struct iovec *rest)
{
	if (!is_message)
		return otr_sys(SYS_write, fd, rest->iov_base, rest->iov_len);
	return otr_sys(SYS_sendto, fd, rest->iov_base, rest->iov_len,
		       (flags & (MSG_DONTWAIT | MSG_NOSIGNAL)) | MSG_MORE);
}

enum rest {
	REST_NONE,
	REST_MINE,  /* this thread sends it */
	REST_OTHER, /* another thread sends it at this moment */
};

/* `f` is held. */
static enum rest claim_rest(int fd, struct otr_fd *f, int32_t tid, struct iovec *rest)
{
	if (!otr_header_left(f, rest))
		return REST_NONE;
	if (otr_fd_is_other(fd, f)) {
		otr_header_free(f); /* the number is another socket by now */
		return REST_NONE;
	}
	if (f->rest_is_taken && f->rest_sender != tid && !otr_has_ended(f->rest_sender))
		return REST_OTHER;
	f->rest_is_taken = 1;
	f->rest_sender = tid;
	return REST_MINE;
}

static enum rest look_for_rest(int fd, struct otr_fd **f, struct iovec *rest, uint32_t *life)
{
	struct otr_self *self = otr_enter();
	enum rest is = REST_OTHER;

	if (!self)
		return REST_OTHER;
	*f = otr_fd_known(fd);
	if (*f) {
		is = claim_rest(fd, *f, self->tid, rest);
		*life = (*f)->life;
	}
	otr_leave(self);
	return is;
}

/* `k` bytes of the rest were sent, or -errno. */
static void rest_went(int fd, struct otr_fd *f, uint32_t life, const struct iovec *rest, long k)
{
	size_t went = k > 0 ? (size_t)k : 0;
	uint16_t at = otr_get(&f->rest_at);
	struct otr_self *self = otr_enter();

	if (went)
		otr_header_orphan(f, life, rest->iov_len - went, at + went);
	if (self && otr_hold(f) && f->life == life) {
		f->rest_is_taken = 0;
		if (went && !otr_is_off())
			otr_moved(self, fd, f, OTR_DIR_OUT, went, 0,
				  &(struct iovec){rest->iov_base, went}, 1);
	} else {
		otr_count_unseen(f, OTR_DIR_OUT, k);
	}
	if (self)
		otr_leave(self);
}

/* Another thread sends the rest. On a blocking descriptor this thread waits for it, as it would
 * for that thread's own bytes; otherwise it gets EAGAIN. */
static int wait_for_other(int fd, int flags)
{
	struct pollfd one = {.fd = fd, .events = POLLOUT};

	if (flags & MSG_DONTWAIT || otr_sys_fcntl(fd, F_GETFL, 0) & O_NONBLOCK) {
		errno = EAGAIN;
		return -1;
	}
	otr_real.poll(&one, 1, 1);
	otr_sys(SYS_sched_yield);
	return 0;
}

static int has_rest(int fd)
{
	struct otr_fd *f = otr_fd_home(fd);

	return f && otr_get(&f->rest);
}

/* The call blocks or fails here as it would if nothing of the caller's bytes had been sent yet. */
int otr_out_first(int fd, int is_message, int flags)
{
	int error = errno;
	struct iovec rest;
	struct otr_fd *f = NULL;
	uint32_t life = 0;
	enum rest is;
	long k;

	while (has_rest(fd)) {
		is = look_for_rest(fd, &f, &rest, &life);
		if (is == REST_OTHER && wait_for_other(fd, flags))
			return -1;
		if (is != REST_MINE)
			continue;
		k = send_rest(fd, is_message, flags, &rest);
		rest_went(fd, f, life, &rest, k);
		if (k < 0) {
			errno = (int)-k;
			return -1;
		}
	}
	errno = error;
	return 0;
}
