/* SPDX-License-Identifier: Apache-2.0 */
/* net.c - wrappers of the functions that begin and end connections, and of those that set seccomp
 * filters. The library takes the former as hints alone, as a connection may begin and end without
 * them: see fd.c. */

#include "preload/hooks/net.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/base/clock.h"
#include "preload/base/fd.h"
#include "preload/base/inbound.h"
#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/base/sys.h"
#include "preload/ring/program.h"
#include "preload/ring/ring.h"
#include "preload/trace/conn.h"
#include "preload/trace/dial.h"
#include "preload/trace/enter.h"
#include "preload/trace/proof.h"

/* `fd` is a new socket of this role. */
static void note_socket(int fd, int role)
{
	int error = errno;
	struct otr_self *self = otr_is_off() ? NULL : otr_enter();

	if (self) {
		otr_fd_made(fd, role);
		otr_leave(self);
	}
	errno = error;
}

int socket(int family, int type, int protocol)
{
	int fd = otr_real.socket(family, type, protocol);

	if (fd >= 0)
		note_socket(fd, OTR_ROLE_UNKNOWN);
	return fd;
}

/* After connect(). R4: one that does not wait keeps the exchange for which it is made. */
static void after_connect(int fd, const struct sockaddr *to, socklen_t len, uint64_t start_ns,
			  int ret, int error)
{
	struct otr_self *self = otr_is_off() ? NULL : otr_enter();
	struct otr_strand *st;
	struct otr_fd *f;

	if (!self)
		return;
	otr_fd_made(fd, OTR_ROLE_CLIENT);
	f = otr_fd_of(fd);
	if (f && f->kind == OTR_FD_STREAM) {
		otr_mark_propagates();
		otr_peer_connected(f, to, len);
	}
	st = &self->strand;
	if (f && f->kind == OTR_FD_STREAM && ret && error == EINPROGRESS)
		otr_r4_born(st, &otr_shim.proc, &f->asked, otr_exch_of(st->cur.conn),
			    otr_clock_ns());
	if (f && f->kind == OTR_FD_STREAM && ret)
		otr_dial(self, f, to, len, start_ns, error);
	otr_leave(self);
}

int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	uint64_t start_ns = otr_is_off() ? 0 : otr_clock_ns();
	int ret = otr_real.connect(fd, to, len), error = errno;

	if (!ret || error == EINPROGRESS || otr_dial_is_failure(error)) {
		after_connect(fd, to, len, start_ns, ret, error);
		otr_program_denied_emit(fd);
	}
	errno = error;
	return ret;
}

/* After accept() returned `fd`. R5: the strand has handled one descriptor, for no request yet. The
 * ring is made now, before threads begin to read, as only one of them can make it. */
static int after_accept(int fd)
{
	int error = errno;
	struct otr_self *self = otr_is_off() || fd < 0 ? NULL : otr_enter();

	otr_program_denied_emit(fd);
	if (self) {
		otr_fd_made(fd, OTR_ROLE_SERVER);
		otr_ring_ready();
		otr_put(&otr_shim.is_server, 1); /* also if the protocol is not known */
		self->strand.entry_ns = otr_clock_ns();
		otr_handle(&self->strand, 1);
		otr_leave(self);
	}
	errno = error;
	return fd;
}

int accept(int fd, struct sockaddr *sa, socklen_t *len)
{
	return after_accept(otr_real.accept(fd, sa, len));
}

int accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	return after_accept(otr_real.accept4(fd, sa, len, flags));
}

int listen(int fd, int backlog)
{
	int ret = otr_real.listen(fd, backlog);

	if (!ret) {
		otr_put(&otr_shim.listens, 1);
		otr_program_denied_emit(fd);
	}
	return ret;
}

/* `fd` is about to be closed, or names another file now. */
static void before_close(int fd)
{
	struct otr_fd *f = otr_is_off() ? NULL : otr_fd_slot(fd);
	struct otr_self *self;
	int error = errno;

	if (!f || otr_get(&f->kind) == OTR_FD_NEW)
		return;
	self = otr_enter();
	if (self) {
		if (otr_get(&f->dial.start_ns))
			otr_dial_closing(self, fd);
		otr_fd_closed(fd);
		otr_leave(self);
	}
	errno = error;
}

int close(int fd)
{
	before_close(fd);
	return otr_real.close(fd);
}

