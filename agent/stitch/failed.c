/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failed.c - a connect() that was refused, timed out, or was given up becomes a client span with
 * error.type. Its parent is found as that of a request.
 *
 * Not every failed attempt is a failure for the program: a name has several addresses, which
 * are tried in a row or at once (RFC 8305). So an attempt is held for a moment:
 *
 *	the strand connects to another address of that port    it is no span
 *	the strand fails at another address of that port, for  one span: from the first
 *		the same parent, or without any			attempt, as the last ended
 *
 * Attempts without a parent (a health check, a script that waits for a server) make one span a
 * second at most.
 */

#include "agent/stitch/failed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/proto/side.h"
#include "agent/resource/resource.h"
#include "agent/stitch/exchange.h"
#include "agent/stitch/life.h"
#include "agent/stitch/parent.h"
#include "agent/stitch/wire.h"

#define HELD_NS	 (300 * 1000000ull)  /* another attempt follows within this time, or none */
#define POLLS_NS (1000 * 1000000ull) /* attempts without a parent make one span in this time */

static int describe(const struct otr_side *side, const struct otr_msg *req,
		    const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	char addr[OTR_ADDR_TEXT], name[OTR_ADDR_TEXT + 24];
	uint16_t port;
	struct otr_slice host = otr_side_server(side, addr, &port);
	bool v6 = side->conn->remote.family == AF_INET6;
	int n;

	(void)req;
	(void)rsp;
	sb->span.kind = OTR_SPAN_CLIENT;
	n = snprintf(name, sizeof(name), "connect %s%.*s%s:%u", v6 ? "[" : "", OTR_SLICE_ARG(host),
		     v6 ? "]" : "", (unsigned int)port);
	otr_sb_name(sb, (struct otr_slice){name, (size_t)n});
	otr_sb_string(sb, OTR_KEY_SERVER_ADDRESS, host);
	otr_sb_int(sb, OTR_KEY_SERVER_PORT, port);
	otr_sb_string(sb, OTR_KEY_NETWORK_TRANSPORT, OTR_SLICE("tcp"));
	otr_side_peer(side, sb);
	return 0;
}

static const struct otr_proto_ops connect_ops = {
	.name = "connect",
	.scope = "otrace/connect",
	.describe = describe,
};

/* The attempt may be the first event of its process. Then the environment, which may name its
 * parent, comes later, from the library or from /proc. */
static void end_attempt(struct otr_stitch *st, struct otr_failed *at)
{
	struct otr_exchange *ex = at->ex;

	if (!ex)
		return;
	at->ex = NULL;
	st->n_failed--;
	if (!ex->evidence && !ex->n_links)
		otr_parent_find(st, ex, NULL, NULL);
	otr_exchange_end(st, ex, at->last_ns);
}

void otr_failed_flush(struct otr_stitch *st)
{
	for (size_t i = 0; i < OTR_FAILED; i++)
		end_attempt(st, &st->failed[i]);
}

static bool is_due(const struct otr_stitch *st, const struct otr_failed *at)
{
	return st->now_ns > at->last_ns + HELD_NS || st->now_ns > at->first_ns + POLLS_NS;
}

void otr_failed_tick(struct otr_stitch *st)
{
	for (size_t i = 0; st->n_failed && i < OTR_FAILED; i++)
		if (st->failed[i].ex && is_due(st, &st->failed[i]))
			end_attempt(st, &st->failed[i]);
}

/* A free slot; if there is none, the oldest one ends and gives its slot. */
static struct otr_failed *take_slot(struct otr_stitch *st)
{
	struct otr_failed *oldest = &st->failed[0];

	for (size_t i = 0; i < OTR_FAILED && oldest->ex; i++)
		if (!st->failed[i].ex || st->failed[i].first_ns < oldest->first_ns)
			oldest = &st->failed[i];
	end_attempt(st, oldest);
	return oldest;
}

static bool same_address(const struct otr_addr *a, const struct otr_addr *b)
{
	return a->family == b->family && !memcmp(a->ip, b->ip, sizeof(a->ip));
}

static bool by_same_strand(const struct otr_failed *at, const struct otr_event *ev, uint16_t port)
{
	return at->ex && at->ex->tgid == ev->tgid && at->ex->strand == ev->strand &&
	       at->remote.port == port;
}

