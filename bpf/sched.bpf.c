// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sched.bpf.c - the life of processes: exec, fork, exit.
 *
 * A thread is traced if it has an entry in otr_tasks. Children get their entry here, at fork;
 * threads that ran before get it from iter.bpf.c.
 */

#include "emit.bpf.h"
#include "lib.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define ARGS_MAX 1024 /* of a command line: enough to name the service */
#define EXE_MAX	 256

static __always_inline void fill_proc(struct otr_ev_proc *pr, struct task_struct *task, __u16 kind)
{
	__builtin_memset(pr, 0, sizeof(*pr));
	otr_head(&pr->hdr, kind, OTR_HOOK_SCHED, sizeof(*pr), bpf_ktime_get_ns());
	pr->hdr.tgid = otr_tgid_of(task);
	pr->hdr.tid = otr_tid_of(task);
	pr->hdr.strand = pr->hdr.tid;
	pr->start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	pr->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	pr->ppid = otr_tgid_of(BPF_CORE_READ(task, real_parent));
	pr->uid = BPF_CORE_READ(task, cred, uid.val);
	pr->netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	pr->pidns = BPF_CORE_READ(task, nsproxy, pid_ns_for_children, ns.inum);
	BPF_CORE_READ_INTO(&pr->comm, task, comm);
}

static __always_inline void emit_fork(struct task_struct *child)
{
	struct otr_ev_proc *pr = otr_reserve_fact(sizeof(*pr));

	if (!pr)
		return;
	fill_proc(pr, child, OTR_EV_PROC_FORK);
	otr_submit_fact(pr);
}

/* R7, threads. A pool grows under load, so a thread that waits for its first job inherits
 * nothing. */
static __always_inline void inherit(struct otr_task *from, struct otr_task *to)
{
	struct otr_strand *st = &from->strand;

	if (from->go_goid)
		return; /* the child runs nothing yet */
	otr_refresh(st, otr_exch_of(st->cur.conn));
	otr_r7_clone(st, &to->strand, OTR_EVIDENCE_CLONE);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(otr_fork, struct task_struct *parent, struct task_struct *child)
{
	struct otr_task *from, *to;
	int process = BPF_CORE_READ(parent, tgid) != BPF_CORE_READ(child, tgid);

	from = bpf_task_storage_get(&otr_tasks, parent, 0, 0);
	if (!from || (process && !from->follow))
		return 0;
	if (from->trial_ns && !otr_on_trial(from))
		return 0; /* its tracing has ended, and so has the child's */
	otr_hit(OTR_HIT_LIFE);
	to = bpf_task_storage_get(&otr_tasks, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!to) {
		otr_lost(OTR_LOSS_TABLE);
		return 0;
	}
	__builtin_memset(to, 0, sizeof(*to));
	to->tgid = otr_tgid_of(child);
	to->tid = otr_tid_of(child);
	to->go_goid = from->go_goid;
	to->go_parent = from->go_parent;
	to->follow = from->follow;
	to->trial_ns = from->trial_ns;
	inherit(from, to);
	if (process)
		emit_fork(child);
	else if (!from->trial_ns)
		otr_ctl.want_wakes = 1;
	return 0;
}

/* The command line is at arg_start of the new program, the name of the executable is known to the
 * kernel. Both are cut to what a name needs. */
static __always_inline void emit_exec(struct task_struct *task, struct linux_binprm *bprm)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	unsigned long from = BPF_CORE_READ(mm, arg_start);
	__u64 n = BPF_CORE_READ(mm, arg_end) - from;
	struct otr_ev_proc *pr;
	__u64 got;

	pr = otr_reserve_fact(sizeof(*pr) + EXE_MAX + ARGS_MAX);
	if (!pr)
		return;
	fill_proc(pr, task, OTR_EV_PROC_EXEC);
	got = bpf_probe_read_kernel_str(pr->text, EXE_MAX, BPF_CORE_READ(bprm, filename));
	got--;			      /* its NUL is not counted, and is overwritten */
	asm volatile("" : "+r"(got)); /* else the compiler checks the bounds of another register */
	if (got >= EXE_MAX)
		got = 0; /* a negative result, too */
	asm volatile("" : "+r"(n));
	if (n > ARGS_MAX)
		n = ARGS_MAX;
	if (bpf_probe_read_user(pr->text + got, n, (void *)from))
		n = 0;
	pr->exe_len = got;
	pr->args_len = n;
	pr->hdr.size = sizeof(*pr) + got + n;
	otr_submit_news(pr);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(otr_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct otr_task *t = bpf_task_storage_get(&otr_tasks, task, 0, 0);
	struct otr_strand kept = {};

	if (t && t->trial_ns && !otr_on_trial(t))
		t = NULL;
	if (!t && !otr_ctl.host)
		return 0;
	if (t) {
		/* A new program: the state of the old one is gone, but the request that it was
		 * started for is known. */
		otr_hit(OTR_HIT_LIFE);
		otr_r7_clone(&t->strand, &kept, OTR_EVIDENCE_EXEC);
		if (t->strand.level == OTR_LEVEL_WEAK)
			otr_set(&kept, &t->strand.cur, OTR_LEVEL_WEAK, OTR_EVIDENCE_EXEC);
		t->strand = kept;
		__builtin_memset(&t->work, 0, sizeof(t->work));
		t->tid = otr_tid_of(task);
		t->go_goid = 0;
		otr_lib_remove(t);
		bpf_map_delete_elem(&otr_proc_states, &t->tgid);
	}
	if (otr_ctl.trials && (!t || t->trial_ns))
		otr_try(task);
	emit_exec(task, bprm);
	return 0;
}

/* R6c: a thread that was woken for a job takes none any more. */
static __always_inline void end_thread(struct otr_task *t)
{
	struct otr_proc_state *proc = bpf_map_lookup_elem(&otr_proc_states, &t->tgid);

	if (proc)
		otr_r6c_taken(&t->work, proc);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(otr_exit, struct task_struct *task)
{
	struct otr_task *t = bpf_task_storage_get(&otr_tasks, task, 0, 0);
	struct otr_ev_proc *pr;

	if (!t)
		return 0;
	end_thread(t);
	if (BPF_CORE_READ(task, signal, live.counter))
		return 0;
	otr_hit(OTR_HIT_LIFE);
	bpf_map_delete_elem(&otr_proc_states, &t->tgid);
	bpf_map_delete_elem(&otr_targets, &t->tgid);
	otr_lib_remove(t);
	pr = otr_reserve_fact(sizeof(*pr));
	if (!pr)
		return 0;
	fill_proc(pr, task, OTR_EV_PROC_EXIT);
	pr->exit_code = BPF_CORE_READ(task, exit_code);
	otr_submit_fact(pr);
	return 0;
}
