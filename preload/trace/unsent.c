/* SPDX-License-Identifier: Apache-2.0 */
/* unsent.c - sends the unsent part of a header before the caller's next bytes; see unsent.h. */

#include "preload/trace/unsent.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

#include "preload/base/fd.h"
#include "preload/base/header_slot.h"
#include "preload/base/hold.h"
#include "preload/base/shim.h"
#include "preload/base/sys.h"
#include "preload/base/thread.h"
#include "preload/trace/enter.h"
#include "preload/trace/flow.h"

/* Returns the number of bytes that were sent, or -errno. Bare system calls: a thread that is
 * cancelled in a call of libc would not report how many bytes were sent. */
static long send_part(int fd, int is_message, int flags, const struct iovec *unsent)
{
	if (!is_message)
		return otr_sys(SYS_write, fd, unsent->iov_base, unsent->iov_len);
	return otr_sys(SYS_sendto, fd, unsent->iov_base, unsent->iov_len,
		       (flags & (MSG_DONTWAIT | MSG_NOSIGNAL)) | MSG_MORE);
}

enum who_sends {
	NOBODY, /* there is no unsent part */
	THIS_THREAD,
	OTHER_THREAD, /* another thread sends the unsent part at this moment */
};

/* The unsent part of the header on a connection, and the thread that sends it. */
struct sender {
	struct otr_fd *f;
	uint64_t inode;
	uint32_t gen;
	int32_t tid;
	struct iovec unsent;
};

/* The id of the calling thread. The thread need not have a slot: the caller's bytes must not go out
 * before the unsent part in a signal handler that interrupted a wrapper, or in a child that is not
 * followed, either. */
static int32_t own_tid(void)
{
	struct otr_self *self = otr_enter();
	const struct otr_self *slot = self ? self : otr_self_peek();

	if (self)
		otr_leave(self);
	/* The slot may have the id of the parent, in a child after fork. */
	if (!self && !otr_get(&otr_shim.has_seccomp))
		return (int32_t)otr_sys(SYS_gettid);
	return slot ? slot->tid : -1; /* -1: under a seccomp filter, without a slot */
}

/* Becomes the sender, by compare-and-swap of `unsent_sender`: the connection need not be held.
 * Returns 0 if another thread is the sender. */
static int become_sender(const struct sender *t)
{
	int32_t was = otr_get(&t->f->unsent_sender);

	if (was && was != t->tid && !otr_has_ended(was))
		return 0;
	return __atomic_compare_exchange_n(&t->f->unsent_sender, &was, t->tid, 0, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

static void end_sending(const struct sender *t)
{
	int32_t tid = t->tid;

	__atomic_compare_exchange_n(&t->f->unsent_sender, &tid, 0, 0, __ATOMIC_RELEASE,
				    __ATOMIC_RELAXED);
}

/* Who sends the unsent part of the header on `fd`? If it is this thread, sets *t. */
static enum who_sends find_sender(int fd, struct sender *t)
{
	t->f = otr_fd_home(fd);
	if (!t->f)
		return NOBODY;
	t->gen = otr_get(&t->f->gen);
	t->inode = otr_get(&t->f->inode);
	if (!otr_header_get_unsent(t->f, &t->unsent))
		return NOBODY;
	t->tid = own_tid();
	if (!become_sender(t))
		return OTHER_THREAD;
	if (otr_fd_is_other(fd, t->f)) /* the number is another socket by now */
		otr_header_set_unsent_unheld(t->f, t->gen, 0, 0);
	if (otr_header_get_unsent(t->f, &t->unsent))
		return THIS_THREAD;
	end_sending(t); /* the last sender has just sent all of it */
	return NOBODY;
}

/* Emits `sent` bytes of the unsent part. */
static void emit_sent(int fd, const struct sender *t, size_t sent)
{
	struct otr_self *self = otr_enter();

	if (!self || !otr_hold(t->f))
		otr_hold_count_unread(t->f, OTR_DIR_OUT, (ssize_t)sent);
	else if (t->f->gen == t->gen && !otr_is_off())
		otr_moved(self, fd, t->f, OTR_DIR_OUT, sent, 0,
			  &(struct iovec){t->unsent.iov_base, sent}, 1);
	if (self)
		otr_leave(self);
}

/* After send_part() has returned `k`: keeps what is still unsent, and emits what was sent. */
static void note_sent(int fd, struct sender *t, long k)
{
	uint16_t at;

	t->f = otr_fd_heir(t->f, t->inode, &t->gen);
	if (!t->f)
		return; /* the connection is closed, and the unsent part is dropped */
	at = otr_get(&t->f->unsent_at);
	if (k > 0)
		otr_header_set_unsent_unheld(t->f, t->gen, t->unsent.iov_len - (size_t)k,
					     at + (size_t)k);
	end_sending(t);
	if (k > 0)
		emit_sent(fd, t, (size_t)k);
}

#define YIELDS 20 /* after so many, a call of another thread that does not block has ended */

static int refuse(void)
{
	errno = EAGAIN;
	return -1;
}

/* Another thread sends the unsent part; this thread has found that `tries` times before. On a
 * blocking descriptor this thread waits, as it would wait in the kernel for the bytes of the
 * other thread. On any other it waits for a moment, then fails with EAGAIN. Under a seccomp
 * filter, which may kill the process for a system call that the program does not make itself, it
 * fails at once. */
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

int otr_unsent_send(int fd, int is_message, int flags)
{
	int error = errno, tries = 0;
	struct sender t;
	enum who_sends who;
	long k;

	while ((who = find_sender(fd, &t)) != NOBODY) {
		if (who == OTHER_THREAD) {
			if (wait_for_other(fd, flags, tries++))
				return -1;
			continue;
		}
		k = send_part(fd, is_message, flags, &t.unsent);
		note_sent(fd, &t, k);
		if (k < 0) {
			errno = (int)-k;
			return -1;
		}
	}
	errno = error;
	return 0;
}
