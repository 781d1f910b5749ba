// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sock_data.bpf.c - bytes that sockets move.
 *
 * sock_send_length and sock_recv_length fire once per message, whatever system
 * call moved it, with the sock as a trusted argument; nothing is paid by calls
 * that move no bytes. The caller's registers still hold the arguments, so nothing
 * is carried from entry to exit in a map. Linux 6.3; older: sys_data.bpf.c.
 */

#include "move.bpf.h"

static __always_inline struct otr_conn *conn_of(struct sock *sk)
{
	struct otr_conn *c = bpf_sk_storage_get(&otr_conns, sk, 0, 0);

	if (c)
		return c;
	c = bpf_sk_storage_get(&otr_conns, sk, 0,
			       BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!c) {
		otr_lost(OTR_LOSS_TABLE);
		return NULL;
	}
	if (otr_conn_init(c, sk))
		c->family = 0; /* remembered as none of ours */
	return c;
}

/* The place of the first of `ret` bytes just moved, in this direction's stream. */
static __always_inline __u64 place(struct sock *sk, struct otr_conn *c, __u8 dir,
				   int ret)
{
	struct tcp_sock *tp;

	if (c->pos_kind == OTR_POS_OFFSET)
		return c->flow[dir & 1].total;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	return (__u32)((dir == OTR_DIR_OUT ? tp->write_seq : tp->copied_seq) -
		       ret);
}

/* R10: a read that found nothing is a look at an idle connection. */
static __always_inline void touched(struct otr_task *t, struct otr_conn *c)
{
	struct otr_mind *mind = otr_mind_of(t->tgid);
	struct otr_strand *st;
	__u64 strand;

	st = otr_strand_now(t, &strand);
	if (!mind || !st || c->role != OTR_ROLE_CLIENT)
		return;
	otr_refresh(st, otr_exch_of(st->cur.conn));
	otr_r10_touch(st, mind, &c->asked, bpf_ktime_get_ns());
}

static __always_inline void over(struct otr_conn *c, __u8 dir, int ret)
{
	if (c->flow[dir & 1].eof || !c->told)
		return;
	if (ret < 0)
		c->error = -ret;
	otr_end_run(c, dir, 1, bpf_ktime_get_ns());
}

/* No bytes: end of file, an error, or nothing there yet. */
static __always_inline void not_moved(struct otr_task *t, struct sock *sk,
				      __u8 dir, int ret)
{
	struct otr_conn *c = bpf_sk_storage_get(&otr_conns, sk, 0, 0);

	if (!c || !c->family)
		return;
	if (ret == -EAGAIN)
		touched(t, c);
	else if (ret != -4 && ret < -11 && (ret > -512 || ret < -600))
		over(c, dir, ret); /* not EINTR, not a restart */
	else if (!ret && dir == OTR_DIR_IN)
		over(c, dir, 0);
}

static __always_inline int sock_data(struct sock *sk, __u8 dir, int ret, int flags)
{
	struct otr_task *t = otr_task_now();
	struct otr_move mv = {};
	struct otr_conn *c;

	if (!t || flags & MSG_PEEK)
		return 0;
	otr_hit(OTR_HIT_DATA);
	if (ret <= 0) {
		not_moved(t, sk, dir, ret);
		return 0;
	}
	c = conn_of(sk);
	if (!c || !c->family)
		return 0;
	mv.now = bpf_ktime_get_ns();
	mv.moved = ret;
	mv.dir = dir;
	mv.pos = place(sk, c, dir, ret);
	if (c->pair) {
		struct otr_strand *st;
		__u64 strand;

		st = otr_strand_now(t, &strand);
		otr_rule_letter(t, st, t->tgid, dir == OTR_DIR_OUT, mv.now);
		return 0;
	}
	otr_moved(t, sk, c, &mv,
		  (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf()));
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
