/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread.c - the threads of the process, each with a slot in a table.
 *
 * A thread's slot is found once, by a pointer in its own storage. Nobody tells us that a
 * thread has ended: its slot is taken by another when the table runs short, after asking
 * the kernel whether it lives.
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

static __thread struct otr_self *mine __attribute__((tls_model("initial-exec")));
/* Calls of a thread without a slot: it asks for one seldom, since the kernel is asked then. */
static __thread uint32_t without __attribute__((tls_model("initial-exec")));
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
	struct otr_self *at = mine;

	if (at || otr_get(&otr_shim.has_seccomp) || (without && without++ % SELDOM))
		return at;
	at = find_slot((int32_t)otr_sys(SYS_gettid));
	if (!at) {
		without++;
		return NULL;
	}
	without = 0;
	__atomic_load_n(&at->wrapper_frame, __ATOMIC_ACQUIRE); /* of the thread that had it last */
	at->wrapper_frame = 0;
	at->n_held = 0; /* whoever wants them finds that their holder has ended */
	at->tls_frame = 0;
	memset(&at->strand, 0, sizeof(at->strand));
	mine = at;
	return at;
}

const struct otr_self *otr_self_peek(void)
{
	return mine;
}

/* In the child of a fork its one thread is another; its current is its maker's, weak. */
void otr_threads_forked(void)
{
	struct otr_strand kept = {.cur.conn = 0};

	if (!mine)
		return;
	mine->wrapper_frame = 0;
	mine->n_held = 0;
	mine->tid = (int32_t)otr_sys(SYS_gettid);
	otr_r7_clone(&mine->strand, &kept, OTR_EVIDENCE_CLONE);
	mine->strand = kept;
	otr_put(&otr_shim.proc.open, kept.cur.conn != 0); /* what a weak one is trusted with */
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
