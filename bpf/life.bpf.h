/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_LIFE_BPF_H
#define OTR_LIFE_BPF_H

/*
 * life.bpf.h - the life of a connection: connect, listen, end. For both hook families,
 * sock_conn.bpf.c and sys_data.bpf.c.
 *
 * A state change by connect() happens in the process that calls it. All others may come from an
 * interrupt, so they use the entry of the socket and never the current task.
 */

#include "move.bpf.h"
#include "tls.bpf.h"

/* R4: a connect() begins. A socket that does not block remembers the current of the strand. */
OTR_GLOBAL int otr_connecting(struct otr_task *t, struct otr_bpf_conn *c)
{
	struct otr_proc_state *proc;
	struct otr_strand *st;
	__u64 strand;
	__u8 blocks, awake = 0;

	if (!t || !c)
		return 0;
	otr_hit(OTR_HIT_LIFE);
	c->role = OTR_ROLE_CLIENT;
	c->tgid = t->tgid;
	proc = otr_proc_state_of(t->tgid);
	st = otr_strand_now(t, &strand);
	c->dialer = strand;
	c->dialed_ns = bpf_ktime_get_ns();
	c->lib_reports = otr_has_lib(t) != 0;
	if (proc && st) {
		otr_refresh(st, otr_exch_of(st->cur.conn));
		if (c->nonblock && !t->go_goid) {
			otr_look_awake(t, st);
			awake = t->awake == OTR_AWAKE;
			t->awake = OTR_AWAKE_NOT;
		}
		c->dialed_why = otr_r4_dial(st, proc, c->nonblock && !t->go_goid && !awake,
					    c->dialed_ns, &c->dialed_for);
	}
	if (!proc || !st || !c->nonblock || t->go_goid)
		return 0;
	otr_want_waits(t);
	blocks = st->blocks;
	st->blocks |= awake; /* current is of the present turn */
	otr_r4_born(st, proc, &c->asked, otr_exch_of(st->cur.conn), bpf_ktime_get_ns());
	st->blocks = blocks;
	return 0;
}

static __always_inline void otr_emit_life(struct sock *sk, struct otr_bpf_conn *c, __u16 kind)
{
	const __u32 none[2] = {};

	otr_emit_conn(sk, c, kind, bpf_ktime_get_ns(), none);
}

#define ECANCELED 125

static __always_inline void otr_emit_failed(struct sock *sk, struct otr_bpf_conn *c)
{
	struct otr_ev_failed *ev = otr_reserve_fact(sizeof(*ev));
	struct otr_addr local;

	if (!ev)
		return;
	__builtin_memset(ev, 0, sizeof(*ev));
	otr_head(&ev->hdr, OTR_EV_CONN_FAILED, OTR_HOOK_SOCKET, sizeof(*ev), bpf_ktime_get_ns());
	ev->hdr.tgid = c->tgid;
	ev->hdr.strand = c->dialer;
	ev->hdr.conn = c->inode;
	ev->start_ns = c->dialed_ns;
	ev->error = c->error;
	otr_addrs_inet(sk, c->family, &local, &ev->remote);
	otr_cause_of(&ev->cause, &c->dialed_for, otr_exch_of(c->dialed_for.conn), c->dialed_why);
	otr_submit_fact(ev);
}

/* R8: nothing goes out on a connection any more, and nothing that comes is read. */
OTR_GLOBAL int otr_rule_closed(struct otr_bpf_conn *c)
{
	struct otr_proc_state *proc;
	struct otr_exch *ex;
	__u32 tgid;

	if (!c)
		return 0;
	ex = otr_exch_of(c->inode);
	if (ex) {
		tgid = ex->tgid;
		otr_exch_end(ex, bpf_map_lookup_elem(&otr_proc_states, &tgid));
	}
	tgid = c->tgid;
	proc = bpf_map_lookup_elem(&otr_proc_states, &tgid);
	if (proc)
		otr_r8_asked(proc, &c->asked, otr_exch_of(c->asked.believed.conn),
			     otr_exch_of(c->asked.born.conn));
	return 0;
}

