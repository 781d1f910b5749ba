/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stitch.c - messages in, spans out: the way a message takes through the other files.
 *
 *	message -> wire.c -> life.c -> parent.c -> trace.c -> emit.c -> span
 *
 * An answer is paired with a request in order, or by the number that both carry (`stream`).
 * cfg.max_exchanges bounds the exchanges, live and lingering: one that is emitted is freed first;
 * if there is none, the oldest one ends as it stands, which is counted.
 */

#include "agent/stitch/stitch.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/resource/resource.h"
#include "agent/span/span_memory.h"
#include "agent/stitch/copy.h"
#include "agent/stitch/exchange.h"
#include "agent/stitch/failed.h"
#include "agent/stitch/inbound.h"
#include "agent/stitch/life.h"
#include "agent/stitch/parent.h"
#include "agent/stitch/peer.h"
#include "agent/stitch/process.h"
#include "agent/stitch/trace.h"
#include "agent/stitch/wire.h"

#define SWEEP_NS 1000000000ull

int otr_stitch_new(struct otr_stitch **out, const struct otr_stitch_config *cfg, otr_span_fn emit,
		   otr_trace_fn done, void *arg)
{
	struct otr_stitch *st = calloc(1, sizeof(*st));

	if (!st)
		return -ENOMEM;
	if (otr_proto_memory_init(&st->memory)) {
		free(st);
		return -ENOMEM;
	}
	st->cfg = *cfg;
	st->emit = emit;
	st->done = done;
	st->arg = arg;
	st->ids.seed = cfg->seed;
	*out = st;
	return 0;
}

void otr_stitch_free(struct otr_stitch **stp)
{
	struct otr_stitch *st = OTR_TAKE(*stp);

	if (!st)
		return;
	while (st->live)
		otr_exchange_free(st, st->live);
	while (st->lingering)
		otr_exchange_free(st, st->lingering);
	while (st->wires) {
		struct otr_wire *wire = st->wires;

		otr_wire_close(st, wire);
		otr_wire_put(st, wire);
	}
	otr_inbound_fini(st);
	otr_process_fini(st);
	otr_spares_fini(&st->old_exchanges);
	otr_spares_fini(&st->old_traces);
	otr_spares_fini(&st->old_wires);
	otr_spares_fini(&st->old_named);
	otr_pool_fini(&st->messages);
	otr_proto_memory_fini(&st->memory);
	otr_sb_fini(&st->sb);
	free(st);
}

void otr_stitch_seed(struct otr_stitch *st, uint64_t seed)
{
	st->ids.seed = seed;
}

void otr_stitch_clock(struct otr_stitch *st, uint64_t epoch_offset_ns)
{
	st->epoch_ns = epoch_offset_ns;
}

void otr_stitch_pause(struct otr_stitch *st, uint64_t now_ns)
{
	st->paused_ns = now_ns;
}

void otr_stitch_share(struct otr_stitch *st, uint64_t now_ns, uint32_t millionths)
{
	otr_shares_add(&st->shares, now_ns, millionths);
}

void otr_stitch_behind(struct otr_stitch *st, uint64_t now_ns)
{
	st->behind_ns = now_ns;
}

void otr_stitch_lost(struct otr_stitch *st, uint64_t now_ns, uint32_t tgid)
{
	struct otr_loss_window *loss = &st->loss;
	bool goes_on = loss->to_ns && now_ns < loss->to_ns + OTR_LOSS_WINDOW_NS;

	loss->tgid = goes_on && loss->tgid != tgid ? 0 : tgid;
	loss->from_ns = goes_on ? loss->from_ns : now_ns;
	loss->to_ns = now_ns;
}

void otr_stitch_stats(const struct otr_stitch *st, struct otr_stitch_stats *out)
{
	*out = st->stats;
}

static struct otr_wire *get_wire(struct otr_stitch *st, const struct otr_ev_conn *conn)
{
	bool joined = false;
	struct otr_wire *wire = otr_wire_get(st, conn, &joined);

	if (joined)
		otr_peer_join_wire(st, wire);
	return wire;
}

void otr_stitch_conn(struct otr_stitch *st, const struct otr_ev_conn *conn)
{
	get_wire(st, conn);
}

static inline struct otr_exchange *find_named(struct otr_stitch *st, const struct otr_side *side)
{
	const struct otr_asker by = {side->tgid, side->strand, side->proto};

	return side->cause && side->cause->evidence ? otr_parent_named(st, side->cause, &by) : NULL;
}

