/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.c - questions about exchanges, and the state of their answers. */

#include "agent/stitch/exchange.h"

#include "agent/base/loss.h"
#include "agent/resource/resource.h"
#include "agent/stitch/wire.h"

#define NEAR_NS \
	(10 * 1000000000ull) /* a pause comes each second or two while the budget is used up */

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

void otr_exchange_lost(struct otr_stitch *st, const struct otr_exchange *ex, enum otr_loss cause)
{
	const struct otr_resource *res = ex->resource;

	if (!res && st->cfg.procs) /* it is emitted */
		res = otr_procs_resource(st->cfg.procs, ex->tgid);
	otr_loss_of(cause, 1, res ? res->service : OTR_SLICE_NONE);
}

void otr_exchange_answer(struct otr_exchange *ex, enum otr_answer answer)
{
	if (ex->answer == OTR_ANSWER_AWAITED)
		DL_DELETE2(ex->wire->unanswered, ex, wait_prev, wait_next);
	ex->answer = (uint8_t)answer;
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

	/* From the newest back to the first one that begins at or before the byte. */
	for (; ex; ex = ex == wire->all ? NULL : ex->wire_prev) {
		if (ex->ref.layer != ref->layer || ex->ref.dir != ref->dir)
			continue;
		if ((int32_t)((uint32_t)ref->pos - (uint32_t)ex->ref.pos) >= 0)
			return holds(ex, ref->pos) ? ex : NULL;
	}
	return NULL;
}
