/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parent.c - who is whose parent, or nobody's.
 *
 * A request we see at the client's end has, best first, the parent that its process
 * had in hand (struct otr_cause) or the span its traceparent names. One we see at the
 * server's end has the client's end of the same wire, or the span its traceparent
 * names.
 *
 * Where a request carries a traceparent (T, S) and we see both ends C and D of its
 * wire, C is made a span between them, D its child:
 *
 *	shim injected it      S is C's own id: nothing to decide.
 *	a proxy passed it on  S is an ancestor of whoever sent C: D is nearer to C.
 *	an SDK wrote it       S is the SDK's span of this very exchange, told to its
 *			      own backend. C is what the wire saw of it: child of
 *			      who had it in hand, if that is in T or in no trace yet
 *			      (then it is in T now), else of S. So all we emit is
 *			      one tree, complete without the SDK's spans, in the same
 *			      trace as theirs, with nothing said twice by us and no
 *			      edge that is not true. Only D's edge to S is left out;
 *			      S -> C -> D, or S and C side by side, say the same.
 *
 * If what had C in hand is in another trace, the ids on the wire win: C and D are in T,
 * with a link to it. Two proved candidates: a root with links to both.
 */

#include "agent/stitch/exchange.h"
#include "agent/stitch/process.h"

#include <stdlib.h>
#include <string.h>

#include "agent/proto/msg.h"
#include "agent/resource/resource.h"

#define CLOCKS_NS (1 * 1000000ull) /* stamps of two threads differ by less */

static void leave_parent(struct otr_exchange *ex)
{
	if (ex->parent)
		ex->parent->n_kids--;
	ex->parent = NULL;
}

/* Is `ex` what a proxy passes on of `parent`: does it ask at another address by the name that
 * its own process was asked by? */
static bool asks_by_same_host(const struct otr_exchange *ex, const struct otr_exchange *parent)
{
	const struct otr_addr *ours = &parent->wire->facts.local, *theirs = &ex->wire->facts.remote;
	struct otr_slice host, name;

	if (otr_is_server(ex) || !otr_is_server(parent) || ex->tgid != parent->tgid || !ex->req ||
	    !parent->req)
		return false;
	host = otr_msg_text(parent->req, OTR_KEY_SERVER_ADDRESS);
	name = otr_msg_text(ex->req, OTR_KEY_SERVER_ADDRESS);
	return host.len && otr_slice_eq_nocase(host, name) &&
	       memcmp(ours, theirs, sizeof(*ours)) != 0;
}

static void set_parent(struct otr_exchange *ex, struct otr_exchange *parent, uint8_t evidence)
{
	/* What is no span cannot be a parent: its own is. */
	bool shown = !otr_is_server(parent) || otr_server_shown(parent->proto);

	leave_parent(ex);
	memcpy(ex->parent_id, shown ? parent->span_id : parent->parent_id, sizeof(ex->parent_id));
	ex->parent = parent;
	parent->n_kids++;
	ex->parent_start_ns = parent->start_ns;
	ex->evidence = evidence;
	ex->remote = false;
	ex->same_host = asks_by_same_host(ex, parent);
}

static void set_remote(struct otr_exchange *ex, const struct otr_traceparent *parent,
		       uint8_t evidence)
{
	memcpy(ex->parent_id, parent->span_id, sizeof(ex->parent_id));
	ex->evidence = evidence;
	ex->remote = true;
}

static void set_root(struct otr_exchange *ex)
{
	leave_parent(ex);
	memset(ex->parent_id, 0, sizeof(ex->parent_id));
	ex->evidence = OTR_EVIDENCE_NONE;
	ex->remote = false;
	ex->parent_start_ns = 0;
}

/* A link needs the other's ids now, as it may be gone later. */
static void add_link(struct otr_stitch *st, struct otr_exchange *ex, struct otr_exchange *to,
		     uint8_t evidence)
{
	struct otr_link *ln;

	for (uint8_t i = 0; i < ex->n_links; i++)
		if (!memcmp(ex->links[i].span_id, to->span_id, 8))
			return;
	if (ex->n_links == OTR_EXCHANGE_LINKS)
		return;
	if (!ex->links)
		ex->links = calloc(OTR_EXCHANGE_LINKS, sizeof(*ex->links));
	if (!ex->links)
		return;
	ln = &ex->links[ex->n_links];
	otr_trace_name(st, to->trace);
	memcpy(ln->trace_id, to->trace->id, sizeof(ln->trace_id));
	memcpy(ln->span_id, to->span_id, sizeof(ln->span_id));
	ln->evidence = evidence;
	ex->n_links++;
}

