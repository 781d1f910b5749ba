/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read.c - takes messages off one direction, as far as its bytes are there.
 *
 * Missing bytes are handled here as proto.h says: step() reads, across_gap() goes on behind
 * bytes that were not copied or were lost.
 *
 * A request is emitted before its answer. In a protocol that copies the heads of runs, an
 * answer without a request waits, since the read of the answer by one thread may have an earlier
 * time than the write of the request by another. The answer is emitted first if it was clearly
 * earlier.
 *
 * In a protocol that copies calls, both directions are read in order of time: if one of them
 * waits for bytes that were lost, the other waits, too. Otherwise every answer behind a loss
 * would be paired with a wrong request.
 *
 * The same holds for any flow once records of it were lost (fl->after_loss). If its answers do
 * not say what they answer, the number of lost ones is not known. From then on, a request that
 * begins its run is taken to be sent when all before it were answered; and the first answer
 * behind a loss is paired only if its request is seen to be the last before it.
 */

#include "agent/stream/read.h"

#include "agent/proto/proto.h"
#include "agent/stream/conn.h"
#include "agent/stream/flow.h"
#include "agent/stream/flow_state.h"
#include "agent/stream/message.h"

#define MAX_BAD 16 /* times in a row that resync() may be wrong */

/* Bytes at a hole are lost if others moved this much later. It is twice SWAP_NS of feed.c: if bytes
 * that are only late were declared lost, their message would be, too. */
#define LATE_NS (2 * 1000000ull)

static void check_end(struct otr_flow *fl, struct otr_dir_state *ds)
{
	if (ds->open && ds->end == OTR_END_HERE)
		otr_dir_state_end_if_moved(fl, ds);
}

static inline void take_head(struct otr_flow *fl, struct otr_dir_state *ds, uint64_t used,
			     struct otr_msg *msg)
{
	ds->end = msg->end;
	if (!ds->begun)
		otr_dir_state_mark(ds);
	ds->begun = false;
	ds->open_end = used > UINT64_MAX - ds->hs.at ? OTR_USED_ALL : ds->hs.at + used;
	otr_dir_state_emit(fl, ds, msg);
	otr_half_stream_spend(&ds->hs, used);
	check_end(fl, ds);
}

static void take_skip(struct otr_flow *fl, struct otr_dir_state *ds, uint64_t used,
		      const struct otr_msg *msg)
{
	if (msg->dropped)
		otr_conn_lost(fl->conn, OTR_LOSS_EVICT);
	if (msg->opens && !ds->begun)
		otr_dir_state_mark(ds);
	ds->begun = msg->opens;
	if (msg->over && ds->open) {
		ds->end = OTR_END_HERE;
		ds->open_end = ds->hs.at + used;
	}
	otr_half_stream_spend(&ds->hs, used);
	check_end(fl, ds);
}

/* The bytes are not of this protocol. If nothing was understood so far, another parser may take
 * the flow; otherwise it goes on at the next place that looks like a message. */
static void take_bad(struct otr_flow *fl, struct otr_dir_state *ds, struct otr_slice in)
{
	size_t from;

	otr_dir_state_abandon(fl, ds);
	if (!fl->messages && ++fl->tries < OTR_FLOW_TRIES) {
		otr_flow_take(fl, NULL);
		ds->skips_run = true;
		return;
	}
	if (!fl->proto->resync || ++fl->bad > MAX_BAD) {
		otr_conn_lost(fl->conn, OTR_LOSS_PARSE);
		otr_flow_mute(fl);
		return;
	}
	from = 1 +
	       fl->proto->resync(fl->state, otr_dir_state_dir(ds), otr_slice_sub(in, 1, in.len));
	otr_half_stream_spend(&ds->hs, from < in.len ? from : in.len);
	if (!fl->proto->in_order)
		otr_flow_lost_some(fl, ds, false);
}

