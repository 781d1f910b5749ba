/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_RULES_BPF_H
#define OTR_RULES_BPF_H

/*
 * rules.bpf.h - the rules of causality.h in the kernel: finds the processes, strands and
 * exchanges that the rules work on, and decides which rule applies to bytes that moved.
 */

#include "emit.bpf.h"

static __always_inline void otr_cause_of(struct otr_cause *cause, const struct otr_xref *parent,
					 const struct otr_exch *ex, enum otr_evidence why)
{
	if (why == OTR_EVIDENCE_NONE)
		return;
	cause->parent.conn = parent->conn;
	cause->parent.pos = parent->pos;
	cause->parent.layer = ex ? ex->layer : OTR_LAYER_SOCKET;
	cause->parent.dir = OTR_DIR_IN;
	cause->parent.pos_kind = ex ? ex->pos_kind : OTR_POS_OFFSET;
	cause->evidence = why;
}

/* The exchange of an inbound connection; its entry is made at the first request. */
static __always_inline struct otr_exch *otr_exch_make(const struct otr_bpf_conn *c, __u32 tgid)
{
	__u64 conn = c->inode; /* on the stack: Linux 6.1 takes no other key in an OTR_GLOBAL */
	struct otr_exch *ex = otr_exch_of(conn), fresh = {};

	if (ex)
		return ex;
	fresh.tgid = tgid;
	fresh.pos_kind = c->pos_kind;
	fresh.layer = c->layer;
	bpf_map_update_elem(&otr_exchs, &conn, &fresh, BPF_NOEXIST);
	ex = otr_exch_of(conn);
	if (!ex)
		otr_lost(OTR_LOSS_TABLE);
	return ex;
}

/* In a process with one thread, a wait can be unseen only before waits were probed. So a worker
 * that reads one request at a time is believed from its first request on. */
#define OTR_TURN_NS 100000000ull /* a turn takes no longer */
static __always_inline int otr_has_one_thread(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	/* A probe read: where a program follows a pointer, the verifier searches all types of the
	 * kernel four times (Linux 6.18: 2 ms), and this is seldom reached. */
	return BPF_CORE_READ(task, signal, nr_threads) == 1;
}

static __always_inline int otr_sees_waits(__u64 now)
{
	return otr_ctl.waits_ns && now > otr_ctl.waits_ns + OTR_TURN_NS && otr_has_one_thread();
}

/* One more than how often the current thread has given up its CPU by itself. */
static __always_inline __u64 otr_sleeps(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return task->nvcsw + 1;
}

#define OTR_AWAKE_NOT 0
#define OTR_AWAKE     ~0ull

/*
 * Before waits are probed: is the request that goes out now surely made for the request that was
 * read last? It is, if the only thread of the process has read the only open request and has
 * neither slept nor asked since: then no wait lies between, or only one that returned at once.
 * Without this check the first requests of a worker (apache prefork: five) would have no parent.
 * It holds once for each request read, since a loop may go on to a timer without sleep. Called
 * before R4 and not by R4, because the stack of Linux 6.1 does not hold both; t->awake carries
 * the result to R4.
 */
OTR_GLOBAL int otr_look_awake(struct otr_task *t, struct otr_strand *st)
{
	struct otr_proc_state *proc;
	__u64 slept;

	if (!t || !st)
		return 0;
	slept = t->awake;
	t->awake = OTR_AWAKE_NOT;
	if (!slept || st->waited || !st->from_request)
		return 0;
	proc = otr_proc_state_of(t->tgid);
	if (proc && !proc->go && !proc->mux && OTR_GET(proc->open) == 1 && slept == otr_sleeps() &&
	    otr_has_one_thread())
		t->awake = OTR_AWAKE;
	return 0;
}

/* R1 */
OTR_GLOBAL int otr_rule_request(struct otr_task *t, struct otr_strand *st, struct otr_bpf_conn *c,
				struct otr_move *mv, __u64 strand)
{
	struct otr_proc_state *proc;
	struct otr_exch *ex;
	struct otr_xref ref;

