/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_EXCHANGE_H
#define OTR_EXCHANGE_H

/*
 * exchange.h - what a stitcher keeps: exchanges, the wires they travel on, the traces they
 * make. Inside of stitch/ only.
 *
 *	wire -- exchange, exchange ..     one end of a connection
 *	  |         |
 *	 peer      peer                   the other end, if it is traced, too
 *	            |
 *	trace -- exchange, exchange ..    joined by parents
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <utlist.h>

#include "agent/base/keyed.h"
#include "agent/base/pool.h"
#include "agent/base/recent.h"
#include "agent/base/spares.h"
#include "agent/proto/memory.h"
#include "agent/proto/proto.h"
#include "agent/proto/side.h"
#include "agent/proto/trace_context.h"
#include "agent/span/span_builder.h"
#include "agent/stitch/ids.h"
#include "agent/stitch/run.h"
#include "agent/stitch/share.h"
#include "agent/stitch/stitch_config.h"

#define OTR_EXCHANGE_LINKS 4 /* of one exchange, at most */

struct otr_stitch_strand_key {
	uint64_t strand;
	uint64_t tgid;
};

/* The requests that one strand sent: late evidence looks for them here. */
struct otr_stitch_strand {
	UT_hash_handle hh;
	struct otr_stitch_strand_key key;
	struct otr_exchange *sent; /* by strand_prev, strand_next */
};

/* The inbound exchanges that a process has open. */
struct otr_inbound_open {
	UT_hash_handle hh;
	uint32_t tgid;
	uint32_t open;		  /* how many */
	struct otr_exchange *all; /* by inbound_prev, inbound_next, oldest first */
};

/* What identifies a TCP connection within one network namespace, as one end sees it. */
struct otr_wire_ends {
	struct otr_addr local, remote;
	uint32_t netns;
};

/* One end of a connection. */
struct otr_wire {
	UT_hash_handle hh;	/* by conn, while open */
	UT_hash_handle by_isn;	/* by isn, while open; TCP only */
	UT_hash_handle by_ends; /* by ends, while open; TCP without isn */
	UT_hash_handle by_peer; /* by facts.peer, while open; AF_UNIX only */
	struct otr_wire_ends ends;
	struct otr_ev_conn facts;
	struct otr_side_memo memo;
	uint64_t conn; /* 0: it is no connection, see failed.c and process.c */
	uint64_t isn;  /* initial sequence numbers: of what it sends, 32 bits, and receives */
	struct otr_wire *peer;
	struct otr_exchange *all;	 /* by wire_prev, wire_next, oldest first */
	struct otr_exchange *unanswered; /* by wait_prev, wait_next, oldest first */
	struct otr_exchange *streaming;	 /* likewise: answers that end with their OTR_MSG_END */
	/* By layer and direction: the exchange whose message has begun and not ended. */
	struct otr_exchange *now[OTR_LAYER_MAX][2];
	/* Likewise: the run of the latest request, also of one that is freed, as its low 32 bits and
	 * 1; 0: none. Kept where requests are multiplexed. */
	uint64_t last_run[OTR_LAYER_MAX][2];
	bool closed;
	bool indexed;	 /* it is in by_isn or in by_ends */
	bool names_peer; /* it is in by_peer */
};

/* Exchanges joined by parents. The id comes from a header, or is made at emission; other traces may
 * have the same id. */
struct otr_trace {
	struct otr_trace *prev, *next;
	struct otr_trace **list; /* st->open, st->settled; NULL: it is new, or all is emitted */
	struct otr_exchange *members; /* by member_prev, member_next */
	uint8_t id[16];
	uint8_t flags; /* of W3C Trace Context */
	bool has_id;
	bool made_id;		 /* the id was made by this stitcher, not read */
	bool decided;		 /* whether it is sampled is known */
	bool carries_threshold;	 /* its spans carry `threshold`, by which it was sampled */
	bool emitted;		 /* st->done was called */
	bool shown;		 /* it has spans */
	bool proved;		 /* no parent that was emitted so far is weak */
	uint32_t n_open;	 /* members that are open */
	uint32_t n_unemitted;	 /* members that are not emitted */
	uint64_t last_end_ns;	 /* the latest end of a member */
	uint64_t waits_since_ns; /* the oldest end of a member that is not emitted; 0: none */
	uint64_t threshold;	 /* of the sampler of its root (bpf/sample.h) */
	uint64_t settled_ns;	 /* since when none is open; st->settled is in this order */
	uint32_t root_tgid;	 /* the process where it begins, until it is counted there; or 0 */
};

