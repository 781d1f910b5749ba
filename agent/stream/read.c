/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read.c - messages off one direction, as far as its bytes are there.
 *
 * What proto.h says of bytes that are missing is done here: step() reads, across_gap()
 * goes on behind what was not copied or was lost.
 *
 * Requests are told before their responses: of a protocol that copies heads of runs, a
 * response without a request waits, since another thread's read may have been stamped
 * before the write it answers. It goes first when it was clearly earlier.
 *
 * Of a protocol that copies calls, both directions are read in order of time: where one of
 * them waits for what was lost, the other waits with it. Else, behind a loss, answers would
 * be given to other requests than theirs, for good.
 *
 * So is any other once records of it were lost. Where its answers do not say what they answer,
 * nobody knows how many there were among them. From then on (fl->torn) a request that begins
 * its run was sent when all before it had been answered, and what comes first behind a loss is
 * an answer only to a request that is seen to be the last before it.
 */

#include "agent/stream/flow.h"

#include "agent/proto/proto.h"

#define MAX_BAD 16 /* places tried by resync() without a message */
#define LATE_NS (2 * 1000000ull) /* stamps of two threads differ by less */

static void take_head(struct otr_flow *fl, struct otr_way *way, uint64_t used,
		      const struct otr_msg *msg)
{
	way->end = msg->end;
	if (!way->begun)
		otr_way_mark(way);
	way->begun = false;
	way->open_end = used > UINT64_MAX - way->half.at ? OTR_USED_ALL
							 : way->half.at + used;
	otr_way_tell(fl, way, msg);
	otr_half_spend(&way->half, used);
	otr_way_check_end(fl, way);
}

static void take_skip(struct otr_flow *fl, struct otr_way *way, uint64_t used,
		      const struct otr_msg *msg)
{
	if (msg->opens && !way->begun)
		otr_way_mark(way);
	way->begun = msg->opens;
	if (msg->over && way->open) {
		way->end = OTR_END_HERE;
		way->open_end = way->half.at + used;
	}
	otr_half_spend(&way->half, used);
	otr_way_check_end(fl, way);
}

void otr_flow_tear(struct otr_flow *fl, bool but_last, uint64_t time_ns)
{
	fl->torn = true;
	fl->unanswered = but_last && fl->unanswered ? 1 : 0;
	otr_conn_torn(fl->conn, fl, but_last, time_ns);
}

/* Not what it was taken for: somebody else's if nothing was understood so far, else
 * from the next place on that looks like a message. */
static void take_bad(struct otr_flow *fl, struct otr_way *way,
		     struct otr_slice in)
{
	size_t from;

	otr_way_abandon(fl, way);
	if (!fl->messages && ++fl->tries < OTR_FLOW_TRIES) {
		otr_flow_take(fl, NULL);
		way->pass = true;
		return;
	}
	if (!fl->proto->resync || ++fl->bad > MAX_BAD) {
		otr_conn_lost(fl->conn, OTR_LOSS_PARSE);
		otr_flow_mute(fl);
		return;
	}
	from = 1 + fl->proto->resync(fl->state, otr_way_dir(fl, way),
				     otr_slice_sub(in, 1, in.len));
	otr_half_spend(&way->half, from < in.len ? from : in.len);
	if (!fl->proto->in_order)
		otr_flow_tear(fl, false, way->half.moved_ns);
}

static bool is_at_hole(const struct otr_way *way)
{
	return way->wait_ns && otr_half_follow(&way->half) == OTR_FOLLOW_HOLE;
}

static bool takes_turns(const struct otr_flow *fl)
{
	return fl->proto->capture == OTR_CAPTURE_CALLS || fl->torn ||
	       is_at_hole(&fl->ways[0]) || is_at_hole(&fl->ways[1]);
}

