/* SPDX-License-Identifier: Apache-2.0 */
/* series.c - a metric with labels; see series.h. Series are written in the order in which they came. */

#include "exporters/series.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/keyed.h"
#include "agent/base/utf8.h"

#define SERIES_MAX 1000
#define VALUE_MAX  200
#define OVERFLOW   "otel_metric_overflow=\"true\""

struct otr_series {
	UT_hash_handle hh;
	double count, sum;
	double buckets[OTR_BOUNDS_MAX]; /* not cumulative */
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

/* NULL: out of memory, even for the overflow. */
static struct otr_series *series_of(struct otr_metric *m, struct otr_slice labels)
{
	struct otr_series *s;

	HASH_FIND(hh, m->all, labels.data, labels.len, s);
	if (s)
		return s;
	if (m->n >= (m->max ? m->max : SERIES_MAX))
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
	return s;
}

void otr_metric_add(struct otr_metric *m, struct otr_slice labels, double value, double weight)
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

void otr_metric_head(struct otr_buf *out, const char *name, const char *type, const char *help)
{
	otr_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_histogram(const struct otr_metric *m, const struct otr_series *s,
			    struct otr_buf *out)
{
	double sum = 0;

	for (size_t i = 0; i < m->n_bounds; i++) {
		sum += s->buckets[i];
		otr_buf_printf(out, "%s_bucket{%s,le=\"%g\"} %.15g\n", m->name, s->labels,
			       m->bounds[i], sum);
	}
	otr_buf_printf(out, "%s_bucket{%s,le=\"+Inf\"} %.15g\n", m->name, s->labels, s->count);
	otr_buf_printf(out, "%s_sum{%s} %.15g\n", m->name, s->labels, s->sum);
	otr_buf_printf(out, "%s_count{%s} %.15g\n", m->name, s->labels, s->count);
}

static void write_counter(const char *name, const struct otr_series *s, struct otr_buf *out)
{
	otr_buf_printf(out, "%s{%s} %.15g\n", name, s->labels, s->count);
}

static void write_counters(const struct otr_metric *m, const char *name, const char *help,
			   struct otr_buf *out)
{
	otr_metric_head(out, name, "counter", help);
	for (const struct otr_series *s = m->all; s; s = s->hh.next)
		write_counter(name, s, out);
	if (m->overflow)
		write_counter(name, m->overflow, out);
}

void otr_metric_write(const struct otr_metric *m, struct otr_buf *out)
{
	if (!m->all && !m->overflow)
		return;
	if (!m->bounds) {
		write_counters(m, m->name, m->help, out);
		return;
	}
	otr_metric_head(out, m->name, "histogram", m->help);
	for (const struct otr_series *s = m->all; s; s = s->hh.next)
		write_histogram(m, s, out);
	if (m->overflow)
		write_histogram(m, m->overflow, out);
	if (m->count_name)
		write_counters(m, m->count_name, m->count_help, out);
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