/* Is `to` above `ex`, or `ex` itself? */
static bool is_below(const struct otr_exchange *ex, const struct otr_exchange *to)
{
	for (; ex; ex = ex->parent)
		if (ex == to)
			return true;
	return false;
}

static bool adopt(struct otr_stitch *st, struct otr_exchange *ex, struct otr_exchange *parent,
		  uint8_t evidence)
{
	if (is_below(parent, ex) || !otr_trace_join(st, parent->trace, ex->trace))
		return false;
	set_parent(ex, parent, evidence);
	return true;
}

/* Only these may come from another process than the one that read the request. */
static bool crosses_processes(uint8_t evidence)
{
	return evidence == OTR_EVIDENCE_CLONE || evidence == OTR_EVIDENCE_EXEC ||
	       evidence == OTR_EVIDENCE_NOTIFY;
}

/* The inbound exchange that the source says these bytes are made for, if it can be:
 * answered before they were sent, it is what the strand forgot to let go of. */
static struct otr_exchange *claimed(const struct otr_stitch *st, struct otr_exchange *ex,
				    const struct otr_cause *cause)
{
	struct otr_exchange *parent;

	if (!cause || cause->evidence == OTR_EVIDENCE_NONE || !cause->parent.conn)
		return NULL;
	parent = otr_exchange_at(st, &cause->parent);
	if (!parent && otr_exchange_paused(st, ex))
		ex->thinned = true; /* it was let go: this is no root */
	if (!parent || parent == ex)
		return NULL;
	if (parent->tgid != ex->tgid && !crosses_processes(cause->evidence))
		return NULL;
	if (!otr_is_open(parent) && parent->end_ns < ex->start_ns)
		return NULL;
	return parent;
}

static bool was_injected(const struct otr_exchange *ex, const struct otr_cause *cause)
{
	return cause && cause->ids == OTR_IDS_INJECTED && ex->has_header &&
	       !memcmp(cause->span_id, ex->header.span_id, 8);
}

/* A process that serves nobody now may have been started for somebody: its environment
 * says so (OpenTelemetry, environment variables as context propagation carriers). */
static void find_in_environment(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_exchange *by = NULL;
	struct otr_traceparent said;
	struct otr_slice text;

	if (!st->cfg.procs || ex->doubtful)
		return;
	text = otr_procs_env(st->cfg.procs, ex->tgid, "TRACEPARENT");
	if (!text.len || !otr_traceparent_read(&said, text) ||
	    !otr_process_said(st, ex, &said, &by))
		return;
	if (!by)
		by = otr_owned_find(st, said.span_id);
	if (by && !adopt(st, ex, by, OTR_EVIDENCE_EXEC))
		add_link(st, ex, by, OTR_EVIDENCE_EXEC);
	if (by || !otr_trace_take_id(ex->trace, said.trace_id, said.flags))
		return; /* it went out in a trace of its own */
	set_remote(ex, &said, OTR_EVIDENCE_EXEC);
}

/* The span that its header names, one of ours or on no host we see; nearer is who read that
 * header and passed it on. */
static void find_by_header(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_exchange *by = otr_process_named(st, &ex->header);

	if (!by && !otr_is_server(ex))
		by = otr_named_reader(st, ex);
	if (!by)
		by = otr_owned_find(st, ex->header.span_id);
	if (!by || !adopt(st, ex, by, OTR_EVIDENCE_HEADER))
		set_remote(ex, &ex->header, OTR_EVIDENCE_HEADER);
	if (ex->remote && !otr_is_server(ex))
		otr_named_add(st, ex);
}

/* The root of a run, which itself may have been started for somebody. */
static bool find_process(struct otr_stitch *st, struct otr_exchange *ex)
{
	uint8_t evidence = OTR_EVIDENCE_NONE;
	struct otr_exchange *root = otr_process_for(st, ex, &evidence);

	if (!root)
		return false;
	if (!root->n_kids && !root->evidence)
		find_in_environment(st, root);
	return adopt(st, ex, root, evidence);
}

