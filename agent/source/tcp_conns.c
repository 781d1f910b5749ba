/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp_conns.c - connections of a capture: which packet belongs to which, and how far each has
 * come (RFC 9293, 3.6 and 3.8).
 */

#include "agent/source/tcp_conns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "agent/base/keyed.h"
#include "agent/base/own.h"
#include "agent/source/endpoint.h"
#include "agent/source/tcp_emit.h"

/* Both addresses, the lesser one first. */
struct ends {
	struct otr_addr a, b;
};

struct entry {
	UT_hash_handle hh;
	struct entry *prev, *next; /* of by_use */
	struct ends ends;
	struct otr_tcp_conns *tc;
	int from; /* whose segment is taken now */
	struct otr_tcp_conn cn;
};

struct otr_tcp_conns {
	struct entry *all;    /* hash by `ends` */
	struct entry *by_use; /* the one that is idle longest first */
	size_t n;
	uint64_t last_id;
	size_t held;	 /* bytes that all hold */
	uint64_t now_ns; /* when the packet that is taken was captured */
	struct otr_endpoints *endpoints;
	struct otr_tcp_emit emit;
};

int otr_tcp_conns_new(struct otr_tcp_conns **out, otr_event_fn fn, void *arg)
{
	struct otr_tcp_conns *tc = calloc(1, sizeof(*tc));

	if (!tc)
		return -ENOMEM;
	tc->emit.fn = fn;
	tc->emit.arg = arg;
	if (otr_endpoints_new(&tc->endpoints, fn, arg)) {
		free(tc);
		return -ENOMEM;
	}
	*out = tc;
	return 0;
}

static uint32_t held_by(const struct entry *en)
{
	return en->cn.side[OTR_NEAR].order.held_bytes + en->cn.side[OTR_FAR].order.held_bytes;
}

static void drop(struct otr_tcp_conns *tc, struct entry *en)
{
	tc->held -= held_by(en);
	HASH_DEL(tc->all, en);
	DL_DELETE(tc->by_use, en);
	tc->n--;
	otr_tcp_order_fini(&en->cn.side[OTR_NEAR].order);
	otr_tcp_order_fini(&en->cn.side[OTR_FAR].order);
	free(en);
}

void otr_tcp_conns_free(struct otr_tcp_conns **cp)
{
	struct otr_tcp_conns *tc = OTR_TAKE(*cp);

	if (!tc)
		return;
	while (tc->by_use)
		drop(tc, tc->by_use);
	otr_endpoints_free(&tc->endpoints);
	free(tc);
}

static struct ends ends_of(const struct otr_packet *pk)
{
	if (memcmp(&pk->from, &pk->to, sizeof(pk->from)) < 0)
		return (struct ends){pk->from, pk->to};
	return (struct ends){pk->to, pk->from};
}

static void on_bytes(void *arg, uint32_t seq, uint32_t len, struct otr_slice data)
{
	struct entry *en = arg;

	otr_tcp_emit_data(&en->tc->emit, &en->cn, en->from, seq, len, data, en->tc->now_ns);
}

/* What the order of `from` holds may change: counts it anew. */
static void ack(struct entry *en, int from, uint32_t upto)
{
	struct otr_tcp_order *order = &en->cn.side[from].order;

	en->tc->held -= order->held_bytes;
	en->from = from;
	if (!order->begun)
		otr_tcp_order_begin(order, upto);
	otr_tcp_order_ack(order, upto, on_bytes, en);
	en->tc->held += order->held_bytes;
}

static void flush(struct entry *en, int from)
{
	en->tc->held -= en->cn.side[from].order.held_bytes;
	en->from = from;
	otr_tcp_order_flush(&en->cn.side[from].order, on_bytes, en);
}