/* An exchange in a table, by an id of 8 bytes. Few have one. */
struct otr_named {
	UT_hash_handle hh;
	uint8_t id[8];
	struct otr_exchange *ex;
};

/* How far an exchange has come; each state follows the one before. */
enum otr_life {
	OTR_LIFE_OPEN,
	OTR_LIFE_OVER,	  /* its end is known, or none is expected any more */
	OTR_LIFE_EMITTED, /* its span is out, or it becomes none; it lingers for late children */
};

/* What is known of the answer to a request. */
enum otr_answer {
	OTR_ANSWER_NOT_DUE, /* a one-way request */
	OTR_ANSWER_AWAITED, /* the exchange is in wire->unanswered */
	OTR_ANSWER_STREAMS, /* its head came, others may come before its end: in wire->streaming */
	OTR_ANSWER_BEGUN,   /* the head of the answer came */
	OTR_ANSWER_ABSENT,  /* none is expected any more; that alone is no failure */
	OTR_ANSWER_MISSING, /* the connection ended, or was never made: a failure */
};

/* One request and its answer, at one end. */
struct otr_exchange {
	struct otr_exchange *wire_prev, *wire_next;
	struct otr_exchange *member_prev, *member_next;
	struct otr_exchange *strand_prev, *strand_next;
	struct otr_exchange *wait_prev, *wait_next;
	struct otr_exchange *prev, *next; /* of st->live, or st->lingering once emitted */
	struct otr_wire *wire;
	struct otr_trace *trace;
	struct otr_stitch_strand *of_strand; /* of a client's end; or NULL */
	struct otr_inbound_open *inbound;    /* where it is listed while it is open; or NULL */
	struct otr_exchange *inbound_prev, *inbound_next;
	struct otr_exchange *parent;   /* NULL: none, or it was freed */
	uint32_t n_kids;	       /* exchanges whose `parent` this is */
	struct otr_exchange *peer;     /* the same request at the other end; or NULL */
	struct otr_named *by_header;   /* in a table of named.c, by header.span_id; or NULL */
	struct otr_named *by_given_id; /* in st->by_given_id, if its process gave it `span_id` */

	struct otr_ref ref; /* first byte of the request; its direction is the role */
	uint64_t end_pos;   /* where the request ends; 0: not known */
	uint64_t stream;    /* as in struct otr_msg */
	uint64_t run_pos;   /* as in struct otr_side */
	uint64_t strand;
	uint32_t tgid;
	uint64_t start_ns, end_ns;
	uint64_t hole_ns; /* multiplexed: when bytes were lost that may have ended it; or 0 */
	uint64_t lingers_until_ns; /* once emitted: when it is freed */
	const struct otr_proto_ops *proto;
	struct otr_resource *resource; /* one reference; NULL: not known, or emitted */
	struct otr_msg *req, *rsp;     /* copies, of st->messages; NULL once emitted */

	uint8_t life;	     /* enum otr_life */
	uint8_t answer;	     /* enum otr_answer; otr_exchange_answer() sets it */
	bool cut;	     /* records were lost: the end or the answer is not known */
	bool thinned;	     /* requests around it were shed: children may be missing */
	bool may_be_orphan;  /* its process had inbound exchanges open */
	bool disputed;	     /* two proved candidates for its parent: a root, with links */
	bool remote;	     /* its parent is on no traced host */
	bool has_header;     /* `header` was read */
	bool same_host;	     /* see struct otr_side */
	bool partial;	     /* the head of its request was not seen whole */
	bool shares_wire;    /* others of its wire were open at the same time, or came in its run */
	bool ends;	     /* its OTR_MSG_END came */
	bool pushed;	     /* a message that a broker sent unasked; this is the consumer's end */
	uint16_t reported_s; /* the age at which it was reported as open, last */
	int error;	     /* errno that ended it, or 0 */

	struct otr_traceparent header; /* of the request */
	uint8_t span_id[8];
	uint8_t parent_id[8]; /* zero: a root */
	uint8_t evidence;     /* enum otr_evidence, of the parent */
	uint8_t n_links;
	uint64_t parent_start_ns; /* 0: no parent here */
	struct otr_link *links;	  /* OTR_EXCHANGE_LINKS of them, or NULL: few have any */
};

#define OTR_FAILED 64 /* attempts held at once; one more ends the oldest */

/* A connect() that failed, held as failed.c says. */
struct otr_failed {
	struct otr_exchange *ex;    /* NULL: the slot is free */
	uint64_t first_ns, last_ns; /* begin of the first attempt, end of the last one */
	struct otr_addr remote;	    /* of the last attempt, as is `conn` */
	uint64_t conn;
	uint64_t parent; /* the connection of the exchange that it was made for; 0: of none */
};

