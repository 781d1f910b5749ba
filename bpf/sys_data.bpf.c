// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sys_data.bpf.c - what sock_data.bpf.c does, by the exits of system calls, for kernels before
 * 6.3.
 *
 * A classic tracepoint has a descriptor and no socket: the socket is found by address. It cannot
 * use socket storage, so the state of connections is in a hash by the address of the sock;
 * tcp_destroy_sock deletes the entry. The number of a descriptor is never kept: at the exit of
 * close() it may be that of a new socket.
 */

#include "data.bpf.h"
#include "fd.bpf.h"

static __always_inline struct otr_bpf_conn *known(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct otr_bpf_conn *c = bpf_map_lookup_elem(&otr_conns_by_sk, &key);

	return c && c->family ? c : NULL;
}

static __noinline struct otr_bpf_conn *make(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct otr_bpf_conn *fresh = otr_conn_fresh(0);

	if (!fresh || otr_conn_init(fresh, sk))
		return NULL;
	if (bpf_map_update_elem(&otr_conns_by_sk, &key, fresh, BPF_ANY))
		otr_lost(OTR_LOSS_TABLE);
	return bpf_map_lookup_elem(&otr_conns_by_sk, &key);
}

/* An address of a sock is used again: another inode means another connection. */
static __always_inline struct otr_bpf_conn *conn_of(struct sock *sk)
{
	struct otr_bpf_conn *c = known(sk);

	if (c && c->family == AF_UNIX && c->inode != otr_sock_inode(sk))
		c = NULL;
	return c ? c : make(sk);
}

static __always_inline __u64 place(struct sock *sk, struct otr_bpf_conn *c, __u8 dir, long ret)
{
	struct tcp_sock *tp = (void *)sk;
	__u32 seq;

	if (c->pos_kind == OTR_POS_OFFSET)
		return c->flow[dir & 1].total;
	if (dir == OTR_DIR_OUT)
		return (__u32)(BPF_CORE_READ(tp, write_seq) - (__u32)ret);
	seq = BPF_CORE_READ(tp, copied_seq);
	return seq - (__u32)ret -
	       otr_fin_taken(BPF_CORE_READ(sk, __sk_common.skc_state), seq,
			     BPF_CORE_READ(tp, rcv_nxt));
}

static __always_inline int sys_data(struct otr_sys_exit *ctx, __u8 dir, struct sock *sk)
{
	struct otr_task *t = otr_task_now();
	struct otr_move mv = {};
	struct otr_bpf_conn *c;

	if (!t || !sk)
		return 0;
	otr_hit(OTR_HIT_DATA);
	c = ctx->ret > 0 ? conn_of(sk) : known(sk);
	if (!c) {
		if (ctx->ret > 0)
			otr_offered(t, sk);
		else
			otr_handle_end(t, dir, ctx->ret, (__u64)sk);
		return 0;
	}
	mv.sk = (__u64)sk;
	mv.dir = dir;
	if (ctx->ret > 0) {
		mv.now = bpf_ktime_get_ns();
		mv.moved = ctx->ret;
		mv.pos = place(sk, c, dir, ctx->ret);
	}
	otr_done(t, c, &mv, dir, ctx->ret);
	return 0;
}

/* The socket of the first argument, if the thread is traced. */
static __always_inline struct sock *sock_arg(void)
{
	return otr_task_now() ? otr_sock_of_fd(OTR_ARG0(otr_regs_now())) : NULL;
}

/* A peek takes no bytes from the stream. */
static __always_inline int peeks(const struct otr_sys_exit *ctx)
{
	struct pt_regs *regs = otr_regs_now();

	return (ctx->id == NR_RECVFROM && OTR_ARG3(regs) & MSG_PEEK) ||
	       (ctx->id == NR_RECVMSG && OTR_ARG2(regs) & MSG_PEEK);
}

/* One program for the exits of several calls, since each is verified by itself; the table of
 * probes (agent/source/probes.c) says which. */
SEC("tp/syscalls/sys_exit_read")
int otr_x_in(struct otr_sys_exit *ctx)
{
	struct sock *sk = sock_arg();

	return sk && !peeks(ctx) ? sys_data(ctx, OTR_DIR_IN, sk) : 0;
}

SEC("tp/syscalls/sys_exit_write")
int otr_x_out(struct otr_sys_exit *ctx)
{
	struct sock *sk = sock_arg();

	return sk ? sys_data(ctx, OTR_DIR_OUT, sk) : 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(otr_x_state, struct sock *sk, int old, int new)
{
	struct otr_bpf_conn *c;
	struct otr_task *t;

	if (new == TCP_LISTEN) {
		otr_listening(sk);
		return 0;
	}
	if (old == TCP_CLOSE && new == TCP_SYN_SENT) {
		t = otr_task_now();
		c = t ? make(sk) : NULL;
		if (c)
			otr_connecting(t, c);
		return 0;
	}
	c = known(sk);
	if (c)
		otr_state_moved(sk, c, old, new);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(otr_x_destroyed, struct sock *sk)
{
	struct otr_bpf_conn *c = known(sk);
	__u64 key = (__u64)sk;

	if (!c)
		return 0;
	otr_ended(sk, c);
	bpf_map_delete_elem(&otr_conns_by_sk, &key);
	return 0;
}
