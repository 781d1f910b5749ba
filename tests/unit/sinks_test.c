/* SPDX-License-Identifier: Apache-2.0 */
// needs: tests/unit/make_spans.c
/*
 * sinks_test.c - the table of sinks: which are opened, and in which order they are called. The
 * pipeline and the table of sinks are fakes.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/config/settings.h"
#include "agent/notseen.h"
#include "agent/pipeline.h"
#include "agent/proto/proto.h"
#include "agent/sink/sink.h"
#include "agent/sinks.h"
#include "agent/stitch/open.h"
#include "agent/stitch/stitch.h"
#include "tests/unit/make_spans.h"

static struct otr_pipeline_config pipeline; /* as sinks.c set it */
static char calls[512];			    /* "a:open b:open a:span .." */
static int b_open_rc;

int otr_pipeline_new(struct otr_pipeline **out, const struct otr_pipeline_config *cfg)
{
	pipeline = *cfg;
	*out = (struct otr_pipeline *)&pipeline;
	return 0;
}

void otr_pipeline_free(struct otr_pipeline **pp)
{
	*pp = NULL;
}

int otr_pipeline_event(struct otr_pipeline *pl, const struct otr_event *ev)
{
	(void)pl;
	(void)ev;
	return 0;
}

void otr_pipeline_set_sampler(struct otr_pipeline *pl, const struct otr_sampler *sampler)
{
	(void)pl;
	pipeline.sampler = *sampler;
}

void otr_pipeline_flush(struct otr_pipeline *pl)
{
	(void)pl;
}

struct otr_stitch *otr_pipeline_stitch(struct otr_pipeline *pl)
{
	(void)pl;
	return NULL;
}

void otr_stitch_each_open(struct otr_stitch *st, otr_open_fn fn, void *arg)
{
	(void)st;
	fn(arg, NULL, NULL);
}

void otr_stitch_stats(const struct otr_stitch *st, struct otr_stitch_stats *out)
{
	(void)st;
	*out = (struct otr_stitch_stats){.spans = 7};
}

int otr_notseen_new(struct otr_notseen **out)
{
	*out = NULL;
	return 0;
}

void otr_notseen_free(struct otr_notseen **np)
{
	(void)np;
}

void otr_notseen_ended(struct otr_notseen *ns, struct otr_pipeline *pl,
		       const struct otr_stream_stat *stat)
{
	(void)ns;
	(void)pl;
	(void)stat;
}

const char *otr_notseen_lines(struct otr_notseen *ns, struct otr_pipeline *pl)
{
	(void)ns;
	(void)pl;
	return "lines";
}

/* How many bytes otr_sinks_report_losses() writes to stderr. */
static off_t losses_printed(struct otr_sinks *sk)
{
	int file = memfd_create("stderr", 0), was = dup(STDERR_FILENO);
	struct stat st;

	assert_true(file >= 0 && was >= 0);
	dup2(file, STDERR_FILENO);
	otr_sinks_report_losses(sk);
	dup2(was, STDERR_FILENO);
	assert_int_equal(fstat(file, &st), 0);
	close(file);
	close(was);
	return st.st_size;
}

static void add_call(const void *sink, const char *what)
{
	size_t len = strlen(calls);

	snprintf(calls + len, sizeof(calls) - len, "%s%s:%s", len ? " " : "", (const char *)sink,
		 what);
}

static bool always(const struct otr_sink_config *cfg)
{
	(void)cfg;
	return true;
}

static bool if_console(const struct otr_sink_config *cfg)
{
	return cfg->fd >= 0;
}

static int open_a(void **out, const struct otr_sink_config *cfg, struct otr_err *err)
{
	static char name[] = "a";

	(void)cfg;
	(void)err;
	*out = name;
	add_call(name, "open");
	return 0;
}

static int open_b(void **out, const struct otr_sink_config *cfg, struct otr_err *err)
{
	static char name[] = "b";

	(void)cfg;
	add_call(name, "open");
	if (b_open_rc)
		otr_err_set(err, "b does not open");
	else
		*out = name;
	return b_open_rc;
}

static void span(void *sink, struct otr_span *sp, enum otr_outcome outcome)
{
	(void)outcome;
	(void)sp;
	add_call(sink, "span");
}