static bool is_at_hole(const struct otr_dir_state *ds)
{
	return ds->wait_ns && otr_half_stream_follow(&ds->hs) == OTR_FOLLOW_HOLE;
}

static bool takes_turns(const struct otr_flow *fl)
{
	return fl->proto->capture == OTR_CAPTURE_CALLS || fl->after_loss ||
	       is_at_hole(&fl->dirs[0]) || is_at_hole(&fl->dirs[1]);
}

/*
 * Lets an answer without a request wait for the request: sets wait_ns, and adds the flow to those
 * that wait. False: the answer does not wait. It waits at the client's end alone, where one thread
 * may have read the answer before the time of the write was taken; a server has read what it
 * answers. The first answer on a connection that is older than the agent does not wait either: its
 * request was not seen, and if the answer waited, each request from then on would be paired with
 * the answer to the one before.
 */
static inline bool wait_for_request(struct otr_flow *fl, struct otr_dir_state *ds)
{
	if ((fl->knows_asker && fl->asker == OTR_DIR_IN) || fl->proto->multiplexed)
		return false; /* a multiplexed protocol knows by itself: msg->awaits */
	if (!fl->seen_open && !fl->messages)
		return false;
	if (takes_turns(fl) || !fl->knows_asker || otr_dir_state_dir(ds) == fl->asker ||
	    fl->unanswered || ds->open || ds->wait_expired || fl->reads_waiting)
		return false;
	if (!ds->wait_ns)
		ds->wait_ns = ds->hs.moved_ns;
	otr_conn_wait(fl->conn, fl, true);
	return true;
}

/* When the next bytes of `ds` moved; UINT64_MAX: there are none. */
static uint64_t next_ns(const struct otr_dir_state *ds)
{
	const struct otr_stream_segment *p = ds->hs.segments;

	while (p && p->end <= ds->hs.at)
		p = p->next;
	return p ? p->from.start_ns : UINT64_MAX;
}

/* Lets `ds` wait for bytes that are needed and missing: sets wait_ns, and adds the flow to those
 * that wait. False: it has waited long enough, no more bytes come, or what waits is read now. */
static bool wait_for_bytes(struct otr_flow *fl, struct otr_dir_state *ds)
{
	uint64_t since_ns = otr_half_stream_hole_ns(&ds->hs);

	if (ds->wait_expired || ds->ended || fl->reads_waiting)
		return false;
	if (!ds->wait_ns)
		ds->wait_ns = since_ns ? since_ns : ds->hs.moved_ns;
	otr_conn_wait(fl->conn, fl, true);
	return true;
}

/* Are the bytes at a hole lost, not late? They are, if bytes came that moved clearly later than
 * those behind the hole. Waiting longer does harm: a request that is read too late cannot be
 * found as a parent. */
static bool is_lost(const struct otr_flow *fl, const struct otr_dir_state *ds)
{
	uint64_t in_ns = fl->dirs[OTR_DIR_IN].hs.moved_ns;
	uint64_t out_ns = fl->dirs[OTR_DIR_OUT].hs.moved_ns;
	uint64_t since_ns = otr_half_stream_hole_ns(&ds->hs);

	return ds->wait_expired || ds->ended || fl->reads_waiting ||
	       (since_ns && (in_ns > out_ns ? in_ns : out_ns) >= since_ns + LATE_NS);
}

/* Do the last bytes of a run, whose middle was not copied, end the message? The run may go on. */
static bool ends_by_tail(struct otr_flow *fl, struct otr_dir_state *ds, struct otr_msg *msg)
{
	struct otr_slice tail = {(const char *)ds->hs.tail, sizeof(ds->hs.tail)};
	uint64_t used = 0;

	otr_msg_clear(msg);
	if ((ds->open && ds->end != OTR_END_LATER) || !fl->proto->body_by_tail || !ds->hs.has_tail)
		return false;
	switch (fl->proto->parse(fl->state, otr_dir_state_dir(ds), tail, OTR_IN_TAIL, &used, msg)) {
	case OTR_PARSE_SKIP:
		return ds->open && msg->over;
	case OTR_PARSE_MSG:
		return !ds->open;
	default:
		return false;
	}
}

