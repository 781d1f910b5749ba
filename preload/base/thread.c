/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread.c - the threads of the process, each with a slot in a table.
 *
 * A thread finds its slot once, and keeps a pointer in thread-local storage. The library does
 * not learn that a thread has ended: another thread takes its slot when the table is nearly
 * full, after asking the kernel whether the thread lives.
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
/* Calls of a thread that found no slot: it tries again seldom, as each try asks the kernel. */
static __thread uint32_t no_slot_calls __attribute__((tls_model("initial-exec")));
#define SELDOM 1024

static int take(struct otr_self *at, int32_t was, int32_t tid)
{
	return __atomic_compare_exchange_n(&at->tid, &was, tid, 0, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

int otr_has_ended(int32_t tid)
{
	return !otr_get(&otr_shim.has_seccomp) && otr_sys(SYS_tgkill, otr_shim.pid, tid, 0) < 0;
}

static struct otr_self *find_slot(int32_t tid)
{
	struct otr_self *at;
	int32_t was;

	for (int pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i < 16; i++) {
			at = &otr_shim.selves[((uint32_t)tid + i * 61) % OTR_STRANDS];
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

	if (at || otr_get(&otr_shim.has_seccomp) || (no_slot_calls && no_slot_calls++ % SELDOM))
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
	at->n_held = 0; /* other threads find that the holder has ended */
	at->tls_frame = 0;
	memset(&at->strand, 0, sizeof(at->strand));
	own_slot = at;
	return at;
}

const struct otr_self *otr_self_peek(void)
{
	return own_slot;
}

/* After fork the one thread has another id; its current is that of its parent, as weak
 * evidence. */
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

/* A variable of libc since glibc 2.32: 1 while the process has had one thread alone. */
static const char *single_threaded;

void otr_threads_find(void)
{
	single_threaded = otr_real_symbol("__libc_single_threaded");
}

int otr_is_single_threaded(void)
{
	return single_threaded && otr_get(single_threaded);
}
