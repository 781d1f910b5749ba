/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow.c - one layer of one connection: whose it is, and what happens to it.
 *
 * Nobody's at first: each run's first bytes are shown to every parser's sniff(). Then
 * read.c takes messages off both halves. A connection that began before us is joined at
 * the first run that somebody understands.
 */

#include "agent/stream/flow.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/base/own.h"
#include "agent/proto/proto.h"

#define WAIT_NS (20 * 1000000ull) /* for a request, a hole, a run's record */
#define SWAP_NS (1 * 1000000ull)  /* stamps of two threads differ by less */

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

/* Nothing more is read. */
void otr_flow_shut(struct otr_flow *fl)
{
	fl->muted = true;
	otr_way_abandon(fl, &fl->ways[fl->asker]);
	otr_way_abandon(fl, &fl->ways[!fl->asker]);
	drop_parser(fl);
	otr_half_restart(&fl->ways[0].half);
	otr_half_restart(&fl->ways[1].half);
	otr_conn_wait(fl->conn, fl, false);
}

void otr_flow_mute(struct otr_flow *fl)
{
	otr_flow_shut(fl);
	if (fl->layer == OTR_LAYER_LIB)
		return;
	otr_conn_policy(fl->conn, OTR_DIR_IN, OTR_CAPTURE_MUTE, 0);
	otr_conn_policy(fl->conn, OTR_DIR_OUT, OTR_CAPTURE_MUTE, 0);
}

static void ask_policy(struct otr_flow *fl)
{
	const struct otr_proto_ops *proto = fl->proto;

	if (proto->capture == fl->capture &&
	    proto->head_bytes == fl->head_bytes)
		return;
	if (fl->layer == OTR_LAYER_LIB)
		return; /* a policy is the connection's: its bytes are not wanted */
	fl->capture = proto->capture;
	fl->head_bytes = proto->head_bytes;
	otr_conn_policy(fl->conn, OTR_DIR_IN, proto->capture,
			proto->head_bytes);
	otr_conn_policy(fl->conn, OTR_DIR_OUT, proto->capture,
			proto->head_bytes);
}

bool otr_flow_take(struct otr_flow *fl, const struct otr_proto_ops *proto)
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
	if (++fl->tries >= OTR_FLOW_TRIES)
		otr_flow_mute(fl);
}

/* Nobody's stream: whose is it? What the other side said before is kept if it looks
 * the same, as where the server speaks first. */
