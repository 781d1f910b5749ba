/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_MOVE_BPF_H
#define OTR_MOVE_BPF_H

/*
 * move.bpf.h - what happens when a traced process has moved bytes: they are added to a run, the
 * rules of causality are applied, a part of them is copied. For both hook families,
 * sock_data.bpf.c and sys_data.bpf.c.
 */

#include "frames.bpf.h"
#include "headend.bpf.h"
#include "lib.bpf.h"
#include "rules.bpf.h"

/* Do requests go in this direction? */
static __always_inline int otr_asks(const struct otr_bpf_conn *c, __u8 dir)
{
	return dir == (c->role == OTR_ROLE_CLIENT ? OTR_DIR_OUT : OTR_DIR_IN);
}

/* Looks up the policy of a direction: when a run begins and any policy has changed. */
static __always_inline void otr_refresh_policy(struct otr_bpf_conn *c, __u8 dir)
{
	__u64 key = otr_policy_key(c->inode, c->layer, dir);
	struct otr_policy *p = bpf_map_lookup_elem(&otr_policies, &key);
	struct otr_bpf_dir *f = &c->flow[dir & 1];

	f->capture = p ? p->capture : otr_opening_capture(c->opening);
	f->head_bytes = p ? p->head_bytes : otr_opening_head_bytes(c->opening);
}

OTR_GLOBAL int otr_refresh_policies(struct otr_bpf_conn *c)
{
	if (!c)
		return 0;
	otr_refresh_policy(c, OTR_DIR_IN);
	otr_refresh_policy(c, OTR_DIR_OUT);
	return 0;
}

/* The run of a direction is over; `eof`: nothing more comes in this direction. */
OTR_GLOBAL int otr_end_run(struct otr_bpf_conn *c, __u8 dir, __u8 eof, __u64 now)
{
	struct otr_bpf_dir *f;
	__u64 key;

	if (!c)
		return 0;
	key = otr_dir_key(c->inode, dir);
	f = &c->flow[dir & 1];
	if (!c->shed && c->by_lib != OTR_BY_LIB_ALL && (f->cut || eof || c->error))
		otr_emit_run(c, dir, eof, now);
	if (f->cut)
		bpf_map_delete_elem(&otr_runs, &key);
	f->cut = 0;
	f->eof = eof;
	return 0;
}

static __always_inline void otr_begin_run(struct otr_bpf_conn *c, const struct otr_move *mv)
{
	struct otr_bpf_dir *f = &c->flow[mv->dir & 1], *last = &c->flow[c->last_dir & 1];

	if (c->last_dir != OTR_DIR_NONE && (last->cut || last->eof || c->error))
		otr_end_run(c, c->last_dir, 0, mv->now); /* else there is nothing to do */
	c->last_dir = mv->dir;
	f->pos = mv->pos;
	f->bytes = 0;
	f->calls = 0;
	f->copied = 0;
	f->cut = 0;
	f->first_ns = mv->now;
	if (c->policy_gen != otr_ctl.policy_gen) {
		c->policy_gen = otr_ctl.policy_gen;
		otr_refresh_policies(c);
	}
}

/* A run is longer than what is copied: keeps its tail, which may be in a call that was copied
 * whole, and writes its state to otr_runs, where the agent reads it while the run goes on. */
OTR_GLOBAL int otr_flush_run(struct otr_bpf_conn *c, const struct otr_move *mv)
{
	struct otr_run_now fresh = {}, *run;
	struct otr_bpf_dir *f;
	__u64 key;

	if (!c || !mv)
		return 0;
	key = otr_dir_key(c->inode, mv->dir);
	f = &c->flow[mv->dir & 1];
	otr_keep_tail(f->tail, mv);
	run = bpf_map_lookup_elem(&otr_runs, &key);
	if (!run) {
		if (bpf_map_update_elem(&otr_runs, &key, &fresh, BPF_ANY)) {
			otr_lost(OTR_LOSS_TABLE);
			return 0;
		}
		run = bpf_map_lookup_elem(&otr_runs, &key);
		if (!run)
			return 0;
	}
	run->pos = f->pos;
	run->first_ns = f->first_ns;
	run->calls = f->calls;
	run->pos_kind = c->pos_kind;
	run->layer = c->layer;
	__builtin_memcpy(run->tail, f->tail, sizeof(run->tail));
	run->last_ns = f->last_ns;
	run->bytes = f->bytes;
	return 0;
}

/* How many bytes of this call are to be copied. */
static __always_inline __u32 otr_cap(const struct otr_bpf_dir *f, const struct otr_move *mv)
{
	__u32 left = f->head_bytes;

	if (f->capture == OTR_CAPTURE_MUTE)
		return 0;
	if (f->capture == OTR_CAPTURE_HEAD)
		left = f->copied < left ? left - f->copied : 0;
	return mv->moved < left ? mv->moved : left;
}

/* While the agent is over its CPU budget, requests are shed: each whole, with its answer, so that
 * none is seen in part. The rules of causality go on, since requests traced later need their
 * state. */
static __always_inline void otr_shed(struct otr_bpf_conn *c, const struct otr_move *mv)
{
	if (!mv->first || !otr_asks(c, mv->dir) || c->role == OTR_ROLE_UNKNOWN)
		return;
	c->shed = otr_ctl.paused != 0;
	if (c->shed && c->flow[mv->dir & 1].capture != OTR_CAPTURE_MUTE)
		otr_lost(OTR_LOSS_BUDGET);
}

