/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_FLOW_H
#define OTR_FLOW_H

/*
 * flow.h - one layer of one connection: two half streams and the parser that reads them.
 * Inside of stream/ only. A file calls those left of it:
 *
 *	conn.c  message.c  flow.c  read.c  feed.c  stream.c
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/proto/proto.h"
#include "agent/stitch/stitch.h"
#include "agent/stream/half_stream.h"
#include "agent/stream/stream.h"

#define OTR_HEAD_DEFAULT 1024u /* what the source copies of a run unasked */
#define OTR_FLOW_TRIES	 8     /* runs that may be shown to sniff() in vain */

struct otr_conn;
struct otr_flow;

/* One direction of a flow. Positions are those of the stream. */
struct otr_dir_state {
	struct otr_half_stream hs;
	struct otr_segment_origin begin; /* first byte of the message being read */
	bool begun;			 /* `begin` was set by a SKIP with `opens` */
	bool open;			 /* a message was emitted, its end is to come */
	enum otr_end end;		 /* how the open message ends */
	uint64_t open_pos, open_end;	 /* of the open message; OTR_USED_ALL: with the stream */
	uint64_t wait_ns;  /* since when bytes wait: for a request, for a hole; or 0 */
	bool wait_expired; /* they have waited long enough */
	bool resync;	   /* bytes were missing: resync() before the next parse() */
	bool pass;	   /* this run is not understood: skip to the next one */
	bool watching;	   /* the source reports how the run goes on */
	bool flipped;	   /* the other side has spoken since the latest run here */
	bool ended;	   /* no more bytes will come */
};

/* How far a flow has come. WHOLE and JOINED last until MUTED or the end. */
enum otr_flow_life {
	OTR_FLOW_NEW,	 /* no bytes yet */
	OTR_FLOW_WHOLE,	 /* its first record held the first byte of the stream */
	OTR_FLOW_JOINED, /* earlier bytes were not seen */
	OTR_FLOW_MUTED,	 /* nothing more is read */
};

struct otr_flow {
	struct otr_conn *conn;
	uint8_t layer;	    /* enum otr_layer */
	uint8_t pos_kind;   /* enum otr_pos_kind */
	uint8_t life;	    /* enum otr_flow_life */
	bool waiting;	    /* in the list of flows that otr_streams_tick() looks at */
	bool knows_asker;   /* `asker` is known, not assumed */
	bool seen_open;	    /* the connection was seen from its start: no older request is open */
	bool drain;	    /* bytes that wait are read now */
	bool after_loss;    /* records of it were lost: see read.c */
	bool hides;	    /* behind the last request there may be others that were not copied */
	enum otr_dir asker; /* the direction of requests */
	uint8_t tries;	    /* runs that no parser understood */
	uint8_t bad;	    /* times in a row that parse() said BAD */
	uint32_t unanswered;
	uint32_t pauses;	  /* of the source, as many as this flow has dealt with */
	uint32_t head_bytes;	  /* the policy that the source was asked for last */
	enum otr_capture capture; /* likewise */
	uint64_t messages;
	const struct otr_proto_ops *proto; /* NULL: not known */
	void *state;			   /* of the parser */
	struct otr_dir_state dirs[2];	   /* by enum otr_dir */
	struct otr_flow *prev, *next;	   /* of the flows that wait */
};

static inline enum otr_dir otr_dir_state_dir(const struct otr_flow *fl,
					     const struct otr_dir_state *ds)
{
	return (enum otr_dir)(ds - fl->dirs);
}

static inline struct otr_dir_state *otr_dir_state_other(struct otr_flow *fl,
							const struct otr_dir_state *ds)
{
	return &fl->dirs[!otr_dir_state_dir(fl, ds)];
}

/* conn.c: what a flow asks of its connection, and tells it. */

/* Addresses, role and so on; they may come later than the first bytes. */
const struct otr_ev_conn *otr_conn_facts(const struct otr_conn *cn);

/* Sets which end asks, as the messages show. */
void otr_conn_role(struct otr_conn *cn, enum otr_role role);

