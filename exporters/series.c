/* SPDX-License-Identifier: Apache-2.0 */
/* series.c - a metric with labels; see series.h. Series are written in the order in which they came. */

#include "exporters/series.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/keyed.h"
#include "agent/base/utf8.h"
#include "exporters/json.h"

#define EXEMPLAR_NS 60000000000ull
#define VALUE_MAX   200
#define LINE_BYTES \
	64 /* of a line besides the name and the labels: "_bucket", the bound, the value */
#define TRACE_BYTES 160 /* of an exemplar; a series has one */
#define OVERFLOW    "otel_metric_overflow=\"true\""

struct otr_series {
	UT_hash_handle hh;
	double count, sum;
	double buckets[OTR_BOUNDS_MAX]; /* not cumulative */
	struct otr_exemplar exemplar;	/* time_ns 0: none */
	double exemplar_value;
	size_t len;
	char labels[];
};

static struct otr_series *make(struct otr_slice labels)
{
	struct otr_series *s = calloc(1, sizeof(*s) + labels.len + 1);

	if (!s)
		return NULL;
	memcpy(s->labels, labels.data, labels.len);
	s->len = labels.len;
	return s;
}

static struct otr_series *overflow_of(struct otr_metric *m)
{
	if (!m->overflow)
		m->overflow = make(OTR_SLICE(OVERFLOW));
	return m->overflow;
}

/* How many bytes of a page a series has at most. */
static size_t page_bytes(const struct otr_metric *m, size_t labels)
{
	size_t lines = m->bounds ? m->n_bounds + 3 : 1;
	size_t n = TRACE_BYTES + lines * (strlen(m->name) + labels + LINE_BYTES);

	return m->count_name ? n + strlen(m->count_name) + labels + LINE_BYTES : n;
}

/* NULL: out of memory, even for the overflow. */
static struct otr_series *series_of(struct otr_metric *m, struct otr_slice labels)
{
	struct otr_series *s;
	size_t bytes;

	HASH_FIND(hh, m->all, labels.data, labels.len, s);
	if (s)
		return s;
	bytes = page_bytes(m, labels.len);
	if (m->n >= (m->max ? m->max : OTR_SERIES) || (m->room && *m->room < bytes))
		return overflow_of(m);
	s = make(labels);
	if (!s)
		return overflow_of(m);
	HASH_ADD_KEYPTR(hh, m->all, s->labels, s->len, s);
	if (!s->hh.tbl) {
		free(s);
		return overflow_of(m);
	}
	m->n++;
	if (m->room)
		*m->room -= bytes;
	return s;
}

static void keep_exemplar(struct otr_series *s, const struct otr_exemplar *ex, double value)
{
	bool is_old = ex->time_ns > s->exemplar.time_ns + EXEMPLAR_NS;

	if (value < s->exemplar_value && !is_old)
		return;
	s->exemplar = *ex;
	s->exemplar_value = value;
}

void otr_metric_add(struct otr_metric *m, struct otr_slice labels, double value, double weight,
		    const struct otr_exemplar *ex)
{
	struct otr_series *s = series_of(m, labels);
	size_t i = 0;

	if (!s)
		return;
	s->count += weight;
	s->sum += value * weight;
	while (i < m->n_bounds && value > m->bounds[i])
		i++;
	if (i < m->n_bounds)
		s->buckets[i] += weight;
	if (ex)
		keep_exemplar(s, ex, value);
}

void otr_metric_fini(struct otr_metric *m)
{
	struct otr_series *s, *next;

	HASH_ITER(hh, m->all, s, next) {
		HASH_DEL(m->all, s);
		free(s);
	}
	free(m->overflow);
	m->overflow = NULL;
	m->n = 0;
}

void otr_metric_head(struct otr_buf *out, enum otr_page page, const char *name, const char *type,
		     const char *help)
{
	bool is_info = !strcmp(type, "info");
	size_t n = strlen(name);

	if (page == OTR_PAGE_OPENMETRICS && !strcmp(type, "counter"))
		n -= strlen("_total");
	else if (page == OTR_PAGE_OPENMETRICS && is_info)
		n -= strlen("_info");
	else if (is_info)
		type = "gauge";
	otr_buf_printf(out, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)n, name, help, (int)n, name,
		       type);
}