/* A connect() has failed: no request follows. */
static __always_inline void otr_refused(struct sock *sk, struct otr_bpf_conn *c)
{
	if (c->announced)
		return;
	otr_rule_closed(c);
	c->error = BPF_CORE_READ(sk, sk_err);
	if (!c->error)
		c->error = ECANCELED; /* closed while connect() was under way */
	if (!c->inode)
		c->inode = otr_sock_inode(sk);
	if (!c->lib_reports && c->dialed_ns)
		otr_emit_failed(sk, c);
}

static __always_inline void otr_listening(struct sock *sk)
{
	struct otr_task *t = otr_task_now();
	struct otr_bpf_conn c = {};

	if (!t && !otr_ctl.host)
		return;
	if (otr_conn_init(&c, sk))
		return;
	if (t && c.nonblock && !t->go_goid)
		otr_want_waits(t);
	if (!t)
		otr_try(bpf_get_current_task_btf());
	c.tgid = t ? t->tgid : otr_tgid_of(bpf_get_current_task_btf());
	c.role = OTR_ROLE_SERVER;
	otr_emit_life(sk, &c, OTR_EV_LISTEN);
}

#define SHUT_BOTH \
	3 /* RCV_SHUTDOWN | SEND_SHUTDOWN: close(), unlike a shutdown() of one direction */

/* This end has sent its FIN: nothing more goes out. After close() TCP may keep the connection for a
 * minute, until the peer closes, too. */
static __always_inline void otr_closing(struct sock *sk, struct otr_bpf_conn *c)
{
	struct otr_bpf_conn *top = otr_top(c);

	if (c->announced && !top->flow[OTR_DIR_OUT].eof)
		otr_end_run(top, OTR_DIR_OUT, 1, bpf_ktime_get_ns());
	if (BPF_CORE_READ(sk, sk_shutdown) == SHUT_BOTH)
		otr_rule_closed(top);
}

/* The TCP state of a connection with an entry has changed. */
static __always_inline void otr_state_moved(struct sock *sk, struct otr_bpf_conn *c, int old,
					    int new)
{
	if (old == TCP_SYN_SENT && new == TCP_CLOSE)
		otr_refused(sk, c);
	else if (new == TCP_FIN_WAIT1 || new == TCP_LAST_ACK)
		otr_closing(sk, c);
}

/* Deletes what is kept of a connection. */
OTR_GLOBAL int otr_forget(struct otr_bpf_conn *c)
{
	__u64 conn, in, out;

	if (!c)
		return 0;
	otr_rule_closed(otr_top(c));
	conn = c->inode;
	in = otr_dir_key(conn, OTR_DIR_IN);
	out = otr_dir_key(conn, OTR_DIR_OUT);
	bpf_map_delete_elem(&otr_exchs, &conn);
	bpf_map_delete_elem(&otr_runs, &in);
	bpf_map_delete_elem(&otr_runs, &out);
	if (c->policy_gen) {
		bpf_map_delete_elem(&otr_policies, &in);
		bpf_map_delete_elem(&otr_policies, &out);
	}
	if (c->made_upper)
		otr_upper_forget(c);
	return 0;
}

static __always_inline void otr_ended(struct sock *sk, struct otr_bpf_conn *c)
{
	int err = BPF_CORE_READ(sk, sk_err);
	struct otr_bpf_conn *top = otr_top(c);

	if (!c->announced && !c->shed) {
		otr_rule_closed(c);
		return;
	}
	if (err)
		c->error = top->error = err;
	if (c->announced && top->last_dir != OTR_DIR_NONE)
		otr_end_run(top, top->last_dir, 0, bpf_ktime_get_ns());
	if (c->announced)
		otr_emit_life(sk, c, OTR_EV_CONN_CLOSE);
	otr_forget(c);
	c->announced = 0;
}

#endif /* OTR_LIFE_BPF_H */