	if (!t || !st || !c || !mv)
		return 0;
	ex = otr_exch_make(c, t->tgid);
	proc = otr_proc_state_of(t->tgid);
	if (!proc)
		return 0;
	ref.conn = c->inode;
	ref.pos = mv->pos;
	if (!ex) { /* the table is full: its requests have no parents */
		otr_join(st, 0, OTR_LEVEL_NONE, c->inode);
		return 0;
	}
	otr_r6c_taken(&t->work, proc);
	proc->go = t->go_goid != 0;
	if (c->nonblock && !proc->go)
		otr_want_waits(t);
	if (c->nonblock && !proc->go && !st->waited && otr_sees_waits(mv->now))
		otr_all_waits_seen(st);
	t->awake = otr_sleeps();
	if (mv->first) {
		ex->tgid = t->tgid;
		/* The request before may be of the same connection: then the rule asks for none. */
		otr_r1_first(st, proc, ex, &ref,
			     st->last_read.conn == ref.conn ? NULL
							    : otr_exch_of(st->last_read.conn),
			     c->nonblock && !proc->go, strand, mv->now);
	} else {
		ref.pos = c->flow[OTR_DIR_IN].pos;
		otr_r1_more(st, ex, &ref, mv->now);
	}
	return 0;
}

/* R3 */
OTR_GLOBAL int otr_rule_answer(struct otr_task *t, struct otr_strand *st, struct otr_bpf_conn *c,
			       struct otr_move *mv, __u64 strand)
{
	struct otr_proc_state *proc;
	struct otr_exch *ex;
	struct otr_xref ref;

	if (!t || !st || !c || !mv)
		return 0;
	st->entry_ns = mv->now;
	if (!mv->first)
		return 0;
	ex = otr_exch_of(c->inode);
	proc = otr_proc_state_of(t->tgid);
	if (!proc || !ex || !ex->open)
		return 0;
	ref.conn = c->inode;
	ref.pos = ex->pos;
	otr_r3_answer(st, proc, ex, &ref, ex->reader != strand, mv->now);
	return 0;
}

/* In Go the dialling goroutine makes one for the connection, which serves many others. */
static __always_inline int otr_is_pump(const struct otr_task *t, const struct otr_bpf_conn *c,
				       __u64 strand)
{
	struct otr_go_key key = {.goid = strand & ~OTR_STRAND_GO, .tgid = t->tgid};
	struct otr_goroutine *g;

	if (!t->go_goid || !c->dialer)
		return 0;
	g = bpf_map_lookup_elem(&otr_goroutines, &key);
	return g && g->strand.level == OTR_LEVEL_WEAK && (g->parent | OTR_STRAND_GO) == c->dialer;
}

/* R10: was the connection looked at since its bytes moved last? */
OTR_GLOBAL int otr_rule_looked(struct otr_bpf_conn *c, const struct otr_move *mv)
{
	const struct otr_bpf_dir *in;
	struct otr_look *look;
	__u64 conn;

	if (!c || !mv)
		return 0;
	in = &c->flow[OTR_DIR_IN];
	conn = c->inode;
	look = bpf_map_lookup_elem(&otr_looks, &conn);
	if (!look)
		return 0;
	otr_r10_looked(&c->asked, look, mv->pos, in->pos + in->bytes);
	bpf_map_delete_elem(&otr_looks, &conn);
	return 0;
}

/* otr_exch_of(conn), where that of `other` is known to be `ex`: a look-up less, most often. */
static __always_inline struct otr_exch *otr_exch_again(__u64 conn, __u64 other, struct otr_exch *ex)
{
	return conn && conn == other ? ex : otr_exch_of(conn);
}

/* R4: books a request whose parent, an exchange that is `ex`, was found by cause->evidence. */
OTR_GLOBAL int otr_rule_book(struct otr_proc_state *proc, struct otr_bpf_conn *c,
			     const struct otr_xref *parent, struct otr_exch *ex,
			     struct otr_cause *cause)
{
	if (!proc || !c || !parent || !cause)
		return 0;
	otr_r4_book(proc, &c->asked, parent, ex);
	otr_cause_of(cause, parent, ex, cause->evidence);
	return 0;
}

/* R4 */
OTR_GLOBAL int otr_rule_ask(struct otr_task *t, struct otr_strand *st, struct otr_bpf_conn *c,
			    struct otr_move *mv, struct otr_cause *cause)
{
	struct otr_exch *ex, *cur;
	struct otr_proc_state *proc;
	struct otr_xref parent;
	enum otr_evidence why;
	int may_loop;