static void identify(struct otr_flow *fl, struct otr_way *way)
{
	struct otr_slice in = otr_half_bytes(&way->half);
	enum otr_follow follow = otr_half_follow(&way->half);
	struct otr_way *peer = otr_way_other(fl, way);
	const struct otr_proto_ops *proto =
		in.len ? sniff(otr_way_dir(fl, way), in) : NULL;

	if (!proto) {
		if (in.len >= OTR_SNIFF_MAX || follow == OTR_FOLLOW_GAP)
			give_up_run(fl, way);
		return;
	}
	if (!otr_flow_take(fl, proto)) {
		otr_flow_mute(fl);
		return;
	}
	in = otr_half_bytes(&peer->half);
	if (!in.len || !proto->sniff(otr_way_dir(fl, peer), in))
		otr_half_restart(&peer->half);
	otr_flow_read(fl, peer);
	if (fl->proto)
		otr_flow_read(fl, way);
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
static void expire_other(struct otr_flow *fl, struct otr_way *way,
			 const struct otr_ev_data *ev)
{
	uint64_t time_ns =
		ev->dir == OTR_DIR_IN ? ev->hdr.time_ns : ev->start_ns;

	if (!way->wait_ns || way->wait_ns + SWAP_NS >= time_ns || fl->torn ||
	    otr_half_follow(&way->half) == OTR_FOLLOW_HOLE)
		return;
	way->patient = true;
	otr_flow_read(fl, way);
	way->patient = false;
	way->wait_ns = 0;
}

/* What waits for others goes on without them. */
static void hurry(struct otr_flow *fl)
{
	fl->hurry = true;
	otr_flow_read(fl, &fl->ways[fl->asker]);
	otr_flow_read(fl, &fl->ways[!fl->asker]);
	fl->hurry = false;
}

/* From where it goes on, without what lies before. */
static void begin_anew(struct otr_flow *fl, struct otr_way *way)
{
	otr_way_abandon(fl, way);
	otr_half_restart(&way->half);
	way->resync = true;
	way->patient = false;
	way->wait_ns = 0;
}

/* The source has paused: it let requests go, each with its answer. What it tells next on
 * this connection begins a request; what is missing before it is no hole. */
static void after_pause(struct otr_flow *fl, const struct otr_ev_data *ev)
{
	const struct otr_half *half = &fl->ways[ev->dir].half;
	uint32_t pauses = otr_conn_pauses(fl->conn);

	if (fl->pauses == pauses || !ev->first || ev->dir != fl->asker)
		return;
	fl->pauses = pauses;
	if (!half->begun || otr_half_place(half, ev->pos, ev->pos_kind) <=
				    half->moved_end)
		return;
	hurry(fl);
	if (fl->muted)
		return;
	begin_anew(fl, &fl->ways[fl->asker]);
	begin_anew(fl, &fl->ways[!fl->asker]);
	if (fl->torn || otr_conn_lossy(fl->conn))
		otr_flow_tear(fl, false, ev->hdr.time_ns);
	fl->unanswered = 0;
}

/* Is it the first byte of its direction? */
static bool is_first_byte(const struct otr_flow *fl, const struct otr_ev_data *ev)
{
	const struct otr_ev_conn *facts = otr_conn_facts(fl->conn);
	uint32_t isn = ev->dir == OTR_DIR_IN ? facts->isn_in : facts->isn_out;

	if (ev->pos_kind == OTR_POS_OFFSET)
		return !ev->pos;
	return isn && (uint32_t)ev->pos - isn <= 2; /* the SYN is one, or not */
}

static void note_start(struct otr_flow *fl, const struct otr_ev_data *ev)
{
	if (fl->begun)
		return;
	fl->begun = true;
	fl->whole = fl->seen_open && is_first_byte(fl, ev);
	fl->torn = !fl->whole && otr_conn_lossy(fl->conn);
}

/* What is told first of a direction is not what was said first, where that was lost. Where it
 * may have been, one byte is said to be missing. */
static void expect(struct otr_flow *fl, struct otr_half *half, const struct otr_ev_data *ev)
{
	bool unseen = fl->whole && !half->moved_end;
	bool answers = fl->knows_asker && ev->dir != fl->asker;

	if (half->begun || (unseen && is_first_byte(fl, ev)))
		return;
	if (unseen || (answers && otr_conn_lossy(fl->conn)))
		otr_half_begin(half, ev->pos - 1, ev->pos_kind);
}

void otr_flow_data(struct otr_flow *fl, const struct otr_ev_data *ev)
{
	struct otr_way *way = &fl->ways[ev->dir];

	if (fl->muted)
		return;
	note_start(fl, ev);
	if (fl->proto && fl->knows_asker && ev->dir == fl->asker)
		expire_other(fl, otr_way_other(fl, way), ev);
	if (fl->proto && fl->knows_asker)
		after_pause(fl, ev);
	if (fl->muted || !begins(fl, way, ev))
		return;
	if (fl->proto)
		expect(fl, &way->half, ev);
	fl->pos_kind = ev->pos_kind;
	if (ev->first) {
		way->flipped = false;
		otr_way_other(fl, way)->flipped = true;
	}
	if (otr_half_data(&way->half, ev))
		otr_conn_lost(fl->conn, OTR_LOSS_HOLE);
	if (fl->proto)
		otr_flow_read(fl, way);
	else
		identify(fl, way);
}

void otr_flow_run(struct otr_flow *fl, const struct otr_ev_run *ev)
{
	struct otr_way *way = &fl->ways[ev->dir];

	if (fl->muted) {
		if (!ev->open) /* counted all the same */
			way->half.total += ev->bytes;
		return;
	}
	otr_half_run(&way->half, ev);
	if (fl->proto)
		otr_flow_read(fl, way);
}

static void tick_way(struct otr_flow *fl, struct otr_way *way, uint64_t now_ns)
{
	if (!fl->proto || !way->wait_ns || now_ns < way->wait_ns + WAIT_NS)
		return;
	way->patient = true;
	way->wait_ns = 0;
	otr_flow_read(fl, way);
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
		otr_flow_read(fl, way);
	if (!way->open)
		return;
	if (!error && !whole)
		error = ECONNRESET;
	otr_way_end(fl, way, way->half.moved_end, way->half.moved_ns, error,
		    false);
}

void otr_flow_end(struct otr_flow *fl, int error)
{
	if (fl->muted)
		return;
	end_way(fl, &fl->ways[fl->asker], error);
	end_way(fl, &fl->ways[!fl->asker], error);
	otr_flow_shut(fl);
}
