/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parent.c - which exchange is the parent of which.
 *
 * The client's end of a request has the parent that its process worked for (struct
 * otr_cause); if that is not known, the span that its traceparent names. The server's end
 * has the client's end of the same wire; if that is not seen, the span that its traceparent
 * names.
 *
 * If a request carries a traceparent (trace T, span S) and both ends of its wire are seen,
 * client's end C and server's end D, then C is the parent of D. The parent of C:
 *
 *	the library injected it  S is the id of C: nothing to decide.
 *	a proxy passed it on     S is an ancestor of C. What the process worked for is nearer.
 *	an SDK wrote it          S is the SDK's span of this same request, in the SDK's
 *				 backend. The parent of C is what its process worked for,
 *				 if that is in T or in no trace yet (then it joins T);
 *				 otherwise S.
 *
 * So the spans of otrace are one tree, complete without those of the SDK, and in their trace.
 * No span is emitted twice. The edge from S to D is left out: S -> C -> D, or S and C side
 * by side, mean the same.
 *
 * If what the process worked for is in another trace, the ids on the wire win: C and D are in
 * T, with a link to it. With two proved candidates, C is a root with links to both.
 */

#include "agent/stitch/parent.h"

#include <string.h>

#include "agent/stitch/edge.h"
#include "agent/stitch/env_parent.h"
#include "agent/stitch/exchange.h"
#include "agent/stitch/inbound.h"
#include "agent/stitch/named.h"
#include "agent/stitch/peer.h"
#include "agent/stitch/process.h"
#include "agent/stitch/root.h"
#include "agent/stitch/trace.h"
#include "agent/stitch/wire.h"

/* Times that two threads take of one event differ by less; SWAP_NS of feed.c is the same. */
#define CLOCKS_NS (1 * 1000000ull)

/* With this evidence the parent may be of another process. */
static bool crosses_processes(uint8_t evidence)
{
	return evidence == OTR_EVIDENCE_CLONE || evidence == OTR_EVIDENCE_EXEC ||
	       evidence == OTR_EVIDENCE_NOTIFY;
}

static bool names_parent(const struct otr_cause *cause)
{
	return cause && cause->evidence != OTR_EVIDENCE_NONE && cause->parent.conn;
}

static bool is_goroutine(uint64_t strand)
{
	return strand >> 63;
}

/*
 * Can evidence of what a strand works for be trusted for a request of process `tgid`? Always, if
 * neither of the two connections is multiplexed. If one is, the sources know the connection that a
 * strand works for, not the stream; they take its control frames for answers, and one strand may
 * write the requests of others. So the parent has to be the only request that the process has
 * open. Two cases are certain without that: a goroutine serves one stream (wire.c finds only a
 * stream that was alone on its connection), and a connection was made for its first request.
 */
static bool is_certain(struct otr_stitch *st, const struct otr_exchange *parent,
		       const struct otr_asker *by, uint8_t evidence)
{
	bool asks_mux = by->proto->multiplexed;

	if (!asks_mux && !parent->proto->multiplexed)
		return true;
	if (otr_inbound_count(st, by->tgid) == (otr_is_open(parent) ? 1u : 0))
		return true;
	return asks_mux ? !parent->proto->multiplexed && evidence == OTR_EVIDENCE_BORN
			: is_goroutine(by->strand);
}

/* See parent.h. */
struct otr_exchange *otr_parent_named(struct otr_stitch *st, const struct otr_cause *cause,
				      const struct otr_asker *by)
{
	struct otr_exchange *ex = NULL;

	if (names_parent(cause))
		ex = otr_wire_exchange_at(st, &cause->parent);
	return ex && is_certain(st, ex, by, cause->evidence) ? ex : NULL;
}

/* Can an exchange of process `tgid` that begins at `start_ns` be made for `parent`? If that was
 * over before, the evidence is old. */
static bool can_be_made_for(const struct otr_exchange *parent, uint8_t evidence, uint32_t tgid,
			    uint64_t start_ns)
{
	return (parent->tgid == tgid || crosses_processes(evidence)) &&
	       (otr_is_open(parent) || parent->end_ns >= start_ns);
}

/* See parent.h. */
struct otr_trace *otr_parent_trace(const struct otr_exchange *named, const struct otr_side *side,
				   const struct otr_msg *msg)
{
	bool in_it = named && side->ref.dir == OTR_DIR_OUT && !msg->trace_ctx.len &&
		     can_be_made_for(named, side->cause->evidence, side->tgid, side->start_ns);

	return in_it ? named->trace : NULL;
}

/* The parent that `cause`, of the record of `ex`, gives, which names `named`; or NULL. */
static struct otr_exchange *cause_parent(struct otr_stitch *st, struct otr_exchange *ex,
					 const struct otr_cause *cause, struct otr_exchange *named)
{
	if (!names_parent(cause))
		return NULL;
	if (!named && otr_exchange_paused(st, ex))
		ex->thinned = true; /* the parent was shed: `ex` is no root */
	if (!named || named == ex ||
	    !can_be_made_for(named, cause->evidence, ex->tgid, ex->start_ns))
		return NULL;
	return named;
}

