/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow.c - one layer of one connection: from bytes to messages.
 *
 * Nobody's at first: each run's first bytes are shown to every parser's sniff(). Then
 * the parser takes messages off both halves, as far as bytes are there; what proto.h
 * says of bytes that are missing is done in step() and across_gap(). A connection that
 * began before us is joined at the first run that somebody understands.
 *
 * Requests are told before their responses: of a protocol that copies heads of runs, a
 * response without a request waits, since another thread's read may have been stamped
 * before the write it answers. It goes first when it was clearly earlier.
 */

#include "agent/stream/flow.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/base/own.h"
#include "agent/loss.h"
#include "agent/proto/proto.h"

#define WAIT_NS	  (20 * 1000000ull) /* for a request, a hole, a run's record */
#define SWAP_NS	  (1 * 1000000ull)  /* stamps of two threads differ by less */
#define MAX_TRIES 8		    /* runs shown to sniff() */
#define MAX_BAD	  16 /* places tried by resync() without a message */

struct otr_flow *otr_flow_new(struct otr_conn *conn, uint8_t layer,
			      struct otr_budget *budget)
{
	struct otr_flow *fl = calloc(1, sizeof(*fl));

	if (!fl)
		return NULL;
	fl->conn = conn;
	fl->layer = layer;
	fl->capture = OTR_CAPTURE_HEAD;
	fl->head_bytes = OTR_HEAD_DEFAULT;
	otr_half_init(&fl->ways[OTR_DIR_IN].half, budget);
	otr_half_init(&fl->ways[OTR_DIR_OUT].half, budget);
	return fl;
}

static void drop_parser(struct otr_flow *fl)
{
	if (fl->proto && fl->proto->fini && fl->state)
		fl->proto->fini(fl->state);
	free(fl->state);
	fl->state = NULL;
	fl->proto = NULL;
}

void otr_flow_free(struct otr_flow *fl)
{
	if (!fl)
		return;
	otr_conn_wait(fl->conn, fl, false);
	drop_parser(fl);
	otr_half_fini(&fl->ways[OTR_DIR_IN].half);
	otr_half_fini(&fl->ways[OTR_DIR_OUT].half);
	free(fl);
}

static enum otr_dir dir_of(const struct otr_flow *fl, const struct otr_way *way)
{
	return (enum otr_dir)(way - fl->ways);
}

static struct otr_way *other(struct otr_flow *fl, const struct otr_way *way)
{
	return &fl->ways[!dir_of(fl, way)];
}

static struct otr_ref ref_of(const struct otr_flow *fl,
			     const struct otr_way *way, uint64_t pos)
{
	return (struct otr_ref){
		.conn = otr_conn_facts(fl->conn)->hdr.conn,
		.pos = pos,
		.layer = fl->layer,
		.dir = (uint8_t)dir_of(fl, way),
		.pos_kind = fl->pos_kind,
	};
}

static void watch(struct otr_flow *fl, struct otr_way *way, bool want)
{
	if (way->watching == want)
		return;
	way->watching = want;
	otr_conn_watch(fl->conn, dir_of(fl, way), want);
}

static void end_message(struct otr_flow *fl, struct otr_way *way, uint64_t end,
			uint64_t when_ns, int error, bool cut)
{
	struct otr_ref ref = ref_of(fl, way, way->open_pos);

	way->open = false;
	watch(fl, way, false);
	otr_conn_done(fl->conn, &ref, end, when_ns, error, cut);
}

/* The open message ends at a known place: has that byte moved? */
static void check_end(struct otr_flow *fl, struct otr_way *way)
{
	uint64_t when_ns = 0;
	bool exact = false;

	if (!way->open || way->end != OTR_END_HERE ||
	    !otr_half_moved(&way->half, way->open_end, &when_ns, &exact))
		return;
	end_message(fl, way, way->open_end, when_ns, 0, !exact);
}

