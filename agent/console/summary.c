/* SPDX-License-Identifier: Apache-2.0 */
/*
 * summary.c - the last lines: figures by service, the slowest trace, errors, what was not seen,
 * what was lost, what tracing cost.
 *
 * Lines without content are left out, except `lost` and `overhead`.
 */

#include "agent/console/summary.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/own.h"
#include "agent/base/text.h"
#include "agent/config/settings.h"
#include "agent/console/cells.h"
#include "agent/console/console_state.h"
#include "agent/console/output.h"
#include "agent/sink/sink.h"
#include "agent/stitch/stitch.h"
#include "agent/view/hist.h"
#include "agent/view/units.h"

#define ROWS	    10
#define SERVICE_MAX 32

/* Appends one line, cut at the width of a terminal. Every line of the summary is written here. */
static void line(struct otr_console *con, const struct otr_buf *text)
{
	otr_cells_put(&con->out, otr_buf_view(text),
		      otr_console_style_room(&con->look, con->look.width), con->look.ascii);
	otr_buf_byte(&con->out, '\n');
}

static void title(struct otr_console *con, const struct otr_summary *sum)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	uint64_t traces = sum->stats ? sum->stats->traces : con->stats.traces;
	uint64_t spans = sum->stats ? sum->stats->spans : con->stats.spans;
	char time[OTR_UNITS], a[OTR_UNITS], b[OTR_UNITS];

	otr_buf_str(&text, "otrace: ");
	otr_text_escape(&text, otr_slice_str(sum->what));
	otr_buf_printf(&text, " after %s, %s trace%s, %s span%s",
		       otr_units_duration(sum->elapsed_ns, time), otr_units_count(traces, a),
		       traces == 1 ? "" : "s", otr_units_count(spans, b), spans == 1 ? "" : "s");
	line(con, &text);
}

/* Writes "3 0.2%", or "0". */
static void errors_of(const struct otr_stat *row, char out[OTR_UNITS * 2])
{
	double part = 100.0 * (double)row->errors / (double)row->count;
	char count[OTR_UNITS];

	otr_units_count(row->errors, count);
	if (row->errors)
		snprintf(out, OTR_UNITS * 2, "%s %.*f%%", count, part < 9.95, part);
	else
		snprintf(out, OTR_UNITS * 2, "0");
}

static const char *quantile(const struct otr_stat *row, double share, char out[OTR_UNITS])
{
	return otr_units_duration(row->hist ? otr_hist_quantile(row->hist, share) : 0, out);
}

/* Columns of the table of services. Each is wide enough for a blank before its longest text. */
struct widths {
	unsigned int name;
	int count, rate, errors;
};

static void rate_of(const struct otr_stat *row, uint64_t elapsed_ns, char out[OTR_UNITS])
{
	double s = (double)elapsed_ns / 1e9;

	snprintf(out, OTR_UNITS, "%.1f", s > 0 ? (double)row->count / s : 0);
}

static void widen(int *width, const char *text, int blanks)
{
	int n = (int)strlen(text) + blanks;

	if (n > *width)
		*width = n;
}

static struct widths measure(const struct otr_console *con, const struct otr_stats_table *t,
			     size_t rows, uint64_t elapsed_ns)
{
	struct widths w = {10, 7, 7, 8};
	char text[OTR_UNITS * 2];
	struct otr_slice name;

	for (size_t i = 0; i < rows; i++) {
		name = otr_slice_str(t->row[i].name);
		if (otr_cells(name) > w.name)
			w.name = otr_cells(name);
		errors_of(&t->row[i], text);
		widen(&w.errors, text, 2);
		widen(&w.count, otr_units_count(t->row[i].count, text), 1);
		rate_of(&t->row[i], elapsed_ns, text);
		widen(&w.rate, text, 1);
	}
	if (w.name > otr_console_style_room(&con->look, SERVICE_MAX))
		w.name = SERVICE_MAX;
	return w;
}