static void trace(void *sink, const uint8_t trace_id[16], enum otr_outcome outcome)
{
	(void)outcome;
	(void)trace_id;
	add_call(sink, "trace");
}

static void open_request(void *sink, struct otr_span *root, struct otr_span *waits)
{
	(void)root;
	(void)waits;
	add_call(sink, "open_request");
}

static void notice(void *sink, const char *text)
{
	add_call(sink, text);
}

static void tick(void *sink, uint64_t now_ns)
{
	(void)now_ns;
	add_call(sink, "tick");
}

static void drain(void *sink, uint64_t deadline_ns)
{
	(void)deadline_ns;
	add_call(sink, "drain");
}

static void summary(void *sink, const struct otr_summary *sum)
{
	assert_int_equal(sum->stats->spans, 7);
	add_call(sink, sum->not_seen);
}

static bool names_losses(const void *sink)
{
	add_call(sink, "names_losses");
	return true;
}

static void close_sink(void *sink)
{
	add_call(sink, "close");
}

/* The first has every function, the second as few as allowed. */
static const struct otr_sink_ops sink_a = {
	.name = "a",
	.is_wanted = if_console,
	.open = open_a,
	.span = span,
	.trace = trace,
	.open_request = open_request,
	.notice = notice,
	.tick = tick,
	.drain = drain,
	.summary = summary,
	.names_losses = names_losses,
	.close = close_sink,
};
static const struct otr_sink_ops sink_b = {
	.name = "b",
	.is_wanted = always,
	.open = open_b,
	.span = span,
	.close = close_sink,
};
const struct otr_sink_ops *const otr_sink_table[] = {&sink_a, &sink_b, NULL};

static int open_with(struct otr_sinks **sk, int fd, struct otr_err *err)
{
	static const struct otr_settings settings;
	struct otr_sinks_config cfg = {.cfg = &settings, .fd = fd};

	calls[0] = 0;
	otr_loss_add(OTR_LOSS_EXPORT, 1);
	return otr_sinks_open(sk, &cfg, err);
}

static void calls_each_sink_in_order(void **state)
{
	static const uint8_t id[16];
	struct otr_summary sum = {.what = "x"};
	struct otr_span *sp = make_span(1, &(struct make){OTR_SPAN_SERVER, .service = "s"});
	struct otr_sinks *sk;
	struct otr_err err;

	(void)state;
	b_open_rc = 0;
	assert_int_equal(open_with(&sk, 1, &err), 0);
	pipeline.span(pipeline.arg, sp);
	otr_span_unref(&sp);
	pipeline.trace(pipeline.arg, id, OTR_FLAG_SAMPLED, true);
	assert_int_equal(otr_sinks_spans(sk), 1);
	otr_sinks_tick(sk, 2000000000);
	otr_sinks_tick(sk, 2000000001);
	otr_sinks_notice(sk, "hello");
	otr_sinks_summary(sk, &sum);
	assert_int_equal(losses_printed(sk), 0);
	otr_sinks_close(&sk);
	assert_null(sk);
	assert_string_equal(calls,
			    "a:open b:open a:span b:span a:trace a:open_request a:tick a:tick "
			    "a:hello a:lines a:names_losses a:drain a:close b:close");
}

static void opens_only_what_is_wanted(void **state)
{
	struct otr_sinks *sk;
	struct otr_err err;

	(void)state;
	b_open_rc = 0;
	assert_int_equal(open_with(&sk, -1, &err), 0);
	otr_sinks_tick(sk, 2000000000);
	otr_sinks_start_line(sk, "x", "bpf");
	assert_true(losses_printed(sk) > 0);
	otr_sinks_close(&sk);
	assert_string_equal(calls, "b:open b:close");
}

static void closes_the_others_when_one_fails(void **state)
{
	struct otr_sinks *sk = NULL;
	struct otr_err err;

	(void)state;
	b_open_rc = -EACCES;
	assert_int_equal(open_with(&sk, 1, &err), -EACCES);
	assert_null(sk);
	assert_string_equal(err.text, "b does not open");
	assert_string_equal(calls, "a:open b:open a:drain a:close");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_each_sink_in_order),
		cmocka_unit_test(opens_only_what_is_wanted),
		cmocka_unit_test(closes_the_others_when_one_fails),
	};

	return cmocka_run_group_tests_name("sinks", tests, NULL, NULL);
}