/*
 * A response without a request, of a protocol where that is an accident: does its request
 * come yet? Only at the client's end, where another thread may have read the answer before
 * the sender was stamped; a server has read what it answers. And not what comes first on a
 * connection that was there before us: that answers what was asked before us. Had it waited,
 * each request from then on would be given the answer to the one before.
 */
static bool must_wait(struct otr_flow *fl, struct otr_way *way)
{
	if (fl->knows_asker && fl->asker == OTR_DIR_IN)
		return false;
	if (!fl->seen_open && !fl->messages)
		return false;
	if (takes_turns(fl) || !fl->knows_asker ||
	    otr_way_dir(fl, way) == fl->asker || fl->unanswered || way->open ||
	    way->patient || fl->hurry)
		return false;
	if (!way->wait_ns)
		way->wait_ns = way->half.moved_ns;
	otr_conn_wait(fl->conn, fl, true);
	return true;
}

/* When what comes next on `way` moved; UINT64_MAX: nothing waits there. */
static uint64_t next_ns(const struct otr_way *way)
{
	const struct otr_piece *p = way->half.pieces;

	while (p && p->end <= way->half.at)
		p = p->next;
	return p ? p->from.start_ns : UINT64_MAX;
}

/* The same for what is missing where it is needed. */
static bool await(struct otr_flow *fl, struct otr_way *way)
{
	uint64_t since_ns = otr_half_hole_ns(&way->half);

	if (way->patient || way->ended || fl->hurry)
		return false;
	if (!way->wait_ns)
		way->wait_ns = since_ns ? since_ns : way->half.moved_ns;
	otr_conn_wait(fl->conn, fl, true);
	return true;
}

/* What is missing at a hole is late no more if others came clearly later than what lies behind.
 * What is read too late is not there when what was asked for it looks for its parent. */
static bool is_lost(const struct otr_flow *fl, const struct otr_way *way)
{
	uint64_t in_ns = fl->ways[OTR_DIR_IN].half.moved_ns;
	uint64_t out_ns = fl->ways[OTR_DIR_OUT].half.moved_ns;
	uint64_t since_ns = otr_half_hole_ns(&way->half);

	return way->patient || way->ended || fl->hurry ||
	       (since_ns && (in_ns > out_ns ? in_ns : out_ns) >= since_ns + LATE_NS);
}

/* The end of a run that was not copied: its last bytes may tell that a message is over.
 * So may those of a run that still goes on. */
static bool ends_by_tail(struct otr_flow *fl, struct otr_way *way,
			 struct otr_msg *msg)
{
	struct otr_slice tail = { (const char *)way->half.tail,
				  sizeof(way->half.tail) };
	uint64_t used = 0;

	if ((way->open && way->end != OTR_END_LATER) ||
	    !fl->proto->body_by_tail || !way->half.has_tail)
		return false;
	switch (fl->proto->parse(fl->state, otr_way_dir(fl, way), tail,
				 OTR_IN_TAIL, &used, msg)) {
	case OTR_PARSE_SKIP:
		return way->open && msg->over;
	case OTR_PARSE_MSG:
		return !way->open;
	default:
		return false;
	}
}

/* `way` is an answer's, and lost some. Was what was asked last before the next one seen, alone,
 * as well as that nothing was asked after it? Then what was asked next, too. */
static bool knows_last(struct otr_flow *fl, struct otr_way *way)
{
	const struct otr_way *asker = otr_way_other(fl, way);

	return fl->knows_asker && otr_way_dir(fl, asker) == fl->asker && !asker->resync &&
	       asker->begin.first && next_ns(way) < next_ns(asker) &&
	       otr_half_origin(&asker->half, asker->half.at);
}

static bool is_torn(const struct otr_flow *fl, const struct otr_way *way, uint64_t to)
{
	return otr_half_is_torn(&way->half, to, fl->proto->capture == OTR_CAPTURE_CALLS);
}