static int take_request(struct otr_stitch *st, struct otr_wire *wire, const struct otr_side *side,
			const struct otr_msg *msg)
{
	struct otr_exchange *ex, *named;

	wire->now[side->ref.layer][side->ref.dir] = NULL;
	if (msg->pushed && side->ref.dir == OTR_DIR_OUT)
		return 0; /* the broker's end: that of the consumer becomes the span */
	otr_exchange_evict(st);
	named = find_named(st, side);
	ex = otr_exchange_new(st, wire, side, msg, otr_parent_trace(named, side, msg));
	if (!ex)
		return -ENOMEM;
	wire->now[side->ref.layer][side->ref.dir] = ex;
	otr_parent_find(st, ex, side->cause, named);
	return 0;
}

/* The oldest request of this connection that the answer can belong to, or NULL. */
static struct otr_exchange *oldest_request(const struct otr_wire *wire, const struct otr_side *side,
					   uint64_t stream)
{
	struct otr_exchange *ex;

	DL_FOREACH2(wire->unanswered, ex, wait_next)
		if (ex->ref.layer == side->ref.layer && ex->ref.dir != side->ref.dir &&
		    ex->stream == stream)
			return ex;
	return NULL;
}

/* The server dropped these requests: they end without an answer, which is no failure. */
static void end_skipped(struct otr_stitch *st, const struct otr_wire *wire,
			const struct otr_side *side, const struct otr_msg *msg)
{
	struct otr_exchange *ex;

	for (uint16_t i = 0; i < msg->skips; i++) {
		ex = oldest_request(wire, side, msg->stream ? msg->stream + 1u + i : 0);
		if (!ex)
			return;
		otr_exchange_end(st, ex, side->start_ns);
	}
}

/* The answer to a later request has come, so the answers to these were not seen. */
static void end_passed_over(struct otr_stitch *st, const struct otr_wire *wire,
			    const struct otr_side *side, uint64_t stream)
{
	struct otr_exchange *ex, *tmp;

	DL_FOREACH_SAFE2(wire->unanswered, ex, tmp, wait_next)
		if (ex->ref.layer == side->ref.layer && ex->ref.dir != side->ref.dir &&
		    ex->stream < stream)
			otr_exchange_end_cut(st, ex, side->start_ns);
}

static bool is_one_of(const struct otr_exchange *ex, const struct otr_side *side,
		      const struct otr_msg *msg)
{
	bool for_it = msg->kind == OTR_MSG_END || ex->ref.dir != side->ref.dir;

	return for_it && ex->ref.layer == side->ref.layer && ex->stream >= msg->since &&
	       ex->stream <= msg->stream;
}

/* Answers, or ends, all in the range of `msg`. */
static int take_range(struct otr_stitch *st, struct otr_wire *wire, const struct otr_side *side,
		      const struct otr_msg *msg)
{
	struct otr_exchange *ex, *tmp;
	int rc = 0;

	wire->now[side->ref.layer][side->ref.dir] = NULL;
	DL_FOREACH_SAFE2(wire->unanswered, ex, tmp, wait_next) {
		if (!is_one_of(ex, side, msg))
			continue;
		otr_exchange_answer(ex, OTR_ANSWER_BEGUN);
		ex->hole_ns = 0;
		ex->rsp = otr_msg_copy(&st->messages, msg);
		rc = ex->rsp ? rc : -ENOMEM;
		otr_exchange_end(st, ex, side->start_ns);
	}
	return rc;
}

static int take_response(struct otr_stitch *st, struct otr_wire *wire, const struct otr_side *side,
			 const struct otr_msg *msg)
{
	struct otr_exchange *ex = oldest_request(wire, side, msg->stream);

	wire->now[side->ref.layer][side->ref.dir] = NULL;
	if (!ex || msg->interim)
		return 0;
	if (ex->proto->learn)
		ex->proto->learn(&st->memory, msg);
	if (ex->proto->in_order)
		end_passed_over(st, wire, side, msg->stream);
	if (msg->end == OTR_END_STREAM) {
		otr_exchange_answer(ex, OTR_ANSWER_STREAMS);
	} else {
		otr_exchange_answer(ex, OTR_ANSWER_BEGUN);
		wire->now[side->ref.layer][side->ref.dir] = ex;
	}
	end_skipped(st, wire, side, msg);
	ex->hole_ns = 0;
	ex->rsp = otr_msg_copy(&st->messages, msg);
	return ex->rsp ? 0 : -ENOMEM;
}

