/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.c - the life of an exchange: begun by a request, ended by its answer's last
 * byte, kept for a while after its span is out, so that late children find its id.
 */

#include "agent/stitch/exchange.h"
#include "agent/stitch/process.h"
#include "agent/stitch/unix_pair.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/loss.h"
#include "agent/resource/resource.h"

#define NEAR_NS (10 * 1000000000ull) /* pauses come each second or two */

bool otr_server_shown(const struct otr_proto_ops *proto)
{
	return !proto->client_only;
}

struct otr_stitch_strand *otr_stitch_strand_find(const struct otr_stitch *st, uint32_t tgid,
						 uint64_t strand)
{
	struct otr_stitch_strand_key key = {strand, tgid};
	struct otr_stitch_strand *of = NULL;

	HASH_FIND(hh, st->strands, &key, sizeof(key), of);
	return of;
}

static void remember_strand(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_stitch_strand *of = otr_stitch_strand_find(st, ex->tgid, ex->strand);

	if (!of) {
		of = calloc(1, sizeof(*of));
		if (!of)
			return; /* late evidence will not find it */
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

#define IDLE_KEPT 256 /* processes with nothing open: their next request is soon */

static void count_busy(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_inbound_open *inbound_open = NULL;

	HASH_FIND(hh, st->inbound_open, &ex->tgid, sizeof(ex->tgid), inbound_open);
	if (!inbound_open) {
		inbound_open = calloc(1, sizeof(*inbound_open));
		if (!inbound_open)
			return;
		inbound_open->tgid = ex->tgid;
		HASH_ADD(hh, st->inbound_open, tgid, sizeof(inbound_open->tgid), inbound_open);
		if (!inbound_open->hh.tbl) {
			free(inbound_open);
			return;
		}
	}
	inbound_open->open++;
	ex->inbound_open = true;
}

static void uncount_busy(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_inbound_open *inbound_open = NULL;

	if (!ex->inbound_open)
		return;
	ex->inbound_open = false;
	HASH_FIND(hh, st->inbound_open, &ex->tgid, sizeof(ex->tgid), inbound_open);
	if (!inbound_open || --inbound_open->open || HASH_COUNT(st->inbound_open) <= IDLE_KEPT)
		return;
	HASH_DEL(st->inbound_open, inbound_open);
	free(inbound_open);
}

static bool is_busy(const struct otr_stitch *st, uint32_t tgid)
{
	struct otr_inbound_open *inbound_open = NULL;

	HASH_FIND(hh, st->inbound_open, &tgid, sizeof(tgid), inbound_open);
	return inbound_open && inbound_open->open;
}

static void enlist(struct otr_stitch *st, struct otr_exchange *ex)
{
	DL_APPEND2(ex->wire->all, ex, wire_prev, wire_next);
	DL_APPEND(st->live, ex);
	if (ex->answer == OTR_ANSWER_AWAITED)
		DL_APPEND2(ex->wire->unanswered, ex, wait_prev, wait_next);
	st->n++;
	st->stats.open++;
	if (otr_is_server(ex)) {
		count_busy(st, ex);
	} else {
		ex->doubtful = is_busy(st, ex->tgid);
		remember_strand(st, ex);
	}
}

struct otr_exchange *otr_exchange_new(struct otr_stitch *st, struct otr_wire *wire,
				      const struct otr_side *side, const struct otr_msg *msg)
{
	struct otr_exchange *ex = otr_spares_get(&st->old_exchanges, sizeof(*ex));
	struct otr_msg *req = otr_msg_copy(msg);
	struct otr_trace *tr = otr_trace_new(st);

	if (!ex || !req || !tr) {
		otr_spares_put(&st->old_exchanges, ex);
		free(req);
		otr_spares_put(&st->old_traces, tr);
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
	ex->answer = msg->kind == OTR_MSG_ONEWAY ? OTR_ANSWER_NOT_DUE : OTR_ANSWER_AWAITED;
	ex->req = req;
	ex->partial = req->partial;
	ex->has_header = otr_traceparent_read(&ex->header, req->trace_ctx);
	otr_ids_span(&st->ids, ex->span_id);
	st->stats.requests++;
	enlist(st, ex);
	otr_trace_add(st, tr, ex);
	return ex;
}

/* Nobody points at what is freed. */
static void forget(struct otr_exchange *ex)
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
	DL_FOREACH2(ex->trace->members, other, member_next)
	{
		if (!ex->n_kids)
			return;
		if (other->parent != ex)
			continue;
		other->parent = NULL;
		ex->n_kids--;
	}
}

void otr_exchange_free(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_wire *wire = ex->wire;

	forget(ex);
	otr_failed_freed(st, ex);
	if (st->run.ex == ex)
		otr_process_freed(st);
	forget_strand(st, ex);
	otr_named_remove(st, ex);
	uncount_busy(st, ex);
	if (otr_is_open(ex))
		st->stats.open--;
	if (otr_is_emitted(ex))
		DL_DELETE(st->kept, ex);
	else
		DL_DELETE(st->live, ex);
	otr_trace_remove(st, ex);
	DL_DELETE2(wire->all, ex, wire_prev, wire_next);
	st->n--;
	otr_wire_put(wire);
	if (ex->resource)
		otr_resource_unref(&ex->resource);
	free(ex->req);
	free(ex->rsp);
	free(ex->links);
	otr_spares_put(&st->old_exchanges, ex);
}

void otr_exchange_lost(struct otr_stitch *st, const struct otr_exchange *ex, enum otr_loss cause)
{
	const struct otr_resource *res = ex->resource;

	if (!res && st->cfg.procs) /* it is out */
		res = otr_procs_resource(st->cfg.procs, ex->tgid);
	otr_loss_of(cause, 1, res ? res->service : OTR_SLICE_NONE);
}

void otr_exchange_answer(struct otr_exchange *ex, enum otr_answer answer)
{
	if (ex->answer == OTR_ANSWER_AWAITED)
		DL_DELETE2(ex->wire->unanswered, ex, wait_prev, wait_next);
	ex->answer = (uint8_t)answer;
}

void otr_exchange_end(struct otr_stitch *st, struct otr_exchange *ex, uint64_t end_ns)
{
	if (!otr_is_open(ex))
		return;
	ex->life = OTR_LIFE_OVER;
	ex->end_ns = end_ns > ex->start_ns ? end_ns : ex->start_ns;
	/* What it asked of others since was let go. */
	if (ex->start_ns <= st->paused_ns)
		ex->thinned = true;
	uncount_busy(st, ex);
	st->stats.open--;
	otr_unix_pair(st, ex);
	if (ex->answer == OTR_ANSWER_AWAITED)
		otr_exchange_answer(ex, OTR_ANSWER_ABSENT);
	otr_trace_over(st, ex);
}

bool otr_exchange_paused(const struct otr_stitch *st, const struct otr_exchange *ex)
{
	uint64_t last_ns = st->paused_ns > st->behind_ns ? st->paused_ns : st->behind_ns;

	return last_ns && ex->start_ns < last_ns + NEAR_NS;
}

bool otr_exchange_after_loss(const struct otr_stitch *st, const struct otr_exchange *ex)
{
	const struct otr_loss_window *loss = &st->loss;

	return (ex->error || ex->answer == OTR_ANSWER_MISSING) && loss->to_ns &&
	       (!loss->tgid || loss->tgid == ex->tgid) && ex->start_ns <= loss->to_ns &&
	       ex->end_ns + OTR_LOSS_WINDOW_NS >= loss->from_ns;
}

/* Is the byte `pos`, which is not before `ex`, in its request? */
static bool holds(const struct otr_exchange *ex, uint64_t pos)
{
	uint32_t from = (uint32_t)pos - (uint32_t)ex->ref.pos;

	return !ex->end_pos || from < ex->end_pos - ex->ref.pos;
}

struct otr_exchange *otr_exchange_at(const struct otr_stitch *st, const struct otr_ref *ref)
{
	struct otr_wire *wire = otr_wire_find(st, ref->conn);
	struct otr_exchange *ex = wire && wire->all ? wire->all->wire_prev : NULL;

	/* The newest first: the first that begins at or before it, or none. */
	for (; ex; ex = ex == wire->all ? NULL : ex->wire_prev) {
		if (ex->ref.layer != ref->layer || ex->ref.dir != ref->dir)
			continue;
		if ((int32_t)((uint32_t)ref->pos - (uint32_t)ex->ref.pos) >= 0)
			return holds(ex, ref->pos) ? ex : NULL;
	}
	return NULL;
}
