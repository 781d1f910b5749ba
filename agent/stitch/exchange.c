/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.c - questions about exchanges, and the state of their answers. */

#include "agent/stitch/exchange.h"

#include "agent/base/loss.h"
#include "agent/resource/resource.h"

#define NEAR_NS \
	(10 * 1000000000ull) /* five periods of the governor, each of which may have a pause */

bool otr_end_shown(const struct otr_exchange *ex)
{
	return !otr_is_server(ex) || ex->pushed || !ex->proto->client_only;
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

void otr_exchange_stream(struct otr_exchange *ex, bool streams)
{
	if (streams)
		DL_APPEND2(ex->wire->streaming, ex, wait_prev, wait_next);
	else
		DL_DELETE2(ex->wire->streaming, ex, wait_prev, wait_next);
}

bool otr_exchange_paused(const struct otr_stitch *st, const struct otr_exchange *ex)
{
	uint64_t last_ns = st->paused_ns > st->behind_ns ? st->paused_ns : st->behind_ns;

	return last_ns && ex->start_ns < last_ns + NEAR_NS;
}

bool otr_exchange_after_loss(const struct otr_stitch *st, const struct otr_exchange *ex)
{
	const struct otr_loss_window *loss = &st->loss;

	/* A connection is shed as a whole, with answers to requests that were not. */
	if (ex->proto->multiplexed && (ex->error || ex->answer == OTR_ANSWER_MISSING) &&
	    otr_exchange_paused(st, ex))
		return true;
	return (ex->error || ex->answer == OTR_ANSWER_MISSING) && loss->to_ns &&
	       (!loss->tgid || loss->tgid == ex->tgid) && ex->start_ns <= loss->to_ns &&
	       ex->end_ns + OTR_LOSS_WINDOW_NS >= loss->from_ns;
}
