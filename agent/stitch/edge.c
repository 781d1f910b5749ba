/* SPDX-License-Identifier: Apache-2.0 */
/* edge.c - the edges of a trace: the parent of an exchange, and its links. */

#include "agent/stitch/edge.h"

#include <stdlib.h>
#include <string.h>

#include "agent/proto/msg.h"
#include "agent/stitch/exchange.h"
#include "agent/stitch/trace.h"

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
	bool shown = otr_end_shown(parent);

	leave_parent(ex);
	memcpy(ex->parent_id, shown ? parent->span_id : parent->parent_id, sizeof(ex->parent_id));
	ex->parent = parent;
	parent->n_kids++;
	ex->parent_start_ns = parent->start_ns;
	ex->evidence = evidence;
	ex->remote = false;
	ex->same_host = asks_by_same_host(ex, parent);
}

void otr_edge_set_remote(struct otr_exchange *ex, const struct otr_traceparent *parent,
			 uint8_t evidence)
{
	memcpy(ex->parent_id, parent->span_id, sizeof(ex->parent_id));
	ex->evidence = evidence;
	ex->remote = true;
}

void otr_edge_clear(struct otr_exchange *ex)
{
	leave_parent(ex);
	memset(ex->parent_id, 0, sizeof(ex->parent_id));
	ex->evidence = OTR_EVIDENCE_NONE;
	ex->remote = false;
	ex->parent_start_ns = 0;
}

/* The ids of a link are copied now, as the other exchange may be freed before this one. */
void otr_edge_link(struct otr_stitch *st, struct otr_exchange *ex, struct otr_exchange *to,
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
	otr_trace_make_id(st, to->trace);
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

bool otr_edge_set(struct otr_stitch *st, struct otr_exchange *ex, struct otr_exchange *parent,
		  uint8_t evidence)
{
	if (is_below(parent, ex) || !otr_trace_join(st, parent->trace, ex->trace))
		return false;
	set_parent(ex, parent, evidence);
	return true;
}
