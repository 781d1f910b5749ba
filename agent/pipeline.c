/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline.c - the stages, joined; start reading here.
 *
 *	events -> streams -> messages -> stitcher -> spans
 *	       -> procs (who) -------------^
 *	       -> handoffs (late evidence) ^
 *
 * Functions here only pass on. What an event means is in the stages.
 */

#include "agent/pipeline.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/base/own.h"
#include "agent/resource/resource.h"
#include "agent/source/feedback.h"
#include "agent/stitch/failed.h"
#include "agent/stitch/process.h"
#include "bpf/event.h"

#define MAX_PROCS 8192
#define SECOND_NS 1000000000ull

struct otr_pipeline {
	struct otr_pipeline_config cfg;
	const struct otr_feedback *feedback; /* borrowed; or NULL */
	struct otr_procs *procs;
	struct otr_samplers *samplers;
	struct otr_streams *streams;
	struct otr_stitch *stitch;
	uint64_t now_ns;
	bool has_seed;
};

static void on_msg(void *arg, const struct otr_side *side, const struct otr_msg *msg)
{
	struct otr_pipeline *pl = arg;

	otr_stitch_msg(pl->stitch, side, msg);
}

static void on_done(void *arg, const struct otr_ref *ref, uint64_t end_pos, uint64_t until_ns,
		    int error, bool cut)
{
	struct otr_pipeline *pl = arg;

	otr_stitch_done(pl->stitch, ref, end_pos, until_ns, error, cut);
}

static void on_after_loss(void *arg, uint64_t conn, uint8_t layer, bool but_last, uint64_t time_ns)
{
	struct otr_pipeline *pl = arg;

	otr_stitch_after_loss(pl->stitch, conn, layer, but_last, time_ns);
}

static void on_open(void *arg, const struct otr_ev_conn *conn)
{
	struct otr_pipeline *pl = arg;

	otr_stitch_conn(pl->stitch, conn);
}

static void on_close(void *arg, const struct otr_ev_conn *conn, int error, uint64_t time_ns)
{
	struct otr_pipeline *pl = arg;

	otr_stitch_close(pl->stitch, conn, error, time_ns);
}

static void on_ended(void *arg, const struct otr_stream_stat *stat)
{
	struct otr_pipeline *pl = arg;

	if (pl->cfg.ended)
		pl->cfg.ended(pl->cfg.arg, stat);
}

static const struct otr_stream_ops stream_ops = {
	.msg = on_msg,
	.done = on_done,
	.after_loss = on_after_loss,
	.open = on_open,
	.close = on_close,
	.ended = on_ended,
};

static int make_stages(struct otr_pipeline *pl)
{
	struct otr_stitch_config cfg = {
		.max_exchanges = 65536,
		.hold_ns = pl->cfg.hold_ns,
		.answer_ns = 600 * SECOND_NS,
		.together_ns = 30 * SECOND_NS,
		.seed = pl->cfg.seed,
		.settings = pl->cfg.settings,
	};
	/* Upper bounds; 1,000 connections take 24 MiB in all. */
	const struct otr_stream_config streams = {
		.max_conns = 65536,
		.max_bytes = 64u << 20,
		.settings = pl->cfg.settings,
	};
	int rc = otr_procs_new(&pl->procs, MAX_PROCS);

	if (!rc)
		rc = otr_samplers_new(&pl->samplers, &pl->cfg.sampler, pl->procs);
	if (!rc)
		rc = otr_streams_new(&pl->streams, &streams, &stream_ops, pl->procs, pl);
	cfg.procs = pl->procs;
	cfg.samplers = pl->samplers;
	if (!rc)
		rc = otr_stitch_new(&pl->stitch, &cfg, pl->cfg.span, pl->cfg.trace, pl->cfg.arg);
	return rc;
}

int otr_pipeline_new(struct otr_pipeline **out, const struct otr_pipeline_config *cfg)
{
	OTR_AUTO(otr_pipeline_free) struct otr_pipeline *pl = NULL;
	int rc;

	pl = calloc(1, sizeof(*pl));
	if (!pl)
		return -ENOMEM;
	pl->cfg = *cfg;
	rc = make_stages(pl);
	if (rc)
		return rc;
	*out = OTR_TAKE(pl);
	return 0;
}

void otr_pipeline_bind(struct otr_pipeline *pl, const struct otr_feedback *feedback)
{
	pl->feedback = feedback;
	otr_streams_bind(pl->streams, feedback);
}