/* Emits CONN_OPEN. */
OTR_GLOBAL int otr_emit_open(struct otr_bpf_conn *c, const struct otr_move *mv, int is_fresh)
{
	__u32 fresh[2] = {};
	struct sock *sk;

	if (!c || !mv || !mv->sk)
		return 0;
	/* A connection that was announced may be over by now, and its port gone. */
	sk = (struct sock *)mv->sk;
	if (!is_fresh && c->family != AF_UNIX && !BPF_CORE_READ(sk, __sk_common.skc_num))
		return 0;
	if (is_fresh && mv->dir == OTR_DIR_OUT)
		fresh[OTR_DIR_OUT] = mv->moved;
	else if (is_fresh)
		fresh[OTR_DIR_IN] = mv->moved;
	otr_emit_conn(sk, c, OTR_EV_CONN_OPEN, mv->now, fresh);
	return 0;
}

/* The first bytes of the connection, or of this process on it. */
static __always_inline void otr_announce(struct otr_task *t, struct otr_bpf_conn *c,
					 const struct otr_move *mv)
{
	c->tgid = t->tgid;
	if (c->announced || !c->inode || c->shed)
		return;
	c->announced = 1;
	otr_emit_open(c, mv, 1);
}

/* Notes who reports the bytes. Where that is the library from here on, emits how many moved
 * before, so that the agent knows where the library's count begins. */
static __always_inline void otr_note_lib(struct otr_bpf_conn *c, const struct otr_move *mv,
					 int has_lib)
{
	if (has_lib && c->by_lib == OTR_BY_LIB_NO) {
		c->by_lib = OTR_BY_LIB_MIXED;
		if (c->announced)
			otr_emit_open(c, mv, 0);
	}
	c->by_lib |= has_lib ? OTR_BY_LIB_ALL : OTR_BY_LIB_NO;
}

/* Is a call that one record does not hold copied by several? */
static __always_inline int otr_copies_long_calls(const struct otr_bpf_conn *c,
						 const struct otr_move *mv)
{
	__u32 head_bytes = c->flow[mv->dir & 1].head_bytes;

	return head_bytes == OTR_LONG_CALLS || (head_bytes == OTR_DATA_MAX && otr_asks(c, mv->dir));
}

/* Copies what the policy of the connection asks for. */
static __always_inline void otr_capture(struct otr_task *t, struct otr_bpf_conn *c,
					struct otr_move *mv, const struct otr_cause *cause,
					__u64 strand)
{
	struct otr_bpf_dir *f = &c->flow[mv->dir & 1];
	__u32 cap;

	if (mv->kind == OTR_BYTES_NONE)
		otr_find_bytes(mv);
	if (f->total == mv->moved) {
		otr_open(c, mv);
		if (otr_opening_acts_at_once(c->opening))
			otr_refresh_policies(c);
	}
	if (otr_capture_walks(f->capture)) {
		otr_frames(t, c, mv, cause, strand);
		return;
	}
	cap = otr_cap(f, mv);
	if (f->capture == OTR_CAPTURE_CALLS && otr_copies_long_calls(c, mv) &&
	    (mv->kind == OTR_BYTES_IOV ? mv->count > OTR_IOVS : mv->moved >= OTR_DATA_MAX)) {
		f->cut |= mv->moved > OTR_CALL_RECORDS * OTR_DATA_MAX;
		otr_long_call(t, c, mv, cause, strand);
		return;
	}
	if (f->capture == OTR_CAPTURE_HEAD && otr_asks(c, mv->dir))
		cap = otr_request_cap(f, mv, cap);
	if (cap) {
		mv->seg.copy = cap;
		cap = otr_emit_data(t, c, mv, cause, strand);
		f->copied += cap;
		if (mv->whole)
			otr_request_copied(f, mv);
	}
	if (otr_opening_mutes(c->opening))
		otr_refresh_policies(c);
	f->cut |= cap < mv->moved;
	if (f->cut)
		otr_flush_run(c, mv);
}

/* A traced process moved `mv->moved` bytes. `dir`: mv->dir, a constant. */
static __always_inline void otr_moved(struct otr_task *t, struct otr_bpf_conn *c,
				      struct otr_move *mv, __u8 dir)
{
	struct otr_bpf_dir *f = &c->flow[dir];
	struct otr_cause cause = {};
	__u64 strand = t->tid;
	int has_lib = otr_has_lib(t);

	otr_note_lib(c, mv, has_lib);
	mv->first = c->last_dir != dir;
	if (!c->inode) /* the socket had no descriptor before */
		c->inode = otr_sock_inode((struct sock *)mv->sk);
	if (mv->first)
		otr_begin_run(c, mv); /* and ends the last run, whether it was shed or not */
	if (!has_lib)
		otr_shed(c, mv);
	if (!c->announced || c->tgid != t->tgid)
		otr_announce(t, c, mv);
	if (c->role == OTR_ROLE_UNKNOWN && !c->pair)
		c->role = dir == OTR_DIR_OUT ? OTR_ROLE_CLIENT : OTR_ROLE_SERVER;
	f->bytes += mv->moved;
	f->total += mv->moved;
	f->calls++;
	f->last_ns = mv->now;
	otr_rules(t, c, mv, dir, &cause, &strand);

	f->frames.lost |= c->shed | has_lib; /* otr_frames() does not see these bytes */
	if (!has_lib && f->capture != OTR_CAPTURE_MUTE && !c->shed)
		otr_capture(t, c, mv, &cause, strand);
}

#endif /* OTR_MOVE_BPF_H */
