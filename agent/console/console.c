/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console.c - traces for a person: opening and closing the console, and what is printed when.
 *
 * Spans wait in pending.c until their trace is complete.
 */

#include "agent/console/console.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/own.h"
#include "agent/base/text.h"
#include "agent/base/version.h"
#include "agent/config/settings.h"
#include "agent/console/block.h"
#include "agent/console/cells.h"
#include "agent/console/console_state.h"
#include "agent/console/line.h"
#include "agent/console/output.h"
#include "agent/span/span.h"
#include "agent/view/hist.h"
#include "agent/view/label.h"
#include "agent/view/tree.h"
#include "agent/view/units.h"

#define SECOND	   1000000000ull
#define LOST_EVERY (10 * SECOND)
#define TREE_KEPT  256		 /* spans of a tree whose memory is kept for the next */
#define FORGET	   (60 * SECOND) /* the stitcher completes a trace after 30 s at most */

int otr_console_new(struct otr_console **out, const struct otr_console_config *cfg)
{
	OTR_AUTO(otr_console_free) struct otr_console *con = NULL;

	con = calloc(1, sizeof(*con));
	if (!con || otr_stats_init(&con->stats))
		return -ENOMEM;
	con->cfg = *cfg;
	otr_console_style_init(&con->look, cfg);
	*out = OTR_TAKE(con);
	return 0;
}

void otr_console_free(struct otr_console **cp)
{
	struct otr_console *con = OTR_TAKE(*cp);

	if (!con)
		return;
	otr_pendings_fini(&con->pending);
	otr_tree_fini(&con->tree);
	otr_stats_fini(&con->stats);
	otr_buf_fini(&con->out);
	free(con);
}

static bool prints_traces(const struct otr_console *con)
{
	return !con->cfg.cfg->no_live && !con->cfg.cfg->quiet;
}

static bool is_text_format(const struct otr_console *con)
{
	return con->cfg.cfg->format == OTR_FORMAT_TEXT;
}

void otr_console_start(struct otr_console *con, const char *what, const char *sources)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf line = {0};
	OTR_AUTO(otr_buf_fini) struct otr_buf how = {0};
	static const char head[] = "otrace " OTR_VERSION " ";
	unsigned int col;

	if (!prints_traces(con) || !is_text_format(con))
		return;
	otr_console_style_measure(&con->look, &con->cfg);
	otr_text_escape(&how, otr_slice_str(sources));
	otr_text_escape(&line, otr_slice_str(what));
	col = (unsigned int)strlen(head) + 1 + otr_cells(otr_buf_view(&how));
	col = con->look.width > col + 10 ? con->look.width - col : 10;
	otr_buf_str(&con->out, con->look.color ? "\x1b[2m" : "");
	otr_buf_str(&con->out, head);
	otr_cells_put(&con->out, otr_buf_view(&line), otr_console_style_room(&con->look, col),
		      con->look.ascii);
	otr_buf_byte(&con->out, ' '); /* `sources` is never cut off */
	otr_buf_slice(&con->out, otr_buf_view(&how));
	otr_buf_str(&con->out, con->look.color ? "\x1b[0m\n" : "\n");
	otr_console_flush(con);
}

void otr_console_span(struct otr_console *con, struct otr_span *sp)
{
	if (sp->end_ns > con->epoch_ns) {
		con->epoch_ns = sp->end_ns;
		con->at_ns = con->now_ns;
	}
	otr_stats_span(&con->stats, sp);
	otr_pending_add(&con->pending, sp, con->now_ns);
}

static bool passes_filter(const struct otr_console *con, const struct otr_tree *tree)
{
	const struct otr_settings *cfg = con->cfg.cfg;
	const struct otr_node *root = &tree->nodes[tree->root];

	return (!cfg->errors || tree->failed) && otr_node_ns(root) >= cfg->slow_ns;
}

/* Traces with an error, slow traces and the first trace of a route may use the whole limit of a
 * second; the others leave a quarter of it free for such traces. */
