/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - a message is emitted when its head was read; its end is reported later. */

#include "agent/stream/message.h"

#include "agent/proto/proto.h"
#include "agent/proto/side.h"
#include "agent/stream/conn.h"
#include "agent/stream/flow_state.h"

static struct otr_ref ref_of(const struct otr_flow *fl, const struct otr_dir_state *ds,
			     uint64_t pos)
{
	return (struct otr_ref){
		.conn = otr_conn_facts(fl->conn)->hdr.conn,
		.pos = pos,
		.layer = fl->layer,
		.dir = (uint8_t)otr_dir_state_dir(ds),
		.pos_kind = fl->pos_kind,
	};
}

void otr_dir_state_watch(struct otr_flow *fl, struct otr_dir_state *ds, bool want)
{
	if (ds->watching == want)
		return;
	ds->watching = want;
	otr_conn_watch(fl->conn, otr_dir_state_dir(ds), want);
}

void otr_dir_state_end(struct otr_flow *fl, struct otr_dir_state *ds, uint64_t end,
		       uint64_t when_ns, int error, bool cut)
{
	struct otr_ref ref = ref_of(fl, ds, ds->open_pos);

	ds->open = false;
	otr_dir_state_watch(fl, ds, false);
	otr_conn_done(fl->conn, &ref, end, when_ns, error, cut);
}

/* See message.h. */
void otr_dir_state_end_if_moved(struct otr_flow *fl, struct otr_dir_state *ds)
{
	uint64_t when_ns = 0;
	bool exact = false;

	if (otr_half_stream_moved(&ds->hs, ds->open_end, &when_ns, &exact))
		otr_dir_state_end(fl, ds, ds->open_end, when_ns, 0, !exact);
}

/* See message.h. */
void otr_dir_state_mark(struct otr_dir_state *ds)
{
	const struct otr_segment_origin *from = otr_half_stream_origin(&ds->hs, ds->hs.at);

	if (from)
		ds->begin = *from;
	ds->begin.first = from && from->first && from->pos == ds->hs.at;
	ds->begin.pos = ds->hs.at;
}

/* See message.h. */
void otr_flow_ask(struct otr_flow *fl)
{
	for (int dir = 0; dir < 2; dir++)
		otr_conn_policy(fl->conn, fl->layer, (enum otr_dir)dir,
				otr_dir_state_capture(fl, &fl->dirs[dir]),
				otr_dir_state_head_bytes(fl, &fl->dirs[dir]));
}

/* A request shows which direction asks, whatever was assumed; a response only where nothing was. */
static void learn_asker(struct otr_flow *fl, enum otr_dir dir, bool sure)
{
	if (fl->knows_asker && (fl->asker == dir || !sure))
		return;
	fl->knows_asker = true;
	fl->asker = dir;
	otr_conn_role(fl->conn, dir == OTR_DIR_OUT ? OTR_ROLE_CLIENT : OTR_ROLE_SERVER);
	if (fl->proto->answer_bytes && fl->layer != OTR_LAYER_LIB)
		otr_flow_ask(fl);
}

static void count_message(struct otr_flow *fl, enum otr_dir dir, const struct otr_msg *msg)
{
	uint32_t answered = 1u + msg->skips;

	fl->bad = 0;
	if (msg->kind == OTR_MSG_END)
		return;
	fl->messages++;
	if (msg->pushed)
		return; /* it tells nothing of who asks, and answers no request */
	if (msg->kind == OTR_MSG_RESPONSE)
		learn_asker(fl, !dir, false);
	else
		learn_asker(fl, dir, true);
	if (msg->kind == OTR_MSG_REQUEST)
		fl->unanswered++;
	if (msg->kind == OTR_MSG_RESPONSE && !msg->interim)
		fl->unanswered -= answered < fl->unanswered ? answered : fl->unanswered;
}

void otr_flow_set_after_loss(struct otr_flow *fl, bool but_last, uint64_t time_ns)
{
	fl->after_loss = true;
	fl->unanswered = but_last && fl->unanswered ? 1 : 0;
	otr_conn_after_loss(fl->conn, fl, but_last, time_ns);
}

/* See message.h. */
void otr_flow_lost_some(struct otr_flow *fl, const struct otr_dir_state *ds, bool but_last)
{
	if (!fl->proto->multiplexed)
		otr_flow_set_after_loss(fl, but_last, ds->hs.moved_ns);
	else if (!fl->knows_asker || otr_dir_state_dir(ds) != fl->asker)
		otr_conn_after_loss(fl->conn, fl, false, ds->hs.moved_ns);
}

/* The next answers may belong to requests that were not seen. */
static void stop_pairing(struct otr_flow *fl, uint64_t time_ns)
{
	fl->may_hide_requests = false;
	otr_flow_set_after_loss(fl, false, time_ns);
}

void otr_dir_state_emit(struct otr_flow *fl, struct otr_dir_state *ds, struct otr_msg *msg)
{
	const struct otr_ev_conn *facts = otr_conn_facts(fl->conn);
	bool asks = msg->kind != OTR_MSG_RESPONSE && !msg->pushed;
	struct otr_side side = {
		.ref = ref_of(fl, ds, ds->begin.pos),
		.conn = facts,
		.tgid = ds->begin.tgid,
		.strand = ds->begin.strand,
		.start_ns = ds->begin.start_ns,
		.cause = &ds->begin.cause,
		.proto = fl->proto,
	};

	if (fl->may_hide_requests && asks)
		stop_pairing(fl, side.start_ns);
	if (fl->after_loss && otr_flow_pairs_in_turn(fl) && asks && ds->begin.first)
		otr_flow_set_after_loss(fl, false, side.start_ns);
	count_message(fl, otr_dir_state_dir(ds), msg);
	side.role = (enum otr_role)facts->role;
	if (ds->hs.run_pos <= ds->begin.pos)
		side.run_pos = ds->hs.run_pos;
	ds->open = msg->end != OTR_END_STREAM;
	ds->open_pos = ds->begin.pos;
	otr_conn_msg(fl->conn, &side, msg);
	if (fl->may_hide_requests && !fl->unanswered)
		stop_pairing(fl, side.start_ns);
}

/* See message.h. */
void otr_dir_state_abandon(struct otr_flow *fl, struct otr_dir_state *ds)
{
	if (ds->open)
		otr_dir_state_end(fl, ds, ds->hs.moved_end, ds->hs.moved_ns, 0, true);
	ds->begun = false;
}
