/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread.c - the threads of the process, each with a slot in a table.
 *
 * A thread finds its slot once, and keeps a pointer in thread-local storage. The library does not
 * see that a thread ends: another thread takes its slot, if it finds no free one, after a system
 * call that says that the thread does not exist any more.
 */

#include "preload/base/thread.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/base/sys.h"

static __thread struct otr_self *own_slot __attribute__((tls_model("initial-exec")));
/* Calls of a thread that has found no slot. It tries again once in RETRY_CALLS, since each try
 * makes system calls. */
static __thread uint32_t no_slot_calls __attribute__((tls_model("initial-exec")));
#define RETRY_CALLS 1024

static int take(struct otr_self *at, int32_t was, int32_t tid)
{
	return __atomic_compare_exchange_n(&at->tid, &was, tid, 0, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

int otr_has_ended(int32_t tid)
{
	return !otr_get(&otr_shim.has_seccomp) && otr_sys(SYS_tgkill, otr_shim.pid, tid, 0) < 0;
}

#define PROBES 16 /* slots that a thread tries */
#define STRIDE 61

static struct otr_self *find_slot(int32_t tid)
{
	struct otr_self *at;
	int32_t was;

	for (int pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i < PROBES; i++) {
			at = &otr_shim.selves[((uint32_t)tid + i * STRIDE) % OTR_STRANDS];
			if (!otr_get(&at->tid) && take(at, 0, tid))
				return at;
			was = otr_get(&at->tid);
			if (pass && otr_has_ended(was) && take(at, was, tid))
				return at;
		}
	return NULL;
}

struct otr_self *otr_self_now(void)
{
	struct otr_self *at = own_slot;

	if (at || otr_get(&otr_shim.has_seccomp) ||
	    (no_slot_calls && no_slot_calls++ % RETRY_CALLS))
		return at;
	at = find_slot((int32_t)otr_sys(SYS_gettid));
	if (!at) {
		no_slot_calls++;
		return NULL;
	}
	no_slot_calls = 0;
	__atomic_load_n(&at->wrapper_frame, __ATOMIC_ACQUIRE); /* pairs with the release of the
							        * thread that had the slot last */
	at->wrapper_frame = 0;
	at->n_held = 0; /* other threads take over what an ended thread held */
	at->tls_frame = 0;
	memset(&at->strand, 0, sizeof(at->strand));
	own_slot = at;
	return at;
}

const struct otr_self *otr_self_peek(void)
{
	return own_slot;
}

/* After fork the only thread has a new id. It inherits its current as weak evidence (R7). */
void otr_threads_forked(void)
{
	struct otr_strand kept = {.cur.conn = 0};

	if (!own_slot)
		return;
	own_slot->wrapper_frame = 0;
	own_slot->n_held = 0;
	own_slot->tid = (int32_t)otr_sys(SYS_gettid);
	otr_r7_clone(&own_slot->strand, &kept, OTR_EVIDENCE_CLONE);
	own_slot->strand = kept;
	otr_put(&otr_shim.proc.open, kept.cur.conn != 0); /* a weak current counts as an open
							   * exchange */
}

/* A variable of libc since glibc 2.32: not 0 while the process has never had a second thread. */
static const char *single_threaded;

void otr_threads_find(void)
{
	single_threaded = otr_real_symbol("__libc_single_threaded");
}

int otr_is_single_threaded(void)
{
	return single_threaded && otr_get(single_threaded);
}
