/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.c - exchanges that belong together, and when they are emitted.
 *
 * Every exchange begins in a trace of its own; a parent joins two traces. A trace is settled
 * when none of its exchanges is open. If no late evidence can change a parent in it, it is emitted
 * after a short while, as the two ends of an exchange do not end at the same moment; otherwise
 * after the hold.
 */

#include "agent/stitch/trace.h"

#include <stdlib.h>
#include <string.h>

#include "agent/sample/sampler.h"
#include "agent/stitch/emit.h"
#include "agent/stitch/exchange.h"
#include "bpf/sample.h"

#define SETTLE_NS (50 * 1000000ull)   /* since the last end in a trace */
#define LINGER_NS (2000 * 1000000ull) /* how long an emitted exchange lingers for late children */

struct otr_trace *otr_trace_new(struct otr_stitch *st)
{
	struct otr_trace *tr = otr_spares_get(&st->old_traces, sizeof(*tr));

	if (tr)
		tr->proved = true;
	return tr;
}

static void move_to(struct otr_trace *tr, struct otr_trace **list)
{
	if (tr->list == list)
		return;
	if (tr->list)
		DL_DELETE(*tr->list, tr);
	if (list)
		DL_APPEND(*list, tr);
	tr->list = list;
}

static void trace_free(struct otr_stitch *st, struct otr_trace *tr)
{
	move_to(tr, NULL);
	otr_spares_put(&st->old_traces, tr);
}

bool otr_trace_take_id(struct otr_trace *tr, const uint8_t id[16], uint8_t flags)
{
	if (tr->has_id)
		return !memcmp(tr->id, id, sizeof(tr->id));
	memcpy(tr->id, id, sizeof(tr->id));
	tr->flags = flags;
	tr->has_id = true;
	return true;
}

void otr_trace_make_id(struct otr_stitch *st, struct otr_trace *tr)
{
	uint8_t id[16];

	if (tr->has_id)
		return;
	otr_ids_trace(&st->ids, id);
	otr_trace_take_id(tr, id, OTR_FLAG_SAMPLED | OTR_FLAG_RANDOM);
	tr->made_id = true;
}

/* The member where the trace begins: the first without a parent among the members. */
static const struct otr_exchange *root_of(const struct otr_trace *tr)
{
	const struct otr_exchange *ex, *root = NULL;

	DL_FOREACH2(tr->members, ex, member_next)
		if (!ex->parent && (!root || ex->start_ns < root->start_ns))
			root = ex;
	return root;
}

static bool is_sampled_by(const struct otr_trace *tr, uint64_t threshold)
{
	return !threshold || otr_sample_low(tr->id) >= threshold;
}

/* Decides whether the trace is sampled. A parent that is not seen here has decided, and so has
 * whoever put the id on the wire: their flag stays, unless the sampler ignores callers. */
static void decide(struct otr_stitch *st, struct otr_trace *tr)
{
	const struct otr_exchange *root = root_of(tr);
	struct otr_sampler by;

	if (tr->decided || !st->cfg.samplers || !root)
		return;
	tr->decided = true;
	by = otr_samplers_of(st->cfg.samplers, root->tgid);
	if (root->remote && !by.ignores_caller)
		return;
	tr->root_tgid = root->tgid;
	if (tr->made_id || by.ignores_caller) {
		tr->flags &= (uint8_t)~OTR_FLAG_SAMPLED;
		if (is_sampled_by(tr, by.threshold))
			tr->flags |= OTR_FLAG_SAMPLED;
	}
	tr->carries_threshold = (by.threshold || by.ignores_caller) &&
				tr->flags & OTR_FLAG_SAMPLED && is_sampled_by(tr, by.threshold);
	tr->threshold = by.threshold;
}

