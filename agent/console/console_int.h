/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONSOLE_INT_H
#define OTR_CONSOLE_INT_H

/*
 * console_int.h - what the files of agent/console/ share; its README.md says what is where.
 */

#include "agent/base/buf.h"
#include "agent/base/loss.h"
#include "agent/config/settings.h"
#include "agent/console/console.h"
#include "agent/view/hist.h"
#include "agent/view/tree.h"
#include "agent/view/words.h"

#define OTR_PENDING_TRACES 4096
#define OTR_PENDING_SPANS  131072 /* of all traces */
#define OTR_TRACE_SPANS	   65536  /* of one */

struct otr_resource;

/* How text is drawn; set when the console is made. */
struct otr_console_style {
	bool whole; /* no text is cut at the width, since there is no terminal */
	bool color, ascii, verbose;
	unsigned int width; /* columns of the block that is drawn */
};

/* One trace that is not complete. */
struct otr_pending {
	struct otr_pending *next;	   /* in its bucket */
	struct otr_pending *newer, *older; /* in order of arrival */
	uint8_t trace_id[16];
	uint64_t seen_ns; /* when the last span came */
	struct otr_span **spans;
	size_t n, cap;
};

struct otr_pendings {
	struct otr_pending *bucket[1024];
	struct otr_pending *newest, *oldest;
	size_t traces, spans;
	uint64_t dropped; /* spans that found no room */
};

/* Adds a span, of which it takes a reference. Drops the oldest traces, counted, to make room. */
void otr_pending_add(struct otr_pendings *ps, struct otr_span *sp, uint64_t now_ns);

/* Removes the trace and gives it to the caller, who frees it; or NULL. */
struct otr_pending *otr_pending_take(struct otr_pendings *ps, const uint8_t trace_id[16]);
void otr_pending_free(struct otr_pending **pp);

/* Frees the traces whose last span came before `ns`. */
void otr_pending_forget(struct otr_pendings *ps, uint64_t ns);

#define OTR_STAT_SERVICES 256
#define OTR_STAT_ROUTES	  1024
#define OTR_STAT_ERRORS	  64

/* The counts of one name. */
struct otr_stat {
	uint64_t sum; /* hash of the name */
	char name[160];
	uint64_t count, errors, in_window;
	struct otr_hist *hist; /* of a service: all durations; of a route: those of this second */
};

struct otr_stats_table {
	struct otr_stat *row;
	size_t n, max;
	struct otr_stat rest; /* all names that found no room */
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
bool otr_stats_trace(struct otr_stats *st, const struct otr_tree *tree);

/* Sorts the rows in place, the largest first: by `count`, or by the sum of durations (`time`). */
void otr_stats_sort(struct otr_stats_table *t, bool time);

/* The traces that were to be printed in this second, and those that were. */
struct otr_flood {
	uint64_t began_ns;
	uint64_t traces, printed;
};

struct otr_console {
	struct otr_console_config cfg;
	struct otr_console_style look;
	struct otr_pendings pending;
	struct otr_stats stats;
	struct otr_flood flood;
	uint64_t now_ns;		   /* of the last tick */
	uint64_t epoch_ns, at_ns;	   /* the latest end of a span, and `now_ns` when it came */
	uint64_t lost[OTR_LOSS_MAX];	   /* losses that LOST lines have reported */
	uint64_t lost_by[OTR_LOSS_SHARES]; /* the same, by service */
	uint64_t losses_shown_ns;
	uint64_t unwritten; /* blocks that were dropped */
	struct otr_buf out;
};

/* Writes `con->out`, whole lines, and empties it. */
void otr_console_flush(struct otr_console *con);

/* Counts a block that was not written; `rc`: why. */
void otr_console_unwritten(struct otr_console *con, int rc);

/* The columns that a text may take: `room` on a terminal, elsewhere any number. */
static inline unsigned int otr_console_style_room(const struct otr_console_style *look,
						  unsigned int room)
{
	return look->whole ? UINT32_MAX : room;
}

/* Sets look.width for the block that comes next. */
void otr_console_measure(struct otr_console *con);

/* The time of now, in ns since the epoch, for lines that belong to no span. */
uint64_t otr_console_wall(const struct otr_console *con);

/* Appends the local time: "12:04:31", with `ms` "12:04:31.207". */
void otr_console_clock(struct otr_buf *out, uint64_t epoch_ns, bool ms);

/* Append one trace. Each returns 0 or -ENOMEM. */
int otr_console_block(struct otr_buf *out, const struct otr_console_style *look,
		      const struct otr_tree *tree, int64_t rows);
int otr_console_logfmt(struct otr_buf *out, const struct otr_tree *tree);
int otr_console_json(struct otr_buf *out, const struct otr_span *const *spans, size_t n);

/* Which losses: all, those that make holes in traces, those between queue and backend. */
enum otr_losses {
	OTR_LOSSES_ALL,
	OTR_LOSSES_HOLES,
	OTR_LOSSES_SENT,
};

/* Appends "312 events (ring), 4 spans (cut: web 3, cart 1)". Unless `which` is ALL, only losses
 * since the last call of otr_console_losses_shown() count. Returns the sum. In loss.c. */
uint64_t otr_console_losses(struct otr_buf *out, const struct otr_console *con,
			    enum otr_losses which);
void otr_console_losses_shown(struct otr_console *con);

#endif /* OTR_CONSOLE_INT_H */