static void jump(struct otr_flow *fl, struct otr_way *way, uint64_t to, bool torn)
{
	uint64_t at = way->half.at;

	otr_half_spend(&way->half, to > at ? to - at : 0);
	way->resync = true;
	way->patient = false;
	way->wait_ns = 0;
	if (torn)
		otr_flow_tear(fl, knows_last(fl, way), way->half.moved_ns);
}

/* What lies between the bytes at hand and `end`, the end of a run, was not copied, and may hold
 * messages: requests behind one whose head is cut, or answers where several are due. */
static bool hides_messages(struct otr_flow *fl, const struct otr_way *way, uint64_t end)
{
	if (fl->proto->in_order || way->end != OTR_END_RUN || !way->open ||
	    otr_half_bytes(&way->half).len >= end - way->half.at)
		return false;
	return !fl->knows_asker || otr_way_dir(fl, way) == fl->asker || fl->unanswered > 0;
}

/* A message has bytes that were not copied: it ends with its run. If it was not told
 * yet, the tail must tell it. */
static bool end_with_run(struct otr_flow *fl, struct otr_way *way)
{
	struct otr_msg msg = { 0 };
	bool ended = otr_half_run_ended(&way->half) ||
		     (way->patient && way->flipped);
	bool told = ends_by_tail(fl, way, &msg);
	uint64_t end = otr_half_run_end(&way->half), when_ns = 0;
	bool torn = is_torn(fl, way, end), hides = hides_messages(fl, way, end);
	bool exact = false;

	if (!told && !ended) {
		way->patient = false;
		return false;
	}
	if (!otr_half_moved(&way->half, end, &when_ns, &exact))
		return false;
	if (told && !way->open)
		otr_way_tell(fl, way, &msg);
	if (way->open)
		otr_way_end(fl, way, end, when_ns, 0,
			    !exact || (fl->proto->body_by_tail && !told &&
				       way->end == OTR_END_LATER));
	way->begun = false;
	jump(fl, way, end, torn);
	if (hides && !torn && fl->knows_asker && otr_way_dir(fl, way) == fl->asker)
		fl->hides = true; /* what was asked before is answered first */
	else if (hides && !torn)
		otr_flow_tear(fl, false, way->half.moved_ns);
	return true;
}

/* Nothing left to parse before a gap. Returns whether to go on behind it. */
static bool across_gap(struct otr_flow *fl, struct otr_way *way,
		       enum otr_follow follow)
{
	uint64_t to = otr_half_gap_end(&way->half);

	if ((way->open && way->end != OTR_END_HERE) || way->begun) {
		if (end_with_run(fl, way))
			return true;
		await(fl, way);
		return false;
	}
	if (follow == OTR_FOLLOW_HOLE && !is_lost(fl, way) && await(fl, way))
		return false;
	if (follow == OTR_FOLLOW_HOLE)
		otr_conn_lost(fl->conn, OTR_LOSS_HOLE);
	way->begun = false;
	/* A head was there, or a call of which less is copied than it moved. */
	jump(fl, way, to, !fl->proto->in_order || is_torn(fl, way, to));
	return true;
}

static unsigned int flags_of(const struct otr_flow *fl, const struct otr_way *way,
			     enum otr_follow follow)
{
	if (follow == OTR_FOLLOW_NOTHING)
		return way->ended ? OTR_IN_EOF : 0;
	return follow == OTR_FOLLOW_GAP || is_lost(fl, way) ? OTR_IN_CUT : 0;
}

/* Where some were lost, a message is believed in only where a run begins with it. */
static bool find_again(struct otr_flow *fl, struct otr_way *way,
		       struct otr_slice in)
{
	bool anywhere = !fl->torn || fl->proto->in_order;
	size_t from;

	if (!fl->proto->resync) {
		otr_conn_lost(fl->conn, OTR_LOSS_PARSE);
		otr_flow_mute(fl);
		return false;
	}
	from = fl->proto->resync(fl->state, otr_way_dir(fl, way), in);
	if (!anywhere && (from || !otr_half_begins_run(&way->half)))
		from = otr_half_run_end(&way->half) - way->half.at;
	way->resync = from >= in.len;
	otr_half_spend(&way->half, from);
	return true;
}