/* A program that reads SO_ERROR sees how a connect() that does not wait has failed. */
int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	int ret = otr_real.getsockopt(fd, level, name, value, len), error = errno;
	struct otr_self *self = NULL;
	struct otr_fd *f;
	int why = 0;

	if (ret < 0 || level != SOL_SOCKET || name != SO_ERROR || *len < sizeof(why) ||
	    otr_is_off())
		return ret;
	memcpy(&why, value, sizeof(why));
	f = otr_dial_is_failure(why) ? otr_fd_slot(fd) : NULL;
	if (f && otr_get(&f->dial.start_ns))
		self = otr_enter();
	if (self) {
		f = otr_fd_of(fd);
		if (f)
			otr_dial_failed(self, f, why);
		otr_leave(self);
	}
	errno = error;
	return ret;
}

/* After dup2() or dup3(): `to` names the file of `fd`. If that is a connection, checks `to` now, so
 * that it is known as an alias and can take over the state when `fd` is closed. */
static int after_dup(int fd, int to, int ret)
{
	struct otr_self *self;
	int error = errno;

	if (ret < 0 || fd == to)
		return ret;
	before_close(to);
	self = otr_is_off() || !otr_fd_home(fd) ? NULL : otr_enter();
	if (self) {
		otr_fd_of(to);
		otr_leave(self);
	}
	errno = error;
	return ret;
}

int dup2(int fd, int to)
{
	return after_dup(fd, to, otr_real.dup2(fd, to));
}

int dup3(int fd, int to, int flags)
{
	return after_dup(fd, to, otr_real.dup3(fd, to, flags));
}

void otr_fds_received(const struct msghdr *msg)
{
	size_t n;
	int fd;

	if (!msg->msg_control || otr_is_off())
		return;
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(msg); cm; cm = CMSG_NXTHDR((void *)msg, cm)) {
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
		for (size_t i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(fd), sizeof(fd));
			before_close(fd);
		}
	}
}

/* A seccomp filter is about to be set. It may kill the process for any system call that the program
 * does not make itself, also for reading the clock. So the library is off from now on. Returns what
 * otr_shim.off was. PR_SET_NO_NEW_PRIVS alone is no filter: haproxy sets it, too. */
static const volatile uint32_t *before_filter(void)
{
	static const uint32_t never = 1;
	const volatile uint32_t *was = otr_shim.off;

	otr_put(&otr_shim.has_seccomp, 1);
	__atomic_store_n(&otr_shim.off, &never, __ATOMIC_RELEASE);
	if (otr_ring_now())
		otr_ring_now()->magic = 0; /* no agent may switch the library on again */
	return was;
}

/* The kernel has refused the filter (libseccomp probes like this what the kernel supports): the
 * library is on again. */
static void filter_refused(const volatile uint32_t *was)
{
	if (otr_shim.off == was)
		return; /* a filter that was set before is in force */
	otr_put(&otr_shim.has_seccomp, 0);
	__atomic_store_n(&otr_shim.off, was, __ATOMIC_RELEASE);
	if (otr_ring_now() && was == &otr_ring_now()->off)
		otr_ring_now()->magic = OTR_RING_MAGIC;
}

/* Makes a system call with six words, as syscall() of libc does. */
static long call_kernel(long number, const long a[6])
{
	long ret = otr_sys6(number, a[0], a[1], a[2], a[3], a[4], a[5]);

	if (!otr_sys_failed(ret))
		return ret;
	errno = (int)-ret;
	return -1;
}

/* seccomp() that sets a filter, by syscall(). */
static long set_filter(const long a[6])
{
	const volatile uint32_t *was = before_filter();
	long ret = call_kernel(SYS_seccomp, a);

	if (ret < 0)
		filter_refused(was);
	return ret;
}

/* By syscall() Node closes descriptors, and libseccomp sets its filters. */
long syscall(long number, ...)
{
	va_list args;
	long a[6];

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_seccomp && a[0] <= SECCOMP_SET_MODE_FILTER)
		return set_filter(a);
	if (number == SYS_close)
		before_close((int)a[0]);
	return call_kernel(number, a);
}

int prctl(int what, ...)
{
	const volatile uint32_t *was;
	unsigned long a[4];
	va_list args;
	int ret;

	va_start(args, what);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(args, unsigned long);
	va_end(args);
	if (what != PR_SET_SECCOMP)
		return otr_real.prctl(what, a[0], a[1], a[2], a[3]);
	was = before_filter();
	ret = otr_real.prctl(what, a[0], a[1], a[2], a[3]);
	if (ret)
		filter_refused(was);
	return ret;
}
