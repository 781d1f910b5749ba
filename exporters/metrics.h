/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_METRICS_H
#define OTR_METRICS_H

/*
 * metrics.h - spans as metrics: rate, errors and durations by service, route and status; the service
 * graph; the processes that are traced; what otrace itself loses and costs.
 *
 * Counted are all spans that are given, so sampling of traces changes nothing. A span that stands for
 * others (otrace.sampled_share, while --cpu-budget leaves requests out) counts for as many. Used under
 * the caller's lock.
 */

#include <stddef.h>
#include <stdint.h>

#include "exporters/series.h"

struct otr_buf;
struct otr_metrics;
struct otr_span;

/* Each metric has `series_max` sets of labels at most, and the page 32 MiB of them. Returns 0 or -ENOMEM. */
int otr_metrics_new(struct otr_metrics **out, size_t series_max);

/* Frees it, and sets *mp to NULL. */
void otr_metrics_free(struct otr_metrics **mp);

/* Counts one span, which it borrows. `now_ns`: CLOCK_MONOTONIC. */
void otr_metrics_add(struct otr_metrics *m, const struct otr_span *sp, uint64_t now_ns);

/* Appends the page that Prometheus reads. */
void otr_metrics_write(struct otr_metrics *m, struct otr_buf *out, enum otr_page page,
		       uint64_t now_ns);

#endif /* OTR_METRICS_H */
