/* SPDX-License-Identifier: Apache-2.0 */
/* sinks.c - calls every open sink; sets up the parsers and the pipeline. See sinks.h. */

#include "agent/sinks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/loss.h"
#include "agent/notseen.h"
#include "agent/proto/proto.h"
#include "agent/proto/url.h"
#include "agent/settings.h"
#include "agent/sink.h"

/* One sink of the table that is open. */
struct open_sink {
	const struct otr_sink_ops *ops;
	void *sink;
};

struct otr_sinks {
	struct otr_sinks_config cfg;
	struct otr_pipeline *pipeline;
	struct otr_notseen *notseen;
	struct open_sink *open; /* in the order of the table */
	size_t n;
	uint64_t spans;
	uint64_t open_requests_ns; /* when requests that are open for long were last reported */
};

static void on_span(void *arg, struct otr_span *sp)
{
	struct otr_sinks *sk = arg;

	sk->spans++;
	for (struct open_sink *s = sk->open; s < sk->open + sk->n; s++)
		if (s->ops->span)
			s->ops->span(s->sink, sp);
}

/* Every parent of the trace carries its own evidence, so `proved` is of no use to a sink. */
static void on_trace(void *arg, const uint8_t trace_id[16], bool proved)
{
	struct otr_sinks *sk = arg;

	(void)proved;
	for (struct open_sink *s = sk->open; s < sk->open + sk->n; s++)
		if (s->ops->trace)
			s->ops->trace(s->sink, trace_id);
}

static void on_policy(void *arg, uint64_t conn, enum otr_dir dir, enum otr_capture capture,
		      uint32_t head_bytes)
{
	struct otr_sinks *sk = arg;

	if (sk->cfg.policy)
		sk->cfg.policy(sk->cfg.arg, conn, dir, capture, head_bytes);
}

static void on_watch(void *arg, uint64_t conn, enum otr_dir dir, bool want)
{
	struct otr_sinks *sk = arg;

	if (sk->cfg.watch)
		sk->cfg.watch(sk->cfg.arg, conn, dir, want);
}

static void on_handoff(void *arg, uint32_t tgid)
{
	struct otr_sinks *sk = arg;

	if (sk->cfg.handoff)
		sk->cfg.handoff(sk->cfg.arg, tgid);
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
		.span = on_span,
		.trace = on_trace,
		.policy = on_policy,
		.watch = on_watch,
		.handoff = on_handoff,
		.ended = on_ended,
		.arg = sk,
	};
	int rc = otr_pipeline_new(&sk->pipeline, &pl);

	if (rc)
		otr_err_set(err, "out of memory");
	return rc;
}

/* Reads --propagators: "tracecontext,baggage", or "none". */
static int set_propagators(const char *list, struct otr_err *err)
{
	char text[256], *save = NULL;

	otr_proto_settings.no_trace_context = true;
	otr_proto_settings.no_baggage = true;
	snprintf(text, sizeof(text), "%s", list ? list : "tracecontext,baggage");
	for (char *word = strtok_r(text, ", ", &save); word; word = strtok_r(NULL, ", ", &save)) {
		if (!strcmp(word, "tracecontext"))
			otr_proto_settings.no_trace_context = false;
		else if (!strcmp(word, "baggage"))
			otr_proto_settings.no_baggage = false;
		else if (strcmp(word, "none")) {
			otr_err_set(err, "--propagators %s: %s is not read here", list, word);
			otr_err_hint(err, "right: tracecontext, baggage, none");
			return -EINVAL;
		}
	}
	return 0;
}

/* Sets which headers parsers read, and which values they hide. */
static int set_up_parsers(const struct otr_settings *cfg, struct otr_err *err)
{
	const char *methods = getenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS");

	otr_proto_settings.no_query_text = cfg->no_query_text;
	otr_proto_settings.http_methods = methods && *methods ? methods : NULL;
	for (char **key = cfg->redact; key && *key; key++)
		if (otr_url_redact(otr_slice_str(*key))) {
			otr_err_set(err,
				    "--redact %s: empty, too long, or one too "
				    "many",
				    *key);
			return -EINVAL;
		}
	return set_propagators(cfg->propagators, err);
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
	rc = set_up_parsers(cfg->cfg, err);
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

void otr_sinks_bind(struct otr_sinks *sk, void *arg,
		    void (*policy)(void *, uint64_t, enum otr_dir, enum otr_capture, uint32_t),
		    void (*watch)(void *, uint64_t, enum otr_dir, bool),
		    void (*handoff)(void *, uint32_t))
{
	sk->cfg.arg = arg;
	sk->cfg.policy = policy;
	sk->cfg.watch = watch;
	sk->cfg.handoff = handoff;
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
	otr_notseen_free(&sk->notseen);
	free(sk);
}