/* `ds` is the direction of answers, and lost some. Is the last request before the next answer
 * seen, alone, and known to have none behind it? Then that answer is its own. */
static bool knows_last(struct otr_flow *fl, struct otr_dir_state *ds)
{
	const struct otr_dir_state *asker = otr_dir_state_other(fl, ds);

	return fl->knows_asker && otr_dir_state_dir(asker) == fl->asker && !asker->resync &&
	       asker->begin.first && next_ns(ds) < next_ns(asker) &&
	       otr_half_stream_origin(&asker->hs, asker->hs.at);
}

static bool is_after_loss(const struct otr_flow *fl, const struct otr_dir_state *ds, uint64_t to)
{
	return otr_half_stream_is_after_loss(&ds->hs, to,
					     otr_dir_state_capture(fl, ds) == OTR_CAPTURE_CALLS);
}

static void jump(struct otr_flow *fl, struct otr_dir_state *ds, uint64_t to, bool after_loss)
{
	uint64_t at = ds->hs.at;

	otr_half_stream_spend(&ds->hs, to > at ? to - at : 0);
	ds->resync = true;
	ds->wait_expired = false;
	ds->wait_ns = 0;
	if (after_loss)
		otr_flow_lost_some(fl, ds, knows_last(fl, ds));
}

/* May the bytes up to `end`, the end of a run, that were not copied hold messages: requests
 * behind one whose head is cut, or answers if several are due? */
static bool hides_messages(struct otr_flow *fl, const struct otr_dir_state *ds, uint64_t end)
{
	if (fl->proto->in_order || ds->end != OTR_END_RUN || !ds->open ||
	    otr_half_stream_bytes(&ds->hs).len >= end - ds->hs.at)
		return false;
	return !fl->knows_asker || otr_dir_state_dir(ds) == fl->asker || fl->unanswered > 0;
}

/* Bytes of the message were not copied, so it ends with its run. If it was not emitted yet, the
 * tail must give it. False: its end is not known yet. */
static bool end_with_run(struct otr_flow *fl, struct otr_dir_state *ds)
{
	struct otr_msg msg;
	bool ended = otr_half_stream_run_ended(&ds->hs) || (ds->wait_expired && ds->flipped);
	bool emitted = ends_by_tail(fl, ds, &msg);
	uint64_t end = otr_half_stream_run_end(&ds->hs), when_ns = 0;
	bool after_loss = is_after_loss(fl, ds, end), hides = hides_messages(fl, ds, end);
	bool exact = false;

	if (!emitted && !ended) {
		ds->wait_expired = false;
		return false;
	}
	if (!otr_half_stream_moved(&ds->hs, end, &when_ns, &exact))
		return false;
	if (emitted && !ds->open)
		otr_dir_state_emit(fl, ds, &msg);
	if (ds->open)
		otr_dir_state_end(fl, ds, end, when_ns, 0,
				  !exact || (fl->proto->body_by_tail && !emitted &&
					     ds->end == OTR_END_LATER));
	ds->begun = false;
	jump(fl, ds, end, after_loss);
	if (hides && !after_loss && fl->knows_asker && otr_dir_state_dir(ds) == fl->asker)
		fl->may_hide_requests = true; /* the answers to earlier requests come first */
	else if (hides && !after_loss)
		otr_flow_set_after_loss(fl, false, ds->hs.moved_ns);
	return true;
}

/* In a protocol of brokers, one call moves many messages. Those in the rest of a call that was not
 * copied are lost; payloads that were not copied are stepped over, and are no gap. */
static bool hides_whole_messages(const struct otr_flow *fl)
{
	return fl->proto->multiplexed && fl->proto->capture == OTR_CAPTURE_CALLS;
}

