/* SPDX-License-Identifier: Apache-2.0 */
/* sink.c - the console as a row of the table of sinks (agent/sink/sink.h). */

#include "agent/sink/sink.h"

#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/console/console.h"
#include "agent/console/summary.h"

static bool is_wanted(const struct otr_sink_config *cfg)
{
	return cfg->fd >= 0;
}

static int open_console(void **out, const struct otr_sink_config *cfg, struct otr_err *err)
{
	struct otr_console_config con = {
		.cfg = cfg->settings,
		.fd = cfg->fd,
		.terminal = isatty(cfg->fd),
		.shared = cfg->shared,
		.notice_fd = cfg->notice_fd,
	};
	struct otr_console *console;
	int rc = otr_console_new(&console, &con);

	if (rc)
		otr_err_set(err, "out of memory");
	else
		*out = console;
	return rc;
}

static void start(void *con, const char *what, const char *sources)
{
	otr_console_start(con, what, sources);
}

static void span(void *con, struct otr_span *sp, enum otr_outcome outcome)
{
	(void)outcome; /* it counts in any case */
	otr_console_span(con, sp);
}

static void trace(void *con, const uint8_t trace_id[16], enum otr_outcome outcome)
{
	otr_console_trace(con, trace_id, outcome);
}

static void open_request(void *con, struct otr_span *root, struct otr_span *waits)
{
	otr_console_open(con, root, waits);
}

/* As otr_err_print() would: the first line begins with "otrace: ", the others are indented. */
static void notice(void *con, const char *text)
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

static void tick(void *con, uint64_t now_ns)
{
	otr_console_tick(con, now_ns);
}

static void summary(void *con, const struct otr_summary *sum)
{
	otr_console_summary(con, sum);
}

static bool names_losses(const void *con)
{
	return otr_console_summarizes(con);
}

static void close_console(void *sink)
{
	struct otr_console *con = sink;

	otr_console_free(&con);
}

const struct otr_sink_ops otr_sink_console = {
	.name = "console",
	.is_wanted = is_wanted,
	.open = open_console,
	.start = start,
	.span = span,
	.trace = trace,
	.open_request = open_request,
	.notice = notice,
	.tick = tick,
	.summary = summary,
	.names_losses = names_losses,
	.close = close_console,
};