void otr_parent_none(struct otr_stitch *st, struct otr_exchange *ex)
{
	set_root(ex);
	find_in_environment(st, ex);
}

static void find_for_client(struct otr_stitch *st, struct otr_exchange *ex,
			    const struct otr_cause *cause)
{
	struct otr_exchange *parent = claimed(st, ex, cause);
	bool ours = was_injected(ex, cause);

	if (ours) {
		memcpy(ex->span_id, cause->span_id, sizeof(ex->span_id));
		otr_named_add(st, ex);
	}
	if (ex->has_header && !(ours && otr_process_left(st, &ex->header)))
		otr_trace_take_id(ex->trace, ex->header.trace_id, ex->header.flags);
	if (parent && adopt(st, ex, parent, cause->evidence))
		return;
	if (ex->has_header && !ours)
		find_by_header(st, ex);
	if (parent)
		add_link(st, ex, parent, cause->evidence);
	else if ((!ex->has_header || ours) && !find_process(st, ex))
		find_in_environment(st, ex);
}

/* Both ends of one exchange are seen. */
static void join_ends(struct otr_stitch *st, struct otr_exchange *client,
		      struct otr_exchange *server)
{
	struct otr_exchange *passed;

	client->peer = server;
	server->peer = client;
	if (!adopt(st, server, client, OTR_EVIDENCE_WIRE))
		add_link(st, server, client, OTR_EVIDENCE_WIRE);
	passed = otr_named_passed(st, client);
	if (passed)
		adopt(st, passed, server, OTR_EVIDENCE_HEADER);
}

void otr_parent_find(struct otr_stitch *st, struct otr_exchange *ex, const struct otr_cause *cause)
{
	struct otr_exchange *mate = otr_wire_mate(ex);

	if (!otr_is_server(ex)) {
		find_for_client(st, ex, cause);
		if (!mate)
			mate = otr_named_mate(st, ex);
		if (mate)
			join_ends(st, ex, mate);
		return;
	}
	otr_process_serves(st, ex->tgid);
	if (cause && cause->ids == OTR_IDS_READ)
		otr_owned_add(st, ex, cause->span_id);
	if (ex->has_header) {
		otr_trace_take_id(ex->trace, ex->header.trace_id, ex->header.flags);
		find_by_header(st, ex);
		otr_named_add(st, ex);
	}
	if (!mate)
		mate = otr_named_mate(st, ex);
	if (mate)
		join_ends(st, mate, ex);
}

/* A server's end that is out already stays the root it was told to be. */
static void join_late(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_exchange *mate = ex->peer ? NULL : otr_wire_mate(ex);

	if (!mate)
		return;
	if (otr_is_server(ex) && !otr_is_emitted(ex))
		join_ends(st, mate, ex);
	else if (otr_is_server(mate) && !otr_is_emitted(mate))
		join_ends(st, ex, mate);
}

void otr_parent_wired(struct otr_stitch *st, struct otr_wire *wire)
{
	struct otr_exchange *ex;

	DL_FOREACH2(wire->all, ex, wire_next)
	join_late(st, ex);
}

static void dispute(struct otr_stitch *st, struct otr_exchange *ex, struct otr_exchange *late)
{
	struct otr_exchange *was = ex->parent;

	if (was && was != late)
		add_link(st, ex, was, ex->evidence);
	add_link(st, ex, late, OTR_EVIDENCE_HANDOFF);
	if (ex->evidence == OTR_EVIDENCE_HEADER || !otr_trace_split(st, ex))
		return;
	set_root(ex);
	ex->disputed = true;
}

/* Who waited for the work of `ex`'s strand was woken: it was done for `parent`. */
void otr_parent_late(struct otr_stitch *st, struct otr_exchange *ex, struct otr_exchange *parent)
{
	if (ex->parent == parent || parent->start_ns > ex->start_ns + CLOCKS_NS)
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
	set_root(ex);
	if (!adopt(st, ex, parent, OTR_EVIDENCE_HANDOFF))
		add_link(st, ex, parent, OTR_EVIDENCE_HANDOFF);
}
