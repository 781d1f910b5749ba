/* SPDX-License-Identifier: Apache-2.0 */
/* sinks.c - where spans go; see sinks.h. */

#include "agent/sinks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/notseen.h"
#include "agent/parser_settings.h"
#include "agent/proto/proto.h"
#include "agent/settings.h"
#include "agent/span/span.h"
#include "agent/span_hold.h"
#include "exporters/console.h"
#include "exporters/queue.h"

#define EXPORTS_MAX 16
#define ROOM	    1024
#define NAP_US	    500
#define PATIENCE_US 5000000

struct otr_sinks {
	struct otr_sinks_config cfg;
	struct otr_proto_settings parsers;
	struct otr_pipeline *pipeline;
	struct otr_console *console;
	struct otr_notseen *notseen;
	struct otr_span_hold hold;
	struct otr_queue *queues[EXPORTS_MAX];
	size_t n_queues;
	uint64_t spans;
	uint64_t open_ns; /* when long requests were told last */
};

/* Waits until the queue has room, unless its backend stands still. */
static void wait_for_room(struct otr_sinks *sk, struct otr_queue *q)
{
	struct otr_queue_stats stats;
	uint64_t left = 0, tries = 0;

	for (;;) {
		otr_queue_stats(q, &stats);
		if (stats.waiting < ROOM)
			return;
		tries = stats.waiting == left ? tries + 1 : 0;
		left = stats.waiting;
		if (tries * NAP_US > PATIENCE_US) {
			sk->cfg.patient = false;
			return;
		}
		usleep(NAP_US);
	}
}

/* Nobody ignores its trace: it is for the exporters. */
static void export_span(void *arg, struct otr_span *sp)
{
	struct otr_sinks *sk = arg;

	for (size_t i = 0; i < sk->n_queues; i++) {
		if (sk->cfg.patient)
			wait_for_room(sk, sk->queues[i]);
		otr_queue_push(sk->queues[i], sp);
	}
}

static void on_span(void *arg, struct otr_span *sp)
{
	struct otr_sinks *sk = arg;

	sk->spans++;
	if (sk->console)
		otr_console_span(sk->console, sp);
	if (sk->n_queues)
		otr_span_hold_span(&sk->hold, sp);
}

static void on_trace(void *arg, const uint8_t trace_id[16], bool proved)
{
	struct otr_sinks *sk = arg;

	otr_span_hold_trace(&sk->hold, trace_id);
	if (sk->console)
		otr_console_trace(sk->console, trace_id, proved);
}

static void on_ended(void *arg, const struct otr_stream_stat *stat)
{
	struct otr_sinks *sk = arg;

	otr_notseen_ended(sk->notseen, sk->pipeline, stat);
}

static int open_exports(struct otr_sinks *sk, struct otr_err *err)
{
	char **urls = sk->cfg.cfg->exports;
	int rc;

	for (size_t i = 0; urls && urls[i]; i++) {
		if (i == EXPORTS_MAX) {
			otr_err_set(err, "more than %d --export", EXPORTS_MAX);
			return -E2BIG;
		}
		rc = otr_queue_open(&sk->queues[i], urls[i], sk->cfg.cfg->exports_from, err);
		if (rc)
			return rc;
		sk->n_queues++;
	}
	return 0;
}

static int open_console(struct otr_sinks *sk, struct otr_err *err)
{
	struct otr_console_config con = {
		.cfg = sk->cfg.cfg,
		.fd = sk->cfg.fd,
		.terminal = isatty(sk->cfg.fd),
		.shared = sk->cfg.shared,
		.notice_fd = sk->cfg.notice_fd,
	};
	int rc;

	if (sk->cfg.fd < 0)
		return 0;
	rc = otr_console_new(&sk->console, &con);
	if (rc)
		otr_err_set(err, "out of memory");
	return rc;
}

