/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONSOLE_INT_H
#define OTR_CONSOLE_INT_H

/*
 * console_int.h - the console's own: who draws what.
 *
 *	console.c          its life, and what goes to the descriptor
 *	console_pending.c  spans that wait for their trace to be complete
 *	console_stats.c    what is counted for flood lines and the summary
 *	console_tree.c     a trace as a block of rows
 *	console_line.c     a trace as one line: logfmt, JSON
 *	console_loss.c     what was lost, in words
 *	console_summary.c  the last lines
 */

#include "agent/base/buf.h"
#include "agent/base/loss.h"
#include "agent/settings.h"
#include "agent/view/hist.h"
#include "agent/view/tree.h"
#include "agent/view/words.h"
#include "exporters/console.h"

#define OTR_PENDING_TRACES 4096
#define OTR_PENDING_SPANS  131072 /* of all traces */
#define OTR_TRACE_SPANS	   65536  /* of one */

struct otr_resource;

/* How things look; decided once. */
struct otr_console_style {
	bool whole; /* no text is cut at the width: it is no terminal */
	bool color, ascii, verbose;
	unsigned int width; /* of the block being drawn */
};

/* One trace whose spans are still coming. */
struct otr_pending {
	struct otr_pending *next;	   /* of its bucket */
	struct otr_pending *newer, *older; /* of all */
	uint8_t trace_id[16];
	uint64_t seen_ns; /* when its last span came */
	struct otr_span **spans;
	size_t n, cap;
};

struct otr_pendings {
	struct otr_pending *bucket[1024];
	struct otr_pending *newest, *oldest;
	size_t traces, spans;
	uint64_t dropped; /* spans, for want of room */
};

/* Takes a reference. */
void otr_pending_add(struct otr_pendings *ps, struct otr_span *sp, uint64_t now_ns);

/* Gives the trace, or NULL; the caller frees it. */
struct otr_pending *otr_pending_take(struct otr_pendings *ps, const uint8_t trace_id[16]);
void otr_pending_free(struct otr_pending **pp);

/* Forgets what has waited since before `ns`. */
void otr_pending_forget(struct otr_pendings *ps, uint64_t ns);

#define OTR_STAT_SERVICES 256
#define OTR_STAT_ROUTES	  1024
#define OTR_STAT_ERRORS	  64

/* Something counted, by name. */
struct otr_stat {
	uint64_t sum; /* of its name; 0: free */
	char name[160];
	uint64_t count, errors, in_window;
	struct otr_hist *hist; /* of services; of routes, in this window */
};

struct otr_stats_table {
	struct otr_stat *row;
	size_t n, max;
	struct otr_stat rest; /* what found no room */
};

struct otr_stats {
	struct otr_stats_table services, routes, errors;
	uint64_t traces, spans, holes, ignored;
	uint64_t slowest_ns;
	struct otr_buf slowest; /* "7f3c91d2 GET /checkout   68% .." */
};

int otr_stats_init(struct otr_stats *st);
void otr_stats_fini(struct otr_stats *st);

/* The row of `name`, made if need be, or `rest`. *fresh: made now. */
struct otr_stat *otr_stats_row(struct otr_stats_table *t, struct otr_slice name, bool *fresh);

/* Counts a span, and a whole trace. Returns true for the first trace of its
 * route. */
void otr_stats_span(struct otr_stats *st, const struct otr_span *sp);
bool otr_stats_trace(struct otr_stats *st, const struct otr_tree *tree);

/* Rows in order of `count` (time: of all their time), best first; in place. */
void otr_stats_sort(struct otr_stats_table *t, bool time);

/* How many were to print this second, and how many were. */
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
	uint64_t epoch_ns, at_ns;	   /* a span ended then, when `now` was this */
	uint64_t lost[OTR_LOSS_MAX];	   /* told already */
	uint64_t lost_by[OTR_LOSS_SHARES]; /* likewise, by share */
	uint64_t losses_shown_ns;
	uint64_t unwritten; /* blocks: nobody read */
	bool gone;	    /* the reader is */
	struct otr_buf out;
};

/* Writes `con->out` at once, as whole lines, and empties it. */
void otr_console_flush(struct otr_console *con);

/* A block was not written: counts it, with the reason. */
void otr_console_unwritten(struct otr_console *con, int rc);

/* How many columns a text may take that has `room` on a terminal. */
static inline unsigned int otr_console_style_room(const struct otr_console_style *look,
						  unsigned int room)
{
	return look->whole ? UINT32_MAX : room;
}

/* Sets look.width for what comes next. */
void otr_console_measure(struct otr_console *con);

/* What time it is, since the epoch, for lines that no span dates. */
uint64_t otr_console_wall(const struct otr_console *con);

/* "12:04:31", and with `ms` "12:04:31.207", local time. */
void otr_console_clock(struct otr_buf *out, uint64_t epoch_ns, bool ms);

/* Append one trace. Each returns 0 or -ENOMEM. */
int otr_console_block(struct otr_buf *out, const struct otr_console_style *look,
		      const struct otr_tree *tree, int64_t rows);
int otr_console_logfmt(struct otr_buf *out, const struct otr_tree *tree);
int otr_console_json(struct otr_buf *out, const struct otr_span *const *spans, size_t n);

/* Which losses: all, those that make holes in traces, those of the way to a backend. */
enum otr_losses {
	OTR_LOSSES_ALL,
	OTR_LOSSES_HOLES,
	OTR_LOSSES_SENT,
};

/* "312 events (ring), 4 spans (cut: web 3, cart 1)" of what was lost, into `out`; but for
 * ALL, only what was not told yet: otr_console_losses_shown() says that it was. Returns how much.
 * console_loss.c */
uint64_t otr_console_losses(struct otr_buf *out, const struct otr_console *con,
			    enum otr_losses which);
void otr_console_losses_shown(struct otr_console *con);

#endif /* OTR_CONSOLE_INT_H */
