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

#include <stdlib.h>
#include <string.h>

#include "agent/proto/msg.h"
#include "agent/resource/resource.h"
#include "agent/stitch/exchange.h"
#include "agent/stitch/named.h"
#include "agent/stitch/process.h"
#include "agent/stitch/trace.h"
#include "agent/stitch/wire.h"

#define CLOCKS_NS (1 * 1000000ull) /* times taken by two threads differ by less */

static void leave_parent(struct otr_exchange *ex)
{
	if (ex->parent)
		ex->parent->n_kids--;
	ex->parent = NULL;
}

/* Is `ex` what a proxy passes on of `parent`: is its Host the one of `parent`, at another
 * address? */
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
	/* If the parent becomes no span, its parent takes its place. */
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

/* The ids of a link are copied now, as the other exchange may be freed before this one. */
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

/* Is `to` an ancestor of `ex`, or `ex` itself? */
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

/* With this evidence the parent may be of another process. */
static bool crosses_processes(uint8_t evidence)
{
	return evidence == OTR_EVIDENCE_CLONE || evidence == OTR_EVIDENCE_EXEC ||
	       evidence == OTR_EVIDENCE_NOTIFY;
}

/* The inbound exchange that the source claims as the parent, or NULL. If it was over before
 * these bytes were sent, the claim is old. */
static struct otr_exchange *claimed(const struct otr_stitch *st, struct otr_exchange *ex,
				    const struct otr_cause *cause)
{
	struct otr_exchange *parent;

	if (!cause || cause->evidence == OTR_EVIDENCE_NONE || !cause->parent.conn)
		return NULL;
	parent = otr_exchange_at(st, &cause->parent);
	if (!parent && otr_exchange_paused(st, ex))
		ex->thinned = true; /* the parent was shed: `ex` is no root */
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

/* If a process has no inbound exchange open, the span it was started for may be in its
 * environment (OpenTelemetry: environment variables as context propagation carriers). */
static void find_in_environment(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_exchange *by = NULL;
	struct otr_traceparent said;
	struct otr_slice text;

	if (!st->cfg.procs || ex->doubtful)
		return;
	text = otr_procs_env(st->cfg.procs, ex->tgid, "TRACEPARENT");
	if (!text.len || !otr_traceparent_read(&said, text) ||
	    !otr_process_from_env(st, ex, &said, &by))
		return;
	if (!by)
		by = otr_owned_find(st, said.span_id);
	if (by && !adopt(st, ex, by, OTR_EVIDENCE_EXEC))
		add_link(st, ex, by, OTR_EVIDENCE_EXEC);
	if (by || !otr_trace_take_id(ex->trace, said.trace_id, said.flags))
		return; /* its trace has another id already */
	set_remote(ex, &said, OTR_EVIDENCE_EXEC);
}

/* The parent is the span that the header names, here or on a host that is not traced; or,
 * nearer, the exchange by which its process read the same header. */
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

/* The parent is the first process of a run, which may have a parent in its environment. */
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
	bool injected = was_injected(ex, cause);

	if (injected) {
		memcpy(ex->span_id, cause->span_id, sizeof(ex->span_id));
		otr_named_add(st, ex);
	}
	if (ex->has_header && !(injected && otr_process_was_released(st, &ex->header)))
		otr_trace_take_id(ex->trace, ex->header.trace_id, ex->header.flags);
	if (parent && adopt(st, ex, parent, cause->evidence))
		return;
	if (ex->has_header && !injected)
		find_by_header(st, ex);
	if (parent)
		add_link(st, ex, parent, cause->evidence);
	else if ((!ex->has_header || injected) && !find_process(st, ex))
		find_in_environment(st, ex);
}

/* Both ends of a request are seen: they are peers. */
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

/* A server's end that is emitted already stays a root. */
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

/* A strand that waited for the strand of `ex` was woken, so `ex` was done for `parent`. */
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
