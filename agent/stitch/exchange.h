/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_EXCHANGE_H
#define OTR_EXCHANGE_H

/*
 * exchange.h - what the stitcher keeps: exchanges, the wires they travel on, the traces
 * they make. Inside of stitch/ only.
 *
 *	wire -- exchange, exchange ..     one end of a connection
 *	  |         |
 *	 peer      peer                   the other end, when it is ours too
 *	            |
 *	trace -- exchange, exchange ..    joined by who is whose parent
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <utlist.h>

#include "agent/base/keyed.h"
#include "agent/base/spares.h"
#include "agent/proto/memory.h"
#include "agent/proto/proto.h"
#include "agent/proto/side.h"
#include "agent/proto/trace_context.h"
#include "agent/span/span_builder.h"
#include "agent/stitch/failed.h"
#include "agent/stitch/ids.h"
#include "agent/stitch/run.h"
#include "agent/stitch/stitch.h"

#define OTR_EXCHANGE_LINKS 4

struct otr_stitch_strand_key {
	uint64_t strand;
	uint64_t tgid;
};

/* Requests one strand sent: where late evidence looks for them. */
struct otr_stitch_strand {
	UT_hash_handle hh;
	struct otr_stitch_strand_key key;
	struct otr_exchange *sent; /* by strand_prev, strand_next */
};

/* How many inbound exchanges a process has open. */
struct otr_inbound_open {
	UT_hash_handle hh;
	uint32_t tgid;
	uint32_t open;
};

/* What names a TCP connection within one network, as one end sees it. */
struct otr_wire_ends {
	struct otr_addr local, remote;
	uint32_t netns;
};

/* One end of a connection. */
struct otr_wire {
	UT_hash_handle hh;	/* by conn, while open */
	UT_hash_handle by_isn;	/* by isn, while open, TCP only */
	UT_hash_handle by_ends; /* by ends, where there is no isn */
	UT_hash_handle by_peer; /* by facts.peer, while open, AF_UNIX only */
	struct otr_wire_ends ends;
	struct otr_ev_conn facts;
	uint64_t conn;
	uint64_t isn; /* out in the high half, in in the low one */
	struct otr_wire *peer;
	struct otr_exchange *all;		    /* by wire_prev, wire_next, oldest first */
	struct otr_exchange *unanswered;	    /* by wait_prev, wait_next */
	struct otr_exchange *now[OTR_LAYER_MAX][2]; /* whose message has no end */
	bool closed;
	bool indexed;	 /* in by_isn, or by_ends */
	bool names_peer; /* in by_peer */
};

struct otr_trace {
	struct otr_trace *prev, *next;
	struct otr_trace **in;	      /* st->open, st->settled; NULL: all is out */
	struct otr_exchange *members; /* by member_prev, member_next */
	uint8_t id[16];
	uint8_t flags;
	bool has_id;
	bool emitted; /* done() was called */
	bool shown;   /* it has spans */
	bool proved;  /* all that was emitted so far */
	uint32_t n_open, n_unsent;
	uint64_t last_end_ns;
	uint64_t waits_since_ns; /* the oldest end that was not emitted */
	uint64_t settled_ns;	 /* when it was; st->settled is in this order */
};

/* How far an exchange has come; each state follows the one before. */
enum otr_life {
	OTR_LIFE_OPEN,
	OTR_LIFE_OVER,	  /* its end is known, or none is expected any more */
	OTR_LIFE_EMITTED, /* its span is out, or it becomes none; kept for late children */
};

/* What is known of the answer to a request. */
enum otr_answer {
	OTR_ANSWER_NOT_DUE, /* a one-way request */
	OTR_ANSWER_AWAITED, /* `ex` is in wire->unanswered */
	OTR_ANSWER_BEGUN,   /* its head came */
	OTR_ANSWER_ABSENT,  /* none is expected any more; that alone is no failure */
	OTR_ANSWER_MISSING, /* the connection ended, or was never made: a failure */
};

/* One request and its response, at one end. */
struct otr_exchange {
	struct otr_exchange *wire_prev, *wire_next;
	struct otr_exchange *member_prev, *member_next;
	struct otr_exchange *strand_prev, *strand_next;
	struct otr_exchange *wait_prev, *wait_next;
	struct otr_exchange *prev, *next; /* st->live, or st->kept once emitted */
	struct otr_wire *wire;
	struct otr_trace *trace;
	struct otr_stitch_strand *of_strand;
	struct otr_exchange *parent; /* while both are kept */
	uint32_t n_kids;	     /* that point here by `parent` */
	struct otr_exchange *peer;
	UT_hash_handle by_name; /* by header.span_id, if `named` */
	UT_hash_handle by_own;	/* by span_id, if `owned` */