/* A trace that begins here counts for the limit of its process, once, if it has spans. */
static void count(struct otr_stitch *st, struct otr_trace *tr)
{
	if (!tr->root_tgid || !tr->shown)
		return;
	otr_samplers_count(st->cfg.samplers, tr->root_tgid);
	tr->root_tgid = 0;
}

static void note_end(struct otr_trace *tr, const struct otr_exchange *ex)
{
	if (ex->life != OTR_LIFE_OVER)
		return;
	if (ex->end_ns > tr->last_end_ns)
		tr->last_end_ns = ex->end_ns;
	if (!tr->waits_since_ns || ex->end_ns < tr->waits_since_ns)
		tr->waits_since_ns = ex->end_ns;
}

void otr_trace_add(struct otr_stitch *st, struct otr_trace *tr, struct otr_exchange *ex)
{
	ex->trace = tr;
	DL_APPEND2(tr->members, ex, member_prev, member_next);
	tr->n_open += otr_is_open(ex);
	tr->n_unemitted += !otr_is_emitted(ex);
	note_end(tr, ex);
	if (tr->n_open)
		move_to(tr, &st->open);
}

/* Puts a trace into the list that it belongs to: st->open while an exchange is open, st->settled
 * while one is not emitted. Traces that are all emitted are in none: there are thousands of
 * them. */
static void update_list(struct otr_stitch *st, struct otr_trace *tr)
{
	if (!tr->n_open && tr->n_unemitted && tr->list != &st->settled)
		tr->settled_ns = st->now_ns;
	move_to(tr, tr->n_open ? &st->open : tr->n_unemitted ? &st->settled : NULL);
}

static void take_out(struct otr_exchange *ex)
{
	struct otr_trace *tr = ex->trace;

	DL_DELETE2(tr->members, ex, member_prev, member_next);
	tr->n_open -= otr_is_open(ex);
	tr->n_unemitted -= !otr_is_emitted(ex);
}

void otr_trace_remove(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_trace *tr = ex->trace;

	take_out(ex);
	if (!tr->members)
		trace_free(st, tr);
	else
		update_list(st, tr);
}

static void copy_decision(struct otr_trace *to, const struct otr_trace *from)
{
	to->decided = true;
	to->flags = from->flags;
	to->threshold = from->threshold;
	to->carries_threshold = from->carries_threshold;
	to->root_tgid = from->root_tgid;
}

bool otr_trace_join(struct otr_stitch *st, struct otr_trace *to, struct otr_trace *from)
{
	struct otr_exchange *ex;
	bool had_id = to->has_id;

	if (to == from)
		return true;
	if (from->has_id && !otr_trace_take_id(to, from->id, from->flags))
		return false;
	if (!had_id)
		to->made_id = from->made_id;
	if (from->decided && !to->decided)
		copy_decision(to, from);
	to->proved = to->proved && from->proved;
	to->shown = to->shown || from->shown;
	while ((ex = from->members)) {
		take_out(ex);
		otr_trace_add(st, to, ex);
	}
	trace_free(st, from);
	update_list(st, to);
	return true;
}

static bool is_below(const struct otr_exchange *ex, const struct otr_exchange *top)
{
	while (ex && ex != top)
		ex = ex->parent;
	return ex;
}

bool otr_trace_split(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_trace *was = ex->trace, *tr = otr_trace_new(st);
	struct otr_exchange *at, *tmp;

	if (!tr)
		return false;
	DL_FOREACH_SAFE2(was->members, at, tmp, member_next) {
		if (!is_below(at, ex))
			continue;
		take_out(at);
		otr_trace_add(st, tr, at);
	}
	update_list(st, tr);
	if (was->members)
		update_list(st, was);
	else
		trace_free(st, was);
	return true;
}

static struct otr_exchange *child_of_root(struct otr_exchange *ex, const struct otr_exchange *root)
{
	while (ex->parent && ex->parent != root)
		ex = ex->parent;
	return ex;
}

