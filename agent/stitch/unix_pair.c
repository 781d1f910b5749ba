/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unix_pair.c - pairs both ends of a short connection of AF_UNIX whose peer is not known.
 *
 * With the library alone, the agent asks the kernel for the peer of a socket when it reads the
 * record (agent/source/unix_peer.c); a connection of one request is closed by then. So when a
 * client's exchange is over, its server's end is searched among the exchanges that are not
 * emitted. If it was seen at all it is there, since its answer was read just now. The two are
 * paired if each is the only one that fits the other:
 *
 *	it was accepted from the client's process, as the kernel says (SO_PEERCRED),
 *	at the path that the client connected to, in the same network namespace;
 *	the request is the same one, by method and target, behind as many bytes;
 *	the two were open at the same time.
 *
 * If anything was shed or lost, an end may be missing, and none are paired.
 */

#include "agent/stitch/unix_pair.h"

#include <string.h>
#include <sys/socket.h>

#include "agent/stitch/exchange.h"
#include "agent/stitch/peer.h"
#include "agent/stitch/wire.h"

#define LOOKED_AT 1024 /* exchanges; if there are more, none is taken */

static bool is_unpaired(const struct otr_exchange *ex)
{
	const struct otr_wire *wire = ex->wire;
	const struct otr_ev_conn *facts = &wire->facts;

	return !wire->peer && !facts->peer && facts->seen_open && facts->remote.family == AF_UNIX &&
	       (facts->path[0] || facts->path[1]) && ex->req;
}

static bool were_open_at_once(const struct otr_exchange *client, const struct otr_exchange *server)
{
	return server->start_ns <= client->end_ns &&
	       (otr_is_open(server) || server->end_ns >= client->start_ns);
}

static bool may_be_one(const struct otr_exchange *client, const struct otr_exchange *server)
{
	const struct otr_ev_conn *ours = &client->wire->facts, *theirs = &server->wire->facts;

	return theirs->peer_tgid == client->tgid && client->ref.pos == server->ref.pos &&
	       ours->netns == theirs->netns &&
	       !memcmp(ours->path, theirs->path, sizeof(ours->path)) &&
	       otr_slice_eq(client->req->op, server->req->op) &&
	       otr_slice_eq(client->req->target, server->req->target);
}

static bool is_mate(const struct otr_exchange *ex, const struct otr_exchange *at)
{
	const struct otr_exchange *client = otr_is_server(ex) ? at : ex;
	const struct otr_exchange *server = otr_is_server(ex) ? ex : at;

	if (otr_is_server(ex) == otr_is_server(at) || !is_unpaired(at) ||
	    !may_be_one(client, server))
		return false;
	/* A client's end that is open may end at any time. */
	return otr_is_open(client) || were_open_at_once(client, server);
}

/* The only exchange that may be the other end of `ex`. NULL: there is none, or several, or too
 * many to look at. */
static struct otr_exchange *only_mate(const struct otr_stitch *st, const struct otr_exchange *ex)
{
	struct otr_exchange *at = st->live ? st->live->prev : NULL, *found = NULL;

	for (int i = 0; at; i++, at = at == st->live ? NULL : at->prev) {
		if (i == LOOKED_AT)
			return NULL;
		if (!is_mate(ex, at))
			continue;
		if (found)
			return NULL;
		found = at;
	}
	return found;
}

static bool lost_anything(const struct otr_stitch *st)
{
	return st->paused_ns || st->behind_ns || st->loss.to_ns;
}

void otr_unix_pair(struct otr_stitch *st, struct otr_exchange *client)
{
	struct otr_exchange *server;

	if (!st->has_unix_servers || otr_is_server(client) || !client->rsp ||
	    !is_unpaired(client) || lost_anything(st))
		return;
	server = only_mate(st, client);
	if (server && only_mate(st, server) == client) {
		otr_wire_join(client->wire, server->wire);
		otr_peer_join_wire(st, client->wire);
	}
}
