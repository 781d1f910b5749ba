/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life.c - the life of an exchange: begun by a request, ended by its answer's last
 * byte, and lingering for a while after its span is out, so that late children find its id.
 */

#include "agent/stitch/life.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/resource/resource.h"
#include "agent/stitch/copy.h"
#include "agent/stitch/exchange.h"
#include "agent/stitch/inbound.h"
#include "agent/stitch/named.h"
#include "agent/stitch/trace.h"
#include "agent/stitch/unix_pair.h"
#include "agent/stitch/wire.h"

static void remember_strand(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_stitch_strand *of = otr_stitch_strand_find(st, ex->tgid, ex->strand);

	if (!of) {
		of = calloc(1, sizeof(*of));
		if (!of)
			return; /* late evidence does not find this request */
		of->key = (struct otr_stitch_strand_key){ex->strand, ex->tgid};
		HASH_ADD(hh, st->strands, key, sizeof(of->key), of);
		if (!of->hh.tbl) {
			free(of);
			return;
		}
	}
	DL_APPEND2(of->sent, ex, strand_prev, strand_next);
	ex->of_strand = of;
}

static void forget_strand(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_stitch_strand *of = ex->of_strand;

	if (!of)
		return;
	ex->of_strand = NULL;
	DL_DELETE2(of->sent, ex, strand_prev, strand_next);
	if (of->sent)
		return;
	HASH_DEL(st->strands, of);
	free(of);
}

/* Where two others are open, both are marked already. */
static void share_wire(struct otr_exchange *ex)
{
	struct otr_exchange *others[] = {ex->wire->unanswered, ex->wire->streaming};

	for (size_t i = 0; i < OTR_ARRAY_SIZE(others); i++)
		if (others[i])
			others[i]->shares_wire = ex->shares_wire = true;
}

/* The latest of the wire that is not freed, of the same layer and direction as `ex`. */
static struct otr_exchange *latest_like(const struct otr_exchange *ex)
{
	struct otr_exchange *all = ex->wire->all, *last = all ? all->wire_prev : NULL;

	while (last && (last->ref.layer != ex->ref.layer || last->ref.dir != ex->ref.dir))
		last = last == all ? NULL : last->wire_prev;
	return last;
}

/* An earlier request of the same run may be over, reset by its client, while its handler goes on. It
 * may be freed, too. */
static void share_run(struct otr_exchange *ex)
{
	uint64_t *run = &ex->wire->last_run[ex->ref.layer][ex->ref.dir & 1];
	uint64_t now = 1 + (uint64_t)(uint32_t)ex->run_pos;
	struct otr_exchange *last = latest_like(ex);

	ex->shares_wire |= *run == now;
	if (last && (uint32_t)last->run_pos == (uint32_t)ex->run_pos)
		last->shares_wire = ex->shares_wire = true;
	*run = now;
}

static void add_to_lists(struct otr_stitch *st, struct otr_exchange *ex)
{
	if (ex->proto->multiplexed) {
		share_wire(ex);
		share_run(ex);
	}
	DL_APPEND2(ex->wire->all, ex, wire_prev, wire_next);
	DL_APPEND(st->live, ex);
	if (ex->answer == OTR_ANSWER_AWAITED)
		DL_APPEND2(ex->wire->unanswered, ex, wait_prev, wait_next);
	st->n++;
	st->stats.open++;
	if (otr_is_server(ex)) {
		otr_inbound_add(st, ex);
	} else {
		ex->may_be_orphan = otr_inbound_count(st, ex->tgid) > 0;
		remember_strand(st, ex);
	}
}

struct otr_exchange *otr_exchange_new(struct otr_stitch *st, struct otr_wire *wire,
				      const struct otr_side *side, const struct otr_msg *msg,
				      struct otr_trace *tr)
{
	struct otr_exchange *ex = otr_spares_get(&st->old_exchanges, sizeof(*ex));
	struct otr_msg *req = otr_msg_copy(&st->messages, msg);
	struct otr_trace *fresh = tr ? NULL : otr_trace_new(st);

