/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold.c - one thread at a time reads and writes the state of a connection; see share.h.
 *
 * A thread holds a connection for some hundred nanoseconds and makes no call that waits; where it
 * writes to pages of the ring for the first time, for some tens of microseconds. So a second thread
 * tries for a moment. If the holder lost its CPU or was cancelled, that is not enough: then the
 * second thread counts its bytes as unread and goes on.
 */

#include "preload/base/hold.h"

#include <stddef.h>

#include "preload/base/clock.h"
#include "preload/base/shim.h"
#include "preload/base/sys.h"
#include "preload/base/thread.h"

#define SPINS	 200	/* some microseconds, without a look at the clock */
#define PATIENCE 100000 /* ns: then the holder is not at work */

static inline void pause_cpu(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static int take(struct otr_fd *f, int32_t was, int32_t tid)
{
	OTR_YIELD();
	return otr_get(&f->owner) == was &&
	       __atomic_compare_exchange_n(&f->owner, &was, tid, 0, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* The last holder may have left the state half written: the boundary of requests is not known any
 * more. */
static void forget_boundary(struct otr_fd *f)
{
	f->boundary.state = OTR_BOUNDARY_UNKNOWN;
	(f + OTR_FD_PAGE)->boundary.state = OTR_BOUNDARY_UNKNOWN;
	f->has_cause = (f + OTR_FD_PAGE)->has_cause = 0;
}

/* Takes a connection whose holder left the call by longjmp(), has ended, or is a thread of the
 * parent process. */
static int take_over(struct otr_fd *f, int32_t tid)
{
	int32_t was = otr_get(&f->owner);

	if (was != tid && (!was || !otr_has_ended(was)))
		return 0;
	if (!take(f, was, tid))
		return 0;
	forget_boundary(f);
	return 1;
}

/* The holder may be waiting for this CPU. A seccomp filter may forbid to yield. */
static void let_others_run(void)
{
	if (otr_get(&otr_shim.has_seccomp))
		pause_cpu();
	else
		otr_sys(SYS_sched_yield);
}

static int try_for_a_moment(struct otr_fd *f, int32_t tid)
{
	uint64_t end;

	for (int i = 0; i < SPINS; i++, pause_cpu())
		if (take(f, 0, tid))
			return 1;
	end = otr_clock_ns() + PATIENCE;
	do {
		let_others_run();
		if (take(f, 0, tid))
			return 1;
	} while (otr_clock_ns() < end);
	return 0;
}

static int try_to_take(struct otr_fd *f, int32_t tid)
{
	if (otr_is_single_threaded() && !otr_get(&f->owner)) {
		otr_put(&f->owner, tid);
		return 1;
	}
	if (take(f, 0, tid))
		return 1;
	if (!otr_is_single_threaded() && try_for_a_moment(f, tid))
		return 1;
	return take_over(f, tid);
}

/* Adds the unread bytes of one direction to its positions. */
static void add_unread(struct otr_fd *f, int dir)
{
	uint64_t n = otr_get(&f->unread_bytes[dir]);
	struct otr_shim_dir *w = &f->dirs[dir];

	if (!n)
		return;
	n = __atomic_exchange_n(&f->unread_bytes[dir], 0, __ATOMIC_RELAXED);
	w->total += n;
	w->frames.lost = 1;
	if (f->last_dir == dir) {
		w->bytes += n;
		w->calls++;
		w->cut = 1;
	}
	if (dir == OTR_DIR_OUT) {
		f->boundary.state = OTR_BOUNDARY_UNKNOWN;
		f->has_cause = 0; /* the request of `cause` is sent */
	}
	otr_count(OTR_SHIM_DROPPED);
}

static int has_unread(const struct otr_fd *f)
{
	return (otr_get(&f->unread_bytes[OTR_DIR_IN]) | otr_get(&f->unread_bytes[OTR_DIR_OUT])) !=
	       0;
}

__attribute__((noinline, cold)) static void add_all_unread(struct otr_fd *f)
{
	add_unread(f, OTR_DIR_IN);
	add_unread(f, OTR_DIR_OUT);
	add_unread(f + OTR_FD_PAGE, OTR_DIR_IN);
	add_unread(f + OTR_FD_PAGE, OTR_DIR_OUT);
}

static int is_held(const struct otr_self *self, const struct otr_fd *f)
{
	for (uint32_t i = 0; i < self->n_held; i++)
		if (self->held[i] == f)
			return 1;
	return 0;
}

int otr_hold(struct otr_fd *f)
{
	struct otr_self *self = otr_self_now();

	if (!self)
		return 0;
	if (is_held(self, f))
		return 1;
	if (self->n_held == OTR_HELD || !try_to_take(f, self->tid))
		return 0;
	self->held[self->n_held++] = f;
	if (has_unread(f) || has_unread(f + OTR_FD_PAGE))
		add_all_unread(f);
	return 1;
}

void otr_hold_count_unread(struct otr_fd *f, int dir, ssize_t n)
{
	if (n > 0)
		__atomic_fetch_add(&f->unread_bytes[dir], (uint64_t)n, __ATOMIC_RELAXED);
}

void otr_hold_release(struct otr_self *self)
{
	while (self->n_held) {
		OTR_YIELD();
		__atomic_store_n(&self->held[--self->n_held]->owner, 0, __ATOMIC_RELEASE);
	}
}

void otr_hold_abandon(struct otr_self *self)
{
	for (uint32_t i = 0; i < self->n_held; i++)
		forget_boundary(self->held[i]);
	otr_hold_release(self);
}
