/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PIPELINE_H
#define OTR_PIPELINE_H

/*
 * pipeline.h - the stages, joined: events in at one end, spans out at the other.
 *
 * It is the same for a live kernel and for a recording.
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/sample/sampler.h"
#include "agent/stitch/stitch.h"
#include "agent/stream/stream.h"

struct otr_event;
struct otr_feedback;
struct otr_pipeline;
struct otr_procs;
struct otr_proto_settings;

struct otr_pipeline_config {
	uint64_t hold_ns;			   /* how long a trace waits for late evidence */
	uint64_t seed;				   /* of trace and span ids */
	const struct otr_proto_settings *settings; /* borrowed; NULL: the defaults */
	struct otr_sampler sampler;		   /* of processes that have none of their own */
	otr_span_fn span;			   /* every finished span, borrowed */
	otr_trace_fn trace;			   /* every complete trace; or NULL */
	/* What is known of a connection at its end. NULL: it is not asked for. */
	void (*ended)(void *arg, const struct otr_stream_stat *stat);
	void *arg; /* of all three functions */
};

/* Makes a pipeline; copies `cfg`. Returns 0 or -ENOMEM; then *out is untouched. */
int otr_pipeline_new(struct otr_pipeline **out, const struct otr_pipeline_config *cfg);

/* Frees *pp, which may be NULL, and sets it to NULL. Call flush() first to emit what is open. */
void otr_pipeline_free(struct otr_pipeline **pp);

/* Lends the pipeline the functions by which it asks the sources of its events
 * (agent/source/feedback.h), until the next call. NULL: there is no source to ask, as in a
 * replay. */
void otr_pipeline_bind(struct otr_pipeline *pl, const struct otr_feedback *feedback);

/* Takes the next event, in order of time. Only OTR_EV_TICK lets time pass. Returns 0, or -ENOMEM:
 * the event is lost and counted. */
int otr_pipeline_event(struct otr_pipeline *pl, const struct otr_event *ev);

/* Ends and emits all that is open. */
void otr_pipeline_flush(struct otr_pipeline *pl);

/* The threshold at which traces that begin in process `tgid` are sampled now (bpf/sample.h). */
uint64_t otr_pipeline_threshold(struct otr_pipeline *pl, uint32_t tgid);

/* Changes the sampler of processes that have none of their own. */
void otr_pipeline_set_sampler(struct otr_pipeline *pl, const struct otr_sampler *sampler);

/* The stages, borrowed. */
struct otr_procs *otr_pipeline_procs(struct otr_pipeline *pl);
const struct otr_streams *otr_pipeline_streams(const struct otr_pipeline *pl);

/* For otr_stitch_each_open() and otr_stitch_stats() alone. */
struct otr_stitch *otr_pipeline_stitch(struct otr_pipeline *pl);

#endif /* OTR_PIPELINE_H */
