/* SPDX-License-Identifier: Apache-2.0 */
/* sinks.c - calls every open sink; sets up the parsers and the pipeline. See sinks.h. */

#include "agent/sinks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/config/settings.h"
#include "agent/notseen.h"
#include "agent/parser_settings.h"
#include "agent/proto/proto.h"
#include "agent/sample/sampler.h"
#include "agent/sink/sink.h"
#include "agent/sink/trace_hold.h"
#include "agent/stitch/open.h"

/* One sink of the table that is open. */
struct open_sink {
	const struct otr_sink_ops *ops;
	void *sink;
};

struct otr_sinks {
	struct otr_sinks_config cfg;
	struct otr_proto_settings parsers;
	struct otr_sampler sampler;
	struct otr_pipeline *pipeline;
	struct otr_notseen *notseen;
	struct otr_trace_hold hold;
	struct open_sink *open; /* in the order of the table */
	size_t n;
	uint64_t spans;
	uint64_t open_requests_ns; /* when requests that are open for long were last reported */
};

static void pass_on(void *arg, struct otr_span *sp, enum otr_outcome outcome)
{
	struct otr_sinks *sk = arg;

	for (struct open_sink *s = sk->open; s < sk->open + sk->n; s++)
		if (s->ops->span)
			s->ops->span(s->sink, sp, outcome);
}

static void on_span(void *arg, struct otr_span *sp)
{
	struct otr_sinks *sk = arg;

	sk->spans++;
	otr_trace_hold_span(&sk->hold, sp);
}

/* Every parent of the trace carries its own evidence, so `proved` is of no use to a sink. */
static void on_trace(void *arg, const uint8_t trace_id[16], uint8_t flags, bool proved)
{
	struct otr_sinks *sk = arg;
	enum otr_outcome outcome = otr_trace_hold_trace(&sk->hold, trace_id, flags);

	(void)proved;
	for (struct open_sink *s = sk->open; s < sk->open + sk->n; s++)
		if (s->ops->trace)
			s->ops->trace(s->sink, trace_id, outcome);
}

static void on_ended(void *arg, const struct otr_stream_stat *stat)
{
	struct otr_sinks *sk = arg;

	otr_notseen_ended(sk->notseen, sk->pipeline, stat);
}

static void on_notice(void *arg, const char *text)
{
	otr_sinks_notice(arg, text);
}

static int read_sampling(struct otr_sinks *sk, const struct otr_settings *cfg, struct otr_err *err)
{
	struct otr_sampler sampler;
	struct otr_keep keep;
	int rc = otr_sampler_default(&sampler, cfg->sample, err);

	if (rc > 0)
		otr_log(OTR_LOG_WARN,
			"OTEL_TRACES_SAMPLER=%s is left to the SDKs that know it: otrace samples "
			"all traces; --sample sets a rate",
			getenv("OTEL_TRACES_SAMPLER"));
	if (rc >= 0)
		rc = otr_keep_read(&keep, cfg->keep, "--keep", err);
	if (rc < 0)
		return rc;
	sk->sampler = sampler;
	sk->hold.keep = keep;
	sk->hold.ignore = cfg->ignore;
	return 0;
}

static size_t count_rows(void)
{
	size_t n = 0;

	while (otr_sink_table[n])
		n++;
	return n;
}

static int open_sinks(struct otr_sinks *sk, struct otr_err *err)
{
	const struct otr_sink_config cfg = {
		.settings = sk->cfg.cfg,
		.fd = sk->cfg.fd,
		.notice_fd = sk->cfg.notice_fd,
		.shared = sk->cfg.shared,
		.blocking = sk->cfg.blocking,
		.notice = on_notice,
		.arg = sk,
	};
	struct open_sink *s;
	int rc;

	sk->open = calloc(count_rows(), sizeof(*sk->open));
	if (!sk->open) {
		otr_err_set(err, "out of memory");
		return -ENOMEM;
	}
	for (const struct otr_sink_ops *const *ops = otr_sink_table; *ops; ops++) {
		if (!(*ops)->is_wanted(&cfg))
			continue;
		s = &sk->open[sk->n];
		rc = (*ops)->open(&s->sink, &cfg, err);
		if (rc)
			return rc;
		s->ops = *ops;
		sk->n++;
	}
	return 0;
}

static int open_pipeline(struct otr_sinks *sk, struct otr_err *err)
{
	struct otr_pipeline_config pl = {
		.hold_ns = sk->cfg.cfg->hold_ns,
		.seed = sk->cfg.seed,
		.settings = &sk->parsers,
		.sampler = sk->sampler,
		.span = on_span,
		.trace = on_trace,
		.ended = on_ended,
		.arg = sk,
	};
	int rc = otr_pipeline_new(&sk->pipeline, &pl);

	if (rc)
		otr_err_set(err, "out of memory");
	return rc;
}

int otr_sinks_open(struct otr_sinks **out, const struct otr_sinks_config *cfg, struct otr_err *err)
{
	OTR_AUTO(otr_sinks_close) struct otr_sinks *sk = calloc(1, sizeof(*sk));
	int rc;

	if (!sk) {
		otr_err_set(err, "out of memory");
		return -ENOMEM;
	}
	sk->cfg = *cfg;
	sk->hold.pass = pass_on;
	sk->hold.arg = sk;
	rc = otr_parser_settings_read(&sk->parsers, cfg->cfg, err);
	if (!rc)
		rc = read_sampling(sk, cfg->cfg, err);
	if (!rc && otr_notseen_new(&sk->notseen)) {
		otr_err_set(err, "out of memory");
		return -ENOMEM;
	}
	if (!rc)
		rc = open_sinks(sk, err);
	if (!rc)
		rc = open_pipeline(sk, err);
	if (rc)
		return rc;
	*out = OTR_TAKE(sk);
	return 0;
}

