/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STREAM_CONN_H
#define OTR_STREAM_CONN_H

/* conn.h - one connection, and the table it is in. Inside of stream/ only. */

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/keyed.h"
#include "agent/stream/half_stream.h"
#include "agent/stream/stream.h"

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
	struct otr_conn *conns;	 /* hash by facts.hdr.conn */
	struct otr_conn *by_use; /* the one that is idle longest first */
	size_t n;
	struct otr_flow *waiting; /* flows that a tick may read on */
	struct otr_budget budget;
	uint32_t pauses; /* how often the source has paused */
	bool lossy;	 /* records were lost; the facts of a connection may be among them */
};

#endif /* OTR_STREAM_CONN_H */
