/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink.c - the export queues as a row of the table of sinks (agent/sink/sink.h): one queue for each
 * --export. Only traces that are kept are sent; an exporter that counts gets those that are not
 * sampled, too.
 */

#include "agent/sink/sink.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/config/settings.h"
#include "exporters/queue.h"

#define EXPORTS_MAX    16
#define WAITING_MAX    1024    /* spans of a queue; a blocking push waits until there are fewer */
#define POLL_US	       500     /* between looks at a full queue */
#define BLOCKED_MAX_US 5000000 /* a queue that delivers nothing for so long blocks no more */

struct export
{
	struct otr_queue *queues[EXPORTS_MAX];
	bool unsampled[EXPORTS_MAX]; /* takes those, too */
	uint64_t room[EXPORTS_MAX];  /* with `blocking`: spans that each is sure to take */
	size_t n_queues;
	bool blocking;
	void (*notice)(void *arg, const char *text);
	void *arg; /* of notice */
};

/* How many spans may wait before a blocking push waits itself. */
static uint64_t waiting_max(const struct otr_queue_stats *stats)
{
	return stats->room / 2 + 1 < WAITING_MAX ? stats->room / 2 + 1 : WAITING_MAX;
}

/* Waits until the queue is not full, and returns how many spans it takes; once a backend is stuck,
 * no push blocks any more. */
static uint64_t wait_for_room(struct export *ex, struct otr_queue *q)
{
	struct otr_queue_stats stats;
	uint64_t before = 0, tries = 0;

	for (;;) {
		otr_queue_stats(q, &stats);
		if (stats.waiting < waiting_max(&stats))
			return waiting_max(&stats) - stats.waiting;
		tries = stats.waiting == before ? tries + 1 : 0;
		before = stats.waiting;
		if (tries * POLL_US > BLOCKED_MAX_US) {
			ex->blocking = false;
			return 0;
		}
		usleep(POLL_US);
	}
}

static bool is_wanted(const struct otr_sink_config *cfg)
{
	return cfg->settings->exports && cfg->settings->exports[0];
}

static int open_queues(struct export *ex, const struct otr_settings *settings, struct otr_err *err)
{
	int rc;

	for (char **url = settings->exports; *url; url++) {
		if (ex->n_queues == EXPORTS_MAX) {
			otr_err_set(err, "more than %d --export", EXPORTS_MAX);
			return -E2BIG;
		}
		rc = otr_queue_open(&ex->queues[ex->n_queues], *url, settings->exports_from, err);
		if (rc)
			return rc;
		ex->unsampled[ex->n_queues] = otr_queue_takes_unsampled(ex->queues[ex->n_queues]);
		ex->n_queues++;
	}
	return 0;
}

static void span(void *sink, struct otr_span *sp, enum otr_outcome outcome)
{
	struct export *ex = sink;

	for (size_t i = 0; outcome != OTR_TRACE_IGNORED && i < ex->n_queues; i++) {
		if (outcome == OTR_TRACE_UNSAMPLED && !ex->unsampled[i])
			continue;
		if (ex->blocking && !ex->room[i])
			ex->room[i] = wait_for_room(ex, ex->queues[i]);
		ex->room[i] -= ex->room[i] > 0;
		otr_queue_push(ex->queues[i], sp);
	}
}

static void tick(void *sink, uint64_t now_ns)
{
	struct export *ex = sink;

	(void)now_ns;
	for (size_t i = 0; i < ex->n_queues; i++)
		otr_queue_tick(ex->queues[i], ex->notice, ex->arg);
}

static void drain(void *sink, uint64_t deadline_ns)
{
	struct export *ex = sink;

	for (size_t i = 0; i < ex->n_queues; i++) {
		otr_queue_tick(ex->queues[i], ex->notice, ex->arg);
		otr_queue_close(&ex->queues[i], deadline_ns);
	}
	ex->n_queues = 0;
}

static void close_export(void *sink)
{
	free(sink);
}

/* What was opened before a later one failed. */
static void abandon(struct export **exp)
{
	struct export *ex = OTR_TAKE(*exp);

	if (!ex)
		return;
	drain(ex, 0);
	close_export(ex);
}

static int open_export(void **out, const struct otr_sink_config *cfg, struct otr_err *err)
{
	OTR_AUTO(abandon) struct export *ex = calloc(1, sizeof(*ex));
	int rc;

	if (!ex) {
		otr_err_set(err, "out of memory");
		return -ENOMEM;
	}
	ex->blocking = cfg->blocking;
	ex->notice = cfg->notice;
	ex->arg = cfg->arg;
	rc = open_queues(ex, cfg->settings, err);
	if (!rc)
		*out = OTR_TAKE(ex);
	return rc;
}

const struct otr_sink_ops otr_sink_export = {
	.name = "export",
	.is_wanted = is_wanted,
	.open = open_export,
	.span = span,
	.tick = tick,
	.drain = drain,
	.close = close_export,
};