	struct otr_ref ref; /* of the request; dir tells the role */
	uint64_t end_pos;   /* of the request; 0 while not known */
	uint64_t stream;
	uint64_t strand;
	uint32_t tgid;
	uint64_t start_ns, end_ns;
	uint64_t kept_until_ns;
	const struct otr_proto_ops *proto;
	struct otr_resource *resource; /* NULL once it is out */
	struct otr_msg *req, *rsp;     /* copies, each in one allocation */

	uint8_t life;	/* enum otr_life */
	uint8_t answer; /* enum otr_answer; otr_exchange_answer() sets it */
	bool cut;
	bool thinned;  /* requests around it were let go: parts may be missing */
	bool doubtful; /* its process had inbound exchanges open: an orphan? */
	bool disputed; /* proved candidates disagree: a root, with links */
	bool remote;   /* the parent is on no host we see */
	bool has_header;
	bool same_host;	     /* see struct otr_side */
	bool partial;	     /* the head of its request was not seen whole */
	bool named;	     /* its header is one we put there, or perhaps was, or passed on */
	bool owned;	     /* its process tells its children this span's id */
	bool inbound_open;   /* counted in its process's otr_inbound_open */
	uint16_t reported_s; /* told as open at this age */
	int error;

	struct otr_traceparent header;
	uint8_t span_id[8];
	uint8_t parent_id[8];
	uint8_t evidence;
	uint8_t n_links;
	uint64_t parent_start_ns;
	struct otr_link *links; /* OTR_EXCHANGE_LINKS, or NULL: few have any */
};

/* When records were lost, last. They are told of later than they were. */
#define OTR_LOSS_WINDOW_NS 1000000000ull
struct otr_loss_window {
	uint64_t from_ns, to_ns; /* told first, last; 0: never */
	uint32_t tgid;		 /* whose; 0: of several, or not known */
};