void otr_pipeline_free(struct otr_pipeline **pp)
{
	struct otr_pipeline *pl = OTR_TAKE(*pp);

	if (!pl)
		return;
	otr_streams_free(&pl->streams);
	otr_stitch_free(&pl->stitch);
	otr_samplers_free(&pl->samplers);
	otr_procs_free(&pl->procs);
	free(pl);
}

static void take_clock(struct otr_pipeline *pl, const struct otr_ev_clock *ev)
{
	otr_stitch_clock(pl->stitch, ev->realtime_ns - ev->hdr.time_ns);
	if (ev->seed && !pl->has_seed)
		otr_stitch_seed(pl->stitch, ev->seed);
	pl->has_seed = true;
}

static void tick(struct otr_pipeline *pl, uint64_t now_ns)
{
	if (now_ns > pl->now_ns)
		pl->now_ns = now_ns;
	otr_samplers_tick(pl->samplers, pl->now_ns);
	otr_streams_tick(pl->streams, pl->now_ns);
	otr_stitch_tick(pl->stitch, pl->now_ns);
}

static void take_loss(struct otr_pipeline *pl, const struct otr_ev_lost *ev)
{
	if (otr_lost_is_pause(ev) && ev->cause == OTR_LOSS_BUDGET)
		otr_stitch_pause(pl->stitch, ev->hdr.time_ns);
	else if (otr_lost_is_pause(ev))
		otr_stitch_behind(pl->stitch, ev->hdr.time_ns);
	if (ev->cause == OTR_LOSS_RING || ev->cause == OTR_LOSS_FACTS)
		otr_stitch_lost(pl->stitch, ev->hdr.time_ns, ev->hdr.tgid);
	otr_streams_event(pl->streams, &ev->hdr);
}

static void take_share(struct otr_pipeline *pl, const struct otr_ev_share *ev)
{
	otr_stitch_share(pl->stitch, ev->hdr.time_ns, ev->millionths);
}

static void take_handoff(struct otr_pipeline *pl, const struct otr_ev_handoff *ev)
{
	const struct otr_feedback *fb = pl->feedback;

	if (otr_stitch_handoff(pl->stitch, ev) && fb && fb->handoff)
		fb->handoff(fb->arg, ev->hdr.tgid);
}

/* Nearly all events are of a kind that only the streams take. */
static bool is_of_streams(const struct otr_event *ev)
{
	return ev->kind == OTR_EV_DATA || ev->kind == OTR_EV_RUN || ev->kind == OTR_EV_BYPASSED;
}

__attribute__((noinline)) static int take_other(struct otr_pipeline *pl, const struct otr_event *ev)
{
	const void *rec = ev;
	int rc = otr_procs_event(pl->procs, ev);

	switch (ev->kind) {
	case OTR_EV_CLOCK:
		take_clock(pl, rec);
		break;
	case OTR_EV_TICK:
		tick(pl, ev->time_ns);
		break;
	case OTR_EV_LOST:
		take_loss(pl, rec);
		break;
	case OTR_EV_SHARE:
		take_share(pl, rec);
		break;
	case OTR_EV_CONN_FAILED:
		otr_stitch_failed(pl->stitch, rec);
		break;
	case OTR_EV_HANDOFF:
		take_handoff(pl, rec);
		break;
	default:
		otr_streams_event(pl->streams, ev);
		otr_failed_event(pl->stitch, ev);
		otr_stitch_process(pl->stitch, ev);
		break;
	}
	return rc;
}

int otr_pipeline_event(struct otr_pipeline *pl, const struct otr_event *ev)
{
	if (!is_of_streams(ev))
		return take_other(pl, ev);
	otr_streams_event(pl->streams, ev);
	return 0;
}

void otr_pipeline_flush(struct otr_pipeline *pl)
{
	otr_streams_flush(pl->streams, pl->now_ns);
	otr_stitch_flush(pl->stitch);
}

uint64_t otr_pipeline_threshold(struct otr_pipeline *pl, uint32_t tgid)
{
	return otr_samplers_of(pl->samplers, tgid).threshold;
}

void otr_pipeline_set_sampler(struct otr_pipeline *pl, const struct otr_sampler *sampler)
{
	otr_samplers_set_fallback(pl->samplers, sampler);
}

struct otr_procs *otr_pipeline_procs(struct otr_pipeline *pl)
{
	return pl->procs;
}

const struct otr_streams *otr_pipeline_streams(const struct otr_pipeline *pl)
{
	return pl->streams;
}

struct otr_stitch *otr_pipeline_stitch(struct otr_pipeline *pl)
{
	return pl->stitch;
}
