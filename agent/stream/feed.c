/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed.c - what a flow does with a record: it finds its parser, keeps the bytes, and reads on.
 *
 * A flow has no parser at first: the first bytes of each run are shown to every parser's
 * sniff(). Then read.c takes messages off both half streams. A connection that was open before
 * the agent came is joined at the first run that a parser understands.
 */

#include "agent/stream/feed.h"

#include <errno.h>

#include "agent/proto/proto.h"
#include "agent/stream/conn.h"
#include "agent/stream/flow.h"
#include "agent/stream/flow_state.h"
#include "agent/stream/message.h"
#include "agent/stream/read.h"

#define WAIT_NS \
	(20 * 1000000ull) /* how long bytes wait: for a request, a hole, the record of a run */
/* Times that two threads take of one event differ by less; CLOCKS_NS of parent.c is the same. */
#define SWAP_NS (1 * 1000000ull)

static const struct otr_proto_ops *sniff(enum otr_dir dir, struct otr_slice in)
{
	in = otr_slice_sub(in, 0, OTR_SNIFF_MAX);
	for (size_t i = 0; otr_protos[i]; i++)
		if (otr_protos[i]->sniff(dir, in))
			return otr_protos[i];
	return NULL;
}

static void give_up_run(struct otr_flow *fl, struct otr_dir_state *ds)
{
	otr_half_stream_restart(&ds->hs);
	ds->skips_run = true;
	if (++fl->tries >= OTR_FLOW_TRIES)
		otr_flow_mute(fl);
}

/* Finds the parser of a flow by the unread bytes. Earlier bytes of the other side are kept if
 * sniff() of the same parser accepts them: the server may speak first. */
static void identify(struct otr_flow *fl, struct otr_dir_state *ds)
{
	struct otr_slice in = otr_half_stream_bytes(&ds->hs);
	enum otr_follow follow = otr_half_stream_follow(&ds->hs);
	struct otr_dir_state *peer = otr_dir_state_other(fl, ds);
	const struct otr_proto_ops *proto = in.len ? sniff(otr_dir_state_dir(ds), in) : NULL;

	if (!proto) {
		if (in.len >= OTR_SNIFF_MAX || follow == OTR_FOLLOW_GAP)
			give_up_run(fl, ds);
		return;
	}
	if (!otr_flow_take(fl, proto)) {
		otr_flow_mute(fl);
		return;
	}
	in = otr_half_stream_bytes(&peer->hs);
	if (!in.len || !proto->sniff(otr_dir_state_dir(peer), in))
		otr_half_stream_restart(&peer->hs);
	otr_flow_read(fl, peer);
	if (fl->proto)
		otr_flow_read(fl, ds);
}

/* Does the flow take this record? Without a parser, a half stream holds one run, from its start. */
static bool takes_record(struct otr_flow *fl, struct otr_dir_state *ds,
			 const struct otr_ev_data *ev)
{
	if (fl->proto)
		return ds->hs.begun || ev->first;
	if (ev->first) {
		if (ds->hs.begun && otr_half_stream_bytes(&ds->hs).len)
			give_up_run(fl, ds);
		otr_half_stream_restart(&ds->hs);
		ds->skips_run = false;
	}
	return fl->life != OTR_FLOW_MUTED && (ds->hs.begun || ev->first) && !ds->skips_run;
}

/* Reads what waits in `ds` if the other side has clearly sent its bytes later. */
static void expire_other(struct otr_flow *fl, struct otr_dir_state *ds,
			 const struct otr_ev_data *ev)
{
	uint64_t time_ns = ev->dir == OTR_DIR_IN ? ev->hdr.time_ns : ev->start_ns;

	if (!ds->wait_ns || ds->wait_ns + SWAP_NS >= time_ns || fl->after_loss ||
	    otr_half_stream_follow(&ds->hs) == OTR_FOLLOW_HOLE)
		return;
	ds->wait_expired = true;
	otr_flow_read(fl, ds);
	ds->wait_expired = false;
	ds->wait_ns = 0;
}

/* Reads what waits in both directions. */
static void drain(struct otr_flow *fl)
{
	fl->reads_waiting = true;
	otr_flow_read(fl, &fl->dirs[fl->asker]);
	otr_flow_read(fl, &fl->dirs[!fl->asker]);
	fl->reads_waiting = false;
}

/* Drops what is kept of `ds`: it goes on with its next run. */
static void restart_dir(struct otr_flow *fl, struct otr_dir_state *ds)
{
	otr_dir_state_abandon(fl, ds);
	otr_half_stream_restart(&ds->hs);
	ds->resync = true;
	ds->wait_expired = false;
	ds->wait_ns = 0;
}

/* The source has paused: it shed requests, each with its answer. Its next record of this
 * connection begins a request, and the bytes that are missing before it are no hole. */
static void after_pause(struct otr_flow *fl, const struct otr_ev_data *ev)
{
	const struct otr_half_stream *hs = &fl->dirs[ev->dir].hs;
	uint32_t pauses = otr_conn_pauses(fl->conn);

	if (fl->pauses == pauses || !ev->first || ev->dir != fl->asker)
		return;
	fl->pauses = pauses;
	if (!hs->begun || otr_half_stream_place(hs, ev->pos, ev->pos_kind) <= hs->moved_end)
		return;
	drain(fl);
	if (fl->life == OTR_FLOW_MUTED)
		return;
	restart_dir(fl, &fl->dirs[fl->asker]);
	restart_dir(fl, &fl->dirs[!fl->asker]);
	if (fl->proto->multiplexed)
		otr_conn_after_loss(fl->conn, fl, false, ev->hdr.time_ns);
	else if (fl->after_loss || otr_conn_lossy(fl->conn))
		otr_flow_set_after_loss(fl, false, ev->hdr.time_ns);
	fl->unanswered = 0;
}

