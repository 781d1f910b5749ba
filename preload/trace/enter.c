/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enter.c - a thread of the program enters the library, and leaves it. The first thread that
 * enters after a fork sets the state of the child.
 */

#include "preload/trace/enter.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>

#include "preload/base/clock.h"
#include "preload/base/fd.h"
#include "preload/base/hold.h"
#include "preload/base/shim.h"
#include "preload/base/sys.h"
#include "preload/base/thread.h"
#include "preload/ring/reader_change.h"
#include "preload/ring/ring.h"
#include "preload/trace/user_copy.h"

/* Seeds the random numbers by the 16 bytes that the kernel gives to each program (AT_RANDOM). A
 * child has the bytes of its parent, so its pid and the time are added. */
static void seed(void)
{
	const void *bytes = (const void *)getauxval(AT_RANDOM);

	if (bytes)
		memcpy(otr_shim.random, bytes, sizeof(otr_shim.random));
	otr_shim.random[0] ^= (uint64_t)otr_sys_getpid() << 32 ^ otr_clock_ns();
}

void otr_process_begin(void)
{
	struct otr_shim *sh = &otr_shim;

	sh->pid = otr_sys_getpid();
	sh->offer_state = 0;
	sh->is_offered = 0;
	sh->lost_records = 0;
	sh->ring_failed = 0;
	sh->offer_tries = 0;
	sh->ring = NULL;
	sh->seen_tail = 0;
	sh->reader_is_behind = 0;
	sh->off = &sh->idle;
	otr_proc_state_init(&sh->proc);
	seed();
	__atomic_store_n(sh->alive, OTR_ALIVE_YES, __ATOMIC_RELEASE);
}

/* Begins the state of a child after fork: it drops what its parent knew of exchanges and strands,
 * inherits the current of the strand as weak evidence (R7), and keeps the connections. Returns 0 if
 * this wrapper only makes its call. */
static int begin_child(void)
{
	uint8_t not_yet = 0;

	/* One thread begins the state, once. Another thread, and a signal handler that interrupts
	 * it, only make their calls. */
	if (!__atomic_compare_exchange_n(otr_shim.alive, &not_yet, OTR_ALIVE_BEGINNING, 0,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return 0;
	otr_shim.is_server |= otr_shim.listens;
	if (otr_shim.is_server)
		otr_mark_propagates(); /* the parent does, too */
	otr_shim.off = &otr_shim.idle;
	otr_reader_changed_child(otr_ring_now());
	if (otr_ring_now())
		otr_shim.parent_ring = otr_ring_now();
	otr_shim.ring = NULL;
	otr_shim.idle = otr_shim.no_follow;
	otr_ring_forked();
	otr_copies_forked();
	if (otr_shim.no_follow) {
		otr_shim.pid = otr_sys_getpid(); /* otr_has_ended() needs it */
		otr_ring_unmap_parents();
		return 0;
	}
	otr_process_begin(); /* from here on other threads can enter */
	otr_threads_forked();
	return 1;
}

/* Was the wrapper that the thread is in left by longjmp() of a signal handler? Then this call comes
 * from above the frame of that wrapper, and not from the stack of a signal handler. */
static int was_left(const struct otr_self *self, uintptr_t frame)
{
	return frame >= self->wrapper_frame && !otr_get(&otr_shim.has_seccomp) &&
	       !otr_on_other_stack();
}

static int is_reader_new(void)
{
	const struct otr_ring *ring = otr_ring_now();

	return ring && otr_get(&ring->gen) != otr_get(&otr_shim.reader_gen);
}

struct otr_self *otr_enter(void)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	struct otr_self *self;

	if (__atomic_load_n(otr_shim.alive, __ATOMIC_ACQUIRE) != OTR_ALIVE_YES && !begin_child())
		return NULL;
	if (is_reader_new() && !otr_reader_changed())
		return NULL;
	self = otr_self_now();
	if (!self || (self->wrapper_frame && !was_left(self, frame)))
		return NULL;
	if (self->wrapper_frame)
		otr_hold_abandon(self);
	if (self->reader_gen != otr_get(&otr_shim.reader_gen))
		otr_self_forget(self);
	self->wrapper_frame = frame;
	self->event_ns = 0; /* an earlier call may have been left by longjmp() */
	return self;
}

void otr_leave(struct otr_self *self)
{
	otr_hold_release(self);
	__atomic_store_n(&self->wrapper_frame, 0, __ATOMIC_RELEASE);
}

void otr_offer_early(int fd)
{
	int error = errno;
	struct otr_self *self = otr_enter();
	struct otr_fd *f = self ? otr_fd_of(fd) : NULL;
	int is_stream = f && f->kind == OTR_FD_STREAM;

	if (self)
		otr_hold_release(
			self); /* another thread may need the connection during the offer */
	if (is_stream)
		otr_ring_ready();
	if (self)
		otr_leave(self);
	errno = error;
}
