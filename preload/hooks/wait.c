/* SPDX-License-Identifier: Apache-2.0 */
/* wait.c - wrappers of functions that wait for descriptors (R5), or check one connection (R10). */

#include <errno.h>
#include <stddef.h>
#include <time.h>

#include "preload/base/clock.h"
#include "preload/base/fd.h"
#include "preload/base/inbound.h"
#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/trace/enter.h"
#include "preload/trace/layer.h"
#include "preload/trace/rules.h"

/* R5: after a wait for one descriptor, or for several (`many`), that returned `ret`. `timeout_ns`
 * -1: none. */
static void waited(int many, int64_t timeout_ns, int ret)
{
	int error = errno;
	struct otr_self *self = otr_is_off() ? NULL : otr_enter();
	struct otr_strand *st;

	if (!self)
		return;
	st = &self->strand;
	if (many)
		otr_r5_wait(st, otr_exch_of(st->turn.conn), timeout_ns, ret, otr_clock_ns());
	else
		otr_r5_one(st, otr_clock_ns());
	otr_leave(self);
	errno = error;
}

/* R10: the thread has checked this connection. */
static void polled_one(int fd)
{
	struct otr_self *self;
	struct otr_fd *f;

	if (otr_is_off() || !otr_fd_home(fd))
		return;
	self = otr_enter();
	if (!self)
		return;
	f = otr_fd_known(fd);
	if (f)
		otr_rules_touch(self, otr_fd_upper(f));
	otr_leave(self);
}

static int64_t from_ms(int ms)
{
	return ms < 0 ? -1 : (int64_t)ms * 1000000;
}

static int64_t from_timespec(const struct timespec *ts)
{
	return ts ? (int64_t)ts->tv_sec * 1000000000 + ts->tv_nsec : -1;
}

/* Does the thread wait for several descriptors? A thread that asks epoll for one event waits for
 * one socket, unless its process is multiplexed. */
static int is_many(int max)
{
	return max != 1 || otr_get(&otr_shim.proc.mux);
}

int epoll_wait(int ep, struct epoll_event *evs, int max, int ms)
{
	int ret = otr_real.epoll_wait(ep, evs, max, ms);

	waited(is_many(max), from_ms(ms), ret);
	return ret;
}

int epoll_pwait(int ep, struct epoll_event *evs, int max, int ms, const sigset_t *mask)
{
	int ret = otr_real.epoll_pwait(ep, evs, max, ms, mask);

	waited(is_many(max), from_ms(ms), ret);
	return ret;
}

int epoll_pwait2(int ep, struct epoll_event *evs, int max, const struct timespec *ts,
		 const sigset_t *mask)
{
	int64_t timeout = from_timespec(ts);
	int ret = otr_real.epoll_pwait2(ep, evs, max, ts, mask);

	waited(is_many(max), timeout, ret);
	return ret;
}

int epoll_ctl(int ep, int op, int fd, struct epoll_event *ev)
{
	int ret = otr_real.epoll_ctl(ep, op, fd, ev), error = errno;

	if (op != EPOLL_CTL_DEL)
		polled_one(fd);
	errno = error;
	return ret;
}

int poll(struct pollfd *fds, nfds_t n, int ms)
{
	int ret = otr_real.poll(fds, n, ms), error = errno;

	waited(n > 1, from_ms(ms), ret);
	if (n == 1 && ret >= 0)
		polled_one(fds->fd);
	errno = error;
	return ret;
}

int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *ts, const sigset_t *mask)
{
	int ret = otr_real.ppoll(fds, n, ts, mask), error = errno;

	waited(n > 1, from_timespec(ts), ret);
	if (n == 1 && ret >= 0)
		polled_one(fds->fd);
	errno = error;
	return ret;
}

/* The descriptors are not counted: select() is taken to wait for several. */
int select(int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *tv)
{
	int64_t timeout = tv ? (int64_t)tv->tv_sec * 1000000000 + tv->tv_usec * 1000 : -1;
	int ret = otr_real.select(n, r, w, x, tv);

	waited(1, timeout, ret);
	return ret;
}

int pselect(int n, fd_set *r, fd_set *w, fd_set *x, const struct timespec *ts, const sigset_t *mask)
{
	int64_t timeout = from_timespec(ts);
	int ret = otr_real.pselect(n, r, w, x, ts, mask);

	waited(1, timeout, ret);
	return ret;
}
