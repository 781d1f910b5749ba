/* SPDX-License-Identifier: Apache-2.0 */
/* root.c - may the first process of a run be a parent, as a header or an environment names it? */

#include "agent/stitch/root.h"

#include <string.h>

#include "agent/resource/resource.h"
#include "agent/stitch/descendant.h"
#include "agent/stitch/exchange.h"

void otr_root_learn(struct otr_stitch *st)
{
	struct otr_exchange *ex = st->run.ex;
	struct otr_resource *res =
		st->cfg.procs ? otr_procs_resource(st->cfg.procs, ex->tgid) : NULL;

	if (!res || res == ex->resource)
		return;
	if (ex->resource)
		otr_resource_unref(&ex->resource);
	ex->resource = otr_resource_ref(res);
}

static bool names_first(const struct otr_stitch *st, const struct otr_traceparent *ctx)
{
	return st->run.env_has_ids && !memcmp(ctx->span_id, st->run.own.span_id, 8) &&
	       !memcmp(ctx->trace_id, st->run.own.trace_id, 16);
}

bool otr_root_is_old(const struct otr_stitch *st)
{
	return st->now_ns > st->run.ex->start_ns + st->cfg.together_ns;
}

/* Can the first process be a parent still? It cannot if it was emitted without a span. */
static bool can_be_parent(const struct otr_stitch *st)
{
	const struct otr_exchange *root = st->run.ex;

	return root && !st->run.released && (!otr_is_emitted(root) || st->run.emitted) &&
	       !otr_root_is_old(st) && root->n_kids < OTR_RUN_KIDS_MAX;
}

struct otr_exchange *otr_root_named(struct otr_stitch *st, const struct otr_traceparent *ctx)
{
	if (!names_first(st, ctx) || !can_be_parent(st))
		return NULL;
	otr_root_learn(st);
	return st->run.ex;
}

bool otr_root_was_released(const struct otr_stitch *st, const struct otr_traceparent *header)
{
	return st->run.released && st->run.env_has_ids &&
	       !memcmp(header->trace_id, st->run.own.trace_id, sizeof(header->trace_id));
}

bool otr_root_from_env(struct otr_stitch *st, const struct otr_exchange *ex,
		       struct otr_traceparent *ctx, struct otr_exchange **root)
{
	static const uint8_t none[8];
	const struct otr_descendant *desc = otr_descendant_find(st, ex->tgid);

	if (!names_first(st, ctx))
		return true;
	*root = desc && desc->served ? NULL : otr_root_named(st, ctx);
	if (*root)
		return true;
	*ctx = st->run.outer;
	return memcmp(ctx->span_id, none, sizeof(none)) != 0;
}
