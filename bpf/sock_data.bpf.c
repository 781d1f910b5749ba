// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sock_data.bpf.c - bytes that sockets move.
 *
 * sock_send_length and sock_recv_length fire once for each message, whatever system call moved
 * it, with the sock as a trusted argument; a call that moves no bytes costs nothing. The
 * registers of the caller still hold its arguments, so nothing is carried from entry to exit in a
 * map. Linux 6.3 and later; before: sys_data.bpf.c.
 */

#include "data.bpf.h"

/* The entry of a socket that moves its first bytes. */
static __always_inline struct otr_bpf_conn *make(struct otr_task *t, struct sock *sk)
{
	struct otr_bpf_conn *c;

	c = bpf_sk_storage_get(&otr_conns, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!c) {
		otr_lost(OTR_LOSS_TABLE);
		return NULL;
	}
	if (otr_conn_init(c, sk)) {
		c->family = 0; /* the entry says that this socket is not followed */
		otr_offered(t, sk);
	}
	return c;
}

/* The position of the first of `ret` bytes that were moved just now. */
static __always_inline __u64 place(struct sock *sk, struct otr_bpf_conn *c, __u8 dir, int ret)
{
	struct tcp_sock *tp;

	if (c->pos_kind == OTR_POS_OFFSET)
		return c->flow[dir & 1].total;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	if (dir == OTR_DIR_OUT)
		return (__u32)(tp->write_seq - ret);
	return (__u32)(tp->copied_seq - ret -
		       otr_fin_taken(sk->__sk_common.skc_state, tp->copied_seq, tp->rcv_nxt));
}

static __always_inline int sock_data(struct sock *sk, __u8 dir, int ret, int flags)
{
	struct otr_task *t = otr_task_now();
	struct otr_move mv = {};
	struct otr_bpf_conn *c;

	if (!t || flags & MSG_PEEK)
		return 0;
	otr_hit(OTR_HIT_DATA);
	c = bpf_sk_storage_get(&otr_conns, sk, 0, 0);
	if (!c && ret <= 0)
		otr_handle_end(t, dir, ret, (__u64)sk);
	else if (!c)
		c = make(t, sk);
	if (!c || !c->family)
		return 0;
	mv.sk = (__u64)sk;
	mv.dir = dir;
	if (ret > 0) {
		mv.now = bpf_ktime_get_ns();
		mv.moved = ret;
		mv.pos = place(sk, c, dir, ret);
	}
	otr_done(t, c, &mv, dir, ret);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(otr_sent, struct sock *sk, int ret, int flags)
{
	return sock_data(sk, OTR_DIR_OUT, ret, flags);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(otr_received, struct sock *sk, int ret, int flags)
{
	return sock_data(sk, OTR_DIR_IN, ret, flags);
}