static bool move_alone(struct otr_stitch *st, struct otr_exchange *ex, otr_alone_fn alone)
{
	struct otr_trace *tr = otr_trace_new(st);

	if (!tr)
		return false;
	take_out(ex);
	otr_trace_add(st, tr, ex);
	alone(st, ex);
	update_list(st, tr);
	return true;
}

bool otr_trace_disband(struct otr_stitch *st, struct otr_exchange *root, otr_alone_fn alone)
{
	struct otr_trace *was = root->trace;
	struct otr_exchange *ex, *top;

	for (;;) {
		ex = was->members == root ? root->member_next : was->members;
		if (!ex)
			return true;
		top = child_of_root(ex, root);
		if (top->trace == was && !move_alone(st, top, alone))
			return false;
		if (ex == top)
			continue;
		take_out(ex);
		otr_trace_add(st, top->trace, ex);
		update_list(st, top->trace);
	}
}

void otr_trace_over(struct otr_stitch *st, struct otr_exchange *ex)
{
	ex->trace->n_open--;
	note_end(ex->trace, ex);
	update_list(st, ex->trace);
}

/* Is its parent certain: can no late evidence change it, or is none expected? */
static bool is_certain(const struct otr_exchange *ex)
{
	if (ex->evidence)
		return otr_is_proved(ex->evidence);
	return otr_is_server(ex) || !ex->may_be_orphan || ex->disputed;
}

static bool all_certain(const struct otr_trace *tr)
{
	const struct otr_exchange *ex;

	DL_FOREACH2(tr->members, ex, member_next)
		if (!otr_is_emitted(ex) && !is_certain(ex))
			return false;
	return true;
}

static bool is_weak(const struct otr_exchange *ex)
{
	return ex->evidence && !otr_is_proved(ex->evidence);
}

static void emit_one(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_trace *tr = ex->trace;

	tr->proved = tr->proved && !is_weak(ex);
	otr_exchange_emit(st, ex);
	ex->life = OTR_LIFE_EMITTED;
	ex->lingers_until_ns = st->now_ns + LINGER_NS;
	tr->n_unemitted--;
	DL_DELETE(st->live, ex);
	DL_APPEND(st->lingering, ex);
}

void otr_trace_emit(struct otr_stitch *st, struct otr_trace *tr)
{
	struct otr_exchange *ex;

	otr_trace_make_id(st, tr);
	decide(st, tr);
	tr->waits_since_ns = 0;
	DL_FOREACH2(tr->members, ex, member_next)
		if (ex->life == OTR_LIFE_OVER)
			emit_one(st, ex);
	count(st, tr);
	update_list(st, tr);
	if (tr->n_open || tr->emitted || !tr->shown)
		return;
	tr->emitted = true;
	st->stats.traces++;
	if (st->done)
		st->done(st->arg, tr->id, tr->flags, tr->proved);
}

void otr_trace_tick(struct otr_stitch *st)
{
	struct otr_trace *tr, *tmp;
	uint64_t wait_ns;

	DL_FOREACH_SAFE(st->settled, tr, tmp) {
		if (st->now_ns < tr->settled_ns + SETTLE_NS)
			break; /* all behind it settled later (750 traces at 15,000 a second) */
		if (st->now_ns < tr->last_end_ns + SETTLE_NS)
			continue;
		wait_ns = all_certain(tr) ? SETTLE_NS : st->cfg.hold_ns;
		if (st->now_ns >= tr->last_end_ns + wait_ns)
			otr_trace_emit(st, tr);
	}
}

/* Emits what is over in traces that have waited too long for their open exchanges. */
void otr_trace_sweep(struct otr_stitch *st)
{
	struct otr_trace *tr, *tmp;

	DL_FOREACH_SAFE(st->open, tr, tmp)
		if (tr->waits_since_ns && st->now_ns > tr->waits_since_ns + st->cfg.together_ns)
			otr_trace_emit(st, tr);
}
