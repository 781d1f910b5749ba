/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_EMIT_BPF_H
#define OTR_EMIT_BPF_H

/*
 * emit.bpf.h - writes records to the rings.
 *
 * A record is reserved in a size class (a constant, since the verifier needs one) and filled in
 * place. Every byte up to hdr.size is written.
 */

#include "payload.bpf.h"
#include "sock.bpf.h"
#include "task.bpf.h"

/* To wake the agent takes an interrupt, which costs more than a record. So the agent drains by a
 * timer, and is woken once when a ring is an eighth full. */
static __always_inline __u64 otr_wake_flags(void *ring, __u64 eighth)
{
	if (!otr_ctl.urgent &&
	    (otr_ctl.woken || bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) <= eighth))
		return BPF_RB_NO_WAKEUP;
	otr_ctl.urgent = 0;
	otr_ctl.woken = 1;
	return BPF_RB_FORCE_WAKEUP;
}

static __always_inline void otr_head(struct otr_event *hdr, __u16 kind, __u16 hook, __u32 size,
				     __u64 now)
{
	hdr->kind = kind;
	hdr->hook = hook;
	hdr->size = size;
	hdr->time_ns = now;
}

/* Which hook has seen the bytes of this entry? */
static __always_inline __u16 otr_hook_of(const struct otr_bpf_conn *c)
{
	return c->layer == OTR_LAYER_TLS ? OTR_HOOK_OPENSSL : OTR_HOOK_SOCKET;
}

static __always_inline void otr_submit_fact(void *rec)
{
	bpf_ringbuf_submit(rec, otr_wake_flags(&otr_facts, (1 << 20) / 8));
}

/* For a record of a process on trial: wakes the agent at once, which has to decide. */
static __always_inline void otr_submit_news(void *rec)
{
	bpf_ringbuf_submit(rec, BPF_RB_FORCE_WAKEUP);
}

static __always_inline void *otr_reserve_fact(__u32 size)
{
	void *rec = bpf_ringbuf_reserve(&otr_facts, size, 0);

	if (!rec)
		otr_lost(OTR_LOSS_FACTS);
	return rec;
}

/* CONN_OPEN, CONN_CLOSE or LISTEN. */
static __always_inline void otr_emit_conn(struct sock *sk, struct otr_bpf_conn *c, __u16 kind,
					  __u64 now, const __u32 fresh[2])
{
	struct otr_ev_conn *cn = otr_reserve_fact(sizeof(*cn));

	if (!cn)
		return;
	__builtin_memset(cn, 0, sizeof(*cn));
	otr_head(&cn->hdr, kind, OTR_HOOK_SOCKET, sizeof(*cn), now);
	cn->hdr.tgid = c->tgid;
	cn->hdr.strand = c->dialer;
	cn->hdr.conn = c->inode;
	otr_sock_facts(sk, c, cn, fresh);
	cn->by_lib = c->by_lib;
	if (kind == OTR_EV_CONN_CLOSE || c->by_lib == OTR_BY_LIB_MIXED) {
		cn->bytes_in = c->flow[OTR_DIR_IN].total;
		cn->bytes_out = c->flow[OTR_DIR_OUT].total;
	}
	if (kind == OTR_EV_CONN_CLOSE)
		cn->error = c->error;
	if (kind == OTR_EV_LISTEN)
		otr_submit_news(cn);
	else
		otr_submit_fact(cn);
}

/* A run has ended, and some of its bytes gave no record. */
OTR_GLOBAL int otr_emit_run(struct otr_bpf_conn *c, __u8 dir, __u8 eof, __u64 now)
{
	struct otr_ev_run *run;
	struct otr_bpf_dir *f;

	if (!c)
		return 0;
	run = otr_reserve_fact(sizeof(*run));
	if (!run)
		return 0;
	f = &c->flow[dir & 1];
	__builtin_memset(run, 0, sizeof(*run));
	/* The record is before the event that ended the run, in the order of times as well. */
	otr_head(&run->hdr, OTR_EV_RUN, otr_hook_of(c), sizeof(*run), now - 1);
	run->hdr.tgid = c->tgid;
	run->hdr.conn = c->inode;
	run->pos = f->pos;
	run->bytes = f->bytes;
	run->first_ns = f->first_ns;
	run->last_ns = f->last_ns;
	run->calls = f->calls;
	run->error = c->error;
	run->pos_kind = c->pos_kind;
	run->layer = c->layer;
	run->dir = dir;
	run->eof = eof;
	__builtin_memcpy(run->tail, f->tail, sizeof(run->tail));
	otr_submit_fact(run);
	return 0;
}

