// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sys_wait.bpf.c - waits for several descriptors (R5), and what a loop handles that is no byte of
 * a stream: accept, eventfd, pipe (R9).
 *
 * To arm any exit of a system call costs every system call of the machine 31 to 50 ns. So these
 * probes are attached only while a traced process has non-blocking sockets (otr_ctl.waits). A
 * classic tracepoint cannot use socket storage; none of these needs it.
 */

#include "fd.bpf.h"
#include "move.bpf.h"

static __always_inline int wait_many(struct otr_task *t, __s64 timeout_ns, long ret)
{
	struct otr_strand *st = &t->strand;

	otr_refresh(st, otr_exch_of(st->cur.conn));
	otr_r5_wait(st, otr_exch_of(st->turn.conn), timeout_ns, ret, bpf_ktime_get_ns());
	return 0;
}

/* R10: a blocking strand looks at a connection. Whether the connection is idle shows when it is
 * used. */
static __noinline int look_at(struct otr_task *t, unsigned int fd)
{
	struct sock *sk = otr_sock_of_fd(fd);
	struct tcp_sock *tp = (void *)sk;
	struct otr_strand *st = &t->strand;
	struct otr_look look;
	struct otr_proc_state *proc;
	__u64 conn;
	__u16 family;

	proc = otr_proc_state_of(t->tgid);
	otr_refresh(st, otr_exch_of(st->cur.conn));
	if (!sk || !proc || !otr_r10_claims(st, proc, bpf_ktime_get_ns()))
		return 0;
	if (!otr_sock_wanted(sk, &family) || family == AF_UNIX ||
	    otr_sock_role(sk, family) != OTR_ROLE_CLIENT)
		return 0;
	conn = otr_sock_inode(sk);
	look.claim = st->cur;
	look.sent = BPF_CORE_READ(tp, write_seq);
	look.got = BPF_CORE_READ(tp, copied_seq);
	bpf_map_update_elem(&otr_looks, &conn, &look, BPF_ANY);
	otr_any_looks = 1;
	return 0;
}

static __always_inline __s64 from_ms(int ms)
{
	return ms < 0 ? -1 : ms * 1000000ll;
}

/* Some calls write the remaining time back, so only 0 is reliable. */
static __always_inline __s64 from_timespec(unsigned long addr)
{
	__s64 ts[2] = {-1, 0};

	if (!addr || bpf_probe_read_user(ts, sizeof(ts), (void *)addr))
		return -1;
	return ts[0] || ts[1] ? -1 : 0;
}

static __always_inline int waited(struct otr_sys_exit *ctx, int many, __s64 timeout)
{
	struct otr_task *t = otr_task_now();

	if (!t || t->go_goid)
		return 0;
	otr_hit(OTR_HIT_WAIT);
	if (many)
		return wait_many(t, timeout, ctx->ret);
	otr_r5_one(&t->strand, bpf_ktime_get_ns());
	return 0;
}

/* poll() of one descriptor is a wait and a look. */
static __always_inline int polled(struct otr_sys_exit *ctx, __s64 timeout)
{
	struct pt_regs *regs = otr_regs_now();
	struct otr_task *t = otr_task_now();
	int fd;

	waited(ctx, OTR_ARG1(regs) > 1, timeout);
	if (t && !t->go_goid && OTR_ARG1(regs) == 1 && ctx->ret >= 0 &&
	    !bpf_probe_read_user(&fd, sizeof(fd), (void *)OTR_ARG0(regs)))
		look_at(t, fd);
	return 0;
}

/* epoll_wait() with room for one event is a thread that waits for its own socket, unless its
 * process is known to be MUX. */
static __always_inline int many_events(struct pt_regs *regs)
{
	struct otr_task *t = otr_task_now();
	struct otr_proc_state *proc;
	__u32 tgid;

	if (!t || OTR_ARG2(regs) != 1)
		return 1;
	tgid = t->tgid;
	proc = bpf_map_lookup_elem(&otr_proc_states, &tgid);
	return proc && proc->mux;
}

/* As with the programs of sys_data.bpf.c, one is for the exits of several calls. */
SEC("tp/syscalls/sys_exit_epoll_wait")
int otr_epoll(struct otr_sys_exit *ctx)
{
	struct pt_regs *regs = otr_regs_now();
	unsigned long until = OTR_ARG3(regs);

	return waited(ctx, many_events(regs),
		      ctx->id == NR_EPOLL_PWAIT2 ? from_timespec(until) : from_ms(until));
}

SEC("tp/syscalls/sys_exit_ppoll")
int otr_poll(struct otr_sys_exit *ctx)
{
	unsigned long until = OTR_ARG2(otr_regs_now());

	return polled(ctx, ctx->id == NR_PPOLL ? from_timespec(until) : from_ms(until));
}

/* A strand that adds a connection to an epoll set is about to use it. */
SEC("tp/syscalls/sys_exit_epoll_ctl")
int otr_epoll_ctl(struct otr_sys_exit *ctx)
{
	struct pt_regs *regs = otr_regs_now();
	struct otr_task *t = otr_task_now();

	if (t && !t->go_goid && !ctx->ret && OTR_ARG1(regs) != EPOLL_CTL_DEL)
		look_at(t, OTR_ARG2(regs));
	return 0;
}

/* select() counts as a wait for several descriptors. */
SEC("tp/syscalls/sys_exit_pselect6")
int otr_select(struct otr_sys_exit *ctx)
{
	return waited(ctx, 1, -1);
}

/* accept() handles one descriptor, for no exchange yet. */
SEC("tp/syscalls/sys_exit_accept")
int otr_accept(struct otr_sys_exit *ctx)
{
	struct otr_task *t = otr_task_now();

	if (!t || ctx->ret < 0)
		return 0;
	t->strand.entry_ns = bpf_ktime_get_ns();
	otr_handle(&t->strand, 1);
	return 0;
}

/* The key of the notify slot of a descriptor: the inode of a pipe, the context of an eventfd; 0
 * for all else. Only an eventfd moves 8 bytes through an inode without a type. */
static __always_inline __u64 slot_of(unsigned int fd, long ret)
{
	struct file *file = otr_file_of_fd(fd);
	__u16 mode;

	if (!file)
		return 0;
	mode = BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT;
	if (mode == S_IFIFO)
		return BPF_CORE_READ(file, f_inode, i_ino);
	if (!mode && ret == 8)
		return (__u64)BPF_CORE_READ(file, private_data);
	return 0;
}

SEC("tp/syscalls/sys_exit_read")
int otr_token(struct otr_sys_exit *ctx)
{
	struct otr_task *t = otr_task_now();
	__u64 key;

	if (!t || t->go_goid || ctx->ret <= 0)
		return 0;
	key = slot_of(OTR_ARG0(otr_regs_now()), ctx->ret);
	if (key)
		otr_rule_notify(t, &t->strand, key, ctx->id == NR_WRITE, bpf_ktime_get_ns());
	return 0;
}