/* The latest time in which records were lost. A loss is reported later than it happens, by this
 * much at most. */
#define OTR_LOSS_WINDOW_NS 1000000000ull

struct otr_loss_window {
	uint64_t from_ns, to_ns; /* first and last report; 0: none */
	uint32_t tgid; /* the process whose records were lost; 0: several processes, or not known */
};

struct otr_stitch {
	struct otr_stitch_config cfg;
	otr_span_fn emit;
	otr_trace_fn done;
	void *arg; /* of both */
	struct otr_ids_maker ids;
	uint64_t epoch_ns; /* time since the epoch less CLOCK_MONOTONIC */
	uint64_t now_ns;
	uint64_t paused_ns; /* when the source last began to shed all requests */
	uint64_t behind_ns; /* when a process last began to shed its requests */
	struct otr_shares shares;
	struct otr_loss_window loss;
	uint64_t swept_ns; /* when otr_stitch_tick() last did what it does each second */
	struct otr_wire *wires, *by_isn, *by_ends, *by_peer;
	struct otr_recent recent_wires; /* of `wires` */
	struct otr_named *named_clients, *named_servers, *passed_on, *by_given_id;
	struct otr_spares old_named; /* memory for new ones */
	struct otr_stitch_strand *strands;
	struct otr_inbound_open *inbound_open;
	struct otr_inbound_open *recent_inbound; /* that was found last; or NULL */
	struct otr_run run;
	struct otr_failed failed[OTR_FAILED];
	size_t n_failed;		/* slots of `failed` that are not free */
	struct otr_exchange *live;	/* not emitted, oldest first */
	struct otr_exchange *lingering; /* emitted, oldest first */
	struct otr_trace *open, *settled;
	bool has_unix_servers; /* the server's end of a Unix socket was seen */
	struct otr_spares old_exchanges, old_traces, old_wires; /* memory for new ones */
	struct otr_pool messages;
	size_t n;			/* exchanges, live and lingering */
	struct otr_proto_memory memory; /* for describe() */
	struct otr_span_builder sb;
	struct otr_stitch_stats stats;
};

static inline bool otr_is_open(const struct otr_exchange *ex)
{
	return ex->life == OTR_LIFE_OPEN;
}

static inline bool otr_is_emitted(const struct otr_exchange *ex)
{
	return ex->life == OTR_LIFE_EMITTED;
}

/* Did its process receive the request? So did the consumer of a message that was pushed. */
static inline bool otr_is_server(const struct otr_exchange *ex)
{
	return ex->ref.dir == OTR_DIR_IN;
}

/* Is a parent with this evidence certain, so that no late evidence can change it? */
static inline bool otr_is_proved(uint8_t evidence)
{
	return evidence != OTR_EVIDENCE_NONE && evidence < OTR_EVIDENCE_WAKE;
}

/* The requests of a strand, or NULL. */
struct otr_stitch_strand *otr_stitch_strand_find(const struct otr_stitch *st, uint32_t tgid,
						 uint64_t strand);

/* Puts `ex` into wire->streaming, or takes it out. */
void otr_exchange_stream(struct otr_exchange *ex, bool streams);

/* Sets `ex->answer`, and moves `ex` between the lists of its wire. */
static inline void otr_exchange_answer(struct otr_exchange *ex, enum otr_answer answer)
{
	if (ex->answer == OTR_ANSWER_AWAITED)
		DL_DELETE2(ex->wire->unanswered, ex, wait_prev, wait_next);
	else if (ex->answer == OTR_ANSWER_STREAMS)
		otr_exchange_stream(ex, false);
	if (answer == OTR_ANSWER_STREAMS)
		otr_exchange_stream(ex, true);
	ex->answer = (uint8_t)answer;
}

/* Counts one loss, by the service of `ex`. */
void otr_exchange_lost(struct otr_stitch *st, const struct otr_exchange *ex, enum otr_loss cause);

/* Did the source shed requests about the time of `ex`? What is missing near `ex` may then be one
 * of those. */
bool otr_exchange_paused(const struct otr_stitch *st, const struct otr_exchange *ex);

/* Does `ex` lack an end or an answer that may be among records that were lost? */
bool otr_exchange_after_loss(const struct otr_stitch *st, const struct otr_exchange *ex);

/* Does this end become a span? The server's end of a database does not. */
bool otr_end_shown(const struct otr_exchange *ex);

#endif /* OTR_EXCHANGE_H */
