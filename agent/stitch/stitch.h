/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_H
#define OTR_STITCH_H

/*
 * stitch.h - messages in, spans out.
 *
 *	message -> pair -> span -> parent -> trace
 *
 * One stitcher belongs to one thread. It starts no threads, makes no system
 * calls and learns the time only from the messages and from otr_stitch_tick(),
 * so a recorded run replays to the same spans, byte for byte.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/event.h"

struct otr_msg;
struct otr_proto_settings;
struct otr_side;
struct otr_span;
struct otr_stitch; /* opaque; see stitch.c */

struct otr_procs;

struct otr_stitch_config {
	size_t max_open;	 /* exchanges; beyond it the oldest is closed, counted */
	uint64_t hold_ns;	 /* how long a trace waits for late evidence */
	uint64_t orphan_ns;	 /* a request unanswered this long is closed */
	uint64_t close_ns;	 /* a trace older than this is closed as it stands */
	uint64_t seed;		 /* of the ids it makes */
	struct otr_procs *procs; /* borrowed: environments, or NULL */
	const struct otr_proto_settings *settings; /* borrowed, for describe(); NULL: defaults */
};

/* Called once per finished span. Take a reference to keep it. Must not call
 * back into the stitcher. */
typedef void (*otr_span_fn)(void *arg, struct otr_span *span);

/* Called once when a trace is complete on this host: all its spans were emitted
 * before. `proved`: no edge of it is weak. Later spans come alone. */
typedef void (*otr_trace_fn)(void *arg, const uint8_t trace_id[16], bool proved);

/* Makes a stitcher; `cfg` is copied. Returns 0 or -ENOMEM. On failure *out is
 * untouched. */
int otr_stitch_new(struct otr_stitch **out, const struct otr_stitch_config *cfg, otr_span_fn emit,
		   otr_trace_fn done, void *arg);

/* Frees *stp and sets it to NULL. Spans still open are dropped: call
 * otr_stitch_flush() first to keep them. NULL in *stp is fine. */
void otr_stitch_free(struct otr_stitch **stp);

/* Takes one message seen at one end. Borrows both for the call. Returns 0 or
 * -ENOMEM; after -ENOMEM the message is lost, counted, the stitcher sound. */
int otr_stitch_msg(struct otr_stitch *st, const struct otr_side *side, const struct otr_msg *msg);

/* The message that began at `ref` is over: its last byte moved at `until_ns`, before
 * `end_pos`. Once after each otr_stitch_msg(). A reference into [ref, end_pos) means
 * it. `cut`: bytes were lost, the end is not known. */
void otr_stitch_done(struct otr_stitch *st, const struct otr_ref *ref, uint64_t end_pos,
		     uint64_t until_ns, int error, bool cut);

/* Records were lost: what was asked on this connection and is not answered will not be,
 * `but_last`: all but what was asked last. They end, cut. */
void otr_stitch_after_loss(struct otr_stitch *st, uint64_t conn, uint8_t layer, bool but_last,
			   uint64_t now_ns);

/* A connect() failed. It becomes a span, at once or when nothing can take its place any more:
 * see failed.c. */
void otr_stitch_failed(struct otr_stitch *st, const struct otr_ev_failed *ev);

/* Any other event: what it says of those that failed. */
void otr_stitch_attempts(struct otr_stitch *st, const struct otr_event *ev);

/* A connection was first seen, or got facts it lacked: copies what it needs to pair
 * both ends of a wire. */
void otr_stitch_conn(struct otr_stitch *st, const struct otr_ev_conn *conn);

/* Takes what processes do (PROC_*, META), for the one that `run` started: the root of
 * what it and its children call. Others are ignored. */
void otr_stitch_process(struct otr_stitch *st, const struct otr_event *ev);

/* Takes late evidence of a parent. Returns how many requests it was about. */
int otr_stitch_handoff(struct otr_stitch *st, const struct otr_ev_handoff *ev);

/* Nothing more comes on this connection: requests without an answer end, failed by
 * `error` or unanswered. A failed connect is a CLOSE with an error: no span, as no
 * message was seen. */
void otr_stitch_close(struct otr_stitch *st, const struct otr_ev_conn *conn, int error,
		      uint64_t now_ns);

/* The clock: what to add to CLOCK_MONOTONIC to have the time since the epoch. */
void otr_stitch_clock(struct otr_stitch *st, uint64_t epoch_offset_ns);

/* From now on the source lets requests go, until it tells of some again. What may lack
 * parts because of it is marked. */
void otr_stitch_pause(struct otr_stitch *st, uint64_t now_ns);

/* A process lets requests go, since we are behind; what is asked on behalf of those that it
 * tells is told, too. */
void otr_stitch_behind(struct otr_stitch *st, uint64_t now_ns);

/* Records of the process `tgid` (0: of any) were lost before `now_ns`. An end or an answer
 * that lacks about that time is not known to have lacked: it is cut, not in error. */
void otr_stitch_lost(struct otr_stitch *st, uint64_t now_ns, uint32_t tgid);

/* The seed of the ids made from now on, as recorded: before the first message. */
void otr_stitch_seed(struct otr_stitch *st, uint64_t seed);

/* Tells the time, CLOCK_MONOTONIC, never backwards: releases traces whose edges
 * are proved or whose hold is over, closes what has waited too long. */
void otr_stitch_tick(struct otr_stitch *st, uint64_t now_ns);

/* Emits every open span as it stands, as at shutdown. */
void otr_stitch_flush(struct otr_stitch *st);

/* Tells of requests that have been open for 5, 10, 30, 60 s and each minute more, roots
 * alone: the span as it stands now (its end is now), and the youngest request still open
 * below it, or NULL. Both are lent for the call. */
typedef void (*otr_open_fn)(void *arg, struct otr_span *root, struct otr_span *waits);
void otr_stitch_each_open(struct otr_stitch *st, otr_open_fn fn, void *arg);

/* How well parents are known, over all spans emitted. */
struct otr_stitch_stats {
	uint64_t spans, traces;
	uint64_t proved, weak, roots, orphans, contradicted;
	uint64_t open;	   /* exchanges now */
	uint64_t requests; /* understood, whatever became of them */
};
void otr_stitch_stats(const struct otr_stitch *st, struct otr_stitch_stats *out);

#endif /* OTR_STITCH_H */