/* " # {trace_id="..",span_id=".."} 0.25 1700000000.123" */
static void write_exemplar(const struct otr_series *s, struct otr_buf *out)
{
	const struct otr_exemplar *ex = &s->exemplar;

	otr_json_hex(out, " # {trace_id=\"", ex->trace_id, sizeof(ex->trace_id));
	otr_json_hex(out, ",span_id=\"", ex->span_id, sizeof(ex->span_id));
	otr_buf_printf(out, "} %.15g %.3f", s->exemplar_value, (double)ex->time_ns / 1e9);
}

/* One bucket; `under` is the bound of the one below it. */
static void write_bucket(const struct otr_metric *m, const struct otr_series *s, double under,
			 double bound, double sum, struct otr_buf *out, enum otr_page page)
{
	if (isinf(bound))
		otr_buf_printf(out, "%s_bucket{%s,le=\"+Inf\"} %.15g", m->name, s->labels, sum);
	else
		otr_buf_printf(out, "%s_bucket{%s,le=\"%g\"} %.15g", m->name, s->labels, bound,
			       sum);
	if (page == OTR_PAGE_OPENMETRICS && s->exemplar.time_ns && s->exemplar_value > under &&
	    s->exemplar_value <= bound)
		write_exemplar(s, out);
	otr_buf_byte(out, '\n');
}

static void write_histogram(const struct otr_metric *m, const struct otr_series *s,
			    struct otr_buf *out, enum otr_page page)
{
	double sum = 0, under = -1;

	for (size_t i = 0; i < m->n_bounds; i++) {
		sum += s->buckets[i];
		write_bucket(m, s, under, m->bounds[i], sum, out, page);
		under = m->bounds[i];
	}
	write_bucket(m, s, under, INFINITY, s->count, out, page);
	otr_buf_printf(out, "%s_sum{%s} %.15g\n", m->name, s->labels, s->sum);
	otr_buf_printf(out, "%s_count{%s} %.15g\n", m->name, s->labels, s->count);
}

static void write_counter(const char *name, const struct otr_series *s, struct otr_buf *out)
{
	otr_buf_printf(out, "%s{%s} %.15g\n", name, s->labels, s->count);
}

static void write_counters(const struct otr_metric *m, const char *name, const char *help,
			   struct otr_buf *out, enum otr_page page)
{
	otr_metric_head(out, page, name, "counter", help);
	for (const struct otr_series *s = m->all; s; s = s->hh.next)
		write_counter(name, s, out);
	if (m->overflow)
		write_counter(name, m->overflow, out);
}

void otr_metric_write(const struct otr_metric *m, struct otr_buf *out, enum otr_page page)
{
	if (!m->all && !m->overflow)
		return;
	if (!m->bounds) {
		write_counters(m, m->name, m->help, out, page);
		return;
	}
	otr_metric_head(out, page, m->name, "histogram", m->help);
	for (const struct otr_series *s = m->all; s; s = s->hh.next)
		write_histogram(m, s, out, page);
	if (m->overflow)
		write_histogram(m, m->overflow, out, page);
	if (m->count_name)
		write_counters(m, m->count_name, m->count_help, out, page);
}

/* ---- labels ---- */

static void put_char(struct otr_buf *out, struct otr_slice s, size_t n)
{
	if (!n)
		otr_buf_str(out, "\xef\xbf\xbd");
	else if (*s.data == '"' || *s.data == '\\')
		otr_buf_printf(out, "\\%c", *s.data);
	else if (*s.data == '\n')
		otr_buf_str(out, "\\n");
	else
		otr_buf_add(out, s.data, n);
}

void otr_metric_label(struct otr_buf *out, const char *name, struct otr_slice value)
{
	size_t left = VALUE_MAX, n;

	otr_buf_printf(out, "%s%s=\"", out->len ? "," : "", name);
	while (value.len) {
		n = otr_utf8_char(value);
		if ((n ? n : 1) > left)
			break;
		put_char(out, value, n);
		left -= n ? n : 1;
		value = otr_slice_sub(value, n ? n : 1, value.len);
	}
	otr_buf_byte(out, '"');
}

void otr_metric_label_name(struct otr_buf *out, struct otr_slice name)
{
	size_t from = out->len;
	char c;

	if (!name.len || isdigit((unsigned char)*name.data))
		otr_buf_str(out, "key_");
	for (size_t i = 0; i < name.len; i++) {
		c = name.data[i];
		if ((unsigned char)c > 0x7f || !isalnum((unsigned char)c))
			c = '_'; /* one for many: names that begin with two are Prometheus's own */
		if (c != '_' || out->len == from || !out->data || out->data[out->len - 1] != '_')
			otr_buf_byte(out, c);
	}
}
