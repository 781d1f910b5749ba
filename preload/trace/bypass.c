/* SPDX-License-Identifier: Apache-2.0 */
/* bypass.c - bytes that do not pass through otr_out() and otr_in(), and the rest of a header. */

#include <alloca.h>
#include <errno.h>
#include <stddef.h>
#include <time.h>

#include "preload/base/fd.h"
#include "preload/base/header_slot.h"
#include "preload/base/hold.h"
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

/* The rest of the header on a connection, and the thread that sends it. */
struct turn {
	struct otr_fd *f;
	uint64_t inode;
	uint32_t life;
	int32_t tid;
	struct iovec rest;
};

/* Also of a thread for which otr_enter() does nothing: without a slot, in the handler of a signal
 * that came in a wrapper, in a child that is not followed. The caller's bytes must not go out
 * before the rest there either. */
static int32_t own_tid(void)
{
	struct otr_self *self = otr_enter();
	const struct otr_self *slot = self ? self : otr_self_peek();

	if (self)
		otr_leave(self);
	if (!self && !otr_get(&otr_shim.has_seccomp))
		return (int32_t)otr_sys(SYS_gettid); /* a child has another one than its slot */
	return slot ? slot->tid : -1; /* under a filter one thread without a slot is told apart */
}

/* Becomes the sender. The connection need not be held: only the word `rest_sender` decides. */
static int take_turn(const struct turn *t)
{
	int32_t was = otr_get(&t->f->rest_sender);

	if (was && was != t->tid && !otr_has_ended(was))
		return 0;
	return __atomic_compare_exchange_n(&t->f->rest_sender, &was, t->tid, 0, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

static void end_turn(const struct turn *t)
{
	int32_t mine = t->tid;

	__atomic_compare_exchange_n(&t->f->rest_sender, &mine, 0, 0, __ATOMIC_RELEASE,
				    __ATOMIC_RELAXED);
}

static enum rest look_for_rest(int fd, struct turn *t)
{
	t->f = otr_fd_home(fd);
	if (!t->f)
		return REST_NONE;
	t->life = otr_get(&t->f->life);
	t->inode = otr_get(&t->f->inode);
	if (!otr_header_left(t->f, &t->rest))
		return REST_NONE;
	t->tid = own_tid();
	if (!take_turn(t))
		return REST_OTHER;
	if (otr_fd_is_other(fd, t->f)) /* the number is another socket by now */
		otr_header_orphan(t->f, t->life, 0, 0);
	if (otr_header_left(t->f, &t->rest)) /* the last sender may just have sent all of it */
		return REST_MINE;
	end_turn(t);
	return REST_NONE;
}

static void emit_rest(int fd, const struct turn *t, size_t went)
{
	struct otr_self *self = otr_enter();

	if (!self || !otr_hold(t->f))
		otr_count_unseen(t->f, OTR_DIR_OUT, (ssize_t)went);
	else if (t->f->life == t->life && !otr_is_off())
		otr_moved(self, fd, t->f, OTR_DIR_OUT, went, 0,
			  &(struct iovec){t->rest.iov_base, went}, 1);
	if (self)
		otr_leave(self);
}

/* `k` bytes of the rest were sent, or -errno. */
static void rest_went(int fd, struct turn *t, long k)
{
	uint16_t at;

	t->f = otr_fd_heir(t->f, t->inode, &t->life);
	if (!t->f)
		return; /* the connection is closed, and the rest is dropped */
	at = otr_get(&t->f->rest_at);
	if (k > 0)
		otr_header_orphan(t->f, t->life, t->rest.iov_len - (size_t)k, at + (size_t)k);
	end_turn(t);
	if (k > 0)
		emit_rest(fd, t, (size_t)k);
}

/* Another thread sends the rest. On a blocking descriptor this thread waits for it, as it would
 * for that thread's own bytes; otherwise it gets EAGAIN. It gets that under a seccomp filter,
 * too, which may kill a process that makes other calls than its own. */
static int wait_for_other(int fd, int flags)
{
	const struct timespec moment = {.tv_nsec = 1000000};

	if (flags & MSG_DONTWAIT || otr_get(&otr_shim.has_seccomp) ||
	    otr_sys_fcntl(fd, F_GETFL, 0) & O_NONBLOCK) {
		errno = EAGAIN;
		return -1;
	}
	otr_sys(SYS_ppoll, NULL, 0, &moment, NULL, 0);
	return 0;
}

/* The call blocks or fails here as it would if nothing of the caller's bytes had been sent yet. */
int otr_out_first(int fd, int is_message, int flags)
{
	int error = errno;
	struct turn t;
	enum rest is;
	long k;

	while ((is = look_for_rest(fd, &t)) != REST_NONE) {
		if (is == REST_OTHER) {
			if (wait_for_other(fd, flags))
				return -1;
			continue;
		}
		k = send_rest(fd, is_message, flags, &t.rest);
		rest_went(fd, &t, k);
		if (k < 0) {
			errno = (int)-k;
			return -1;
		}
	}
	errno = error;
	return 0;
}
