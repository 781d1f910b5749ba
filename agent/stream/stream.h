/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STREAM_H
#define OTR_STREAM_H

/*
 * stream.h - events in, messages out.
 *
 * Keeps every connection: its facts, one stream of bytes per layer and direction, its parser.
 * A stream knows which bytes it has, which it may skip, and which are missing (a hole). Bytes
 * are ordered by position, never by time. It asks the sources for what it needs, a capture
 * policy or the state of a long run, by agent/source/feedback.h.
 *
 * Positions: those of TCP are sequence numbers, unwrapped here to 64 bits whose low 32 are the
 * kernel's; so both ends of a wire give a byte the same low 32 bits.
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

/* Where a stream emits. All functions borrow their arguments for the call. */
struct otr_stream_ops {
	/* The head of a message was read. `side->ref.pos` is its first byte, which moved at
	 * `side->start_ns`. If both ends of a connection are traced, each emits it. */
	void (*msg)(void *arg, const struct otr_side *side, const struct otr_msg *msg);

	/* The last byte of a message, the one before `end_pos`, moved at `until_ns`. Called
	 * exactly once after each msg(), perhaps at once, in order within a direction. `error`:
	 * errno that ended the message, or 0; `cut`: bytes were lost, so the end is a guess
	 * and must be marked so. */
	void (*done)(void *arg, const struct otr_ref *ref, uint64_t end_pos, uint64_t until_ns,
		     int error, bool cut);

	/* Requests of this layer that are not answered have lost their answers. `but_last`: all
	 * but the last request. */
	void (*after_loss)(void *arg, uint64_t conn, uint8_t layer, bool but_last,
			   uint64_t time_ns);

	/* A connection was first seen, or got facts that it lacked. */
	void (*open)(void *arg, const struct otr_ev_conn *conn);

	/* A connection ended, by `error` or 0. ECANCELED: the agent gave it up, as at shutdown;
	 * how it would have ended is not known. */
	void (*close)(void *arg, const struct otr_ev_conn *conn, int error, uint64_t time_ns);

	/* The last that is known of a connection, before it is forgotten. May be NULL. */
	void (*ended)(void *arg, const struct otr_stream_stat *stat);
};

/* The first bytes of one direction. */
struct otr_stream_head {
	uint8_t bytes[16];
	uint8_t len;
};

/* What the watchdog and the summary show of a connection. */
struct otr_stream_stat {
	const struct otr_ev_conn *conn;
	uint32_t tgid;
	const char *proto; /* name of its parser, or NULL */
	uint64_t bytes;	   /* moved in both directions */
	uint64_t bypassed; /* of these, bytes that the library did not look at */
	uint64_t messages; /* understood so far */
	bool muted;
	bool read;		       /* a parser reads it, and has not given up */
	struct otr_stream_head first;  /* of the side whose bytes were seen first */
	struct otr_stream_head answer; /* of the other side */
};

struct otr_stream_config {
	size_t max_conns; /* one more evicts the one that is idle longest, counted */
	size_t max_bytes; /* of all streams; what is beyond becomes holes, counted */
	const struct otr_proto_settings *settings; /* borrowed; NULL: the defaults */
};

/* Makes the streams. Copies `cfg` and `ops`, borrows `procs` for its life. Returns 0 or -ENOMEM;
 * then *out is untouched. */
int otr_streams_new(struct otr_streams **out, const struct otr_stream_config *cfg,
		    const struct otr_stream_ops *ops, struct otr_procs *procs, void *arg);

/* Frees *sp, which may be NULL, and sets it to NULL. Emits nothing. */
void otr_streams_free(struct otr_streams **sp);

/* Lends the streams the functions by which they ask the sources, until the next call. NULL: there
 * is no source to ask. */
void otr_streams_bind(struct otr_streams *ss, const struct otr_feedback *feedback);

/* Takes one event of kinds CONN_OPEN, CONN_CLOSE, DATA, RUN, LOST, PAST, PROC_EXIT; ignores
 * others. */
void otr_streams_event(struct otr_streams *ss, const struct otr_event *ev);

/* Time is `now_ns`: reads what has waited for 20 ms, as an answer for its request, a byte for
 * those before it. */
void otr_streams_tick(struct otr_streams *ss, uint64_t now_ns);

/* Ends every connection, ECANCELED, and every message that is open. */
void otr_streams_flush(struct otr_streams *ss, uint64_t now_ns);

/* Calls `fn` for every connection, in no order. */
void otr_streams_each(const struct otr_streams *ss,
		      void (*fn)(void *arg, const struct otr_stream_stat *stat), void *arg);

#endif /* OTR_STREAM_H */
