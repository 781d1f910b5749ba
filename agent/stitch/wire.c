/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.c - ends of connections, and which two are one wire.
 *
 * Two TCP ends are one wire if the initial sequence number that one sends is the one that the
 * other receives, both ways: 64 bits, whatever NAT does to the addresses. The SYN counts as one
 * byte, and kernels differ in whether it is counted when they are asked; so a difference of one
 * is ignored. A Unix socket knows its peer.
 *
 * A request has the same position at both ends: that of its first byte. Offsets of Unix
 * sockets agree only if both ends were seen from their start; otherwise the request is paired if
 * it is the only one open at either end.
 */

#include "agent/stitch/wire.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/stitch/exchange.h"

static uint64_t isn_key(uint32_t out, uint32_t in)
{
	return (uint64_t)out << 32 | in;
}

struct otr_wire *otr_wire_find(struct otr_stitch *st, uint64_t conn)
{
	struct otr_wire *wire = otr_recent_find(&st->recent_wires, conn);

	if (wire)
		return wire;
	HASH_FIND(hh, st->wires, &conn, sizeof(conn), wire);
	if (wire)
		otr_recent_put(&st->recent_wires, conn, wire);
	return wire;
}

static void unindex(struct otr_stitch *st, struct otr_wire *wire)
{
	if (!wire->indexed)
		return;
	if (wire->isn)
		HASH_DELETE(by_isn, st->by_isn, wire);
	else
		HASH_DELETE(by_ends, st->by_ends, wire);
	wire->indexed = false;
}

/* Without sequence numbers, which the library cannot ask for, ends are compared by their
 * addresses, within one network namespace. */
static void index_ends(struct otr_stitch *st, struct otr_wire *wire)
{
	const struct otr_ev_conn *facts = &wire->facts;
	struct otr_wire *same = NULL;

	memset(&wire->ends, 0, sizeof(wire->ends));
	if (facts->protocol != IPPROTO_TCP || !facts->local.port || !facts->remote.port)
		return;
	wire->ends.local = facts->local;
	wire->ends.remote = facts->remote;
	wire->ends.netns = facts->netns;
	HASH_FIND(by_ends, st->by_ends, &wire->ends, sizeof(wire->ends), same);
	if (same)
		unindex(st, same);
	HASH_ADD(by_ends, st->by_ends, ends, sizeof(wire->ends), wire);
	wire->indexed = wire->by_ends.tbl; /* without memory it stays without a peer */
}

static void unname_peer(struct otr_stitch *st, struct otr_wire *wire)
{
	if (wire->names_peer)
		HASH_DELETE(by_peer, st->by_peer, wire);
	wire->names_peer = false;
}

/* Indexes an end by its peer, so that a peer that does not know this end finds it. */
static void name_peer(struct otr_stitch *st, struct otr_wire *wire)
{
	uint64_t peer = wire->facts.peer;
	struct otr_wire *same = NULL;

	if (!peer)
		return;
	HASH_FIND(by_peer, st->by_peer, &peer, sizeof(peer), same);
	if (same)
		unname_peer(st, same);
	HASH_ADD(by_peer, st->by_peer, facts.peer, sizeof(peer), wire);
	wire->names_peer = wire->by_peer.tbl; /* without memory the peer does not find it */
}

static void index_wire(struct otr_stitch *st, struct otr_wire *wire)
{
	struct otr_wire *same = NULL;

	unindex(st, wire);
	wire->isn = wire->facts.protocol == IPPROTO_TCP
			    ? isn_key(wire->facts.isn_out, wire->facts.isn_in)
			    : 0;
	if (!wire->isn) {
		index_ends(st, wire);
		return;
	}
	HASH_FIND(by_isn, st->by_isn, &wire->isn, sizeof(wire->isn), same);
	if (same)
		unindex(st, same);
	HASH_ADD(by_isn, st->by_isn, isn, sizeof(wire->isn), wire);
	wire->indexed = wire->by_isn.tbl; /* without memory it stays without a peer */
}

static struct otr_wire *find_by_ends(const struct otr_stitch *st, const struct otr_wire *wire)
{
	struct otr_wire *peer = NULL;
	struct otr_wire_ends seen;