/* Where the message at hand begins: kept, as its piece may be spent before it is told. */
static void mark_begin(struct otr_way *way)
{
	const struct otr_origin *from =
		otr_half_origin(&way->half, way->half.at);

	if (from)
		way->begin = *from;
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

static void tell(struct otr_flow *fl, struct otr_way *way,
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

	count_message(fl, dir_of(fl, way), msg);
	side.role = (enum otr_role)facts->role;
	way->open = true;
	way->open_pos = way->begin.pos;
	otr_conn_msg(fl->conn, &side, msg);
}

/* Ends a message whose end nobody will tell: what was lost is not made up. */
static void abandon(struct otr_flow *fl, struct otr_way *way)
{
	if (way->open)
		end_message(fl, way, way->half.moved_end, way->half.moved_ns, 0,
			    true);
	way->begun = false;
}

/* Nothing more is read. */
static void shut(struct otr_flow *fl)
{
	fl->muted = true;
	abandon(fl, &fl->ways[fl->asker]);
	abandon(fl, &fl->ways[!fl->asker]);
	drop_parser(fl);
	otr_half_restart(&fl->ways[0].half);
	otr_half_restart(&fl->ways[1].half);
	otr_conn_wait(fl->conn, fl, false);
}

static void mute(struct otr_flow *fl)
{
	shut(fl);
	otr_conn_policy(fl->conn, OTR_DIR_IN, OTR_CAPTURE_MUTE, 0);
	otr_conn_policy(fl->conn, OTR_DIR_OUT, OTR_CAPTURE_MUTE, 0);
}

static void ask_policy(struct otr_flow *fl)
{
	const struct otr_proto_ops *proto = fl->proto;

	if (proto->capture == fl->capture &&
	    proto->head_bytes == fl->head_bytes)
		return;
	fl->capture = proto->capture;
	fl->head_bytes = proto->head_bytes;
	otr_conn_policy(fl->conn, OTR_DIR_IN, proto->capture,
			proto->head_bytes);
	otr_conn_policy(fl->conn, OTR_DIR_OUT, proto->capture,
			proto->head_bytes);
}

static bool take_parser(struct otr_flow *fl, const struct otr_proto_ops *proto)
{
	drop_parser(fl);
	if (!proto)
		return false;
	fl->state = calloc(1, proto->state_size ? proto->state_size : 1);
	if (!fl->state)
		return false;
	fl->proto = proto;
	fl->bad = 0;
	ask_policy(fl);
	return true;
}

static void take_head(struct otr_flow *fl, struct otr_way *way, uint64_t used,
		      const struct otr_msg *msg)
{
	way->end = msg->end;
	if (!way->begun)
		mark_begin(way);
	way->begun = false;
	way->open_end = used > UINT64_MAX - way->half.at ? OTR_USED_ALL
							 : way->half.at + used;
	tell(fl, way, msg);
	otr_half_spend(&way->half, used);
	check_end(fl, way);
}

static void take_skip(struct otr_flow *fl, struct otr_way *way, uint64_t used,
		      const struct otr_msg *msg)
{
	if (msg->opens && !way->begun)
		mark_begin(way);
	way->begun = msg->opens;
	if (msg->over && way->open) {
		way->end = OTR_END_HERE;
		way->open_end = way->half.at + used;
	}
	otr_half_spend(&way->half, used);
	check_end(fl, way);
}

/* Not what it was taken for: somebody else's if nothing was understood so far, else
 * from the next place on that looks like a message. */
static void take_bad(struct otr_flow *fl, struct otr_way *way,
		     struct otr_slice in)
{
	size_t from;

	abandon(fl, way);
	if (!fl->messages && ++fl->tries < MAX_TRIES) {
		drop_parser(fl);
		way->pass = true;
		return;
	}
	if (!fl->proto->resync || ++fl->bad > MAX_BAD) {
		otr_loss_add(OTR_LOSS_PARSE, 1);
		mute(fl);
		return;
	}
	from = 1 + fl->proto->resync(fl->state, dir_of(fl, way),
				     otr_slice_sub(in, 1, in.len));
	otr_half_spend(&way->half, from < in.len ? from : in.len);
}

/* A response without a request, of a protocol where that is an accident. */
static bool must_wait(struct otr_flow *fl, struct otr_way *way)
{
	if (fl->proto->capture != OTR_CAPTURE_HEAD || !fl->knows_asker ||
	    dir_of(fl, way) == fl->asker || fl->unanswered || way->open ||
	    way->patient)
		return false;
	if (!way->wait_ns)
		way->wait_ns = way->half.moved_ns;
	otr_conn_wait(fl->conn, fl, true);
	return true;
}

/* The same for what is missing where it is needed. */
static bool await(struct otr_flow *fl, struct otr_way *way)
{
	if (way->patient)
		return false;
	if (!way->wait_ns)
		way->wait_ns = way->half.moved_ns;
	otr_conn_wait(fl->conn, fl, true);
	return true;
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
	switch (fl->proto->parse(fl->state, dir_of(fl, way), tail, OTR_IN_TAIL,
				 &used, msg)) {
	case OTR_PARSE_SKIP:
		return way->open && msg->over;
	case OTR_PARSE_MSG:
		return !way->open;
	default:
		return false;
	}
}

static void jump(struct otr_way *way, uint64_t to)
{
	uint64_t at = way->half.at;

	otr_half_spend(&way->half, to > at ? to - at : 0);
	way->resync = true;
	way->patient = false;
	way->wait_ns = 0;
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
	bool exact = false;

	if (!told && !ended) {
		way->patient = false;
		return false;
	}
	if (!otr_half_moved(&way->half, end, &when_ns, &exact))
		return false;
	if (told && !way->open)
		tell(fl, way, &msg);
	if (way->open)
		end_message(fl, way, end, when_ns, 0,
			    !exact || (fl->proto->body_by_tail && !told &&
				       way->end == OTR_END_LATER));
	way->begun = false;
	jump(way, end);
	return true;
}

/* Nothing left to parse before a gap. Returns whether to go on behind it. */
static bool across_gap(struct otr_flow *fl, struct otr_way *way,
		       enum otr_follow follow)
{
	if ((way->open && way->end != OTR_END_HERE) || way->begun) {
		if (end_with_run(fl, way))
			return true;
		await(fl, way);
		return false;
	}
	if (follow == OTR_FOLLOW_HOLE && await(fl, way))
		return false;
	if (follow == OTR_FOLLOW_HOLE)
		otr_loss_add(OTR_LOSS_HOLE, 1);
	way->begun = false;
	jump(way, otr_half_gap_end(&way->half));
	return true;
}

static unsigned int flags_of(const struct otr_way *way, enum otr_follow follow)
{
	if (follow == OTR_FOLLOW_NOTHING)
		return way->ended ? OTR_IN_EOF : 0;
	return follow == OTR_FOLLOW_GAP || way->patient ? OTR_IN_CUT : 0;
}

static bool find_again(struct otr_flow *fl, struct otr_way *way,
		       struct otr_slice in)
{
	size_t from;

	if (!fl->proto->resync) {
		otr_loss_add(OTR_LOSS_PARSE, 1);
		mute(fl);
		return false;
	}
	from = fl->proto->resync(fl->state, dir_of(fl, way), in);
	way->resync = from >= in.len;
	otr_half_spend(&way->half, from);
	return true;
}

static bool parse_one(struct otr_flow *fl, struct otr_way *way,
		      struct otr_slice in, enum otr_follow follow)
{
	struct otr_msg msg = { 0 };
	uint64_t used = 0;

	switch (fl->proto->parse(fl->state, dir_of(fl, way), in,
				 flags_of(way, follow), &used, &msg)) {
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
		if (!take_parser(fl, msg.next))
			mute(fl);
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

	check_end(fl, way);
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

	watch(fl, way,
	      (way->open || way->begun) && beyond &&
		      fl->proto->capture == OTR_CAPTURE_HEAD);
}

static void advance(struct otr_flow *fl, struct otr_way *way)
{
	uint32_t before = fl->unanswered;

	while (fl->proto && step(fl, way))
		;
	if (!fl->proto)
		return;
	watch_if_long(fl, way);
	/* A request came: the answer that waited for it may go. */
	if (fl->unanswered > before && other(fl, way)->wait_ns) {
		other(fl, way)->wait_ns = 0;
		advance(fl, other(fl, way));
	}
}

static const struct otr_proto_ops *sniff(enum otr_dir dir, struct otr_slice in)
{
	in = otr_slice_sub(in, 0, OTR_SNIFF_MAX);
	for (size_t i = 0; otr_protos[i]; i++)
		if (otr_protos[i]->sniff(dir, in))
			return otr_protos[i];
	return NULL;
}

static void give_up_run(struct otr_flow *fl, struct otr_way *way)
{
	otr_half_restart(&way->half);
	way->pass = true;
	if (++fl->tries >= MAX_TRIES)
		mute(fl);
}

/* Nobody's stream: whose is it? What the other side said before is kept if it looks
 * the same, as where the server speaks first. */
static void identify(struct otr_flow *fl, struct otr_way *way)
{
	struct otr_slice in = otr_half_bytes(&way->half);
	enum otr_follow follow = otr_half_follow(&way->half);
	struct otr_way *peer = other(fl, way);
	const struct otr_proto_ops *proto =
		in.len ? sniff(dir_of(fl, way), in) : NULL;

	if (!proto) {
		if (in.len >= OTR_SNIFF_MAX || follow == OTR_FOLLOW_GAP)
			give_up_run(fl, way);
		return;
	}
	if (!take_parser(fl, proto)) {
		mute(fl);
		return;
	}
	in = otr_half_bytes(&peer->half);
	if (!in.len || !proto->sniff(dir_of(fl, peer), in))
		otr_half_restart(&peer->half);
	advance(fl, peer);
	if (fl->proto)
		advance(fl, way);
}

/* While nobody's, a half holds one run, from its start. */
static bool begins(struct otr_flow *fl, struct otr_way *way,
		   const struct otr_ev_data *ev)
{
	if (fl->proto)
		return way->half.begun || ev->first;
	if (ev->first) {
		if (way->half.begun && otr_half_bytes(&way->half).len)
			give_up_run(fl, way);
		otr_half_restart(&way->half);
		way->pass = false;
	}
	return !fl->muted && (way->half.begun || ev->first) && !way->pass;
}

/* The other side has spoken clearly later: what waits here came before it. */
static void let_go_first(struct otr_flow *fl, struct otr_way *way,
			 const struct otr_ev_data *ev)
{
	uint64_t time_ns =
		ev->dir == OTR_DIR_IN ? ev->hdr.time_ns : ev->start_ns;

	if (!way->wait_ns || way->wait_ns + SWAP_NS >= time_ns)
		return;
	way->patient = true;
	advance(fl, way);
	way->patient = false;
	way->wait_ns = 0;
}

void otr_flow_data(struct otr_flow *fl, const struct otr_ev_data *ev)
{
	struct otr_way *way = &fl->ways[ev->dir];

	if (fl->muted)
		return;
	if (fl->proto && fl->knows_asker && ev->dir == fl->asker)
		let_go_first(fl, other(fl, way), ev);
	if (fl->muted || !begins(fl, way, ev))
		return;
	fl->pos_kind = ev->pos_kind;
	if (ev->first) {
		way->flipped = false;
		other(fl, way)->flipped = true;
	}
	if (otr_half_data(&way->half, ev))
		otr_loss_add(OTR_LOSS_HOLE, 1);
	if (fl->proto)
		advance(fl, way);
	else
		identify(fl, way);
}

void otr_flow_run(struct otr_flow *fl, const struct otr_ev_run *ev)
{
	struct otr_way *way = &fl->ways[ev->dir];

	if (fl->muted)
		return;
	otr_half_run(&way->half, ev);
	if (fl->proto)
		advance(fl, way);
}

static void tick_way(struct otr_flow *fl, struct otr_way *way, uint64_t now_ns)
{
	if (!fl->proto || !way->wait_ns || now_ns < way->wait_ns + WAIT_NS)
		return;
	way->patient = true;
	way->wait_ns = 0;
	advance(fl, way);
	if (!way->wait_ns)
		way->patient = false;
}

void otr_flow_tick(struct otr_flow *fl, uint64_t now_ns)
{
	tick_way(fl, &fl->ways[OTR_DIR_IN], now_ns);
	tick_way(fl, &fl->ways[OTR_DIR_OUT], now_ns);
	if (!fl->ways[0].wait_ns && !fl->ways[1].wait_ns)
		otr_conn_wait(fl->conn, fl, false);
}

/* What is open when nothing more comes: all of it there is, or cut off by the end. */
static void end_way(struct otr_flow *fl, struct otr_way *way, int error)
{
	bool whole = way->end == OTR_END_RUN || way->open_end == OTR_USED_ALL;

	way->ended = way->patient = true;
	way->half.run_over = true;
	if (fl->proto)
		advance(fl, way);
	if (!way->open)
		return;
	if (!error && !whole)
		error = ECONNRESET;
	end_message(fl, way, way->half.moved_end, way->half.moved_ns, error,
		    false);
}

void otr_flow_end(struct otr_flow *fl, int error)
{
	if (fl->muted)
		return;
	end_way(fl, &fl->ways[fl->asker], error);
	end_way(fl, &fl->ways[!fl->asker], error);
	shut(fl);
}
