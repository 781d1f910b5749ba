/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_FLOW_STATE_H
#define OTR_FLOW_STATE_H

/*
 * flow_state.h - one layer of one connection: two half streams and the parser that reads them.
 * Inside of stream/ only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/proto/proto.h"
#include "agent/stream/half_stream.h"

#define OTR_HEAD_DEFAULT 1024u /* what the source copies of a run unasked */
#define OTR_FLOW_TRIES	 8     /* runs that may be shown to sniff() in vain */

struct otr_conn;

/* One direction of a flow. Positions are those of the stream. */
struct otr_dir_state {
	struct otr_half_stream hs;
	uint8_t dir;			 /* enum otr_dir */
	struct otr_segment_origin begin; /* first byte of the message being read */
	bool begun;			 /* `begin` was set by a SKIP with `opens` */
	bool open;			 /* a message was emitted, its end is to come */
	enum otr_end end;		 /* how the open message ends */
	uint64_t open_pos, open_end;	 /* of the open message; OTR_USED_ALL: with the stream */
	uint64_t wait_ns;  /* since when bytes wait: for a request, for a hole; or 0 */
	bool wait_expired; /* they have waited long enough */
	bool resync;	   /* bytes were missing: resync() before the next parse() */
	bool skips_run;	   /* this run is not understood: its records are skipped */
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
	bool reads_waiting; /* bytes that wait are read now */
	bool after_loss;    /* records of it were lost: see read.c */
	bool may_hide_requests; /* behind the last request there may be others that were not copied */
	enum otr_dir asker;	/* the direction of requests */
	uint8_t tries;		/* runs that no parser understood */
	uint8_t bad;		/* times in a row that parse() returned BAD */
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

static inline enum otr_dir otr_dir_state_dir(const struct otr_dir_state *ds)
{
	return (enum otr_dir)ds->dir;
}

static inline struct otr_dir_state *otr_dir_state_other(struct otr_flow *fl,
							const struct otr_dir_state *ds)
{
	return &fl->dirs[!ds->dir];
}

/* How the source copies a direction: OTR_CAPTURE_HEAD or .. */
static inline enum otr_capture otr_dir_state_capture(const struct otr_flow *fl,
						     const struct otr_dir_state *ds)
{
	bool by_run = fl->proto->answer_bytes && fl->knows_asker && ds->dir != fl->asker;

	return by_run ? OTR_CAPTURE_HEAD : fl->proto->capture;
}

/* .. and how many bytes of a run or of a call. */
static inline uint32_t otr_dir_state_head_bytes(const struct otr_flow *fl,
						const struct otr_dir_state *ds)
{
	bool by_run = fl->proto->answer_bytes && fl->knows_asker && ds->dir != fl->asker;

	return by_run ? fl->proto->answer_bytes : fl->proto->head_bytes;
}

/* Do the answers not say what they answer? Then each answers the oldest request. */
static inline bool otr_flow_pairs_in_turn(const struct otr_flow *fl)
{
	return !fl->proto->in_order && !fl->proto->multiplexed;
}

#endif /* OTR_FLOW_STATE_H */