/* Nothing is left to parse before a gap. Returns whether to go on behind it. */
static bool across_gap(struct otr_flow *fl, struct otr_dir_state *ds, enum otr_follow follow)
{
	uint64_t to = otr_half_stream_gap_end(&ds->hs);

	if ((ds->open && ds->end != OTR_END_HERE) || ds->begun) {
		if (end_with_run(fl, ds))
			return true;
		wait_for_bytes(fl, ds);
		return false;
	}
	if (follow == OTR_FOLLOW_HOLE && !is_lost(fl, ds) && wait_for_bytes(fl, ds))
		return false;
	if (follow == OTR_FOLLOW_HOLE || hides_whole_messages(fl))
		otr_conn_lost(fl->conn, OTR_LOSS_HOLE);
	ds->begun = false;
	/* The gap may hold a head, or the rest of a call that was not copied whole. */
	jump(fl, ds, to, !fl->proto->in_order || is_after_loss(fl, ds, to));
	return true;
}

static unsigned int flags_of(const struct otr_flow *fl, const struct otr_dir_state *ds,
			     enum otr_follow follow)
{
	unsigned int alone = 0;

	if (fl->proto->multiplexed && (ds->wait_expired || ds->ended || fl->reads_waiting))
		alone = OTR_IN_ALONE;
	if (follow == OTR_FOLLOW_NOTHING)
		return alone | (ds->ended ? OTR_IN_EOF : 0);
	return alone | (follow == OTR_FOLLOW_GAP || is_lost(fl, ds) ? OTR_IN_CUT : 0);
}

/* After a loss, a message is trusted only at the beginning of a run. */
static bool find_again(struct otr_flow *fl, struct otr_dir_state *ds, struct otr_slice in)
{
	bool anywhere = !fl->after_loss || !otr_flow_pairs_in_turn(fl);
	size_t from;

	if (!fl->proto->resync) {
		otr_conn_lost(fl->conn, OTR_LOSS_PARSE);
		otr_flow_mute(fl);
		return false;
	}
	from = fl->proto->resync(fl->state, otr_dir_state_dir(ds), in);
	if (!anywhere && (from || !otr_half_stream_begins_run(&ds->hs)))
		from = otr_half_stream_run_end(&ds->hs) - ds->hs.at;
	ds->resync = from >= in.len;
	otr_half_stream_spend(&ds->hs, from);
	return true;
}

/* Parses, and steps over what is skipped: to a message, to the end of a segment, or as far as the
 * bytes go. *in and *follow are those of the last parse(). */
static inline enum otr_parse parse_on(struct otr_flow *fl, struct otr_dir_state *ds,
				      struct otr_slice *in, enum otr_follow *follow, uint64_t *used,
				      struct otr_msg *msg)
{
	enum otr_dir dir = otr_dir_state_dir(ds);
	enum otr_parse rc;

	for (;;) {
		otr_msg_clear(msg);
		rc = fl->proto->parse(fl->state, dir, *in, flags_of(fl, ds, *follow), used, msg);
		if (rc != OTR_PARSE_SKIP)
			return rc;
		take_skip(fl, ds, *used, msg);
		*used = 0;
		*in = otr_half_stream_bytes(&ds->hs);
		*follow = otr_half_stream_follow(&ds->hs);
		if (msg->over || !in->len || otr_half_stream_ended_segment(&ds->hs))
			return rc;
	}
}

static inline bool parse_one(struct otr_flow *fl, struct otr_dir_state *ds, struct otr_slice in,
			     enum otr_follow follow)
{
	struct otr_msg msg;
	uint64_t used = 0;

