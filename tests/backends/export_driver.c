/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export_driver.c - pushes made-up spans through a queue, as the agent does.
 *
 *	export_driver URL [spans=N] [rate=N/s] [linger=MS] [until=MS] [reported=N] [close=MS]
 *		[origin=NAME]
 *
 * Lingers; then waits until all spans have met their fate, or N notices came, at most
 * until=MS. Prints notices as they come, then one line of figures; `slowest` is the longest that
 * a push or a tick kept its caller. Two services, three scopes, every kind of value.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/resource/resource.h"
#include "agent/span/span_builder.h"
#include "bpf/event.h"
#include "exporters/queue.h"

static struct {
	size_t spans, rate;
	uint64_t linger_ms, until_ms, reported, close_ms;
	const char *origin;
} opt = {100, 0, 0, 60000, 0, 20000, "--export"};
static uint64_t reported;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void put(void *procs, const struct otr_event *ev)
{
	otr_procs_event(procs, ev);
}

static struct otr_procs *make_procs(void)
{
	struct otr_procs *procs = NULL;

	if (otr_procs_new(&procs, 16))
		abort();
	otr_resource_read_host(1, put, procs);
	otr_resource_read((uint32_t)getpid(), 1, put, procs);
	otr_meta_put(7, OTR_META_SERVICE, OTR_SLICE("orders"), 1, put, procs);
	return procs;
}

static struct otr_span *make_span(struct otr_span_builder *sb, struct otr_procs *procs, uint32_t i)
{
	static const char *const scopes[] = {"otrace/http", "otrace/pgsql", "otrace/redis"};
	uint32_t pid = i % 2 ? 7 : (uint32_t)getpid();
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	otr_sb_reset(sb);
	memset(sb->span.trace_id, 0xab, sizeof(sb->span.trace_id));
	memcpy(sb->span.span_id, &(uint64_t){i + 1}, 8);
	if (i % 3)
		memcpy(sb->span.parent_id, &(uint64_t){i}, 8);
	sb->span.flags = 3;
	sb->span.kind = i % 2 ? OTR_SPAN_CLIENT : OTR_SPAN_SERVER;
	sb->span.evidence = i % 3 ? OTR_EVIDENCE_WIRE : OTR_EVIDENCE_NONE;
	sb->span.start_ns = (uint64_t)ts.tv_sec * 1000000000u;
	sb->span.end_ns = sb->span.start_ns + 1000 * (i + 1);
	sb->span.resource = otr_procs_resource(procs, pid);
	sb->span.scope = scopes[i % 3];
	otr_sb_name(sb, OTR_SLICE("GET /orders/{id}"));
	otr_sb_string(sb, OTR_KEY_HTTP_REQUEST_METHOD, OTR_SLICE("GET"));
	otr_sb_string(sb, OTR_KEY_URL_PATH, OTR_SLICE("/orders/\xff\"\n42"));
	otr_sb_int(sb, OTR_KEY_HTTP_RESPONSE_STATUS_CODE, i % 5 ? 200 : 500);
	otr_sb_custom(sb, OTR_SLICE("driver.n"), OTR_SLICE("\xe2\x82\xac"));
	if (i % 5 == 0)
		otr_sb_error(sb, OTR_SLICE("500"));
	if (i % 7 == 0)
		otr_sb_link(sb, &(struct otr_link){.trace_id = {1},
						   .span_id = {2},
						   .evidence = OTR_EVIDENCE_WAKE});
	return otr_sb_finish(sb);
}

static void notice(void *arg, const char *text)
{
	(void)arg;
	reported++;
	printf("otrace: %s\n", text);
	fflush(stdout);
}

static uint64_t timed_tick(struct otr_queue *q)
{
	uint64_t from = now_ns();

	otr_queue_tick(q, notice, NULL);
	return now_ns() - from;
}

static uint64_t push_all(struct otr_queue *q, struct otr_procs *procs)
{
	OTR_AUTO(otr_sb_fini) struct otr_span_builder sb = {0};
	uint64_t slowest = 0, from, t;
	struct otr_span *sp;

	for (uint32_t i = 0; i < opt.spans; i++) {
		sp = make_span(&sb, procs, i);
		from = now_ns();
		otr_queue_push(q, sp);
		t = now_ns() - from;
		otr_span_unref(&sp);
		slowest = t > slowest ? t : slowest;
		if (opt.rate)
			usleep((useconds_t)(1000000 / opt.rate));
		if (i % 64 == 0 && (t = timed_tick(q)) > slowest)
			slowest = t;
	}
	return slowest;
}

static bool settled(struct otr_queue *q)
{
	struct otr_queue_stats st;

	otr_queue_stats(q, &st);
	return opt.reported ? reported >= opt.reported
			    : st.accepted + st.refused + st.dropped + st.failed >= opt.spans;
}

static void linger(struct otr_queue *q)
{
	uint64_t from = now_ns();
	uint64_t least = from + opt.linger_ms * 1000000u;
	uint64_t most = least + opt.until_ms * 1000000u;

	while (now_ns() < least || (!settled(q) && now_ns() < most)) {
		timed_tick(q);
		usleep(20000);
	}
	timed_tick(q);
}

static void read_options(char **args)
{
	for (; *args; args++) {
		sscanf(*args, "spans=%zu", &opt.spans);
		sscanf(*args, "rate=%zu", &opt.rate);
		sscanf(*args, "linger=%lu", &opt.linger_ms);
		sscanf(*args, "until=%lu", &opt.until_ms);
		sscanf(*args, "reported=%lu", &opt.reported);
		sscanf(*args, "close=%lu", &opt.close_ms);
		if (!strncmp(*args, "origin=", 7))
			opt.origin = *args + 7;
	}
}

/* `st` is of before the end; what was delivered in all is what is not lost. */
static void print_figures(const struct otr_queue_stats *st, uint64_t slowest_ns, uint64_t close_ns)
{
	uint64_t queue = otr_loss_get(OTR_LOSS_QUEUE);
	uint64_t refused = otr_loss_get(OTR_LOSS_REFUSED);
	uint64_t export = otr_loss_get(OTR_LOSS_EXPORT);

	printf("delivered=%lu queue=%lu refused=%lu export=%lu "
	       "slowest_us=%lu close_ms=%lu before: accepted=%lu refused=%lu "
	       "dropped=%lu failed=%lu waiting=%lu\n",
	       opt.spans - queue - refused - export, queue, refused, export, slowest_ns / 1000,
	       close_ns / 1000000u, st->accepted, st->refused, st->dropped, st->failed,
	       st->waiting);
}

int main(int argc, char **argv)
{
	OTR_AUTO(otr_procs_free) struct otr_procs *procs = make_procs();
	struct otr_queue_stats st;
	struct otr_err err = {""};
	struct otr_queue *q;
	uint64_t slowest, from;

	if (argc < 2)
		return 2;
	read_options(argv + 2);
	if (otr_queue_open(&q, argv[1], opt.origin, &err)) {
		otr_err_print(&err, "run");
		return 1;
	}
	slowest = push_all(q, procs);
	linger(q);
	otr_queue_stats(q, &st);
	from = now_ns();
	otr_queue_close(&q, from + opt.close_ms * 1000000u);
	print_figures(&st, slowest, now_ns() - from);
	return 0;
}