	if (wire->isn || !wire->indexed)
		return NULL;
	memset(&seen, 0, sizeof(seen));
	seen.local = wire->ends.remote;
	seen.remote = wire->ends.local;
	seen.netns = wire->ends.netns;
	HASH_FIND(by_ends, st->by_ends, &seen, sizeof(seen), peer);
	return peer != wire ? peer : NULL;
}

static struct otr_wire *find_by_isn(const struct otr_stitch *st, const struct otr_wire *wire)
{
	struct otr_wire *peer = NULL;

	/* Each of the two numbers may differ by -1, 0 or 1. */
	for (uint32_t i = 0; wire->isn && i < 9; i++) {
		uint64_t key =
			isn_key(wire->facts.isn_in + i / 3 - 1, wire->facts.isn_out + i % 3 - 1);

		HASH_FIND(by_isn, st->by_isn, &key, sizeof(key), peer);
		if (peer && peer != wire)
			return peer;
	}
	return NULL;
}

/* A Unix socket may know its peer before the peer knows it. If the kernel is asked after one end
 * was closed (agent/source/unix_peer.h), only one of them ever does. */
static struct otr_wire *find_unix(struct otr_stitch *st, const struct otr_wire *wire)
{
	struct otr_wire *peer = NULL;

	if (wire->facts.peer == wire->conn)
		return NULL;
	if (!wire->facts.peer) {
		HASH_FIND(by_peer, st->by_peer, &wire->conn, sizeof(wire->conn), peer);
		return peer;
	}
	peer = otr_wire_find(st, wire->facts.peer);
	return peer && (!peer->facts.peer || peer->facts.peer == wire->conn) ? peer : NULL;
}

void otr_wire_join(struct otr_wire *wire, struct otr_wire *peer)
{
	wire->peer = peer;
	peer->peer = wire;
}

static bool find_peer(struct otr_stitch *st, struct otr_wire *wire)
{
	struct otr_wire *peer = find_unix(st, wire);

	if (!peer)
		peer = find_by_isn(st, wire);
	if (!peer)
		peer = find_by_ends(st, wire);
	if (!peer || wire->peer || peer->peer)
		return false;
	otr_wire_join(wire, peer);
	return true;
}

struct otr_wire *otr_wire_get(struct otr_stitch *st, const struct otr_ev_conn *facts, bool *joined)
{
	struct otr_wire *wire = otr_wire_find(st, facts->hdr.conn);

	if (!wire) {
		wire = otr_spares_get(&st->old_wires, sizeof(*wire));
		if (!wire)
			return NULL;
		wire->conn = facts->hdr.conn;
		HASH_ADD(hh, st->wires, conn, sizeof(wire->conn), wire);
		if (!wire->hh.tbl) {
			otr_spares_put(&st->old_wires, wire);
			return NULL;
		}
	}
	unname_peer(st, wire);
	wire->facts = *facts;
	st->has_unix_servers |= facts->remote.family == AF_UNIX && facts->role != OTR_ROLE_CLIENT;
	name_peer(st, wire);
	index_wire(st, wire);
	*joined = !wire->peer && find_peer(st, wire);
	return wire;
}

void otr_wire_close(struct otr_stitch *st, struct otr_wire *wire)
{
	if (wire->closed)
		return;
	wire->closed = true;
	HASH_DEL(st->wires, wire);
	otr_recent_drop(&st->recent_wires, wire->conn);
	unindex(st, wire);
	unname_peer(st, wire);
}

struct otr_wire *otr_wire_apart(struct otr_stitch *st)
{
	struct otr_wire *wire = otr_spares_get(&st->old_wires, sizeof(*wire));

	if (wire)
		wire->closed = true;
	return wire;
}

void otr_wire_put(struct otr_stitch *st, struct otr_wire *wire)
{
	if (!wire || !wire->closed || wire->all)
		return;
	if (wire->peer)
		wire->peer->peer = NULL;
	otr_side_memo_fini(&wire->memo);
	otr_spares_put(&st->old_wires, wire);
}

/* The only exchange of `wire` that is open and has no mate, or NULL. */
static struct otr_exchange *only_open(const struct otr_wire *wire, uint8_t dir)
{
	struct otr_exchange *ex, *only = NULL;

	DL_FOREACH2(wire->unanswered, ex, wait_next) {
		if (ex->peer || ex->ref.dir != dir)
			continue;
		if (only)
			return NULL;
		only = ex;
	}
	return only;
}

