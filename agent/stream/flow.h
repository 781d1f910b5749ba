/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_FLOW_H
#define OTR_FLOW_H

/*
 * flow.h - one layer of one connection: two half streams and the parser that reads them.
 * Inside of stream/ only.
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

struct otr_dir_state { /* one direction of a flow */
	struct otr_half_stream hs;
	struct otr_segment_origin begin; /* of the message being read */
	bool begun;			 /* SKIPs with `opens` came before it */
	bool open;			 /* a message was told, its end is to come */
	enum otr_end end;		 /* how it ends */
	uint64_t open_pos, open_end;
	uint64_t wait_ns;  /* since when it waits: for a request, for a hole */
	bool wait_expired; /* it has waited long enough */
	bool resync;	   /* bytes were missing: find where to go on */
	bool pass;	   /* not understood: skip to the next run */
	bool watching;
	bool flipped; /* the other side has spoken since its latest run */
	bool ended;   /* nothing more will come */
};

/* How far a flow has come. WHOLE and JOINED stay until the end, or until nobody understands it. */
enum otr_flow_life {
	OTR_FLOW_NEW,	 /* no bytes yet */
	OTR_FLOW_WHOLE,	 /* its first record held the first byte of the stream */
	OTR_FLOW_JOINED, /* earlier bytes were not seen */
	OTR_FLOW_MUTED,	 /* nothing more is read */
};

struct otr_flow {
	struct otr_conn *conn;
	uint8_t layer;
	uint8_t pos_kind;
	uint8_t life; /* enum otr_flow_life */
	bool waiting; /* in the list of those that tick() looks at */
	bool knows_asker;
	bool seen_open;	 /* from its first byte: no answer is to an older request */
	bool drain;	 /* nobody waits */
	bool after_loss; /* some of its records were lost: see read.c */
	bool hides;	 /* behind what was asked last there may be requests that were not copied */
	enum otr_dir asker; /* the direction of requests */
	uint8_t tries;	    /* runs that nobody understood */
	uint8_t bad;	    /* times in a row that the parser said so */
	uint32_t unanswered;
	uint32_t pauses;	  /* of the source that were dealt with */
	uint32_t head_bytes;	  /* what the source was asked for */
	enum otr_capture capture; /* likewise */
	uint64_t messages;
	const struct otr_proto_ops *proto;
	void *state;
	struct otr_dir_state dirs[2];
	struct otr_flow *prev, *next; /* of those waiting */
};

struct otr_flow *otr_flow_new(struct otr_conn *conn, uint8_t layer, struct otr_budget *budget);
void otr_flow_free(struct otr_flow *fl);

void otr_flow_data(struct otr_flow *fl, const struct otr_ev_data *ev);
void otr_flow_run(struct otr_flow *fl, const struct otr_ev_run *ev);

/* Time passes; says whether it still waits for something. */
void otr_flow_tick(struct otr_flow *fl, uint64_t now_ns);

/* The stream ended: so does every message. */
void otr_flow_end(struct otr_flow *fl, int error);

/* Speaks `proto` from here on; false: NULL, or no memory. */
bool otr_flow_take(struct otr_flow *fl, const struct otr_proto_ops *proto);

/* Ends what is open and reads no more; mute() tells the source, too. */
void otr_flow_shut(struct otr_flow *fl);
void otr_flow_mute(struct otr_flow *fl);

/* read.c: takes what messages there are off `ds`. */
void otr_flow_read(struct otr_flow *fl, struct otr_dir_state *ds);

/* read.c: what was asked of `fl` and not answered has lost its answer; `but_last`: all but
 * what was asked last. */
void otr_flow_set_after_loss(struct otr_flow *fl, bool but_last, uint64_t time_ns);

/* message.c: tells of messages. */
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

/* The message at hand begins at `at`: kept, as its segment may be spent before it is told. */
void otr_dir_state_mark(struct otr_dir_state *ds);
void otr_dir_state_emit(struct otr_flow *fl, struct otr_dir_state *ds, struct otr_msg *msg);

/* The open message ends: now; if the byte before its known end has moved; or as it
 * stands, as nobody will tell how. */
void otr_dir_state_end(struct otr_flow *fl, struct otr_dir_state *ds, uint64_t end,
		       uint64_t when_ns, int error, bool cut);
void otr_dir_state_check_end(struct otr_flow *fl, struct otr_dir_state *ds);
void otr_dir_state_abandon(struct otr_flow *fl, struct otr_dir_state *ds);

void otr_dir_state_watch(struct otr_flow *fl, struct otr_dir_state *ds, bool want);

/* What a flow asks of the table it lives in; stream.c. */
const struct otr_ev_conn *otr_conn_facts(const struct otr_conn *cn);
void otr_conn_role(struct otr_conn *cn, enum otr_role role);
void otr_conn_msg(struct otr_conn *cn, struct otr_side *side, struct otr_msg *msg);
void otr_conn_done(struct otr_conn *cn, const struct otr_ref *ref, uint64_t end_pos,
		   uint64_t until_ns, int error, bool cut);
void otr_conn_policy(struct otr_conn *cn, enum otr_dir dir, enum otr_capture capture,
		     uint32_t head_bytes);
void otr_conn_watch(struct otr_conn *cn, enum otr_dir dir, bool want);
void otr_conn_after_loss(struct otr_conn *cn, const struct otr_flow *fl, bool but_last,
			 uint64_t time_ns);
void otr_conn_lost(struct otr_conn *cn, enum otr_loss cause);
void otr_conn_wait(struct otr_conn *cn, struct otr_flow *fl, bool want);
uint32_t otr_conn_pauses(const struct otr_conn *cn);
bool otr_conn_lossy(const struct otr_conn *cn);

#endif /* OTR_FLOW_H */