struct otr_stitch {
	struct otr_stitch_config cfg;
	otr_span_fn emit;
	otr_trace_fn done;
	void *arg;
	struct otr_ids_maker ids;
	uint64_t epoch_ns;
	uint64_t now_ns;
	uint64_t paused_ns; /* when the source began to let requests go, last */
	uint64_t behind_ns; /* likewise, one process alone */
	struct otr_loss_window loss;
	uint64_t swept_ns;
	struct otr_wire *wires, *by_isn, *by_ends, *by_peer;
	struct otr_exchange *named_clients, *named_servers, *passed_on, *owned;
	struct otr_stitch_strand *strands;
	struct otr_inbound_open *inbound_open;
	struct otr_run run;
	struct otr_failed failed[OTR_FAILED];
	struct otr_exchange *live; /* not emitted, oldest first */
	struct otr_exchange *kept; /* emitted, oldest first */
	struct otr_trace *open, *settled;
	bool has_unix_servers; /* the server's end of a Unix socket was seen */
	struct otr_spares old_exchanges, old_traces;
	size_t n;			/* exchanges, kept ones too */
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

static inline bool otr_is_server(const struct otr_exchange *ex)
{
	return ex->ref.dir == OTR_DIR_IN;
}

static inline bool otr_is_proved(uint8_t evidence)
{
	return evidence != OTR_EVIDENCE_NONE && evidence < OTR_EVIDENCE_WAKE;
}

/* exchange.c: their life. */

/* Makes the exchange that `side` and `msg` begin. NULL for want of memory. */
struct otr_exchange *otr_exchange_new(struct otr_stitch *st, struct otr_wire *wire,
				      const struct otr_side *side, const struct otr_msg *msg);
void otr_exchange_free(struct otr_stitch *st, struct otr_exchange *ex);

/* Its answer's last byte moved, or none will come. */
void otr_exchange_end(struct otr_stitch *st, struct otr_exchange *ex, uint64_t end_ns);

/* Counts what is lost of it, by its service. */
void otr_exchange_lost(struct otr_stitch *st, const struct otr_exchange *ex, enum otr_loss cause);

/* Were requests let go about the time of `ex`? What is missing near it then may be one
 * of them. */
bool otr_exchange_paused(const struct otr_stitch *st, const struct otr_exchange *ex);

/* Does it lack an end or an answer that may be among records that were lost? */
bool otr_exchange_after_loss(const struct otr_stitch *st, const struct otr_exchange *ex);

/* Sets `ex->answer`, and takes `ex` off the list of its wire if it was AWAITED. */
void otr_exchange_answer(struct otr_exchange *ex, enum otr_answer answer);

/* The exchange whose request holds the byte `ref` names, or NULL. */
struct otr_exchange *otr_exchange_at(const struct otr_stitch *st, const struct otr_ref *ref);

/* The requests of a strand, or NULL. */
struct otr_stitch_strand *otr_stitch_strand_find(const struct otr_stitch *st, uint32_t tgid,
						 uint64_t strand);

/* Does a server's end of `proto` become a span? A database's does not. */
bool otr_server_shown(const struct otr_proto_ops *proto);

/* wire.c: ends of connections. */
struct otr_wire *otr_wire_find(const struct otr_stitch *st, uint64_t conn);
struct otr_wire *otr_wire_get(struct otr_stitch *st, const struct otr_ev_conn *facts);
void otr_wire_close(struct otr_stitch *st, struct otr_wire *wire);

/* Frees it if closed and empty. */
void otr_wire_put(struct otr_wire *wire);

/* The same request at the other end of its wire, or NULL. */
struct otr_exchange *otr_wire_mate(const struct otr_exchange *ex);

/* named.c: the other end of a request by the id on its wire, or NULL; `ex` has ours, or (a
 * server's) perhaps ours. */
struct otr_exchange *otr_named_mate(struct otr_stitch *st, const struct otr_exchange *ex);
/* The request that `ex`'s process read under the very name that `ex` passes on: we made it for
 * that one request, so nobody else can have it. NULL: none. */
struct otr_exchange *otr_named_reader(struct otr_stitch *st, const struct otr_exchange *ex);
/* The other way about: it came before the client's end `by`, just joined to its peer. */
struct otr_exchange *otr_named_passed(struct otr_stitch *st, const struct otr_exchange *by);
void otr_named_add(struct otr_stitch *st, struct otr_exchange *ex);
void otr_named_remove(struct otr_stitch *st, struct otr_exchange *ex);

/* A server's span has the id its process gave it; later, which exchange has this id. */
void otr_owned_add(struct otr_stitch *st, struct otr_exchange *ex, const uint8_t span_id[8]);
struct otr_exchange *otr_owned_find(struct otr_stitch *st, const uint8_t span_id[8]);

/* parent.c: who is whose. */
void otr_parent_find(struct otr_stitch *st, struct otr_exchange *ex, const struct otr_cause *cause);
void otr_parent_late(struct otr_stitch *st, struct otr_exchange *ex, struct otr_exchange *parent);

/* Both ends of `wire` are known now: what it carried before is joined to its mate. The
 * facts of a connection may come after its bytes, where a CPU stood still. */
void otr_parent_wired(struct otr_stitch *st, struct otr_wire *wire);

/* It has no parent after all, but what the environment says. Its trace is its own. */
void otr_parent_none(struct otr_stitch *st, struct otr_exchange *ex);

/* trace.c: what belongs together, and when it is ready. */
struct otr_trace *otr_trace_new(struct otr_stitch *st);

/* Gives the trace an id, if it has none; false if it has another one. */
bool otr_trace_take_id(struct otr_trace *tr, const uint8_t id[16], uint8_t flags);
void otr_trace_name(struct otr_stitch *st, struct otr_trace *tr);

/* `from`'s members become `to`'s; false, with nothing done, if both have ids that
 * differ. */
bool otr_trace_join(struct otr_stitch *st, struct otr_trace *to, struct otr_trace *from);

/* Takes `ex` and all below it out, into a trace of their own. False: no memory. */
bool otr_trace_split(struct otr_stitch *st, struct otr_exchange *ex);

/* Each child of `root` goes, with all below it, into a trace of its own, and has no parent.
 * False: no memory, some are left. */
bool otr_trace_disband(struct otr_stitch *st, struct otr_exchange *root);

void otr_trace_add(struct otr_stitch *st, struct otr_trace *tr, struct otr_exchange *ex);
void otr_trace_remove(struct otr_stitch *st, struct otr_exchange *ex);

/* `ex` is over: is all of its trace? */
void otr_trace_over(struct otr_stitch *st, struct otr_exchange *ex);

/* Emits what is over. Once all is, tells so. */
void otr_trace_emit(struct otr_stitch *st, struct otr_trace *tr);

/* Emits every trace that is ready at st->now_ns. */
void otr_trace_tick(struct otr_stitch *st);

/* Emits those with something over for longer than cfg.close_ns. */
void otr_trace_sweep(struct otr_stitch *st);

/* emit.c: the span of an exchange that is over. */
void otr_exchange_emit(struct otr_stitch *st, struct otr_exchange *ex);

/* The span of one that is open, as if it ended now; NULL: it cannot be told. */
struct otr_span *otr_exchange_now(struct otr_stitch *st, const struct otr_exchange *ex);

/* copy.c: a message that outlives the parser's input; one allocation, free() it. */
struct otr_msg *otr_msg_copy(const struct otr_msg *msg);

#endif /* OTR_EXCHANGE_H */