/* Fills all of a DATA record but its payload. */
static __always_inline void otr_fill_data(struct otr_ev_data *rec, const struct otr_task *t,
					  const struct otr_bpf_conn *c, __u64 strand,
					  const struct otr_move *mv, const struct otr_cause *cause)
{
	otr_head(&rec->hdr, OTR_EV_DATA, otr_hook_of(c), sizeof(*rec), mv->now);
	rec->hdr.tgid = t->tgid;
	rec->hdr.tid = t->tid;
	rec->hdr.strand = strand;
	rec->hdr.conn = c->inode;
	rec->cause = *cause;
	rec->start_ns = mv->now;
	rec->pos = mv->pos;
	rec->moved = mv->moved;
	rec->cap = 0;
	rec->pos_kind = c->pos_kind;
	rec->dir = mv->dir;
	rec->layer = c->layer;
	rec->first = mv->first;
}

/* bpf_ringbuf_reserve() takes a constant, so each size class has a call of its own. `many`: the
 * bytes are in several buffers. */
static __always_inline int otr_emit_class(const struct otr_task *t, const struct otr_bpf_conn *c,
					  __u64 strand, struct otr_move *mv,
					  const struct otr_cause *cause, const __u32 size,
					  const int many)
{
	struct otr_ev_data *rec;
	__u32 cap = 0;

	rec = bpf_ringbuf_reserve(&otr_data, sizeof(*rec) + size, 0);
	if (!rec) {
		otr_lost(OTR_LOSS_RING);
		return 0;
	}
	otr_fill_data(rec, t, c, strand, mv, cause);
	if (size && mv->seg.copy) {
		if (many)
			cap = otr_gather((char *)(rec + 1), size, mv->seg.copy, mv);
		else
			cap = otr_copy((char *)(rec + 1), size, mv->seg.copy, mv);
		if (!cap)
			otr_lost(OTR_LOSS_FAULT);
		rec->cap = cap;
		rec->hdr.size = sizeof(*rec) + cap;
	}
	bpf_ringbuf_submit(rec, otr_wake_flags(&otr_data, (4 << 20) / 8));
	return cap;
}

/* Emits one DATA record with the first mv->seg.copy bytes. Returns how many were copied. Of
 * several buffers half of a class is copied, at most; those have fewer classes, since each takes
 * the verifier a millisecond. */
OTR_GLOBAL int otr_emit_data(const struct otr_task *t, const struct otr_bpf_conn *c,
			     struct otr_move *mv, const struct otr_cause *cause, __u64 strand)
{
	__u32 cap;

	if (!t || !c || !mv || !cause)
		return 0;
	cap = mv->seg.copy;
	if (mv->kind == OTR_BYTES_NONE)
		return otr_emit_class(t, c, strand, mv, cause, 0, 0);
	if (mv->kind == OTR_BYTES_IOV && cap <= 128)
		return otr_emit_class(t, c, strand, mv, cause, 256, 1);
	if (mv->kind == OTR_BYTES_IOV && cap <= 512)
		return otr_emit_class(t, c, strand, mv, cause, 1024, 1);
	if (mv->kind == OTR_BYTES_IOV && cap <= 1024)
		return otr_emit_class(t, c, strand, mv, cause, 2048, 1);
	if (mv->kind == OTR_BYTES_IOV)
		return otr_emit_class(t, c, strand, mv, cause, 16384, 1);
	if (cap <= 256)
		return otr_emit_class(t, c, strand, mv, cause, 256, 0);
	if (cap <= 1024)
		return otr_emit_class(t, c, strand, mv, cause, 1024, 0);
	if (cap <= 4096)
		return otr_emit_class(t, c, strand, mv, cause, 4096, 0);
	return otr_emit_class(t, c, strand, mv, cause, 16384, 0);
}

#endif /* OTR_EMIT_BPF_H */