/* The attempt that `ev` continues, or reports a second time. */
static struct otr_failed *same_attempt(struct otr_stitch *st, const struct otr_ev_failed *ev,
				       const struct otr_addr *remote)
{
	uint64_t parent = ev->cause.evidence ? ev->cause.parent.conn : 0;

	for (size_t i = 0; i < OTR_FAILED; i++) {
		struct otr_failed *at = &st->failed[i];

		if (by_same_strand(at, &ev->hdr, remote->port) && at->parent == parent &&
		    (!parent || !same_address(&at->remote, remote)))
			return at;
		if (at->ex && at->ex->tgid == ev->hdr.tgid && at->conn == ev->hdr.conn)
			return at; /* the same attempt, from the other source */
	}
	return NULL;
}

static struct otr_exchange *make_exchange(struct otr_stitch *st, const struct otr_ev_failed *ev,
					  const struct otr_addr *remote)
{
	struct otr_wire *wire = otr_wire_apart(st);
	struct otr_side side = {
		.ref = {.conn = ev->hdr.conn, .dir = OTR_DIR_OUT},
		.tgid = ev->hdr.tgid,
		.strand = ev->hdr.strand,
		.start_ns = ev->start_ns,
		.proto = &connect_ops,
		.role = OTR_ROLE_CLIENT,
	};
	struct otr_exchange *ex;

	if (!wire)
		return NULL;
	wire->facts.remote = *remote;
	if (st->cfg.procs)
		side.resource = otr_procs_resource(st->cfg.procs, ev->hdr.tgid);
	ex = otr_exchange_new(st, wire, &side, &(struct otr_msg){0}, NULL);
	if (!ex)
		otr_wire_put(st, wire);
	return ex;
}

static void find_parent(struct otr_stitch *st, struct otr_exchange *ex,
			const struct otr_ev_failed *ev)
{
	const struct otr_asker by = {ev->hdr.tgid, ev->hdr.strand, ex->proto};

	otr_parent_find(st, ex, &ev->cause, otr_parent_named(st, &ev->cause, &by));
}

static void hold_attempt(struct otr_stitch *st, const struct otr_ev_failed *ev,
			 const struct otr_addr *remote)
{
	struct otr_exchange *ex;
	struct otr_failed *at;

	otr_exchange_evict(st);
	ex = make_exchange(st, ev, remote);
	if (!ex)
		return;
	otr_exchange_answer(ex, OTR_ANSWER_MISSING);
	ex->error = ev->error == ECANCELED ? ETIMEDOUT : ev->error;
	find_parent(st, ex, ev);
	at = take_slot(st);
	st->n_failed++;
	*at = (struct otr_failed){
		.ex = ex,
		.first_ns = ev->start_ns,
		.last_ns = ev->hdr.time_ns,
		.remote = *remote,
		.conn = ev->hdr.conn,
		.parent = ev->cause.evidence ? ev->cause.parent.conn : 0,
	};
}

void otr_stitch_failed(struct otr_stitch *st, const struct otr_ev_failed *ev)
{
	struct otr_addr remote = ev->remote;
	struct otr_failed *at;

	otr_addr_unmap(&remote);
	at = same_attempt(st, ev, &remote);
	if (!at) {
		hold_attempt(st, ev, &remote);
		return;
	}
	if (at->conn == ev->hdr.conn) {
		if (!at->ex->evidence && !at->ex->n_links)
			find_parent(st, at->ex, ev);
		return;
	}
	at->last_ns = ev->hdr.time_ns;
	at->remote = at->ex->wire->facts.remote = remote;
	at->conn = ev->hdr.conn;
	at->ex->error = ev->error == ECANCELED ? ETIMEDOUT : ev->error;
}

/* The strand has connected to another address, so the failed attempt is no span. */
static void on_connected(struct otr_stitch *st, const struct otr_ev_conn *cn)
{
	struct otr_addr remote = cn->remote;

	otr_addr_unmap(&remote);
	for (size_t i = 0; i < OTR_FAILED; i++) {
		struct otr_failed *at = &st->failed[i];

		if (by_same_strand(at, &cn->hdr, remote.port) &&
		    !same_address(&at->remote, &remote))
			otr_exchange_free(st, at->ex);
	}
}

void otr_failed_event(struct otr_stitch *st, const struct otr_event *ev)
{
	const struct otr_ev_conn *cn = (const void *)ev;

	if (ev->kind == OTR_EV_CONN_OPEN && cn->role == OTR_ROLE_CLIENT)
		on_connected(st, cn);
	if (ev->kind != OTR_EV_PROC_EXIT)
		return;
	for (size_t i = 0; i < OTR_FAILED; i++)
		if (st->failed[i].ex && st->failed[i].ex->tgid == ev->tgid)
			end_attempt(st, &st->failed[i]);
}