static int take(struct entry *en, int from, const struct otr_packet *pk)
{
	struct otr_tcp_order *order = &en->cn.side[from].order;
	int rc;

	en->tc->held -= order->held_bytes;
	en->from = from;
	rc = otr_tcp_order_take(order, pk->seq, pk->len, pk->data, on_bytes, en);
	en->tc->held += order->held_bytes;
	if (en->tc->held > OTR_TCP_CONNS_HELD)
		flush(en, from);
	return rc;
}

static void lose(struct otr_tcp_conns *tc, enum otr_loss cause)
{
	struct otr_ev_lost ev = {
		.hdr = {.kind = OTR_EV_LOST,
			.hook = OTR_HOOK_CAPTURE,
			.size = sizeof(ev),
			.time_ns = tc->now_ns},
		.n = 1,
		.cause = cause,
	};
	int rc = tc->emit.fn(tc->emit.arg, &ev.hdr);

	if (rc && !tc->emit.rc)
		tc->emit.rc = rc;
}

/* Ends a connection: gives what is held, then its end. */
static void end(struct otr_tcp_conns *tc, struct entry *en, int error)
{
	flush(en, OTR_NEAR);
	flush(en, OTR_FAR);
	otr_tcp_emit_close(&tc->emit, &en->cn, error, tc->now_ns);
	drop(tc, en);
}

static struct entry *begin(struct otr_tcp_conns *tc, const struct otr_packet *pk,
			   const struct ends *ends)
{
	bool answers = pk->flags & OTR_TCP_SYN && pk->flags & OTR_TCP_ACK;
	struct entry *en;

	if (tc->n >= OTR_TCP_CONNS_MAX) {
		lose(tc, OTR_LOSS_EVICT);
		end(tc, tc->by_use, 0);
	}
	en = calloc(1, sizeof(*en));
	if (!en)
		return NULL;
	en->tc = tc;
	en->ends = *ends;
	en->cn.id = ++tc->last_id;
	en->cn.addr[OTR_NEAR] = answers ? pk->to : pk->from;
	en->cn.addr[OTR_FAR] = answers ? pk->from : pk->to;
	en->cn.seen_open = pk->flags & OTR_TCP_SYN;
	en->cn.syn_ns = tc->now_ns;
	en->cn.last = -1;
	HASH_ADD(hh, tc->all, ends, sizeof(en->ends), en);
	if (!en->hh.tbl) {
		free(en);
		return NULL;
	}
	DL_APPEND(tc->by_use, en);
	tc->n++;
	return en;
}

/* A client has one name for all its ports, a server one for each. Which is which is not known of
 * a connection whose SYN was not captured: then the lower port is taken to be the server's. */
static void name_ends(struct entry *en)
{
	const struct otr_addr *addr = en->cn.addr;
	int server =
		en->cn.seen_open || addr[OTR_FAR].port <= addr[OTR_NEAR].port ? OTR_FAR : OTR_NEAR;
	struct otr_addr host = addr[!server];

	host.port = 0;
	en->cn.endpoint[server] = otr_endpoint_of(en->tc->endpoints, &addr[server], en->tc->now_ns);
	en->cn.endpoint[!server] = otr_endpoint_of(en->tc->endpoints, &host, en->tc->now_ns);
}

/* Is the SYN that of another connection of the same two addresses? */
static bool begins_anew(const struct entry *en, int from, const struct otr_packet *pk)
{
	const struct otr_tcp_side *side = &en->cn.side[from];

	return pk->flags & OTR_TCP_SYN && !(pk->flags & OTR_TCP_ACK) &&
	       (from != OTR_NEAR || !side->has_isn || side->isn != pk->seq);
}

static int who_sent(const struct entry *en, const struct otr_packet *pk)
{
	return !memcmp(&en->cn.addr[OTR_NEAR], &pk->from, sizeof(pk->from)) ? OTR_NEAR : OTR_FAR;
}

/* The connection of a packet; a SYN or payload begins one. NULL: there is none. */
static struct entry *entry_of(struct otr_tcp_conns *tc, const struct otr_packet *pk, int *rc)
{
	struct ends ends = ends_of(pk);
	struct entry *en;