static int open_pipeline(struct otr_sinks *sk, struct otr_err *err)
{
	struct otr_pipeline_config pl = {
		.hold_ns = sk->cfg.cfg->hold_ns,
		.seed = sk->cfg.seed,
		.settings = &sk->parsers,
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
	sk->hold.ignore = cfg->cfg->ignore;
	sk->hold.pass = export_span;
	sk->hold.arg = sk;
	rc = otr_parser_settings_read(&sk->parsers, cfg->cfg, err);
	if (!rc && otr_notseen_new(&sk->notseen)) {
		otr_err_set(err, "out of memory");
		return -ENOMEM;
	}
	if (!rc)
		rc = open_exports(sk, err);
	if (!rc)
		rc = open_console(sk, err);
	if (!rc)
		rc = open_pipeline(sk, err);
	if (rc)
		return rc;
	*out = OTR_TAKE(sk);
	return 0;
}

void otr_sinks_event(struct otr_sinks *sk, const struct otr_event *ev)
{
	otr_pipeline_event(sk->pipeline, ev);
}

static void on_notice(void *arg, const char *text)
{
	otr_sinks_notice(arg, text);
}

static void on_open(void *arg, struct otr_span *root, struct otr_span *waits)
{
	otr_console_open(arg, root, waits);
}

/* Once a second is often enough for what lasts five. */
static void emit_open(struct otr_sinks *sk, uint64_t now_ns)
{
	if (!sk->console || now_ns < sk->open_ns + OTR_NS_PER_S)
		return;
	sk->open_ns = now_ns;
	otr_stitch_each_open(otr_pipeline_stitch(sk->pipeline), on_open, sk->console);
}

void otr_sinks_tick(struct otr_sinks *sk, uint64_t now_ns)
{
	emit_open(sk, now_ns);
	otr_span_hold_flush(&sk->hold);
	if (sk->console)
		otr_console_tick(sk->console, now_ns);
	for (size_t i = 0; i < sk->n_queues; i++)
		otr_queue_tick(sk->queues[i], on_notice, sk);
}

void otr_sinks_flush(struct otr_sinks *sk)
{
	otr_pipeline_flush(sk->pipeline);
}

/* As otr_err_print() would: the first line is ours, the others hang under it. */
static void console_notice(struct otr_console *con, const char *text)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf out = {0};

	otr_buf_str(&out, "otrace: ");
	for (; *text; text++) {
		otr_buf_byte(&out, *text);
		if (*text == '\n')
			otr_buf_str(&out, "    ");
	}
	otr_buf_byte(&out, '\0');
	if (!out.rc)
		otr_console_notice(con, out.data);
}

void otr_sinks_notice(struct otr_sinks *sk, const char *text)
{
	struct otr_err line;

	if (sk->console) {
		console_notice(sk->console, text);
		return;
	}
	otr_err_set(&line, "%s", text);
	otr_err_print(&line, NULL);
}

void otr_sinks_start_line(struct otr_sinks *sk, const char *what, const char *sources)
{
	if (sk->console)
		otr_console_start(sk->console, what, sources);
}

struct otr_pipeline *otr_sinks_pipeline(struct otr_sinks *sk)
{
	return sk->pipeline;
}

struct otr_notseen *otr_sinks_notseen(struct otr_sinks *sk)
{
	return sk->notseen;
}

struct otr_console *otr_sinks_console(struct otr_sinks *sk)
{
	return sk->console;
}

uint64_t otr_sinks_spans(const struct otr_sinks *sk)
{
	return sk->spans;
}

void otr_sinks_drain(struct otr_sinks *sk, uint64_t grace_ns)
{
	uint64_t deadline = otr_now() + grace_ns;

	otr_span_hold_flush(&sk->hold);
	for (size_t i = 0; i < sk->n_queues; i++) {
		otr_queue_tick(sk->queues[i], on_notice, sk);
		otr_queue_close(&sk->queues[i], deadline);
	}
	sk->n_queues = 0;
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
	if (sk->console && otr_console_summarizes(sk->console))
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
	otr_console_free(&sk->console);
	otr_span_hold_fini(&sk->hold);
	otr_notseen_free(&sk->notseen);
	free(sk);
}
