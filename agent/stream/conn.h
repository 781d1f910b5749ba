/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STREAM_CONN_H
#define OTR_STREAM_CONN_H

/* conn.h - one connection, the table it is in, and how its flows reach the rest of the pipeline.
 * Inside of stream/ only. */

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/keyed.h"
#include "agent/base/pool.h"
#include "agent/base/recent.h"
#include "agent/stream/half_stream.h"
#include "agent/stream/stream_ops.h"

struct otr_flow;

/* One connection, as one process sees it. */
struct otr_conn {
	UT_hash_handle hh;
	struct otr_conn *prev, *next; /* of ss->by_use */
	struct otr_streams *ss;
	struct otr_ev_conn facts; /* hdr.conn is the key */
	struct otr_flow *flows[OTR_LAYER_MAX];
	uint32_t tgid;			/* the process that moved bytes last */
	bool known;			/* `facts` came, not only bytes */
	uint64_t bypassed;		/* bytes that the library of its process did not look at */
	struct otr_stream_head head[2]; /* by enum otr_dir */
	uint8_t first;			/* enum otr_dir of the bytes that were seen first */
	bool was_read;			/* set at its end: a parser read it to there */
};

struct otr_streams {
	struct otr_stream_config cfg;
	struct otr_stream_ops ops;
	void *arg;
	const struct otr_feedback *feedback; /* borrowed; or NULL */
	struct otr_procs *procs;
	struct otr_conn *conns;	  /* hash by facts.hdr.conn */
	struct otr_recent recent; /* of `conns` */
	struct otr_conn *by_use;  /* the one that is idle longest first */
	size_t n;
	struct otr_flow *waiting; /* flows that a tick may read on */
	struct otr_budget budget;
	struct otr_spares old_conns, old_flows; /* memory for new ones */
	struct otr_pool parsers;		/* their states */
	uint64_t trimmed_ns;
	uint32_t pauses; /* how often the source has paused */
	bool lossy;	 /* records were lost; the facts of a connection may be among them */
};

/* Addresses, role and so on; they may come later than the first bytes. */
static inline const struct otr_ev_conn *otr_conn_facts(const struct otr_conn *cn)
{
	return &cn->facts;
}

/* Sets which end asks, as the messages show. */
void otr_conn_role(struct otr_conn *cn, enum otr_role role);

/* Hands a message on. Fills in `side->resource`, and empties contexts of `msg` that the user
 * does not want. */
void otr_conn_msg(struct otr_conn *cn, struct otr_side *side, struct otr_msg *msg);

/* As `done` and `after_loss` of struct otr_stream_ops, `policy` and `watch` of struct otr_feedback.
 */
void otr_conn_done(struct otr_conn *cn, const struct otr_ref *ref, uint64_t end_pos,
		   uint64_t until_ns, int error, bool cut);
void otr_conn_policy(struct otr_conn *cn, uint8_t layer, enum otr_dir dir, enum otr_capture capture,
		     uint32_t head_bytes);
void otr_conn_watch(struct otr_conn *cn, enum otr_dir dir, bool want);
void otr_conn_after_loss(struct otr_conn *cn, const struct otr_flow *fl, bool but_last,
			 uint64_t time_ns);

/* Counts one loss, by the service whose process moved bytes last. */
void otr_conn_lost(struct otr_conn *cn, enum otr_loss cause);

/* Puts the flow into the list that otr_streams_tick() looks at, or takes it out. */
void otr_conn_wait(struct otr_conn *cn, struct otr_flow *fl, bool want);

/* How often the source has paused. */
static inline uint32_t otr_conn_pauses(const struct otr_conn *cn)
{
	return cn->ss->pauses;
}

/* Were records lost since the start, so that any connection may lack some? */
static inline bool otr_conn_lossy(const struct otr_conn *cn)
{
	return cn->ss->lossy;
}

#endif /* OTR_STREAM_CONN_H */
