/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_TASK_BPF_H
#define OTR_TASK_BPF_H

/* task.bpf.h - threads: which are traced, their numbers in the agent's namespace, their strands. */

#include "maps.bpf.h"

#define OTR_STRAND_GO (1ull << 63) /* the other bits are a goid */

static __always_inline __u32 otr_nr(struct pid *pid)
{
	__u32 level = BPF_CORE_READ(pid, level);
	struct upid id = {};

	if (level < otr_ctl.pid_level)
		return 0;
	level = otr_ctl.pid_level;
	if (level > 4)
		return 0;
	bpf_core_read(&id, sizeof(id),
		      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
			      level * bpf_core_type_size(struct upid));
	return id.nr;
}

/* The depth of the pid namespace of a task. */
static __always_inline __u32 otr_depth(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread_pid, level);
}

/* Numbers of a task in the agent's pid namespace. At depth 0 these are its own. */
static __always_inline __u32 otr_tid_of(struct task_struct *task)
{
	if (!otr_ctl.pid_level)
		return BPF_CORE_READ(task, pid);
	return otr_nr(BPF_CORE_READ(task, thread_pid));
}

static __always_inline __u32 otr_tgid_of(struct task_struct *task)
{
	if (!otr_ctl.pid_level)
		return BPF_CORE_READ(task, tgid);
	return otr_nr(BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID]));
}

/* The agent may want to trace a process that executes a program or listens, and the process may
 * have ended before the agent has decided. So it is traced on trial, and the agent drops the
 * records of a process that it does not trace. */
static __always_inline void otr_try(struct task_struct *task)
{
	__u32 tgid = otr_tgid_of(task);
	struct otr_task *t;

	if (!tgid)
		return; /* outside of the agent's pid namespace */
	t = bpf_task_storage_get(&otr_tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t) {
		otr_lost(OTR_LOSS_TABLE);
		return;
	}
	t->tgid = tgid;
	t->tid = otr_tid_of(task);
	t->follow = otr_ctl.follow;
	t->trial_ns = bpf_ktime_get_ns() + OTR_TRIAL_NS;
}

/* Is the task on trial still? If its time is over, its tracing ends here. */
static __noinline int otr_on_trial(struct otr_task *t)
{
	__u32 tgid = t->tgid;

	if (bpf_ktime_get_ns() < t->trial_ns)
		return 1;
	if (bpf_map_lookup_elem(&otr_targets, &tgid)) {
		t->trial_ns = 0;
		return 1;
	}
	bpf_task_storage_delete(&otr_tasks, bpf_get_current_task_btf());
	return 0;
}

/* The entry of the running thread, or NULL where it is not traced. */
static __always_inline struct otr_task *otr_task_now(void)
{
	struct otr_task *t;

	t = bpf_task_storage_get(&otr_tasks, bpf_get_current_task_btf(), 0, 0);
	if (t && t->trial_ns && !otr_on_trial(t))
		return NULL;
	return t;
}

/* Probes of waits cost every process of the machine: they are not armed for a process on trial. */
static __always_inline void otr_want_waits(const struct otr_task *t)
{
	if (!t->trial_ns)
		otr_ctl.want_waits = 1;
}

static __always_inline struct otr_proc_state *otr_proc_state_of(__u32 tgid)
{
	struct otr_proc_state *proc = bpf_map_lookup_elem(&otr_proc_states, &tgid);
	struct otr_proc_state fresh;

	if (proc)
		return proc;
	otr_proc_state_init(&fresh);
	bpf_map_update_elem(&otr_proc_states, &tgid, &fresh, BPF_NOEXIST);
	proc = bpf_map_lookup_elem(&otr_proc_states, &tgid);
	if (!proc)
		otr_lost(OTR_LOSS_TABLE);
	return proc;
}

static __always_inline struct otr_exch *otr_exch_of(__u64 conn)
{
	return conn ? bpf_map_lookup_elem(&otr_exchs, &conn) : NULL;
}

/* The pointer to the running struct g: on x86 below the thread's local storage, on arm64 in
 * register 28 (Go's internal ABI). */
static __always_inline unsigned long otr_go_g(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	unsigned long g = 0;

#if defined(__TARGET_ARCH_x86)
	bpf_probe_read_user(&g, sizeof(g), (void *)(BPF_CORE_READ(task, thread.fsbase) - 8));
#else
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	g = BPF_CORE_READ(regs, regs[28]);
#endif
	return g;
}

/* The goid of the goroutine that runs on this thread; 0 where there is none. */
static __always_inline __u64 otr_goid_now(const struct otr_task *t, __u64 *parent)
{
	unsigned long g = otr_go_g();
	__u64 goid = 0;

	if (!g)
		return 0;
	bpf_probe_read_user(&goid, sizeof(goid), (void *)(g + t->go_goid));
	if (t->go_parent)
		bpf_probe_read_user(parent, sizeof(*parent), (void *)(g + t->go_parent));
	return goid;
}

/* R7: a goroutine that is seen for the first time inherits the current of its parent, as WEAK. */
OTR_GLOBAL int otr_go_new(__u32 tgid, __u64 goid, __u64 parent)
{
	struct otr_go_key key = {.goid = goid, .tgid = tgid};
	struct otr_go_key up = {.goid = parent, .tgid = tgid};
	struct otr_goroutine fresh = {.parent = parent};
	struct otr_goroutine *from;

	from = parent ? bpf_map_lookup_elem(&otr_goroutines, &up) : NULL;
	if (from && from->strand.cur.conn)
		otr_set(&fresh.strand, &from->strand.cur, OTR_LEVEL_WEAK, OTR_EVIDENCE_CLONE);
	bpf_map_update_elem(&otr_goroutines, &key, &fresh, BPF_ANY);
	return 0;
}

/* The strand that runs: a goroutine of a Go program, else the thread. NULL: not known. */
static __always_inline struct otr_strand *otr_strand_now(struct otr_task *t, __u64 *name)
{
	struct otr_go_key key = {.tgid = t->tgid};
	struct otr_goroutine *g;
	__u64 parent = 0;

	*name = t->tid;
	if (!t->go_goid)
		return &t->strand;
	/* A Go program whose layout is not known: its goroutines move between threads, so that the
	 * thread says nothing. */
	key.goid = t->go_goid == OTR_GO_UNKNOWN ? 0 : otr_goid_now(t, &parent);
	if (!key.goid)
		return NULL;
	*name = key.goid | OTR_STRAND_GO;
	g = bpf_map_lookup_elem(&otr_goroutines, &key);
	if (!g) {
		otr_go_new(t->tgid, key.goid, parent);
		g = bpf_map_lookup_elem(&otr_goroutines, &key);
	}
	return g ? &g->strand : &t->strand;
}

#endif /* OTR_TASK_BPF_H */
