/* SPDX-License-Identifier: Apache-2.0 */
/* conn.c - how the flows of a connection reach it, its table, and the rest of the pipeline. */

#include "agent/stream/conn.h"

#include <utlist.h>

#include "agent/base/loss.h"
#include "agent/proto/proto.h"
#include "agent/proto/side.h"
#include "agent/resource/resource.h"
#include "agent/source/feedback.h"
#include "agent/stream/flow_state.h"
#include "bpf/shared.h"

void otr_conn_role(struct otr_conn *cn, enum otr_role role)
{
	if (cn->facts.role == role)
		return;
	cn->facts.role = (uint8_t)role;
	cn->ss->ops.open(cn->ss->arg, &cn->facts);
}

/* Parsers read all contexts. Those that the user does not want are emptied here. */
static void drop_context(const struct otr_proto_settings *set, struct otr_msg *msg)
{
	if (set->no_trace_context)
		msg->trace_ctx = msg->trace_state = OTR_SLICE_NONE;
	if (set->no_baggage)
		msg->baggage = OTR_SLICE_NONE;
}

void otr_conn_msg(struct otr_conn *cn, struct otr_side *side, struct otr_msg *msg)
{
	if (cn->ss->cfg.settings)
		drop_context(cn->ss->cfg.settings, msg);
	if (msg->kind != OTR_MSG_RESPONSE)
		side->resource = otr_procs_resource(cn->ss->procs, side->tgid);
	cn->ss->ops.msg(cn->ss->arg, side, msg);
}

void otr_conn_done(struct otr_conn *cn, const struct otr_ref *ref, uint64_t end_pos,
		   uint64_t until_ns, int error, bool cut)
{
	cn->ss->ops.done(cn->ss->arg, ref, end_pos, until_ns, error, cut);
}

/* The loss is counted for the process that moved bytes last. */
void otr_conn_lost(struct otr_conn *cn, enum otr_loss cause)
{
	struct otr_resource *res = NULL;

	if (cn->tgid && cn->ss->procs)
		res = otr_procs_resource(cn->ss->procs, cn->tgid);
	otr_loss_of(cause, 1, res ? res->service : OTR_SLICE_NONE);
}

void otr_conn_after_loss(struct otr_conn *cn, const struct otr_flow *fl, bool but_last,
			 uint64_t time_ns)
{
	cn->ss->ops.after_loss(cn->ss->arg, cn->facts.hdr.conn, fl->layer, but_last, time_ns);
}

/* For the library a connection has one policy, for the kernel side each layer has its own. */
void otr_conn_policy(struct otr_conn *cn, uint8_t layer, enum otr_dir dir, enum otr_capture capture,
		     uint32_t head_bytes)
{
	const struct otr_feedback *fb = cn->ss->feedback;
	uint64_t conn = cn->facts.hdr.conn;

	if (!fb)
		return;
	fb->policy(fb->arg, conn, dir, capture, head_bytes);
	if (layer == OTR_LAYER_TLS)
		fb->policy(fb->arg, conn | OTR_CONN_TLS, dir, capture, head_bytes);
}

void otr_conn_watch(struct otr_conn *cn, enum otr_dir dir, bool want)
{
	const struct otr_feedback *fb = cn->ss->feedback;

	if (fb)
		fb->watch(fb->arg, cn->facts.hdr.conn, dir, want);
}

void otr_conn_wait(struct otr_conn *cn, struct otr_flow *fl, bool want)
{
	if (fl->waiting == want)
		return;
	fl->waiting = want;
	if (want)
		DL_APPEND(cn->ss->waiting, fl);
	else
		DL_DELETE(cn->ss->waiting, fl);
}
