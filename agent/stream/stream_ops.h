/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STREAM_OPS_H
#define OTR_STREAM_OPS_H

/* stream_ops.h - what the streams are given when they are made, and what they emit. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/event.h"

struct otr_msg;
struct otr_proto_settings;
struct otr_side;
struct otr_stream_stat;

/* Where a stream emits. All functions borrow their arguments for the call. */
struct otr_stream_ops {
	/* The head of a message was read. `side->ref.pos` is its first byte, which moved at
	 * `side->start_ns`. If both ends of a connection are traced, each emits it. */
	void (*msg)(void *arg, const struct otr_side *side, const struct otr_msg *msg);

	/* The last byte of a message, the one before `end_pos`, moved at `until_ns`. Called
	 * exactly once after each msg() whose end is not OTR_END_STREAM, perhaps at once, in order
	 * within a direction. `error`:
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
	size_t max_bytes; /* of all streams; the bytes of one more record become a gap, counted */
	const struct otr_proto_settings *settings; /* borrowed; NULL: the defaults */
};

#endif /* OTR_STREAM_OPS_H */