static bool within_limit(struct otr_console *con, const struct otr_tree *tree, bool first)
{
	uint64_t max = (uint64_t)con->cfg.cfg->print_rate;
	bool matters = first || tree->failed || otr_node_ns(&tree->nodes[tree->root]) >= SECOND;

	if (!is_text_format(con) || !max)
		return true;
	con->flood.traces++;
	if (con->flood.printed >= (matters ? max : max - max / 4))
		return false;
	con->flood.printed++;
	return true;
}

static void print(struct otr_console *con, struct otr_tree *tree, const struct otr_pending *p)
{
	const struct otr_span *const *spans = (const struct otr_span *const *)p->spans;
	int rc;

	otr_tree_time(tree);
	otr_console_style_measure(&con->look, &con->cfg);
	switch (con->cfg.cfg->format) {
	case OTR_FORMAT_JSONL:
		rc = otr_console_json(&con->out, spans, p->n);
		break;
	case OTR_FORMAT_LINE:
		rc = otr_console_logfmt(&con->out, tree);
		break;
	default:
		rc = otr_console_block(&con->out, &con->look, tree, con->cfg.cfg->rows);
		break;
	}
	if (rc)
		otr_console_unwritten(con, rc);
	else
		otr_console_flush(con);
}

/* A trace that a caller elsewhere does not sample is shown: who looks asked for no rate here. */
static bool is_shown(enum otr_outcome outcome, const struct otr_tree *tree)
{
	return outcome == OTR_TRACE_KEPT ||
	       (outcome == OTR_TRACE_UNSAMPLED && tree->nodes[tree->root].span->parent_remote);
}

/* Counts a complete trace, and prints it where it is to be shown. */
static void take_trace(struct otr_console *con, const struct otr_pending *p,
		       enum otr_outcome outcome)
{
	struct otr_tree *tree = &con->tree;
	bool first = otr_stats_trace(&con->stats, tree);

	con->stats.ignored += outcome == OTR_TRACE_IGNORED;
	con->stats.unsampled += outcome == OTR_TRACE_UNSAMPLED;
	if (is_shown(outcome, tree) && prints_traces(con) && passes_filter(con, tree) &&
	    within_limit(con, tree, first))
		print(con, tree, p);
}

void otr_console_trace(struct otr_console *con, const uint8_t trace_id[16],
		       enum otr_outcome outcome)
{
	OTR_AUTO(otr_pending_free) struct otr_pending *p = NULL;

	p = otr_pending_take(&con->pending, trace_id);
	if (!p || !p->n)
		return;
	if (otr_tree_build(&con->tree, (const struct otr_span *const *)p->spans, p->n,
			   !con->cfg.cfg->spans))
		otr_console_unwritten(con, -ENOMEM);
	else
		take_trace(con, p, outcome);
	if (p->n > TREE_KEPT)
		otr_tree_fini(&con->tree);
}

/* The time of now, in ns since the epoch, for lines that belong to no span. */
static uint64_t wall_ns(const struct otr_console *con)
{
	struct timespec now;

	if (con->epoch_ns)
		return con->epoch_ns + (con->now_ns - con->at_ns);
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* Prints a line that begins with the time of now, since it belongs to no span. */
static void print_stamped(struct otr_console *con, struct otr_slice text)
{
	otr_console_style_measure(&con->look, &con->cfg);
	otr_console_clock(&con->out, wall_ns(con), false);
	otr_cells_put(&con->out, text, otr_console_style_room(&con->look, con->look.width - 8),
		      con->look.ascii);
	otr_buf_byte(&con->out, '\n');
	otr_console_flush(con);
}

/* Appends "GET /health x1,100 p50 300 us, ..": the three most frequent routes of this second. */
static void add_busiest_routes(struct otr_console *con, struct otr_buf *out)
{
	struct otr_stats_table *t = &con->stats.routes;
	struct otr_stat *best;
	char count[OTR_UNITS], time[OTR_UNITS];

	for (int n = 0; n < 3; n++) {
		best = NULL;
		for (struct otr_stat *r = t->row; r < t->row + t->n; r++)
			if (r->in_window && (!best || r->in_window > best->in_window))
				best = r;
		if (!best)
			return;
		otr_units_count(best->in_window, count);
		otr_units_duration(best->hist ? otr_hist_quantile(best->hist, 0.5) : 0, time);
		otr_buf_printf(out, "%s%s x%s p50 %s", n ? ", " : ": ", best->name, count, time);
		best->in_window = 0;
	}
}

static void end_window(struct otr_console *con)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	struct otr_flood *fl = &con->flood;
	char all[OTR_UNITS], some[OTR_UNITS];

	if (fl->traces > fl->printed) {
		otr_buf_printf(&text, "          %s traces in 1 s, %s printed",
			       otr_units_count(fl->traces, all),
			       otr_units_count(fl->printed, some));
		add_busiest_routes(con, &text);
		print_stamped(con, otr_buf_view(&text));
	}
	for (size_t i = 0; i < con->stats.routes.n; i++)
		con->stats.routes.row[i].in_window = 0;
	*fl = (struct otr_flood){.began_ns = con->now_ns};
}