	switch (parse_on(fl, ds, &in, &follow, &used, &msg)) {
	case OTR_PARSE_MSG:
		take_head(fl, ds, used, &msg);
		return true;
	case OTR_PARSE_SKIP:
		return true;
	case OTR_PARSE_MORE:
		if (follow == OTR_FOLLOW_HOLE || msg.awaits)
			wait_for_bytes(fl, ds);
		return false;
	case OTR_PARSE_SWITCH:
		otr_half_stream_spend(&ds->hs, used);
		if (!otr_flow_take(fl, msg.next))
			otr_flow_mute(fl);
		return true;
	case OTR_PARSE_BAD:
		break;
	}
	take_bad(fl, ds, in);
	return true;
}

/* Spends at most one message. Returns whether there may be more to do. */
static inline bool step(struct otr_flow *fl, struct otr_dir_state *ds)
{
	struct otr_slice in;
	enum otr_follow follow;

	check_end(fl, ds);
	otr_half_stream_retire(&ds->hs);
	in = otr_half_stream_bytes(&ds->hs);
	follow = otr_half_stream_follow(&ds->hs);
	if (!in.len && follow == OTR_FOLLOW_NOTHING)
		return false;
	/* The rest of the run belongs to the message that ends with it. */
	if (!in.len || (ds->open && ds->end == OTR_END_RUN))
		return across_gap(fl, ds, follow);
	if (wait_for_request(fl, ds))
		return false;
	if (ds->resync)
		return find_again(fl, ds, in);
	return parse_one(fl, ds, in, follow);
}

static bool is_beyond_copied(const struct otr_flow *fl, const struct otr_dir_state *ds)
{
	uint64_t copied = ds->hs.run_pos + otr_dir_state_head_bytes(fl, ds);

	return ds->open && ds->end == OTR_END_HERE ? ds->open_end > copied
						   : ds->hs.moved_end >= copied;
}

/* Asks for reports on a run that the source does not copy to its end, if that end is needed. */
static void watch_if_long(struct otr_flow *fl, struct otr_dir_state *ds)
{
	bool want = (ds->open || ds->begun) && otr_dir_state_capture(fl, ds) == OTR_CAPTURE_HEAD &&
		    is_beyond_copied(fl, ds);

	if (want != ds->watching)
		otr_dir_state_watch(fl, ds, want);
}

/* The direction to read next, after `ds`; `stuck`: it cannot be read on. NULL: neither. */
static struct otr_dir_state *in_turn(struct otr_flow *fl, struct otr_dir_state *ds,
				     const bool stuck[2])
{
	struct otr_dir_state *other = otr_dir_state_other(fl, ds);
	bool can = !stuck[otr_dir_state_dir(ds)];

	if (!takes_turns(fl) || next_ns(other) >= next_ns(ds))
		return can ? ds : NULL;
	if (!stuck[otr_dir_state_dir(other)])
		return other;
	return can && !is_at_hole(other) ? ds : NULL;
}

__attribute__((noinline)) static void read_in_turn(struct otr_flow *fl, struct otr_dir_state *ds)
{
	bool stuck[2] = {false, false};
	struct otr_dir_state *now = ds;

	while (fl->proto && (now = in_turn(fl, ds, stuck)))
		if (!step(fl, now))
			stuck[otr_dir_state_dir(now)] = true;
}

static void read_one_side(struct otr_flow *fl, struct otr_dir_state *ds)
{
	while (fl->proto && step(fl, ds))
		;
}

void otr_flow_read(struct otr_flow *fl, struct otr_dir_state *ds)
{
	uint32_t before = fl->unanswered;

	if (otr_dir_state_other(fl, ds)->hs.segments)
		read_in_turn(fl, ds);
	else
		read_one_side(fl, ds);
	if (!fl->proto)
		return;
	watch_if_long(fl, ds);
	/* A request came: the answer that waits for it is read. */
	if (fl->unanswered > before && otr_dir_state_other(fl, ds)->wait_ns) {
		otr_dir_state_other(fl, ds)->wait_ns = 0;
		otr_flow_read(fl, otr_dir_state_other(fl, ds));
	}
}