	*rc = 0;
	HASH_FIND(hh, tc->all, &ends, sizeof(ends), en);
	if (en && begins_anew(en, who_sent(en, pk), pk)) {
		end(tc, en, 0);
		en = NULL;
	}
	if (en) {
		DL_DELETE(tc->by_use, en);
		DL_APPEND(tc->by_use, en);
		return en;
	}
	if (pk->flags & OTR_TCP_RST || !(pk->len || pk->flags & OTR_TCP_SYN))
		return NULL;
	en = begin(tc, pk, &ends);
	if (!en)
		*rc = -ENOMEM;
	else
		name_ends(en);
	return en;
}

static void on_syn(struct entry *en, int from, const struct otr_packet *pk)
{
	struct otr_tcp_side *side = &en->cn.side[from];

	if (side->has_isn || side->order.begun)
		return;
	side->isn = pk->seq;
	side->has_isn = true;
	otr_tcp_order_begin(&side->order, pk->seq + 1);
}

/* Gives the end of a direction once all before it was given. */
static void end_side(struct entry *en, int from)
{
	struct otr_tcp_side *side = &en->cn.side[from];

	if (!side->has_fin || side->over || (side->order.begun && side->order.next != side->fin))
		return;
	side->over = true;
	otr_tcp_emit_eof(&en->tc->emit, &en->cn, from, en->tc->now_ns);
}

static void on_fin(struct entry *en, int from, const struct otr_packet *pk)
{
	struct otr_tcp_side *side = &en->cn.side[from];

	side->fin = pk->seq + pk->len;
	side->has_fin = true;
}

/* Behind a FIN that the other end has acknowledged nothing is missing: bytes before it that were
 * not captured are not waited for. */
static void give_up_before_fin(struct entry *en, int from)
{
	struct otr_tcp_side *side = &en->cn.side[from];

	if (side->has_fin && side->order.has_acked &&
	    (int32_t)(side->order.acked - side->fin) > 0 && !side->order.held)
		otr_tcp_order_skip(&side->order, side->fin);
}

static int on_reset(struct otr_tcp_conns *tc, struct entry *en, int from)
{
	if (from == OTR_FAR && en->cn.seen_open && !en->cn.side[OTR_FAR].has_isn &&
	    !en->cn.announced)
		otr_tcp_emit_refused(&tc->emit, &en->cn, tc->now_ns);
	end(tc, en, ECONNRESET);
	return tc->emit.rc;
}

int otr_tcp_conns_take(struct otr_tcp_conns *tc, const struct otr_packet *pk, uint64_t time_ns)
{
	struct entry *en;
	int from, rc;

	tc->now_ns = time_ns;
	en = entry_of(tc, pk, &rc);
	if (!en)
		return rc;
	from = who_sent(en, pk);
	if (pk->flags & OTR_TCP_RST)
		return on_reset(tc, en, from);
	if (pk->flags & OTR_TCP_SYN)
		on_syn(en, from, pk);
	else if (pk->flags & OTR_TCP_ACK)
		ack(en, !from, pk->ack);
	if (pk->len && !(pk->flags & OTR_TCP_SYN))
		rc = take(en, from, pk);
	if (pk->flags & OTR_TCP_FIN)
		on_fin(en, from, pk);
	for (int side = OTR_NEAR; side <= OTR_FAR; side++) {
		give_up_before_fin(en, side);
		end_side(en, side);
	}
	if (en->cn.side[OTR_NEAR].over && en->cn.side[OTR_FAR].over)
		end(tc, en, 0);
	return tc->emit.rc ? tc->emit.rc : rc;
}

int otr_tcp_conns_finish(struct otr_tcp_conns *tc)
{
	struct entry *en;

	DL_FOREACH(tc->by_use, en) {
		flush(en, OTR_NEAR);
		flush(en, OTR_FAR);
	}
	return tc->emit.rc;
}