/* The exchange that is under way and has this number, or NULL. */
static struct otr_exchange *by_stream(const struct otr_wire *wire, uint8_t layer,
				      const struct otr_msg *msg)
{
	struct otr_exchange *ex;

	DL_FOREACH2(wire->streaming, ex, wait_next)
		if (ex->stream == msg->stream && ex->ref.layer == layer &&
		    ex->pushed == msg->pushed)
			return ex;
	DL_FOREACH2(wire->unanswered, ex, wait_next)
		if (ex->stream == msg->stream && ex->ref.layer == layer &&
		    ex->pushed == msg->pushed)
			return ex;
	return NULL;
}

/* Adds what the end of an exchange tells to its answer. */
static int add_to_answer(struct otr_stitch *st, struct otr_exchange *ex, const struct otr_msg *msg)
{
	struct otr_msg *old = ex->rsp, all;

	if (old && !msg->n_attrs && !msg->failed)
		return 0; /* nothing is new */
	all = *msg;
	for (uint8_t i = 0; old && i < old->n_attrs && all.n_attrs < OTR_MSG_ATTRS; i++)
		all.attrs[all.n_attrs++] = old->attrs[i];
	if (old) {
		all.status = all.status ? all.status : old->status;
		all.failed |= old->failed;
	}
	ex->rsp = otr_msg_copy(&st->messages, &all);
	otr_pool_put(&st->messages, old);
	return ex->rsp ? 0 : -ENOMEM;
}

static int take_end(struct otr_stitch *st, struct otr_wire *wire, const struct otr_side *side,
		    const struct otr_msg *msg)
{
	struct otr_exchange *ex = by_stream(wire, side->ref.layer, msg);

	wire->now[side->ref.layer][side->ref.dir] = ex;
	if (!ex)
		return 0;
	ex->ends = true;
	ex->hole_ns = 0;
	otr_exchange_answer(ex, OTR_ANSWER_BEGUN);
	return add_to_answer(st, ex, msg);
}

int otr_stitch_msg(struct otr_stitch *st, const struct otr_side *side, const struct otr_msg *msg)
{
	struct otr_wire *wire = otr_wire_find(st, side->ref.conn);
	int rc;

	if (!wire)
		wire = get_wire(st, side->conn);
	if (!wire)
		rc = -ENOMEM;
	else if (msg->since)
		rc = take_range(st, wire, side, msg);
	else if (msg->kind == OTR_MSG_RESPONSE)
		rc = take_response(st, wire, side, msg);
	else if (msg->kind == OTR_MSG_END)
		rc = take_end(st, wire, side, msg);
	else
		rc = take_request(st, wire, side, msg);
	if (rc)
		otr_loss_of(OTR_LOSS_CUT, 1,
			    side->resource ? side->resource->service : OTR_SLICE_NONE);
	return rc;
}

static void end_request(struct otr_stitch *st, struct otr_exchange *ex, uint64_t end_pos,
			uint64_t until_ns)
{
	ex->end_pos = end_pos;
	if (ex->answer == OTR_ANSWER_NOT_DUE)
		otr_exchange_end(st, ex, until_ns);
}

void otr_stitch_done(struct otr_stitch *st, const struct otr_ref *ref, uint64_t end_pos,
		     uint64_t until_ns, int error, bool cut)
{
	struct otr_wire *wire = otr_wire_find(st, ref->conn);
	struct otr_exchange *ex = wire ? wire->now[ref->layer][ref->dir] : NULL;

	if (!ex)
		return;
	wire->now[ref->layer][ref->dir] = NULL;
	if (ex->ref.dir == ref->dir && !ex->ends) {
		end_request(st, ex, end_pos, until_ns);
		return;
	}
	ex->error = error == ECANCELED ? 0 : error;
	ex->cut = cut || error == ECANCELED;
	otr_exchange_end(st, ex, until_ns);
}

/* Of a multiplexed connection an answer that comes says which it is. One that does not come was
 * among what is lost. */
static void lose_answer(struct otr_stitch *st, struct otr_exchange *ex, uint64_t now_ns)
{
	if (!ex->proto->multiplexed)
		otr_exchange_end_cut(st, ex, now_ns);
	else if (!ex->hole_ns)
		ex->hole_ns = now_ns;
}

void otr_stitch_after_loss(struct otr_stitch *st, uint64_t conn, uint8_t layer, bool but_last,
			   uint64_t now_ns)
{
	struct otr_wire *wire = otr_wire_find(st, conn);
	struct otr_exchange *ex, *tmp, *last;

	if (!wire)
		return;
	DL_FOREACH2(wire->streaming, ex, wait_next)
		if (ex->ref.layer == layer)
			lose_answer(st, ex, now_ns);
	last = but_last && wire->unanswered ? wire->unanswered->wait_prev : NULL;
	DL_FOREACH_SAFE2(wire->unanswered, ex, tmp, wait_next)
		if (ex->ref.layer == layer && ex != last)
			lose_answer(st, ex, now_ns);
}

