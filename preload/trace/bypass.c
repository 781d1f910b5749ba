/* SPDX-License-Identifier: Apache-2.0 */
/* bypass.c - bytes that do not pass through otr_out() and otr_in(), and the unsent part of a header. */

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
		 int n, ssize_t ret, int is_callers)
{
	struct iovec *seen = alloca(otr_n_pieces(0, n) * sizeof(*seen));

	n = is_callers && !otr_is_single_threaded() ? 0 : otr_trim(seen, iov, n, (size_t)ret);
	otr_moved(self, fd, f, dir, (uint64_t)ret, 0, seen, n);
	if (is_callers && f->role != OTR_ROLE_SERVER)
		otr_boundary_sent(&f->boundary, (uint64_t)ret, seen, n);
}

/* Emits what moved on a stream socket in direction `dir`; nothing of other descriptors.
 * `is_callers`: the bytes are the program's, so the boundary of requests moves on with them,
 * and they may be freed where there are threads. Otherwise they are the unsent part of a header. */
static void report(int fd, int dir, const struct iovec *iov, int n, ssize_t ret, int is_callers)
{
	int error = errno;
	struct otr_self *self;
	struct otr_fd *f;

	if (otr_is_off())
		return;
	self = otr_enter();
	f = self ? otr_fd_of(fd) : NULL;
	if (f && f->kind == OTR_FD_STREAM && ret > 0)
		emit(self, fd, f, dir, iov, n, ret, is_callers);
	else if (f && f->kind == OTR_FD_STREAM)
		otr_not_moved(self, fd, f, dir, ret, error);
	else if (!f)
		otr_fd_count_unread(fd, dir, ret);
	if (self)
		otr_leave(self);
	errno = error;
}

void otr_out_after(int fd, const struct iovec *iov, int n, ssize_t ret)
{
	report(fd, OTR_DIR_OUT, iov, n, ret, 1);
}

void otr_out_unread(int fd, ssize_t ret)
{
	report(fd, OTR_DIR_OUT, NULL, 0, ret, 1);
}

void otr_in_unread(int fd, ssize_t ret)
{
	report(fd, OTR_DIR_IN, NULL, 0, ret, 0);
}

/* By bare system calls: a thread that is cancelled in a call of libc would not report how much
 * was sent. */
static long send_unsent(int fd, int is_message, int flags, const struct iovec *unsent)
{
	if (!is_message)
		return otr_sys(SYS_write, fd, unsent->iov_base, unsent->iov_len);
	return otr_sys(SYS_sendto, fd, unsent->iov_base, unsent->iov_len,
		       (flags & (MSG_DONTWAIT | MSG_NOSIGNAL)) | MSG_MORE);
}

enum unsent {
	UNSENT_NONE,
	UNSENT_OURS,  /* this thread sends it */
	UNSENT_OTHER, /* another thread sends it at this moment */
};

/* The unsent part of the header on a connection, and the thread that sends it. */
struct turn {
	struct otr_fd *f;
	uint64_t inode;
	uint32_t life;
	int32_t tid;
	struct iovec unsent;
};

/* Also of a thread for which otr_enter() does nothing: without a slot, in the handler of a signal
 * that came in a wrapper, in a child that is not followed. The caller's bytes must not go out
 * before the unsent part there either. */
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

/* Becomes the sender. The connection need not be held: only the word `unsent_sender` decides. */
static int take_turn(const struct turn *t)
{
	int32_t was = otr_get(&t->f->unsent_sender);

	if (was && was != t->tid && !otr_has_ended(was))
		return 0;
	return __atomic_compare_exchange_n(&t->f->unsent_sender, &was, t->tid, 0, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

static void end_turn(const struct turn *t)
{
	int32_t mine = t->tid;

	__atomic_compare_exchange_n(&t->f->unsent_sender, &mine, 0, 0, __ATOMIC_RELEASE,
				    __ATOMIC_RELAXED);
}

static enum unsent find_unsent(int fd, struct turn *t)
{
	t->f = otr_fd_home(fd);
	if (!t->f)
		return UNSENT_NONE;
	t->life = otr_get(&t->f->life);
	t->inode = otr_get(&t->f->inode);
	if (!otr_header_get_unsent(t->f, &t->unsent))
		return UNSENT_NONE;
	t->tid = own_tid();
	if (!take_turn(t))
		return UNSENT_OTHER;
	if (otr_fd_is_other(fd, t->f)) /* the number is another socket by now */
		otr_header_set_unsent_unheld(t->f, t->life, 0, 0);
	if (otr_header_get_unsent(t->f,
				  &t->unsent)) /* the last sender may just have sent all of it */
		return UNSENT_OURS;
	end_turn(t);
	return UNSENT_NONE;
}

static void emit_sent(int fd, const struct turn *t, size_t sent)
{
	struct otr_self *self = otr_enter();

	if (!self || !otr_hold(t->f))
		otr_hold_count_unread(t->f, OTR_DIR_OUT, (ssize_t)sent);
	else if (t->f->life == t->life && !otr_is_off())
		otr_moved(self, fd, t->f, OTR_DIR_OUT, sent, 0,
			  &(struct iovec){t->unsent.iov_base, sent}, 1);
	if (self)
		otr_leave(self);
}

/* `k` bytes of the unsent part were sent, or -errno. */
static void unsent_was_sent(int fd, struct turn *t, long k)
{
	uint16_t at;

	t->f = otr_fd_heir(t->f, t->inode, &t->life);
	if (!t->f)
		return; /* the connection is closed, and the unsent part is dropped */
	at = otr_get(&t->f->unsent_at);
	if (k > 0)
		otr_header_set_unsent_unheld(t->f, t->life, t->unsent.iov_len - (size_t)k,
					     at + (size_t)k);
	end_turn(t);
	if (k > 0)
		emit_sent(fd, t, (size_t)k);
}

#define YIELDS 20 /* a call that does not block has ended by then */

static int refuse(void)
{
	errno = EAGAIN;
	return -1;
}

/* Another thread sends the unsent part, for the `tries`-th time. On a blocking descriptor this thread
 * waits for it, as it would for that thread's own bytes. Otherwise it waits for a moment: where
 * the kernel itself says EAGAIN, it also says when there is room again. Under a seccomp filter,
 * which may kill a process that makes other calls than its own, it gets EAGAIN at once. */
static int wait_for_other(int fd, int flags, int tries)
{
	const struct timespec moment = {.tv_nsec = 1000000};

	if (otr_get(&otr_shim.has_seccomp))
		return refuse();
	if (!(flags & MSG_DONTWAIT) && !(otr_sys_fcntl(fd, F_GETFL, 0) & O_NONBLOCK))
		otr_sys(SYS_ppoll, NULL, 0, &moment, NULL, 0);
	else if (tries < YIELDS)
		otr_sys(SYS_sched_yield);
	else
		return refuse();
	return 0;
}

/* The call blocks or fails here as it would if nothing of the caller's bytes had been sent yet. */
int otr_header_send_unsent(int fd, int is_message, int flags)
{
	int error = errno, tries = 0;
	struct turn t;
	enum unsent is;
	long k;

	while ((is = find_unsent(fd, &t)) != UNSENT_NONE) {
		if (is == UNSENT_OTHER) {
			if (wait_for_other(fd, flags, tries++))
				return -1;
			continue;
		}
		k = send_unsent(fd, is_message, flags, &t.unsent);
		unsent_was_sent(fd, &t, k);
		if (k < 0) {
			errno = (int)-k;
			return -1;
		}
	}
	errno = error;
	return 0;
}
