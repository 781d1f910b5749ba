/* SPDX-License-Identifier: Apache-2.0 */
/* peer.c - both ends of a request: the server's end is a child of the client's. */

#include "agent/stitch/peer.h"

#include "agent/stitch/edge.h"
#include "agent/stitch/exchange.h"
#include "agent/stitch/named.h"
#include "agent/stitch/wire.h"

void otr_peer_join(struct otr_stitch *st, struct otr_exchange *client, struct otr_exchange *server)
{
	struct otr_exchange *passed;

	client->peer = server;
	server->peer = client;
	if (!otr_edge_set(st, server, client, OTR_EVIDENCE_WIRE))
		otr_edge_link(st, server, client, OTR_EVIDENCE_WIRE);
	passed = otr_named_passed(st, client);
	if (passed)
		otr_edge_set(st, passed, server, OTR_EVIDENCE_HEADER);
}

/* A server's end that is emitted already stays a root. */
static void join_late(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_exchange *mate = ex->peer ? NULL : otr_wire_mate(ex);

	if (!mate)
		return;
	if (otr_is_server(ex) && !otr_is_emitted(ex))
		otr_peer_join(st, mate, ex);
	else if (otr_is_server(mate) && !otr_is_emitted(mate))
		otr_peer_join(st, ex, mate);
}

void otr_peer_join_wire(struct otr_stitch *st, struct otr_wire *wire)
{
	struct otr_exchange *ex;

	DL_FOREACH2(wire->all, ex, wire_next)
		join_late(st, ex);
}