static void service(struct otr_console *con, const struct otr_summary *sum,
		    const struct otr_stat *row, const struct widths *w)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	OTR_AUTO(otr_buf_fini) struct otr_buf name = {0};
	char errors[OTR_UNITS * 2], count[OTR_UNITS], rate[OTR_UNITS];
	char p50[OTR_UNITS], p95[OTR_UNITS], p99[OTR_UNITS];
	unsigned int col;

	otr_text_escape(&name, otr_slice_str(row->name));
	col = otr_cells_put(&text, otr_buf_view(&name), w->name, con->look.ascii);
	otr_cells_blank(&text, w->name - col);
	errors_of(row, errors);
	rate_of(row, sum->elapsed_ns, rate);
	otr_buf_printf(&text, "%*s%*s%*s%8s%8s%8s", w->count, otr_units_count(row->count, count),
		       w->rate, rate, w->errors, errors, quantile(row, 0.50, p50),
		       quantile(row, 0.95, p95), quantile(row, 0.99, p99));
	line(con, &text);
}

static void services(struct otr_console *con, const struct otr_summary *sum)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	struct otr_stats_table *t = &con->stats.services;
	size_t rows = t->n < ROWS ? t->n : ROWS;
	struct widths w;

	if (!rows)
		return;
	otr_stats_sort(t, true);
	w = measure(con, t, rows, sum->elapsed_ns);
	otr_buf_printf(&text, "%-*s%*s%*s%*s%8s%8s%8s", (int)w.name, "service", w.count, "req",
		       w.rate, "req/s", w.errors, "errors", "p50", "p95", "p99");
	line(con, &text);
	for (size_t i = 0; i < rows; i++)
		service(con, sum, &t->row[i], &w);
}

static void slowest(struct otr_console *con)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	char time[OTR_UNITS];

	if (!con->stats.slowest.len)
		return;
	otr_buf_printf(&text, "slowest   %s %.*s", otr_units_duration(con->stats.slowest_ns, time),
		       OTR_SLICE_ARG(otr_buf_view(&con->stats.slowest)));
	while (text.len && text.data[text.len - 1] == ' ')
		text.len--;
	line(con, &text);
}

static void most_frequent(struct otr_console *con)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	struct otr_stats_table *t = &con->stats.routes;
	char count[OTR_UNITS];

	if (con->stats.traces < 2)
		return;
	otr_stats_sort(t, false);
	for (size_t i = 0; i < t->n && i < 3; i++) {
		otr_buf_printf(&text, "%s%s %s", i ? "   " : "most      ", t->row[i].name,
			       otr_units_count(t->row[i].count, count));
		if (!i)
			otr_buf_printf(&text, " (%.0f%%)",
				       100.0 * (double)t->row[i].count / (double)con->stats.traces);
	}
	line(con, &text);
}

static void errors(struct otr_console *con)
{
	struct otr_stats_table *t = &con->stats.errors;
	char count[OTR_UNITS];

	otr_stats_sort(t, false);
	for (size_t i = 0; i < t->n && i < ROWS; i++) {
		OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};

		otr_buf_printf(&text, "%s%sx %s", i ? "          " : "errors    ",
			       otr_units_count(t->row[i].count, count), t->row[i].name);
		line(con, &text);
	}
}

static void parents(struct otr_console *con, const struct otr_stitch_stats *st)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	char n[OTR_UNITS];

	if (!st || !(st->proved + st->weak + st->orphans + st->contradicted))
		return;
	otr_buf_printf(&text, "parents   %s proved", otr_units_count(st->proved, n));
	otr_buf_printf(&text, ", %s weak ~", otr_units_count(st->weak, n));
	otr_buf_printf(&text, ", %s orphan", otr_units_count(st->orphans, n));
	otr_buf_printf(&text, ", %s contradicted", otr_units_count(st->contradicted, n));
	line(con, &text);
}

static void ignored(struct otr_console *con)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	char n[OTR_UNITS];

	if (!con->stats.ignored)
		return;
	otr_buf_printf(&text, "ignored   %s trace%s: counted, not kept (--ignore)",
		       otr_units_count(con->stats.ignored, n), con->stats.ignored == 1 ? "" : "s");
	line(con, &text);
}

/* The counts above are of all traces: these say how many were kept. */
static void sampled(struct otr_console *con)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	uint64_t all = con->stats.traces - con->stats.ignored;
	char n[OTR_UNITS];

	if (!con->stats.unsampled || !all)
		return;
	otr_buf_printf(&text, "sampled   %s", otr_units_count(all - con->stats.unsampled, n));
	otr_buf_printf(&text, " of %s traces kept (%.3g%%), all counted above",
		       otr_units_count(all, n),
		       100.0 * (double)(all - con->stats.unsampled) / (double)all);
	line(con, &text);
}

