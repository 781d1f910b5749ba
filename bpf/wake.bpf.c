// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * wake.bpf.c - R6c: a strand that waits for its work is woken by the strand that did it.
 *
 * A thread that gave work to a pool sleeps on a futex word on which no other thread ever slept.
 * The thread that wakes it did its work, so what that worker sent meanwhile was for the exchange
 * of the sleeper: late evidence, which is emitted to the agent. A word on which two sleepers were
 * seen does not count for 10 s. The probes are attached only while a traced process has several
 * threads.
 *
 * Only a long wait on a condition or a semaphore counts. Mutexes, the lock of an interpreter and
 * sockets wake a worker in the midst of its work, and say nothing about where that work began. A
 * thread that reads requests itself does no work for others.
 *
 * Where nobody slept, the border between two jobs cannot be seen: the asking thread did not sleep
 * since its work was done already, the worker did not since it had more work. So all that a
 * worker sent is for the sleeper only if the sleeper also woke the worker; else only the last
 * request is. (Python pool, 16 clients, immediate answers: 136 of 9,682 parents were wrong
 * before.)
 *
 * The lock of an interpreter that is passed to the next thread in a queue (Ruby) looks the same;
 * causality.h says how it is told apart. (puma, 64 clients: 600 of 695 parents were wrong
 * before.)
 */

#include "emit.bpf.h"

#define SHARED_NS 10000000000ull

#define FUTEX_OP_MASK	  127
#define FUTEX_WAIT_BITSET 9
#define FUTEX_ON_REALTIME 256
#define SHORT_NS	  100000000ll /* the least length of a wait that counts */

static __always_inline int in_futex(const struct pt_regs *regs)
{
	return OTR_NR(regs) == NR_FUTEX && !OTR_FOREIGN(regs);
}

/* Some locks wait with a near deadline. A deadline on the real-time clock cannot be read here; no
 * lock known uses one. Read in the process that waits. */
static __always_inline int waits_long(const struct pt_regs *regs, __u64 now)
{
	unsigned long until = OTR_ARG3(regs);
	__s64 ts[2] = {};

	if ((OTR_ARG1(regs) & FUTEX_OP_MASK) != FUTEX_WAIT_BITSET)
		return 0; /* FUTEX_WAIT: a mutex (glibc) */
	if (!until || OTR_ARG1(regs) & FUTEX_ON_REALTIME)
		return 1;
	if (bpf_probe_read_user(ts, sizeof(ts), (void *)until))
		return 0;
	return ts[0] * 1000000000ll + ts[1] - (__s64)now >= SHORT_NS;
}

/* Did only `sleeper` sleep there, as far as was seen? */
static __always_inline int private_word(__u32 tgid, __u64 addr, __u32 sleeper, __u64 now)
{
	struct otr_futex_key key = {.addr = addr, .tgid = tgid};
	struct otr_futex *fx = bpf_map_lookup_elem(&otr_futexes, &key);
	struct otr_futex fresh = {.sleeper = sleeper};

	if (!fx) {
		bpf_map_update_elem(&otr_futexes, &key, &fresh, BPF_ANY);
		return 1;
	}
	if (fx->sleeper != sleeper) {
		fx->sleeper = sleeper;
		fx->shared_ns = now;
	}
	return !fx->shared_ns || now - fx->shared_ns > SHARED_NS;
}

static __always_inline void emit(struct otr_task *waker, struct otr_task *woken,
				 const struct otr_exch *ex, __u64 now)
{
	struct otr_ev_handoff *ho = otr_reserve_fact(sizeof(*ho));
	struct otr_strand *st = &woken->strand;

	if (!ho)
		return;
	__builtin_memset(ho, 0, sizeof(*ho));
	otr_head(&ho->hdr, OTR_EV_HANDOFF, OTR_HOOK_SCHED, sizeof(*ho), now);
	ho->hdr.tgid = waker->tgid;
	ho->hdr.tid = waker->tid;
	ho->hdr.strand = waker->tid;
	ho->hdr.conn = st->cur.conn;
	ho->parent.conn = st->cur.conn;
	ho->parent.pos = st->cur.pos;
	ho->parent.dir = OTR_DIR_IN;
	ho->parent.layer = OTR_LAYER_SOCKET;
	ho->parent.pos_kind = ex->pos_kind;
	ho->woken = woken->tid;
	ho->since_ns = st->entry_ns;
	ho->strand_since_ns = waker->woken_ns;
	if (waker->woken_by != woken->tid && waker->asks_ns > waker->woken_ns)
		ho->strand_since_ns = waker->asks_ns;
	otr_submit_fact(ho);
}

SEC("tp_btf/sched_waking")
int BPF_PROG(otr_waking, struct task_struct *task)
{
	struct otr_task *woken, *waker;
	struct pt_regs *regs, *mine;
	struct otr_proc_state *proc;
	struct otr_exch *ex;
	__u64 now;

	woken = bpf_task_storage_get(&otr_tasks, task, 0, 0);
	if (!woken || woken->go_goid)
		return 0;
	otr_hit(OTR_HIT_WAKE);
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	if (!in_futex(regs))
		return 0;
	waker = otr_task_now();
	mine = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	if (!waker || waker == woken || waker->tgid != woken->tgid || !in_futex(mine) ||
	    OTR_ARG0(mine) != OTR_ARG0(regs))
		return 0;
	now = bpf_ktime_get_ns();
	if (!waits_long(regs, now))
		return 0;
	woken->woken_ns = now;
	woken->woken_by = waker->tid;
	if (!private_word(woken->tgid, OTR_ARG0(regs), woken->tid, now))
		return 0;
	ex = otr_exch_of(woken->strand.cur.conn);
	if (woken->strand.level != OTR_LEVEL_STRONG || !otr_xref_open(&woken->strand.cur, ex))
		return 0;
	proc = otr_proc_state_of(waker->tgid);
	if (!proc)
		return 0;
	if (otr_r6c_woken(&waker->strand, proc, waker->asked_ns > waker->got_ns))
		emit(waker, woken, ex, now);
	waker->woken_ns = now; /* what the worker sends next is for another job, emitted or not */
	waker->woken_by = 0;
	return 0;
}