	if (!ex || !req || (!tr && !fresh)) {
		otr_spares_put(&st->old_exchanges, ex);
		otr_pool_put(&st->messages, req);
		otr_spares_put(&st->old_traces, fresh);
		return NULL;
	}
	ex->wire = wire;
	ex->ref = side->ref;
	ex->tgid = side->tgid;
	ex->strand = side->strand;
	ex->start_ns = side->start_ns;
	ex->proto = side->proto;
	ex->resource = side->resource ? otr_resource_ref(side->resource) : NULL;
	ex->stream = msg->stream;
	ex->run_pos = side->run_pos;
	ex->answer = msg->kind == OTR_MSG_ONEWAY ? OTR_ANSWER_NOT_DUE : OTR_ANSWER_AWAITED;
	ex->req = req;
	ex->partial = req->partial;
	ex->pushed = req->pushed;
	ex->has_header = otr_traceparent_read(&ex->header, req->trace_ctx);
	otr_ids_span(&st->ids, ex->span_id);
	st->stats.requests++;
	add_to_lists(st, ex);
	otr_trace_add(st, tr ? tr : fresh, ex);
	return ex;
}

/* Clears all pointers to `ex` before it is freed. */
static void clear_pointers(struct otr_exchange *ex)
{
	struct otr_exchange *other;

	for (size_t i = 0; i < OTR_LAYER_MAX; i++)
		for (size_t dir = 0; dir < 2; dir++)
			if (ex->wire->now[i][dir] == ex)
				ex->wire->now[i][dir] = NULL;
	otr_exchange_answer(ex, OTR_ANSWER_ABSENT);
	if (ex->peer)
		ex->peer->peer = NULL;
	if (ex->parent)
		ex->parent->n_kids--;
	DL_FOREACH2(ex->trace->members, other, member_next) {
		if (!ex->n_kids)
			return;
		if (other->parent != ex)
			continue;
		other->parent = NULL;
		ex->n_kids--;
	}
}

/* An exchange that is on no connection is held by failed.c or process.c, too. The ids of the run's
 * first process stay: they are in environments. */
static void forget_holders(struct otr_stitch *st, const struct otr_exchange *ex)
{
	if (ex->wire->conn)
		return;
	for (size_t i = 0; i < OTR_FAILED; i++)
		if (st->failed[i].ex == ex) {
			st->failed[i].ex = NULL;
			st->n_failed--;
		}
	if (st->run.ex != ex)
		return;
	st->run.ex = NULL;
	st->run.tgid = 0;
	st->run.emitted = 0;
}

void otr_exchange_free(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_wire *wire = ex->wire;

	clear_pointers(ex);
	forget_holders(st, ex);
	forget_strand(st, ex);
	otr_named_remove(st, ex);
	otr_inbound_remove(st, ex);
	if (otr_is_open(ex))
		st->stats.open--;
	if (otr_is_emitted(ex))
		DL_DELETE(st->lingering, ex);
	else
		DL_DELETE(st->live, ex);
	otr_trace_remove(st, ex);
	DL_DELETE2(wire->all, ex, wire_prev, wire_next);
	st->n--;
	otr_wire_put(st, wire);
	if (ex->resource)
		otr_resource_unref(&ex->resource);
	otr_pool_put(&st->messages, ex->req);
	otr_pool_put(&st->messages, ex->rsp);
	free(ex->links);
	otr_spares_put(&st->old_exchanges, ex);
}

void otr_exchange_end(struct otr_stitch *st, struct otr_exchange *ex, uint64_t end_ns)
{
	if (!otr_is_open(ex))
		return;
	ex->life = OTR_LIFE_OVER;
	ex->end_ns = end_ns > ex->start_ns ? end_ns : ex->start_ns;
	/* Requests that it made since the pause were shed. */
	if (ex->start_ns <= st->paused_ns)
		ex->thinned = true;
	otr_inbound_remove(st, ex);
	st->stats.open--;
	otr_unix_pair(st, ex);
	if (ex->answer == OTR_ANSWER_AWAITED)
		otr_exchange_answer(ex, OTR_ANSWER_ABSENT);
	else if (ex->answer == OTR_ANSWER_STREAMS)
		otr_exchange_answer(ex, OTR_ANSWER_BEGUN);
	otr_trace_over(st, ex);
}

void otr_exchange_end_cut(struct otr_stitch *st, struct otr_exchange *ex, uint64_t end_ns)
{
	ex->cut = true;
	otr_exchange_end(st, ex, end_ns);
}

static void evict_one(struct otr_stitch *st)
{
	struct otr_exchange *ex = st->lingering;

	if (!ex) {
		ex = st->live;
		otr_exchange_lost(st, ex, OTR_LOSS_EVICT);
		if (otr_is_open(ex))
			otr_exchange_end_cut(st, ex, st->now_ns);
		otr_trace_emit(st, ex->trace);
	}
	otr_exchange_free(st, ex);
}

void otr_exchange_evict(struct otr_stitch *st)
{
	while (st->n && st->n >= st->cfg.max_exchanges)
		evict_one(st);
}
