/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONSOLE_STATS_H
#define OTR_CONSOLE_STATS_H

/* stats.h - counts for flood lines and the summary, in tables of bounded size. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/base/slice.h"

struct otr_hist;
struct otr_span;
struct otr_tree;

#define OTR_STAT_SERVICES 256
#define OTR_STAT_ROUTES	  1024
#define OTR_STAT_ERRORS	  64

/* The counts of one name. */
struct otr_stat {
	uint64_t sum; /* hash of the name */
	size_t len;   /* of the name, before it was cut */
	char name[160];
	uint64_t count, errors, in_window;
	struct otr_hist *hist; /* of a service: all durations; of a route: those of this second */
};

struct otr_stats_table {
	struct otr_stat *row;
	size_t n, max;
	struct otr_stat rest; /* all names for which the table has no row left */
};

struct otr_stats {
	struct otr_stats_table services, routes, errors;
	uint64_t traces, spans, holes, ignored, unsampled;
	uint64_t slowest_ns;
	struct otr_buf slowest; /* "7f3c91d2 GET /checkout   68% .." */
};

int otr_stats_init(struct otr_stats *st);
void otr_stats_fini(struct otr_stats *st);

/* The row of `name`, which is made if there is none; or `rest`. *fresh: the row was made now. */
struct otr_stat *otr_stats_row(struct otr_stats_table *t, struct otr_slice name, bool *fresh);

/* Count a span, and a whole trace. otr_stats_trace() returns true for the first trace of a
 * route. */
void otr_stats_span(struct otr_stats *st, const struct otr_span *sp);
bool otr_stats_trace(struct otr_stats *st, struct otr_tree *tree);

/* Sorts the rows in place, the largest first: by `count`, or by the sum of durations (`time`). */
void otr_stats_sort(struct otr_stats_table *t, bool time);

#endif /* OTR_CONSOLE_STATS_H */