/* Prints one row for each line of `text`. */
static void not_seen(struct otr_console *con, const char *text)
{
	const char *head = "not seen  ";
	size_t len;

	for (; text && *text; text += len + (text[len] != '\0')) {
		OTR_AUTO(otr_buf_fini) struct otr_buf row = {0};

		len = strcspn(text, "\n");
		otr_buf_str(&row, head);
		otr_text_escape(&row, (struct otr_slice){text, len});
		if (len)
			line(con, &row);
		head = "          ";
	}
}

/* Prints the cause of a loss in words. */
static void reason(struct otr_console *con, enum otr_loss cause)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	char why[OTR_LOSS_REASON];

	if (!otr_loss_get(cause))
		return;
	otr_loss_reason(cause, why);
	otr_buf_printf(&text, "          %s: ", otr_loss_word(cause));
	otr_text_escape(&text, otr_slice_str(why));
	line(con, &text);
}

static void lost(struct otr_console *con)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	char n[OTR_UNITS];

	otr_buf_str(&text, "lost      ");
	if (!otr_console_losses(&text, &con->losses, OTR_LOSSES_ALL))
		otr_buf_str(&text, "nothing");
	if (con->stats.holes)
		otr_buf_printf(&text, ": %s trace%s, marked \"?\"",
			       otr_units_count(con->stats.holes, n),
			       con->stats.holes == 1 ? " has holes" : "s have holes");
	line(con, &text);
	for (int i = OTR_LOSS_NONE + 1; i < OTR_LOSS_MAX; i++)
		reason(con, (enum otr_loss)i);
}

static void overhead(struct otr_console *con, const struct otr_summary *sum)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	uint64_t traces = sum->stats ? sum->stats->traces : con->stats.traces;
	uint64_t lived = sum->lived_ns ? sum->lived_ns : sum->elapsed_ns;
	double s = (double)lived / 1e9, cpu = (double)sum->cpu_ns / 1e9;
	char t[OTR_UNITS];

	if (!sum->cpu_ns && !sum->rss_bytes)
		return; /* a replay has no cost that matters */
	otr_buf_printf(&text, "overhead  otrace %.2f s CPU (%.1f%% of a core)", cpu,
		       s > 0 ? 100 * cpu / s : 0);
	if (sum->inside_ns > sum->library_ns)
		otr_buf_printf(&text, ", probes %.2f s",
			       (double)(sum->inside_ns - sum->library_ns) / 1e9);
	if (sum->library_ns)
		otr_buf_printf(&text, ", library %.2f s", (double)sum->library_ns / 1e9);
	otr_buf_printf(&text, ", %s", otr_units_bytes(sum->rss_bytes, t));
	if (traces)
		otr_buf_printf(&text, "; %s each",
			       otr_units_duration((sum->cpu_ns + sum->inside_ns) / traces, t));
	line(con, &text);
}

static bool is_wanted(const struct otr_console *con)
{
	return !con->cfg.cfg->no_summary && !con->cfg.cfg->quiet &&
	       con->cfg.cfg->format == OTR_FORMAT_TEXT;
}

bool otr_console_summarizes(const struct otr_console *con)
{
	return is_wanted(con) && !con->unwritten;
}

void otr_console_summary(struct otr_console *con, const struct otr_summary *sum)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};

	if (!is_wanted(con))
		return;
	otr_console_style_measure(&con->look, &con->cfg);
	title(con, sum);
	services(con, sum);
	slowest(con);
	most_frequent(con);
	errors(con);
	parents(con, sum->stats);
	if (sum->headers && sum->headers[0]) {
		otr_buf_printf(&text, "headers   %s", sum->headers);
		line(con, &text);
		otr_buf_reset(&text);
	}
	ignored(con);
	sampled(con);
	not_seen(con, sum->not_seen);
	if (sum->budget) {
		otr_buf_printf(&text, "budget    %s", sum->budget);
		line(con, &text);
		otr_buf_reset(&text);
	}
	lost(con);
	overhead(con, sum);
	if (sum->again) {
		otr_buf_printf(&text, "again     %s", sum->again);
		line(con, &text);
	}
	otr_console_flush(con);
}