static bool parse_one(struct otr_flow *fl, struct otr_way *way,
		      struct otr_slice in, enum otr_follow follow)
{
	struct otr_msg msg = { 0 };
	uint64_t used = 0;

	switch (fl->proto->parse(fl->state, otr_way_dir(fl, way), in,
				 flags_of(fl, way, follow), &used, &msg)) {
	case OTR_PARSE_MSG:
		take_head(fl, way, used, &msg);
		return true;
	case OTR_PARSE_SKIP:
		take_skip(fl, way, used, &msg);
		return true;
	case OTR_PARSE_MORE:
		if (follow == OTR_FOLLOW_HOLE)
			await(fl, way);
		return false;
	case OTR_PARSE_SWITCH:
		otr_half_spend(&way->half, used);
		if (!otr_flow_take(fl, msg.next))
			otr_flow_mute(fl);
		return true;
	case OTR_PARSE_BAD:
		break;
	}
	take_bad(fl, way, in);
	return true;
}

/* Spends at most one message. Returns whether there may be more to do. */
static bool step(struct otr_flow *fl, struct otr_way *way)
{
	struct otr_slice in;
	enum otr_follow follow;

	otr_way_check_end(fl, way);
	otr_half_retire(&way->half);
	in = otr_half_bytes(&way->half);
	follow = otr_half_follow(&way->half);
	if (!in.len && follow == OTR_FOLLOW_NOTHING)
		return false;
	/* What is left of a run whose message ends with it is that message's. */
	if (!in.len || (way->open && way->end == OTR_END_RUN))
		return across_gap(fl, way, follow);
	if (must_wait(fl, way))
		return false;
	if (way->resync)
		return find_again(fl, way, in);
	return parse_one(fl, way, in, follow);
}

/* The source copies no more of this run, and its end is what we need. */
static void watch_if_long(struct otr_flow *fl, struct otr_way *way)
{
	uint64_t copied = way->half.run_pos + fl->proto->head_bytes;
	bool beyond = way->open && way->end == OTR_END_HERE
			      ? way->open_end > copied
			      : way->half.moved_end >= copied;

	otr_way_watch(fl, way,
		      (way->open || way->begun) && beyond &&
			      fl->proto->capture == OTR_CAPTURE_HEAD);
}

/* Which of both is to be read on, when `way` was; `stuck`: can it not? NULL: neither. */
static struct otr_way *in_turn(struct otr_flow *fl, struct otr_way *way, const bool stuck[2])
{
	struct otr_way *other = otr_way_other(fl, way);
	bool can = !stuck[otr_way_dir(fl, way)];

	if (!takes_turns(fl) || next_ns(other) >= next_ns(way))
		return can ? way : NULL;
	if (!stuck[otr_way_dir(fl, other)])
		return other;
	return can && !is_at_hole(other) ? way : NULL;
}

static void read_in_turn(struct otr_flow *fl, struct otr_way *way)
{
	bool stuck[2] = {false, false};
	struct otr_way *now = way;

	while (fl->proto && (now = in_turn(fl, way, stuck)))
		if (!step(fl, now))
			stuck[otr_way_dir(fl, now)] = true;
}

void otr_flow_read(struct otr_flow *fl, struct otr_way *way)
{
	uint32_t before = fl->unanswered;

	read_in_turn(fl, way);
	if (!fl->proto)
		return;
	watch_if_long(fl, way);
	/* A request came: the answer that waited for it may go. */
	if (fl->unanswered > before && otr_way_other(fl, way)->wait_ns) {
		otr_way_other(fl, way)->wait_ns = 0;
		otr_flow_read(fl, otr_way_other(fl, way));
	}
}