/* Does the record begin with the first byte of its direction? */
static bool is_first_byte(const struct otr_flow *fl, const struct otr_ev_data *ev)
{
	const struct otr_ev_conn *facts = otr_conn_facts(fl->conn);
	uint32_t isn = ev->dir == OTR_DIR_IN ? facts->isn_in : facts->isn_out;

	if (ev->pos_kind == OTR_POS_OFFSET)
		return !ev->pos;
	return isn && (uint32_t)ev->pos - isn <= 2; /* the SYN counts as one, or not */
}

static void note_start(struct otr_flow *fl, const struct otr_ev_data *ev)
{
	bool whole = fl->seen_open && is_first_byte(fl, ev);

	fl->life = whole ? OTR_FLOW_WHOLE : OTR_FLOW_JOINED;
	fl->after_loss = !whole && otr_conn_lossy(fl->conn);
}

/* If the first bytes of a direction were lost, its first record is not its beginning. Where they
 * may have been, one byte before the record is declared missing. */
static void begin_at_first_byte(struct otr_flow *fl, struct otr_half_stream *hs,
				const struct otr_ev_data *ev)
{
	bool unseen, answers;

	if (hs->begun)
		return;
	unseen = fl->life == OTR_FLOW_WHOLE && !hs->moved_end;
	answers = fl->knows_asker && ev->dir != fl->asker;
	if (unseen && is_first_byte(fl, ev))
		return;
	if (unseen || (answers && otr_conn_lossy(fl->conn)))
		otr_half_stream_begin(hs, ev->pos - 1, ev->pos_kind);
}

void otr_flow_data(struct otr_flow *fl, const struct otr_ev_data *ev)
{
	struct otr_dir_state *ds = &fl->dirs[ev->dir];

	if (fl->life == OTR_FLOW_MUTED)
		return;
	if (fl->life == OTR_FLOW_NEW)
		note_start(fl, ev);
	if (fl->proto && fl->knows_asker && ev->dir == fl->asker)
		expire_other(fl, otr_dir_state_other(fl, ds), ev);
	if (fl->proto && fl->knows_asker)
		after_pause(fl, ev);
	if (fl->life == OTR_FLOW_MUTED || !takes_record(fl, ds, ev))
		return;
	if (fl->proto)
		begin_at_first_byte(fl, &ds->hs, ev);
	fl->pos_kind = ev->pos_kind;
	if (ev->first) {
		ds->flipped = false;
		otr_dir_state_other(fl, ds)->flipped = true;
	}
	if (otr_half_stream_data(&ds->hs, ev))
		otr_conn_lost(fl->conn, OTR_LOSS_HOLE);
	if (fl->proto)
		otr_flow_read(fl, ds);
	else
		identify(fl, ds);
	otr_half_stream_keep(&ds->hs);
}

void otr_flow_run(struct otr_flow *fl, const struct otr_ev_run *ev)
{
	struct otr_dir_state *ds = &fl->dirs[ev->dir];

	if (fl->life == OTR_FLOW_MUTED) {
		if (!ev->open) /* a muted flow counts bytes, too */
			ds->hs.total += ev->bytes;
		return;
	}
	otr_half_stream_run(&ds->hs, ev);
	if (fl->proto)
		otr_flow_read(fl, ds);
}

static void tick_dir(struct otr_flow *fl, struct otr_dir_state *ds, uint64_t now_ns)
{
	if (!fl->proto || !ds->wait_ns || now_ns < ds->wait_ns + WAIT_NS)
		return;
	ds->wait_expired = true;
	ds->wait_ns = 0;
	otr_flow_read(fl, ds);
	if (!ds->wait_ns)
		ds->wait_expired = false;
}

void otr_flow_tick(struct otr_flow *fl, uint64_t now_ns)
{
	tick_dir(fl, &fl->dirs[OTR_DIR_IN], now_ns);
	tick_dir(fl, &fl->dirs[OTR_DIR_OUT], now_ns);
	if (!fl->dirs[0].wait_ns && !fl->dirs[1].wait_ns)
		otr_conn_wait(fl->conn, fl, false);
}

/* Ends the open message of `ds` when no more bytes come: it is whole if its end was to be that
 * of the stream or of a run, and reset otherwise. */
static void end_dir(struct otr_flow *fl, struct otr_dir_state *ds, int error)
{
	bool whole = ds->end == OTR_END_RUN || ds->open_end == OTR_USED_ALL;

	ds->ended = ds->wait_expired = true;
	ds->hs.run_over = true;
	if (fl->proto)
		otr_flow_read(fl, ds);
	if (fl->proto && ds->resync && fl->knows_asker && otr_dir_state_dir(ds) != fl->asker)
		otr_conn_after_loss(fl->conn, fl, false,
				    ds->hs.moved_ns); /* answers may be there */
	if (!ds->open)
		return;
	if (!error && !whole)
		error = ECONNRESET;
	otr_dir_state_end(fl, ds, ds->hs.moved_end, ds->hs.moved_ns, error, false);
}

void otr_flow_end(struct otr_flow *fl, int error)
{
	if (fl->life == OTR_FLOW_MUTED)
		return;
	end_dir(fl, &fl->dirs[fl->asker], error);
	end_dir(fl, &fl->dirs[!fl->asker], error);
	otr_flow_shut(fl);
}
