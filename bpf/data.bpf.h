/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_DATA_BPF_H
#define OTR_DATA_BPF_H

/*
 * data.bpf.h - a call that moved bytes, or found none. For both hook families, which have found
 * the entry of the connection before.
 */

#include "life.bpf.h"

/* R10: a read that finds nothing is a look at an idle connection. */
static __always_inline void otr_touched(struct otr_task *t, struct otr_bpf_conn *c)
{
	struct otr_proc_state *proc = otr_proc_state_of(t->tgid);
	struct otr_strand *st;
	__u64 strand;

	st = otr_strand_now(t, &strand);
	if (!proc || !st || c->role != OTR_ROLE_CLIENT)
		return;
	otr_refresh(st, otr_exch_of(st->cur.conn));
	otr_r10_touch(st, proc, &c->asked, bpf_ktime_get_ns());
}

static __always_inline void otr_over(struct otr_bpf_conn *c, __u8 dir, int ret)
{
	if (c->flow[dir & 1].eof || !c->announced)
		return;
	if (ret < 0)
		c->error = -ret;
	otr_end_run(c, dir, 1, bpf_ktime_get_ns());
}

/* Errors that do not end a connection: the call was interrupted, will be restarted, or had wrong
 * arguments. */
static __always_inline int otr_passing(int ret)
{
	return ret > -32 || (ret <= -512 && ret >= -530);
}

/* A read that fails handles a descriptor, too. `key` identifies the descriptor. */
static __noinline int otr_handle_end(struct otr_task *t, __u8 dir, int ret, __u64 key)
{
	if (t && dir == OTR_DIR_IN && (!ret || !otr_passing(ret)))
		otr_handle(&t->strand, key);
	return 0;
}

/* A call that moved no bytes: end of file, an error, or nothing to read yet. */
OTR_GLOBAL int otr_not_moved(struct otr_task *t, struct otr_bpf_conn *c, const struct otr_move *mv,
			     int ret)
{
	const __u32 none[2] = {};
	__u8 dir;

	if (!t || !c || !mv)
		return 0;
	dir = mv->dir;
	otr_handle_end(t, dir, ret, c->inode);
	if (ret == -EAGAIN)
		otr_touched(t, c);
	else if (ret < 0 && !otr_passing(ret))
		otr_over(c, dir, ret);
	else if (!ret && dir == OTR_DIR_IN)
		otr_over(c, dir, 0);
	else
		return 0;
	/* No hook shows the end of an AF_UNIX connection; nothing more comes, so its end is
	 * emitted here. */
	if (c->family == AF_UNIX && c->announced && c->flow[OTR_DIR_IN].eof) {
		otr_emit_conn((struct sock *)mv->sk, c, OTR_EV_CONN_CLOSE, bpf_ktime_get_ns(),
			      none);
		otr_forget(c);
		c->announced = 0;
	}
	return 0;
}

/* `mv` has what moved and where. */
static __always_inline void otr_take(struct otr_task *t, struct otr_bpf_conn *c,
				     struct otr_move *mv, __u8 dir)
{
	struct otr_strand *st;
	__u64 strand;

	if (!c->pair) {
		otr_moved(t, c, mv, dir);
		return;
	}
	/* R9: a pair made by one process wakes its loop: one slot a process. */
	st = otr_strand_now(t, &strand);
	otr_rule_notify(t, st, t->tgid, dir == OTR_DIR_OUT, mv->now);
}

/* One for each direction, so that a program has the rules of its own alone. */
static __always_inline int otr_take_in(struct otr_task *t, struct otr_bpf_conn *c,
				       struct otr_move *mv)
{
	if (t && c && mv)
		otr_take(t, c, mv, OTR_DIR_IN);
	return 0;
}

static __always_inline int otr_take_out(struct otr_task *t, struct otr_bpf_conn *c,
					struct otr_move *mv)
{
	if (t && c && mv)
		otr_take(t, c, mv, OTR_DIR_OUT);
	return 0;
}

/* A call of `dir`, a constant, ended with `ret`: bytes moved, or not. */
static __always_inline void otr_done(struct otr_task *t, struct otr_bpf_conn *c,
				     struct otr_move *mv, __u8 dir, int ret)
{
	if (ret <= 0)
		otr_not_moved(t, otr_top(c), mv, ret);
	else if ((c->has_upper || t->tls.session || t->off_sockets) && otr_ciphertext(t, c, mv))
		return;
	else if (dir == OTR_DIR_IN)
		otr_take_in(t, c, mv);
	else
		otr_take_out(t, c, mv);
}

#endif /* OTR_DATA_BPF_H */
