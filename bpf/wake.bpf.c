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
 * If neither thread sleeps, the border between two jobs cannot be seen: the asking thread does not
 * sleep if its work is done already, the worker does not if it has more work. So only the last
 * request that a worker sent is for the sleeper. (If all of them are claimed, 136 of 9,682 parents
 * are wrong in a Python pool with 16 clients and immediate answers.) It says little that the
 * sleeper also woke the worker: it may have done so for an earlier request, the worker may find
 * another job before that one in the queue, and the thread that waits for that job may be late on a
 * busy machine. otr_r6c_since() says when more than the last request is claimed. (Without that rule
 * 1 to 8 of 4,000 are wrong in a C pool whose handlers are late.)
 *
 * The lock of an interpreter that is passed to the next thread in a queue (Ruby) looks the same;
 * causality.h says how the two are distinguished. (If they are not, 600 of 695 parents are wrong in
 * puma with 64 clients.)
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
				 const struct otr_exch *ex, __u64 since, __u64 now)
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
	ho->parent.layer = ex->layer;
	ho->parent.pos_kind = ex->pos_kind;
	ho->woken = woken->tid;
	ho->since_ns = st->entry_ns;
	ho->strand_since_ns = since;
	otr_submit_fact(ho);
}

/* Does `woken` sleep for its own request, on a word of its own? Then its exchange, else NULL. */
static __always_inline struct otr_exch *waits_for(struct otr_task *woken, __u64 addr, __u64 now)
{
	struct otr_strand *st = &woken->strand;
	struct otr_exch *ex = otr_exch_of(st->cur.conn);

	if (!private_word(woken->tgid, addr, woken->tid, now) || st->level != OTR_LEVEL_STRONG ||
	    !otr_xref_open(&st->cur, ex))
		return NULL;
	return ex;
}

/* `waker` has ended the job that `woken` waits for, whose exchange is `ex`. */
static __always_inline void end_job(struct otr_task *waker, struct otr_task *woken,
				    struct otr_proc_state *proc, const struct otr_exch *ex,
				    __u64 now)
{
	struct otr_work *work = &waker->work;
	__u64 entry_ns = woken->strand.entry_ns, since;

	if (woken->work.woken_ns > entry_ns)
		entry_ns = woken->work.woken_ns;
	since = otr_r6c_since(work, proc, woken->tid, entry_ns);
	if (otr_r6c_woken(&waker->strand, proc, work->asked_ns > work->got_ns) && since)
		emit(waker, woken, ex, since, now);
	otr_r6c_end(work, proc, woken->tid, now); /* emitted or not */
	otr_r6c_border(&woken->work, waker->tid, 0, now);
}

SEC("tp_btf/sched_waking")
int BPF_PROG(otr_waking, struct task_struct *task)
{
	struct otr_task *woken, *waker;
	struct pt_regs *regs, *own_regs;
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
	own_regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	if (!waker || waker == woken || waker->tgid != woken->tgid || !in_futex(own_regs) ||
	    OTR_ARG0(own_regs) != OTR_ARG0(regs))
		return 0;
	now = bpf_ktime_get_ns();
	if (!waits_long(regs, now))
		return 0;
	proc = otr_proc_state_of(waker->tgid);
	if (!proc)
		return 0;
	ex = waits_for(woken, OTR_ARG0(regs), now);
	if (ex)
		end_job(waker, woken, proc, ex, now);
	else
		otr_r6c_begin(&woken->work, proc, waker->tid, now);
	return 0;
}