int otr_stitch_handoff(struct otr_stitch *st, const struct otr_ev_handoff *ev)
{
	struct otr_exchange *parent = otr_wire_exchange_at(st, &ev->parent), *ex;
	struct otr_stitch_strand *of = otr_stitch_strand_find(st, ev->hdr.tgid, ev->hdr.strand);
	uint64_t since = ev->since_ns > ev->strand_since_ns ? ev->since_ns : ev->strand_since_ns;

	int n = 0;

	if (!of || !parent || parent->tgid != ev->hdr.tgid)
		return 0;
	DL_FOREACH2(of->sent, ex, strand_next)
		if (ex->start_ns >= since && ex->start_ns <= ev->hdr.time_ns) {
			otr_parent_late(st, ex, parent);
			n++;
		}
	return n;
}

static void end_unanswered(struct otr_stitch *st, struct otr_exchange *ex, int error,
			   uint64_t now_ns)
{
	if (ex->hole_ns) {
		otr_exchange_end_cut(st, ex, ex->hole_ns);
		return;
	}
	if (!error && ex->answer == OTR_ANSWER_STREAMS)
		error = ECONNRESET; /* its end is missing */
	ex->cut = error == ECANCELED;
	ex->error = ex->cut ? 0 : error;
	otr_exchange_end(st, ex, now_ns);
	if (!ex->cut && ex->answer != OTR_ANSWER_BEGUN)
		otr_exchange_answer(ex, OTR_ANSWER_MISSING);
}

void otr_stitch_close(struct otr_stitch *st, const struct otr_ev_conn *conn, int error,
		      uint64_t now_ns)
{
	struct otr_wire *wire = otr_wire_find(st, conn->hdr.conn);
	struct otr_exchange *ex;

	if (!wire)
		return;
	DL_FOREACH2(wire->all, ex, wire_next)
		if (otr_is_open(ex))
			end_unanswered(st, ex, error, now_ns);
	otr_wire_close(st, wire);
	otr_wire_put(st, wire);
}

static void free_lingering(struct otr_stitch *st)
{
	while (st->lingering && st->lingering->lingers_until_ns <= st->now_ns)
		otr_exchange_free(st, st->lingering);
}

/* Ends a request that has waited for its answer for too long, or whose answer was lost. */
static void end_if_long(struct otr_stitch *st, struct otr_exchange *ex)
{
	if (ex->hole_ns && ex->hole_ns + st->cfg.together_ns < st->now_ns)
		otr_exchange_end_cut(st, ex, ex->hole_ns);
	else if (ex->answer != OTR_ANSWER_BEGUN && ex->answer != OTR_ANSWER_STREAMS &&
		 ex->start_ns + st->cfg.answer_ns < st->now_ns)
		otr_exchange_end_cut(st, ex, st->now_ns);
}

static void end_unanswered_long(struct otr_stitch *st)
{
	struct otr_exchange *ex, *tmp;

	DL_FOREACH_SAFE(st->live, ex, tmp)
		if (otr_is_open(ex))
			end_if_long(st, ex);
}

void otr_stitch_tick(struct otr_stitch *st, uint64_t now_ns)
{
	if (now_ns < st->now_ns)
		return;
	st->now_ns = now_ns;
	otr_process_tick(st);
	otr_failed_tick(st);
	otr_trace_tick(st);
	free_lingering(st);
	if (now_ns < st->swept_ns + SWEEP_NS)
		return;
	st->swept_ns = now_ns;
	end_unanswered_long(st);
	otr_trace_sweep(st);
	otr_spares_trim(&st->old_exchanges);
	otr_spares_trim(&st->old_traces);
	otr_spares_trim(&st->old_wires);
	otr_spares_trim(&st->old_named);
	otr_span_memory_trim();
	otr_pool_trim(&st->messages);
}

void otr_stitch_flush(struct otr_stitch *st)
{
	struct otr_exchange *ex, *tmp;

	otr_failed_flush(st);
	DL_FOREACH_SAFE(st->live, ex, tmp)
		if (otr_is_open(ex))
			otr_exchange_end_cut(st, ex, ex->hole_ns ? ex->hole_ns : st->now_ns);
	while (st->settled)
		otr_trace_emit(st, st->settled);
}
