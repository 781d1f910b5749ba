/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_FRAMES_BPF_H
#define OTR_FRAMES_BPF_H

/* frames.bpf.h - the walk of frames.h in the kernel: one record for each part of a call that is
 * copied; its `moved` includes the bytes behind that are left out. */

#include "emit.bpf.h"
#include "frames.h"

/* Steps in one buffer, two for a frame; behind them the direction is lost. A stream of small
 * messages has hundreds of frames in a call. */
#define OTR_FRAMES_STEPS 2048

/* The stack, 512 bytes for a chain of calls, has no room for another `mv`. The segment is in `mv`
 * and not here: a verifier that does not follow a value does not try each of its lengths (260,000
 * steps instead of 37,000). */
struct otr_walk {
	struct otr_task *task;
	struct otr_bpf_conn *conn;
	struct otr_frames *fr;
	struct otr_move *mv; /* in one buffer, from the start of the segment */
	const struct otr_cause *cause;
	__u64 strand;
	__u64 bufs; /* of a call with several buffers: their addresses and lengths */
	__u32 left; /* bytes of the buffer, or of the call, that the walk has not reached */
};

static __always_inline void otr_segment_emit(struct otr_walk *w)
{
	struct otr_move *mv = w->mv;

	mv->moved = mv->seg.len;
	otr_emit_data(w->task, w->conn, mv, w->cause, w->strand);
	mv->pos += mv->moved;
	mv->base += mv->moved;
	mv->first = 0;
	mv->seg.copy = 0;
	mv->seg.len = 0;
}

static __always_inline void otr_walk_emit(struct otr_walk *w)
{
	if (!w->mv->seg.len)
		return;
	if (w->mv->seg.copy > OTR_FRAMES_BYTES)
		w->mv->seg.copy = OTR_FRAMES_BYTES;
	otr_segment_emit(w);
}

/* Reads what comes next, where the walk needs it. */
static __always_inline int otr_walk_peek(const struct otr_walk *w, __u8 *head)
{
	__u64 n = w->left;

	if (!otr_frames_reads(w->fr))
		return 0;
	otr_clamp(n, OTR_FRAME_HEAD);
	return bpf_probe_read_user(head, n, (void *)(w->mv->base + w->mv->seg.len));
}

static int otr_walk_step(__u32 i, struct otr_walk *w)
{
	__u8 head[OTR_FRAME_HEAD] = {};
	int copy;
	__u32 n;

	if (!w->left || otr_walk_peek(w, head))
		return 1;
	n = otr_frames_step(w->fr, head, w->left, &copy);
	if (!otr_segment_add(&w->mv->seg, n, copy)) {
		otr_walk_emit(w);
		otr_segment_add(&w->mv->seg, n, copy);
	}
	w->left -= n;
	return 0;
}

/* Walks one buffer, and changes `mv`. What the walk does not reach is copied as it is. Verified
 * once, as otr_emit_data() is. */
OTR_GLOBAL int otr_walk(struct otr_task *t, struct otr_bpf_conn *c, struct otr_move *mv,
			const struct otr_cause *cause, __u64 strand)
{
	struct otr_walk w = {
		.task = t,
		.conn = c,
		.mv = mv,
		.cause = cause,
		.strand = strand,
	};

	if (!t || !c || !mv || !cause)
		return 0;
	w.left = mv->moved;
	w.fr = &c->flow[mv->dir & 1].frames;
	if (!w.fr->lost)
		bpf_loop(OTR_FRAMES_STEPS, otr_walk_step, &w, 0);
	if (w.left) {
		otr_walk_emit(&w);
		w.fr->lost = 1;
		mv->seg.copy = w.left;
		mv->seg.len = w.left;
	}
	otr_walk_emit(&w);
	return 0;
}

#define OTR_FRAMES_BUFS 256 /* buffers of one call; gRPC sends a head in a dozen */

static int otr_walk_buf(__u32 i, struct otr_walk *w)
{
	struct iovec one = {};

	if (i >= w->mv->count || !w->left ||
	    bpf_probe_read_user(&one, sizeof(one), (struct iovec *)w->bufs + i))
		return 1;
	w->mv->base = (__u64)one.iov_base;
	w->mv->moved = one.iov_len < w->left ? one.iov_len : w->left;
	w->left -= w->mv->moved;
	otr_walk(w->task, w->conn, w->mv, w->cause, w->strand);
	return 0;
}

