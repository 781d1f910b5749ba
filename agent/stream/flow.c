/* SPDX-License-Identifier: Apache-2.0 */
/* flow.c - the life of a flow: its parser, what it asks of the source, its end. */

#include "agent/stream/flow.h"

#include <string.h>

#include "agent/proto/proto.h"
#include "agent/stream/conn.h"
#include "agent/stream/flow_state.h"
#include "agent/stream/message.h"

struct otr_flow *otr_flow_new(struct otr_conn *conn, uint8_t layer, struct otr_budget *budget)
{
	struct otr_flow *fl = otr_spares_get(&conn->ss->old_flows, sizeof(*fl));

	if (!fl)
		return NULL;
	fl->conn = conn;
	fl->layer = layer;
	fl->capture = OTR_CAPTURE_HEAD;
	fl->head_bytes = OTR_HEAD_DEFAULT;
	fl->dirs[OTR_DIR_OUT].dir = OTR_DIR_OUT;
	otr_half_stream_init(&fl->dirs[OTR_DIR_IN].hs, budget);
	otr_half_stream_init(&fl->dirs[OTR_DIR_OUT].hs, budget);
	return fl;
}

static void drop_parser(struct otr_flow *fl)
{
	if (fl->proto && fl->proto->fini && fl->state)
		fl->proto->fini(fl->state);
	otr_pool_put(&fl->conn->ss->parsers, fl->state);
	fl->state = NULL;
	fl->proto = NULL;
}

void otr_flow_free(struct otr_flow *fl)
{
	if (!fl)
		return;
	otr_conn_wait(fl->conn, fl, false);
	drop_parser(fl);
	otr_half_stream_fini(&fl->dirs[OTR_DIR_IN].hs);
	otr_half_stream_fini(&fl->dirs[OTR_DIR_OUT].hs);
	otr_spares_put(&fl->conn->ss->old_flows, fl);
}

/* See flow.h. */
void otr_flow_shut(struct otr_flow *fl)
{
	fl->life = OTR_FLOW_MUTED;
	otr_dir_state_abandon(fl, &fl->dirs[fl->asker]);
	otr_dir_state_abandon(fl, &fl->dirs[!fl->asker]);
	drop_parser(fl);
	otr_half_stream_restart(&fl->dirs[0].hs);
	otr_half_stream_restart(&fl->dirs[1].hs);
	otr_conn_wait(fl->conn, fl, false);
}

void otr_flow_mute(struct otr_flow *fl)
{
	if (fl->proto && fl->unanswered) /* the answers will not be read */
		otr_conn_after_loss(fl->conn, fl, false, fl->dirs[!fl->asker].hs.moved_ns);
	otr_flow_shut(fl);
	if (fl->layer == OTR_LAYER_LIB)
		return;
	otr_conn_policy(fl->conn, fl->layer, OTR_DIR_IN, OTR_CAPTURE_MUTE, 0);
	otr_conn_policy(fl->conn, fl->layer, OTR_DIR_OUT, OTR_CAPTURE_MUTE, 0);
}

static void ask_policy(struct otr_flow *fl)
{
	const struct otr_proto_ops *proto = fl->proto;

	if (proto->capture == fl->capture && proto->head_bytes == fl->head_bytes &&
	    !proto->answer_bytes)
		return;
	if (fl->layer == OTR_LAYER_LIB)
		return; /* a policy is for the bytes of a connection, which are muted */
	fl->capture = proto->capture;
	fl->head_bytes = proto->head_bytes;
	otr_flow_ask(fl);
}

bool otr_flow_take(struct otr_flow *fl, const struct otr_proto_ops *proto)
{
	drop_parser(fl);
	if (!proto)
		return false;
	fl->state = otr_pool_take(&fl->conn->ss->parsers, proto->state_size);
	if (!fl->state)
		return false;
	memset(fl->state, 0, proto->state_size);
	if (proto->set_up && fl->conn->ss->cfg.settings)
		proto->set_up(fl->state, fl->conn->ss->cfg.settings);
	if (proto->set_client && fl->knows_asker)
		proto->set_client(fl->state, fl->asker);
	fl->proto = proto;
	fl->bad = 0;
	ask_policy(fl);
	return true;
}
