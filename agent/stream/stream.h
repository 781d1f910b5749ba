/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STREAM_H
#define OTR_STREAM_H

/*
 * stream.h - events in, messages out.
 *
 * Keeps every connection: its facts, one stream of bytes per layer and direction,
 * its parser. A stream knows which bytes it has, which it may skip and which are
 * missing (a hole); bytes are ordered by position, never by time. It asks the
 * sources for what it needs, a capture policy or the state of a long run, by feedback.h.
 *
 * Positions: TCP's are sequence numbers, unwrapped here to 64 bits whose low 32 are
 * the kernel's; both ends of a wire therefore name a byte alike in the low 32 bits.
 *
 * One thread, no system calls, no clock: time comes with the events.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/event.h"

struct otr_event;
struct otr_msg;
struct otr_feedback;
struct otr_procs;
struct otr_proto_settings;
struct otr_side;
struct otr_stream_stat;
struct otr_streams;

/* What a stream says to the rest. All borrow their arguments for the call. */
struct otr_stream_ops {
	/* A message's head was read. `side->ref.pos` is its first byte, `side->start_ns`
	 * when that moved. Both ends of a connection, if traced, tell it. */
	void (*msg)(void *arg, const struct otr_side *side, const struct otr_msg *msg);

	/* Its last byte moved, at `until_ns`, ending before `end_pos`: exactly once
	 * after each msg(), perhaps at once, in order per direction. `error`: errno
	 * that ended it, or 0; `cut`: bytes were lost, so the end is a guess and
	 * must be marked so. */
	void (*done)(void *arg, const struct otr_ref *ref, uint64_t end_pos, uint64_t until_ns,
		     int error, bool cut);

	/* What was asked in this layer and is not answered has lost its answer, `but_last`:
	 * all but what was asked last. */
	void (*after_loss)(void *arg, uint64_t conn, uint8_t layer, bool but_last,
			   uint64_t time_ns);

	/* A connection was first seen, or got facts it lacked. */
	void (*open)(void *arg, const struct otr_ev_conn *conn);

	/* Nothing more will come on this connection. ECANCELED: from us, as at
	 * shutdown; how it would have ended is not known. */
	void (*close)(void *arg, const struct otr_ev_conn *conn, int error, uint64_t time_ns);

	/* The last that is known of a connection, just before it is forgotten. */
	void (*ended)(void *arg, const struct otr_stream_stat *stat);
};

struct otr_stream_head { /* the first bytes of one direction */
	uint8_t bytes[16];
	uint8_t len;
};

/* What the watchdog and the summary tell of a process's connections. */
struct otr_stream_stat {
	const struct otr_ev_conn *conn;
	uint32_t tgid;
	const char *proto; /* name of its parser, or NULL */
	uint64_t bytes;	   /* moved in both directions */
	uint64_t past;	   /* of these past the library: nobody saw what they were */
	uint64_t messages; /* understood so far */
	bool muted;
	bool read;		       /* a parser reads it, and has not given up */
	struct otr_stream_head first;  /* of the side whose bytes were seen first */
	struct otr_stream_head answer; /* of the other one */
};

struct otr_stream_config {
	size_t max_conns; /* beyond it the one idle longest is evicted, counted */
	size_t max_bytes; /* of all streams together; beyond: holes, counted */
	const struct otr_proto_settings *settings; /* borrowed; NULL: the defaults */
};

/* Makes it; `cfg` and `ops` are copied, `procs` borrowed for its life. Returns 0
 * or -ENOMEM; then *out is untouched. */
int otr_streams_new(struct otr_streams **out, const struct otr_stream_config *cfg,
		    const struct otr_stream_ops *ops, struct otr_procs *procs, void *arg);

/* Lends the streams what they ask the sources with, from now on; NULL: there is nobody to ask. */
void otr_streams_bind(struct otr_streams *ss, const struct otr_feedback *feedback);
void otr_streams_free(struct otr_streams **sp);

/* Takes one event of kinds CONN_OPEN, CONN_CLOSE, DATA, RUN, LISTEN, LOST, PAST, PROC_EXIT;
 * ignores others. */
void otr_streams_event(struct otr_streams *ss, const struct otr_event *ev);

/* Time passes: a response whose request has not come has waited 20 ms, a run has been
 * quiet. */
void otr_streams_tick(struct otr_streams *ss, uint64_t now_ns);

/* Ends every message that is still open, as it stands. */
void otr_streams_flush(struct otr_streams *ss, uint64_t now_ns);

/* Tells of every connection, in no order. */
void otr_streams_each(const struct otr_streams *ss,
		      void (*fn)(void *arg, const struct otr_stream_stat *stat), void *arg);

#endif /* OTR_STREAM_H */