int otr_sinks_retune(struct otr_sinks *sk, const struct otr_settings *cfg, struct otr_err *err)
{
	int rc = read_sampling(sk, cfg, err);

	if (!rc)
		otr_pipeline_set_sampler(sk->pipeline, &sk->sampler);
	return rc;
}

void otr_sinks_event(struct otr_sinks *sk, const struct otr_event *ev)
{
	otr_pipeline_event(sk->pipeline, ev);
}

static void on_open_request(void *arg, struct otr_span *root, struct otr_span *waits)
{
	struct otr_sinks *sk = arg;

	for (struct open_sink *s = sk->open; s < sk->open + sk->n; s++)
		if (s->ops->open_request)
			s->ops->open_request(s->sink, root, waits);
}

static bool reports_open_requests(const struct otr_sinks *sk)
{
	for (size_t i = 0; i < sk->n; i++)
		if (sk->open[i].ops->open_request)
			return true;
	return false;
}

/* Once a second is often enough: a request is reported when it has been open for 5 s. */
static void report_open_requests(struct otr_sinks *sk, uint64_t now_ns)
{
	if (!reports_open_requests(sk) || now_ns < sk->open_requests_ns + OTR_NS_PER_S)
		return;
	sk->open_requests_ns = now_ns;
	otr_stitch_each_open(otr_pipeline_stitch(sk->pipeline), on_open_request, sk);
}

void otr_sinks_tick(struct otr_sinks *sk, uint64_t now_ns)
{
	report_open_requests(sk, now_ns);
	otr_trace_hold_flush(&sk->hold);
	for (struct open_sink *s = sk->open; s < sk->open + sk->n; s++)
		if (s->ops->tick)
			s->ops->tick(s->sink, now_ns);
}

void otr_sinks_flush(struct otr_sinks *sk)
{
	otr_pipeline_flush(sk->pipeline);
}

void otr_sinks_notice(struct otr_sinks *sk, const char *text)
{
	struct otr_err line;
	bool shown = false;

	for (struct open_sink *s = sk->open; s < sk->open + sk->n; s++)
		if (s->ops->notice) {
			s->ops->notice(s->sink, text);
			shown = true;
		}
	if (shown)
		return;
	otr_err_set(&line, "%s", text);
	otr_err_print(&line, NULL);
}

void otr_sinks_start_line(struct otr_sinks *sk, const char *what, const char *sources)
{
	for (struct open_sink *s = sk->open; s < sk->open + sk->n; s++)
		if (s->ops->start)
			s->ops->start(s->sink, what, sources);
}

void otr_sinks_summary(struct otr_sinks *sk, struct otr_summary *sum)
{
	struct otr_stitch_stats stats;

	otr_stitch_stats(otr_pipeline_stitch(sk->pipeline), &stats);
	sum->stats = &stats;
	sum->not_seen = otr_notseen_lines(sk->notseen, sk->pipeline);
	for (struct open_sink *s = sk->open; s < sk->open + sk->n; s++)
		if (s->ops->summary)
			s->ops->summary(s->sink, sum);
	sum->stats = NULL;
	sum->not_seen = NULL;
}

struct otr_pipeline *otr_sinks_pipeline(struct otr_sinks *sk)
{
	return sk->pipeline;
}

struct otr_notseen *otr_sinks_notseen(struct otr_sinks *sk)
{
	return sk->notseen;
}

uint64_t otr_sinks_spans(const struct otr_sinks *sk)
{
	return sk->spans;
}

void otr_sinks_drain(struct otr_sinks *sk, uint64_t grace_ns)
{
	uint64_t deadline_ns = otr_now() + grace_ns;

	otr_trace_hold_flush(&sk->hold);
	for (struct open_sink *s = sk->open; s < sk->open + sk->n; s++)
		if (s->ops->drain)
			s->ops->drain(s->sink, deadline_ns);
}

static void report_loss(enum otr_loss cause)
{
	char why[OTR_LOSS_REASON];
	struct otr_err line;

	otr_loss_reason(cause, why);
	otr_err_set(&line, "lost %llu %s (%s): %s", (unsigned long long)otr_loss_get(cause),
		    otr_loss_unit(cause), otr_loss_word(cause), why);
	otr_err_print(&line, NULL);
}

void otr_sinks_report_losses(struct otr_sinks *sk)
{
	for (struct open_sink *s = sk->open; s < sk->open + sk->n; s++)
		if (s->ops->names_losses && s->ops->names_losses(s->sink))
			return;
	for (int i = OTR_LOSS_NONE + 1; i < OTR_LOSS_MAX; i++)
		if (otr_loss_get((enum otr_loss)i))
			report_loss((enum otr_loss)i);
}

void otr_sinks_close(struct otr_sinks **sp)
{
	struct otr_sinks *sk = OTR_TAKE(*sp);

	if (!sk)
		return;
	otr_sinks_drain(sk, 0);
	otr_pipeline_free(&sk->pipeline);
	for (struct open_sink *s = sk->open; s < sk->open + sk->n; s++)
		s->ops->close(s->sink);
	free(sk->open);
	otr_trace_hold_fini(&sk->hold);
	otr_notseen_free(&sk->notseen);
	free(sk);
}