/* A call on a connection that is captured by FRAMES; changes `mv`. */
OTR_GLOBAL int otr_frames(struct otr_task *t, struct otr_bpf_conn *c, struct otr_move *mv,
			  const struct otr_cause *cause, __u64 strand)
{
	struct otr_walk w = {.task = t, .conn = c, .mv = mv, .cause = cause, .strand = strand};

	if (!t || !c || !mv || !cause)
		return 0;
	if (mv->kind == OTR_BYTES_PLAIN) {
		otr_walk(t, c, mv, cause, strand);
		return 0;
	}
	w.left = mv->moved;
	w.bufs = mv->base;
	if (mv->kind == OTR_BYTES_IOV) {
		mv->kind = OTR_BYTES_PLAIN; /* the walk takes one buffer at a time */
		bpf_loop(OTR_FRAMES_BUFS, otr_walk_buf, &w, 0);
	}
	if (w.left) /* the next header may be anywhere */
		c->flow[mv->dir & 1].frames.lost = 1;
	return 0;
}

#define OTR_CALL_STEPS 32 /* records of a call that has many buffers */

static int otr_call_step(__u32 i, struct otr_walk *w)
{
	__u32 n = w->left < OTR_DATA_MAX ? w->left : OTR_DATA_MAX;

	w->mv->seg.copy = n;
	w->mv->seg.len = i + 1 < OTR_CALL_RECORDS ? n : w->left;
	w->left -= w->mv->seg.len;
	otr_segment_emit(w);
	return !w->left;
}

/* Takes the next buffers of a call, as many as one record can hold. */
static int otr_call_step_iovs(__u32 i, struct otr_walk *w)
{
	struct otr_move *mv = w->mv;
	struct iovec *at = (void *)mv->base;
	__u64 n = 0;

	for (int k = 0; k < OTR_IOVS; k++) {
		struct iovec one = {};

		if (k >= mv->count || bpf_probe_read_user(&one, sizeof(one), at + k))
			break;
		n += one.iov_len;
	}
	if (n > w->left || mv->count <= OTR_IOVS || i + 1 == OTR_CALL_STEPS)
		n = w->left;
	mv->moved = n;
	mv->seg.copy = n < OTR_DATA_MAX / 2 ? n : OTR_DATA_MAX / 2;
	otr_emit_data(w->task, w->conn, mv, w->cause, w->strand);
	mv->pos += n;
	mv->first = 0;
	mv->base += OTR_IOVS * sizeof(struct iovec);
	mv->count -= OTR_IOVS;
	w->left -= n;
	return !w->left;
}

/* Copies a call by several records; changes `mv`. */
OTR_GLOBAL int otr_long_call(struct otr_task *t, struct otr_bpf_conn *c, struct otr_move *mv,
			     const struct otr_cause *cause, __u64 strand)
{
	struct otr_walk w = {.task = t, .conn = c, .mv = mv, .cause = cause, .strand = strand};

	if (!t || !c || !mv || !cause)
		return 0;
	w.left = mv->moved;
	if (mv->kind == OTR_BYTES_IOV)
		bpf_loop(OTR_CALL_STEPS, otr_call_step_iovs, &w, 0);
	else
		bpf_loop(OTR_CALL_RECORDS, otr_call_step, &w, 0);
	return 0;
}

/* The first bytes of a direction: which protocol do they begin? */
OTR_GLOBAL int otr_open(struct otr_bpf_conn *c, const struct otr_move *mv)
{
	__u8 first[OTR_OPENING_BYTES] = {};
	struct iovec one = {};
	__u64 at;

	if (!c || !mv)
		return OTR_OPENING_OTHER;
	at = mv->base;
	if (mv->kind == OTR_BYTES_IOV) {
		bpf_probe_read_user(&one, sizeof(one), (void *)at);
		at = one.iov_len < sizeof(first) ? 0 : (__u64)one.iov_base;
	}
	if (mv->kind == OTR_BYTES_NONE || mv->moved < sizeof(first) ||
	    bpf_probe_read_user(first, sizeof(first), (void *)at))
		return OTR_OPENING_OTHER;
	/* A handshake of TLS that nobody reads: the agent looks whether the process has just loaded
	 * its library. */
	if (first[0] == 22 && first[1] == 3 && otr_ctl.tls_wake) {
		otr_ctl.tls_wake = 0;
		otr_ctl.urgent = 1;
	}
	if (!c->opening)
		c->opening = otr_opening_of(first);
	if (c->opening == OTR_OPENING_HTTP2 && otr_opening_of(first))
		c->flow[mv->dir & 1].frames.preface = OTR_PREFACE_BYTES;
	return c->opening;
}

#endif /* OTR_FRAMES_BPF_H */
