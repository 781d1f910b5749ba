/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SERIES_H
#define OTR_SERIES_H

/*
 * series.h - a metric with labels: a counter or a histogram for each set of labels, in the text format
 * of Prometheus.
 *
 *	# HELP name ..			labels: service="shop",span_kind="SPAN_KIND_SERVER"
 *	# TYPE name histogram
 *	name_bucket{labels,le="0.1"} 3
 *
 * Labels come from traffic, so their number is limited, as is the length of the page that metrics share:
 * what comes after the limit is counted in one series with the label otel_metric_overflow="true", and no sum is ever too low.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */

#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"

struct otr_buf;
struct otr_series; /* one set of labels */

/* OpenMetrics is the format that has exemplars; names of counters have no _total in its heads.
 * https://prometheus.io/docs/specs/om/open_metrics_spec/ */
enum otr_page {
	OTR_PAGE_PLAIN,
	OTR_PAGE_OPENMETRICS,
};

/* Appends a whole page. Returns 0 or -errno. */
typedef int (*otr_page_fn)(void *arg, struct otr_buf *out, enum otr_page format);

/* The trace that an observation belongs to. */
struct otr_exemplar {
	uint8_t trace_id[16];
	uint8_t span_id[8];
	uint64_t time_ns; /* since the epoch */
};

#define OTR_BOUNDS_MAX 16
#define OTR_SERIES     1000 /* of a metric that says no other number */

struct otr_metric {
	const char *name, *help;
	const char *count_name,
		*count_help;  /* a counter of the same labels, of the counts; or NULL */
	const double *bounds; /* of a histogram; NULL: a counter */
	size_t n_bounds;
	size_t max;   /* series; 0: OTR_SERIES */
	size_t *room; /* bytes of a page that are left to further series; NULL: no limit */

	struct otr_series *all; /* begins zeroed, as the next two */
	struct otr_series *overflow;
	size_t n;
};

/* Adds `weight` observations of `value` to the series of `labels`. `ex` is an exemplar, or NULL: a
 * series keeps that of the slowest observation of a minute. */
void otr_metric_add(struct otr_metric *m, struct otr_slice labels, double value, double weight,
		    const struct otr_exemplar *ex);

/* Appends the metric, or nothing if it has no series. */
void otr_metric_write(const struct otr_metric *m, struct otr_buf *out, enum otr_page page);
void otr_metric_fini(struct otr_metric *m);

/* Appends `name="value"`, after a comma if the line has labels: text of any kind, cut at 200 bytes. */
void otr_metric_label(struct otr_buf *out, const char *name, struct otr_slice value);

/* Appends the name of a label for that of an attribute: "k8s.pod.name" is k8s_pod_name. */
void otr_metric_label_name(struct otr_buf *out, struct otr_slice name);

/* Appends the two lines before a metric. `type`: counter, gauge, histogram, info. */
void otr_metric_head(struct otr_buf *out, enum otr_page page, const char *name, const char *type,
		     const char *help);

#endif /* OTR_SERIES_H */