static bool was_injected(const struct otr_exchange *ex, const struct otr_cause *cause)
{
	return cause && cause->ids == OTR_IDS_INJECTED && ex->has_header &&
	       !memcmp(cause->span_id, ex->header.span_id, 8);
}

/* The parent is the span that the header names, here or on a host that is not traced; or,
 * nearer, the exchange by which its process read the same header. */
static void find_by_header(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_exchange *by = otr_is_server(ex) ? NULL : otr_named_reader(st, ex);

	if (!by)
		by = otr_root_named(st, &ex->header);
	if (!by)
		by = otr_given_id_find(st, ex->header.span_id);
	if (!by || !otr_edge_set(st, ex, by, OTR_EVIDENCE_HEADER))
		otr_edge_set_remote(ex, &ex->header, OTR_EVIDENCE_HEADER);
	if (ex->remote && !otr_is_server(ex))
		otr_named_add(st, ex);
}

/* The parent is the first process of a run, which may have a parent in its environment. */
static bool find_process(struct otr_stitch *st, struct otr_exchange *ex)
{
	uint8_t evidence = OTR_EVIDENCE_NONE;
	struct otr_exchange *root = otr_process_for(st, ex, &evidence);

	if (!root)
		return false;
	if (!root->n_kids && !root->evidence)
		otr_env_parent_find(st, root);
	return otr_edge_set(st, ex, root, evidence);
}

static void find_for_client(struct otr_stitch *st, struct otr_exchange *ex,
			    const struct otr_cause *cause, struct otr_exchange *named)
{
	struct otr_exchange *parent = cause_parent(st, ex, cause, named);
	bool injected = was_injected(ex, cause);

	if (injected) {
		memcpy(ex->span_id, cause->span_id, sizeof(ex->span_id));
		otr_named_add(st, ex);
	}
	if (ex->has_header && !(injected && otr_root_was_released(st, &ex->header)))
		otr_trace_take_id(ex->trace, ex->header.trace_id, ex->header.flags);
	if (parent && otr_edge_set(st, ex, parent, cause->evidence))
		return;
	if (ex->has_header && !injected)
		find_by_header(st, ex);
	if (parent)
		otr_edge_link(st, ex, parent, cause->evidence);
	else if ((!ex->has_header || injected) && !find_process(st, ex))
		otr_env_parent_find(st, ex);
}

void otr_parent_find(struct otr_stitch *st, struct otr_exchange *ex, const struct otr_cause *cause,
		     struct otr_exchange *named)
{
	struct otr_exchange *mate = otr_wire_mate(ex);

	if (!otr_is_server(ex)) {
		find_for_client(st, ex, cause, named);
		if (!mate)
			mate = otr_named_mate(st, ex);
		if (mate)
			otr_peer_join(st, ex, mate);
		return;
	}
	otr_process_serves(st, ex->tgid);
	if (cause && cause->ids == OTR_IDS_READ)
		otr_given_id_add(st, ex, cause->span_id);
	if (ex->has_header) {
		otr_trace_take_id(ex->trace, ex->header.trace_id, ex->header.flags);
		find_by_header(st, ex);
	}
	/* The header of a message that is pushed may have come to its producer with a request, and
	 * goes to each consumer: it does not tell which exchange is the other end. */
	if (ex->pushed)
		return;
	if (ex->has_header)
		otr_named_add(st, ex);
	if (!mate)
		mate = otr_named_mate(st, ex);
	if (mate)
		otr_peer_join(st, mate, ex);
}

static void dispute(struct otr_stitch *st, struct otr_exchange *ex, struct otr_exchange *late)
{
	struct otr_exchange *was = ex->parent;

	if (was && was != late)
		otr_edge_link(st, ex, was, ex->evidence);
	otr_edge_link(st, ex, late, OTR_EVIDENCE_HANDOFF);
	if (ex->evidence == OTR_EVIDENCE_HEADER || !otr_trace_split(st, ex))
		return;
	otr_edge_clear(ex);
	ex->disputed = true;
}

/* A strand that waited for the strand of `ex` was woken, so `ex` was done for `parent`. */
void otr_parent_late(struct otr_stitch *st, struct otr_exchange *ex, struct otr_exchange *parent)
{
	const struct otr_asker by = {.tgid = ex->tgid, .strand = ex->strand, .proto = ex->proto};

	if (ex->parent == parent || parent->start_ns > ex->start_ns + CLOCKS_NS ||
	    !is_certain(st, parent, &by, OTR_EVIDENCE_HANDOFF))
		return;
	if (otr_is_emitted(ex)) {
		if (memcmp(ex->parent_id, parent->span_id, 8))
			otr_exchange_lost(st, ex, OTR_LOSS_LATE);
		return;
	}
	if (ex->disputed || otr_is_proved(ex->evidence)) {
		dispute(st, ex, parent);
		return;
	}
	if (ex->evidence && !otr_trace_split(st, ex))
		return;
	otr_edge_clear(ex);
	if (!otr_edge_set(st, ex, parent, OTR_EVIDENCE_HANDOFF))
		otr_edge_link(st, ex, parent, OTR_EVIDENCE_HANDOFF);
}