	if (!t || !st || !c || !mv || !cause)
		return 0;
	proc = otr_proc_state_of(t->tgid);
	if (!proc)
		return 0;
	may_loop = c->nonblock && !t->go_goid;
	if (may_loop)
		otr_want_waits(t);
	if (t->awake == OTR_AWAKE)
		may_loop = 0;
	t->awake = OTR_AWAKE_NOT;
	otr_r6c_ask(&t->work, proc, mv->now);
	if (otr_any_looks && !c->asked.pending)
		otr_rule_looked(c, mv);
	cur = otr_exch_of(st->cur.conn);
	why = otr_r4_ask(st, proc, &c->asked, otr_exch_of(c->asked.claim.conn),
			 otr_exch_of(c->asked.born.conn), cur, may_loop, c->inode, mv->now,
			 &parent);
	ex = otr_exch_again(parent.conn, st->cur.conn, cur);
	cause->evidence = why;
	otr_rule_book(proc, c, &parent, ex, cause);
	return 0;
}

/* R2 */
OTR_GLOBAL int otr_rule_answered(struct otr_task *t, struct otr_strand *st, struct otr_bpf_conn *c,
				 struct otr_move *mv)
{
	struct otr_proc_state *proc;
	struct otr_exch *ex, *cur;

	if (!t || !st || !c || !mv)
		return 0;
	proc = otr_proc_state_of(t->tgid);
	if (!proc)
		return 0;
	t->work.got_ns = mv->now;
	if (!mv->first) {
		otr_r2_more(st, proc, &c->asked, otr_exch_of(c->asked.answered.conn), c->inode,
			    mv->now);
		return 0;
	}
	cur = otr_exch_of(st->cur.conn);
	otr_refresh(st, cur);
	ex = otr_exch_again(c->asked.believed.conn, st->cur.conn, cur);
	otr_r2_answer(st, proc, &c->asked, ex, c->inode, mv->now);
	return 0;
}

/* R9 over an unnamed socket pair. The key of the slot is the lower inode of the two: a pair is
 * used to wake a loop, so it does not matter which end writes. */
OTR_GLOBAL int otr_rule_notify(struct otr_task *t, struct otr_strand *st, __u64 slot_key, int write,
			       __u64 now)
{
	struct otr_notify_token *slot, fresh = {};
	struct otr_proc_state *proc;

	if (!t || !st)
		return 0;
	proc = otr_proc_state_of(t->tgid);
	if (!proc || proc->go)
		return 0;
	slot = bpf_map_lookup_elem(&otr_notify_tokens, &slot_key);
	if (!slot) {
		bpf_map_update_elem(&otr_notify_tokens, &slot_key, &fresh, BPF_ANY);
		slot = bpf_map_lookup_elem(&otr_notify_tokens, &slot_key);
	}
	if (!slot) {
		if (!write)
			otr_join(st, 0, OTR_LEVEL_NONE, slot_key);
		return 0;
	}
	otr_refresh(st, otr_exch_of(st->cur.conn));
	if (write)
		otr_r9_write(st, slot, now);
	else
		otr_r9_read(st, proc, slot, otr_exch_of(slot->from.conn), slot_key, now);
	return 0;
}

/* Each call may be a request of its own. */
static __always_inline int otr_by_call(const struct otr_bpf_dir *out)
{
	return out->capture == OTR_CAPTURE_CALLS || otr_capture_walks(out->capture);
}

/* Applies the rules to bytes that moved; fills `cause` for an outbound request. `dir`: mv->dir, a
 * constant, so that a program has the rules of its direction alone. */
static __always_inline void otr_rules(struct otr_task *t, struct otr_bpf_conn *c,
				      struct otr_move *mv, __u8 dir, struct otr_cause *cause,
				      __u64 *strand)
{
	struct otr_strand *st = otr_strand_now(t, strand);
	int ask = c->role == OTR_ROLE_CLIENT;

	if (c->role == OTR_ROLE_SERVER) {
		if (dir == OTR_DIR_IN)
			otr_rule_request(t, st, c, mv, *strand);
		else
			otr_rule_answer(t, st, c, mv, *strand);
	} else if (ask && dir == OTR_DIR_OUT) {
		if ((mv->first || otr_by_call(&c->flow[OTR_DIR_OUT])) &&
		    !otr_is_pump(t, c, *strand)) {
			otr_look_awake(t, st);
			otr_rule_ask(t, st, c, mv, cause);
		} else if (st)
			st->entry_ns = mv->now;
	} else if (ask) {
		otr_rule_answered(t, st, c, mv);
	} else if (st) {
		st->entry_ns = mv->now;
	}
}

#endif /* OTR_RULES_BPF_H */