static bool report_loss(struct otr_console *con, enum otr_losses which, const char *so)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf what = {0};
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};

	if (!otr_console_losses(&what, &con->losses, which))
		return false;
	otr_buf_printf(&text, " LOST     %.*s; %s", OTR_SLICE_ARG(otr_buf_view(&what)), so);
	print_stamped(con, otr_buf_view(&text));
	return true;
}

/* Reports losses once in 10 s at most. */
static void report_losses(struct otr_console *con)
{
	uint64_t sum = otr_loss_sum();
	bool reported;

	if (sum == con->losses_checked)
		return;
	if (con->losses_shown_ns && con->now_ns - con->losses_shown_ns < LOST_EVERY)
		return;
	reported = report_loss(con, OTR_LOSSES_HOLES, "spans of this time may be missing");
	reported |= report_loss(con, OTR_LOSSES_SENT, "no backend has them");
	con->losses_checked = sum;
	if (!reported)
		return;
	otr_console_losses_shown(&con->losses);
	con->losses_shown_ns = con->now_ns;
}

static void add_label(struct otr_buf *out, const struct otr_span *sp, bool first)
{
	char time[OTR_UNITS];
	struct otr_label lb;

	otr_label_of(sp, &lb);
	if (first) {
		otr_label_name(out, &lb);
		otr_buf_str(out, "  ");
		otr_label_service(out, &lb);
	} else {
		otr_label_service(out, &lb);
		otr_buf_byte(out, ' ');
		otr_label_name(out, &lb);
	}
	otr_buf_printf(out, "%s%s", first ? "  " : " ",
		       otr_units_duration(sp->end_ns - sp->start_ns, time));
}

void otr_console_open(struct otr_console *con, const struct otr_span *root,
		      const struct otr_span *waits)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};

	if (!prints_traces(con) || !is_text_format(con))
		return;
	otr_buf_str(&text, "         open ");
	add_label(&text, root, true);
	otr_buf_str(&text, " so far");
	if (waits) {
		otr_buf_str(&text, ", waiting for ");
		add_label(&text, waits, false);
	}
	print_stamped(con, otr_buf_view(&text));
}

void otr_console_tick(struct otr_console *con, uint64_t now_ns)
{
	con->now_ns = now_ns;
	if (now_ns > FORGET)
		otr_pending_forget(&con->pending, now_ns - FORGET);
	if (!prints_traces(con) || !is_text_format(con))
		return;
	if (now_ns - con->flood.began_ns >= SECOND)
		end_window(con);
	report_losses(con);
}

/* The descriptor for notices, or -1. Notices never stand between the lines of a format for
 * programs, nor on the stdout of attach and replay. */
static int notice_fd(const struct otr_console *con)
{
	if (con->cfg.notice_fd)
		return con->cfg.notice_fd;
	if (con->cfg.fd == STDOUT_FILENO)
		return STDERR_FILENO;
	return is_text_format(con) ? con->cfg.fd : -1;
}

void otr_console_notice(struct otr_console *con, const char *text)
{
	int fd = notice_fd(con);
	size_t len;

	if (fd < 0)
		return;
	otr_console_style_measure(&con->look, &con->cfg);
	for (;; text++) {
		len = strcspn(text, "\n");
		if (len)
			otr_text_escape(&con->out, (struct otr_slice){text, len});
		if (len)
			otr_buf_byte(&con->out, '\n');
		text += len;
		if (!*text)
			break;
	}
	otr_console_write_to(con, fd);
}
