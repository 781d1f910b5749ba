// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * wake.bpf.c - R6c: a strand that waits for its work to be done is woken by who did it.
 *
 * A thread that asked a pool sleeps on a futex on which nobody else ever slept. Who wakes
 * it did its work, so what the worker sent meanwhile was for the sleeper's exchange: late
 * evidence, told to the agent, which re-parents. A futex on which two sleepers were seen
 * is out for 10 s. Attached only while a traced process has several threads.
 */

#include "emit.bpf.h"

#define SHARED_NS 10000000000ull

static __always_inline unsigned long futex_word(struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	return OTR_NR(regs) == NR_FUTEX && !OTR_FOREIGN(regs) ? OTR_ARG0(regs) :
								0;
}

/* Did only `sleeper` ever sleep there, as far as we saw? */
static __always_inline int private_word(__u32 tgid, __u64 addr, __u32 sleeper,
					__u64 now)
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

static __always_inline void tell(struct otr_task *waker, struct otr_task *woken,
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
	otr_submit_fact(ho);
}

SEC("tp_btf/sched_waking")
int BPF_PROG(otr_waking, struct task_struct *task)
{
	struct otr_task *woken, *waker;
	struct otr_exch *ex;
	unsigned long word;
	__u64 now;
	int mine;

	woken = bpf_task_storage_get(&otr_tasks, task, 0, 0);
	if (!woken || woken->go_goid)
		return 0;
	otr_hit(OTR_HIT_WAKE);
	now = bpf_ktime_get_ns();
	word = futex_word(task);
	waker = word ? otr_task_now() : NULL;
	if (!waker || waker == woken || waker->tgid != woken->tgid ||
	    futex_word(bpf_get_current_task_btf()) != word) {
		woken->woken_ns = now;
		return 0;
	}
	mine = private_word(woken->tgid, word, woken->tid, now);
	ex = otr_exch_of(woken->strand.cur.conn);
	if (mine && woken->strand.level == OTR_LEVEL_STRONG &&
	    otr_xref_open(&woken->strand.cur, ex)) {
		tell(waker, woken, ex, now);
		waker->woken_ns = now;
	}
	woken->woken_ns = now;
	return 0;
}
