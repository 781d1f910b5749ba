// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * iter.bpf.c - threads and sockets that are there already, of the processes that the agent traces
 * (otr_targets). Run once at start, and again when the agent traces another process.
 */

#include "emit.bpf.h"

/* Every thread of a target becomes traced. Sockets are listed first, so a socket that is first
 * seen after this pass is known to be new. */
SEC("iter/task")
int otr_list_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct otr_target *target;
	struct otr_task *t;
	__u32 tgid;

	if (!ctx->meta->seq_num) /* the iterator runs in the agent */
		otr_ctl.pid_level = otr_depth(bpf_get_current_task_btf());
	if (!task || BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return 0;
	tgid = otr_tgid_of(task);
	target = bpf_map_lookup_elem(&otr_targets, &tgid);
	if (!target)
		return 0;
	if (target->off) {
		bpf_task_storage_delete(&otr_tasks, task);
		return 0;
	}
	t = bpf_task_storage_get(&otr_tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t) {
		otr_lost(OTR_LOSS_TABLE);
		return 0;
	}
	if ((!t->tgid || t->trial_ns) && BPF_CORE_READ(task, signal, nr_threads) > 1)
		otr_ctl.want_wakes = 1;
	t->tgid = tgid;
	t->tid = otr_tid_of(task);
	t->go_goid = target->go_goid;
	t->go_parent = target->go_parent;
	t->follow = target->follow;
	t->trial_ns = 0;
	return 0;
}

/* Where the state of connections is kept on this kernel; see sys_data.bpf.c. */
static __noinline struct otr_bpf_conn *entry_by_sk(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct otr_bpf_conn *fresh = otr_conn_fresh(1);

	if (fresh)
		bpf_map_update_elem(&otr_conns_by_sk, &key, fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&otr_conns_by_sk, &key);
}

static __always_inline void list_conn(struct sock *sk, __u32 tgid)
{
	const __u32 none[2] = {};
	struct otr_bpf_conn *c;

	if (otr_ctl.by_sk)
		c = entry_by_sk(sk);
	else
		c = bpf_sk_storage_get(&otr_conns, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!c || c->family || otr_conn_init(c, sk))
		return;
	c->tgid = tgid;
	c->seen_open = 0;
	if (c->pair)
		return;
	c->announced = 1;
	otr_emit_conn(sk, c, OTR_EV_CONN_OPEN, bpf_ktime_get_ns(), none);
}

static __always_inline void list_listen(struct sock *sk, __u32 tgid)
{
	const __u32 none[2] = {};
	struct otr_bpf_conn c = {};

	if (otr_conn_init(&c, sk))
		return;
	c.tgid = tgid;
	c.role = OTR_ROLE_SERVER;
	otr_emit_conn(sk, &c, OTR_EV_LISTEN, bpf_ktime_get_ns(), none);
}

SEC("iter/task_file")
int otr_list_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct otr_target *target;
	struct socket *so;
	struct sock *sk;
	__u32 tgid;
	__u8 state;

	if (!task || !file || BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return 0;
	so = bpf_sock_from_file(file);
	if (!so)
		return 0;
	sk = so->sk;
	if (!sk)
		return 0;
	tgid = otr_tgid_of(task);
	target = bpf_map_lookup_elem(&otr_targets, &tgid);
	if (target && target->off)
		target = NULL;
	/* A process with sockets that do not block waits for several of them: arms the probes of
	 * waits before it does. */
	if (target && !target->go_goid && file->f_flags & O_NONBLOCK)
		otr_ctl.want_waits = 1;
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (state == TCP_LISTEN) {
		if (otr_ctl.host || target)
			list_listen(sk, tgid);
		return 0;
	}
	if (state == TCP_ESTABLISHED && target)
		list_conn(sk, tgid);
	return 0;
}