/* Hands a message on. Fills in `side->resource`, and empties contexts of `msg` that the user
 * does not want. */
void otr_conn_msg(struct otr_conn *cn, struct otr_side *side, struct otr_msg *msg);

/* As `done` and `after_loss` of struct otr_stream_ops, `policy` and `watch` of struct otr_feedback. */
void otr_conn_done(struct otr_conn *cn, const struct otr_ref *ref, uint64_t end_pos,
		   uint64_t until_ns, int error, bool cut);
void otr_conn_policy(struct otr_conn *cn, enum otr_dir dir, enum otr_capture capture,
		     uint32_t head_bytes);
void otr_conn_watch(struct otr_conn *cn, enum otr_dir dir, bool want);
void otr_conn_after_loss(struct otr_conn *cn, const struct otr_flow *fl, bool but_last,
			 uint64_t time_ns);

/* Counts one loss, by the service whose process moved bytes last. */
void otr_conn_lost(struct otr_conn *cn, enum otr_loss cause);

/* Puts the flow into the list that otr_streams_tick() looks at, or takes it out. */
void otr_conn_wait(struct otr_conn *cn, struct otr_flow *fl, bool want);

/* How often the source has paused. */
uint32_t otr_conn_pauses(const struct otr_conn *cn);

/* Were records lost since the start, so that any connection may lack some? */
bool otr_conn_lossy(const struct otr_conn *cn);

/* message.c: begin and end of messages. */

/* Keeps where the message at hand begins, as its segment may be spent before it is emitted. */
void otr_dir_state_mark(struct otr_dir_state *ds);

/* Emits the message that began at the mark. It is open from now on. */
void otr_dir_state_emit(struct otr_flow *fl, struct otr_dir_state *ds, struct otr_msg *msg);

/* Ends the open message before `end`, at `when_ns`; `cut`: its end is a guess. */
void otr_dir_state_end(struct otr_flow *fl, struct otr_dir_state *ds, uint64_t end,
		       uint64_t when_ns, int error, bool cut);

/* Ends the open message if its end is known and its last byte has moved. */
void otr_dir_state_check_end(struct otr_flow *fl, struct otr_dir_state *ds);

/* Ends the open message, if any, as it stands, cut. */
void otr_dir_state_abandon(struct otr_flow *fl, struct otr_dir_state *ds);

/* Asks the source to report how the run goes on, or to stop that. */
void otr_dir_state_watch(struct otr_flow *fl, struct otr_dir_state *ds, bool want);

/* Requests that are not answered have lost their answers; `but_last`: all but the last one. From
 * now on `fl->after_loss` holds. */
void otr_flow_set_after_loss(struct otr_flow *fl, bool but_last, uint64_t time_ns);

/* flow.c: its parser and its life. */

/* Makes a flow that is in no list. NULL: no memory. */
struct otr_flow *otr_flow_new(struct otr_conn *conn, uint8_t layer, struct otr_budget *budget);
void otr_flow_free(struct otr_flow *fl);

/* `proto` reads the flow from here on. False: `proto` is NULL, or there is no memory; then
 * the flow has no parser. */
bool otr_flow_take(struct otr_flow *fl, const struct otr_proto_ops *proto);

/* Ends what is open and reads no more; mute() also tells the source to copy no more. */
void otr_flow_shut(struct otr_flow *fl);
void otr_flow_mute(struct otr_flow *fl);

/* read.c: emits the messages of `ds`, as far as its bytes are there. */
void otr_flow_read(struct otr_flow *fl, struct otr_dir_state *ds);

/* feed.c: takes one record. */
void otr_flow_data(struct otr_flow *fl, const struct otr_ev_data *ev);
void otr_flow_run(struct otr_flow *fl, const struct otr_ev_run *ev);

/* Reads what has waited long enough. */
void otr_flow_tick(struct otr_flow *fl, uint64_t now_ns);

/* The stream ended, by `error` or 0: so does every message. */
void otr_flow_end(struct otr_flow *fl, int error);

#endif /* OTR_FLOW_H */