static bool same_stream(const struct otr_exchange *a, const struct otr_exchange *b)
{
	return a->ref.layer == b->ref.layer && a->ref.dir != b->ref.dir &&
	       a->ref.pos_kind == b->ref.pos_kind;
}

/* The exchange of `peer` that begins where `ex` does, or NULL. Looks from the newest back to the
 * first one that begins before `ex`. */
static struct otr_exchange *at_same_place(const struct otr_wire *peer,
					  const struct otr_exchange *ex)
{
	struct otr_exchange *mate = peer->all ? peer->all->wire_prev : NULL;
	int32_t apart;

	for (; mate; mate = mate == peer->all ? NULL : mate->wire_prev) {
		if (!same_stream(ex, mate))
			continue;
		apart = (int32_t)((uint32_t)mate->ref.pos - (uint32_t)ex->ref.pos);
		if (apart <= 0)
			return apart || mate->peer ? NULL : mate;
	}
	return NULL;
}

struct otr_exchange *otr_wire_mate(const struct otr_exchange *ex)
{
	const struct otr_wire *wire = ex->wire, *peer = wire->peer;

	if (!peer)
		return NULL;
	if (ex->ref.pos_kind == OTR_POS_OFFSET && !(wire->facts.seen_open && peer->facts.seen_open))
		return only_open(wire, ex->ref.dir) == ex ? only_open(peer, !ex->ref.dir) : NULL;
	return at_same_place(peer, ex);
}

/* The exchange whose request was read in the run that begins at `pos`, if no other of the connection
 * was open at the same time or came in that run. What the kernel and the library know of a
 * multiplexed connection is that: the run for which a strand works, not the stream. */
static struct otr_exchange *alone_in_run(const struct otr_wire *wire, const struct otr_ref *ref)
{
	struct otr_exchange *ex = wire->all->wire_prev;
	int32_t apart;

	for (; ex; ex = ex == wire->all ? NULL : ex->wire_prev) {
		if (ex->ref.layer != ref->layer || ex->ref.dir != ref->dir)
			continue;
		apart = (int32_t)((uint32_t)ex->run_pos - (uint32_t)ref->pos);
		if (apart <= 0)
			return apart || ex->shares_wire ? NULL : ex;
	}
	return NULL;
}

/* Is the byte `pos`, which is not before `ex`, in its request? */
static bool holds(const struct otr_exchange *ex, uint64_t pos)
{
	uint32_t from = (uint32_t)pos - (uint32_t)ex->ref.pos;

	return !ex->end_pos || from < ex->end_pos - ex->ref.pos;
}

static bool is_of_run(const struct otr_exchange *ex, uint64_t pos)
{
	return otr_is_open(ex) && (uint32_t)ex->run_pos == (uint32_t)pos;
}

/* The exchange that holds the byte at which a run begins. If that byte belongs to the end of a
 * request that is answered already (FastCGI's empty STDIN comes so), whoever has read the run works
 * for the request that follows in it, `next`. */
static struct otr_exchange *in_run(struct otr_exchange *ex, struct otr_exchange *next, uint64_t pos)
{
	if (next && !otr_is_open(ex) && (uint32_t)ex->ref.pos != (uint32_t)pos)
		return next;
	return holds(ex, pos) ? ex : NULL;
}

struct otr_exchange *otr_wire_exchange_at(struct otr_stitch *st, const struct otr_ref *ref)
{
	struct otr_wire *wire = otr_wire_find(st, ref->conn);
	struct otr_exchange *ex = wire && wire->all ? wire->all->wire_prev : NULL;
	struct otr_exchange *next = NULL;

	/* From the newest back to the first one that begins at or before the byte. */
	for (; ex; ex = ex == wire->all ? NULL : ex->wire_prev) {
		if (ex->ref.layer != ref->layer || ex->ref.dir != ref->dir)
			continue;
		if (ex->proto->multiplexed)
			return alone_in_run(wire, ref);
		if ((int32_t)((uint32_t)ref->pos - (uint32_t)ex->ref.pos) >= 0)
			return in_run(ex, next, ref->pos);
		next = is_of_run(ex, ref->pos) ? ex : NULL;
	}
	return NULL;
}
