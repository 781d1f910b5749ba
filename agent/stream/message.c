/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - a message is told when its head was read, and once more when it ends. */

#include "agent/stream/flow.h"

#include "agent/proto/proto.h"

static struct otr_ref ref_of(const struct otr_flow *fl,
			     const struct otr_way *way, uint64_t pos)
{
	return (struct otr_ref){
		.conn = otr_conn_facts(fl->conn)->hdr.conn,
		.pos = pos,
		.layer = fl->layer,
		.dir = (uint8_t)otr_way_dir(fl, way),
		.pos_kind = fl->pos_kind,
	};
}

void otr_way_watch(struct otr_flow *fl, struct otr_way *way, bool want)
{
	if (way->watching == want)
		return;
	way->watching = want;
	otr_conn_watch(fl->conn, otr_way_dir(fl, way), want);
}

void otr_way_end(struct otr_flow *fl, struct otr_way *way, uint64_t end,
		 uint64_t when_ns, int error, bool cut)
{
	struct otr_ref ref = ref_of(fl, way, way->open_pos);

	way->open = false;
	otr_way_watch(fl, way, false);
	otr_conn_done(fl->conn, &ref, end, when_ns, error, cut);
}

/* The open message ends at a known place: has that byte moved? */
void otr_way_check_end(struct otr_flow *fl, struct otr_way *way)
{
	uint64_t when_ns = 0;
	bool exact = false;

	if (!way->open || way->end != OTR_END_HERE ||
	    !otr_half_moved(&way->half, way->open_end, &when_ns, &exact))
		return;
	otr_way_end(fl, way, way->open_end, when_ns, 0, !exact);
}

/* Where the message at hand begins: kept, as its piece may be spent before it is told. */
void otr_way_mark(struct otr_way *way)
{
	const struct otr_segment_origin *from =
		otr_half_origin(&way->half, way->half.at);

	if (from)
		way->begin = *from;
	way->begin.first = from && from->first && from->pos == way->half.at;
	way->begin.pos = way->half.at;
}

/* A request says who asks, whatever was believed; a response only where nothing was. */
static void learn_asker(struct otr_flow *fl, enum otr_dir dir, bool sure)
{
	if (fl->knows_asker && (fl->asker == dir || !sure))
		return;
	fl->knows_asker = true;
	fl->asker = dir;
	otr_conn_role(fl->conn,
		      dir == OTR_DIR_OUT ? OTR_ROLE_CLIENT : OTR_ROLE_SERVER);
}

static void count_message(struct otr_flow *fl, enum otr_dir dir,
			  const struct otr_msg *msg)
{
	uint32_t answered = 1u + msg->skips;

	fl->messages++;
	fl->bad = 0;
	if (msg->kind == OTR_MSG_RESPONSE)
		learn_asker(fl, !dir, false);
	else
		learn_asker(fl, dir, true);
	if (msg->kind == OTR_MSG_REQUEST)
		fl->unanswered++;
	if (msg->kind == OTR_MSG_RESPONSE && !msg->interim)
		fl->unanswered -=
			answered < fl->unanswered ? answered : fl->unanswered;
}

/* The answers that come now may be to requests that were not seen. */
static void stop_pairing(struct otr_flow *fl, uint64_t time_ns)
{
	fl->hides = false;
	otr_flow_tear(fl, false, time_ns);
}

void otr_way_tell(struct otr_flow *fl, struct otr_way *way,
		  const struct otr_msg *msg)
{
	const struct otr_ev_conn *facts = otr_conn_facts(fl->conn);
	struct otr_side side = {
		.ref = ref_of(fl, way, way->begin.pos),
		.conn = facts,
		.tgid = way->begin.tgid,
		.strand = way->begin.strand,
		.start_ns = way->begin.start_ns,
		.cause = &way->begin.cause,
		.proto = fl->proto,
	};

	if (fl->hides && msg->kind != OTR_MSG_RESPONSE)
		stop_pairing(fl, side.start_ns);
	if (fl->torn && !fl->proto->in_order && msg->kind != OTR_MSG_RESPONSE &&
	    way->begin.first)
		otr_flow_tear(fl, false, side.start_ns);
	count_message(fl, otr_way_dir(fl, way), msg);
	side.role = (enum otr_role)facts->role;
	way->open = true;
	way->open_pos = way->begin.pos;
	otr_conn_msg(fl->conn, &side, msg);
	if (fl->hides && !fl->unanswered)
		stop_pairing(fl, side.start_ns);
}

/* Ends a message whose end nobody will tell: what was lost is not made up. */
void otr_way_abandon(struct otr_flow *fl, struct otr_way *way)
{
	if (way->open)
		otr_way_end(fl, way, way->half.moved_end, way->half.moved_ns, 0,
			    true);
	way->begun = false;
}
