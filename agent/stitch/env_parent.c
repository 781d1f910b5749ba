/* SPDX-License-Identifier: Apache-2.0 */
/* env_parent.c - the parent that the environment of a process names. */

#include "agent/stitch/env_parent.h"

#include "agent/resource/resource.h"
#include "agent/stitch/edge.h"
#include "agent/stitch/exchange.h"
#include "agent/stitch/named.h"
#include "agent/stitch/root.h"
#include "agent/stitch/trace.h"

/* If a process has no inbound exchange open, the span it was started for may be in its
 * environment (OpenTelemetry: environment variables as context propagation carriers). */
void otr_env_parent_find(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_exchange *by = NULL;
	struct otr_traceparent ctx;
	struct otr_slice text;

	if (!st->cfg.procs || ex->may_be_orphan)
		return;
	text = otr_procs_env(st->cfg.procs, ex->tgid, "TRACEPARENT");
	if (!text.len || !otr_traceparent_read(&ctx, text) || !otr_root_from_env(st, ex, &ctx, &by))
		return;
	if (!by)
		by = otr_given_id_find(st, ctx.span_id);
	if (by && !otr_edge_set(st, ex, by, OTR_EVIDENCE_EXEC))
		otr_edge_link(st, ex, by, OTR_EVIDENCE_EXEC);
	if (by || !otr_trace_take_id(ex->trace, ctx.trace_id, ctx.flags))
		return; /* its trace has another id already */
	otr_edge_set_remote(ex, &ctx, OTR_EVIDENCE_EXEC);
}

void otr_env_parent_only(struct otr_stitch *st, struct otr_exchange *ex)
{
	otr_edge_clear(ex);
	otr_env_parent_find(st, ex);
}
