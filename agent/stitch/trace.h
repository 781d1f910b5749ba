/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_TRACE_H
#define OTR_STITCH_TRACE_H

/* trace.h - exchanges that belong together, and when they are emitted. Inside of stitch/ only. */

#include <stdbool.h>
#include <stdint.h>

struct otr_exchange;
struct otr_stitch;
struct otr_trace;

/* Makes a trace that is in no list. NULL: no memory. */
struct otr_trace *otr_trace_new(struct otr_stitch *st);

/* Gives the trace an id, if it has none; false: it has another one. */
bool otr_trace_take_id(struct otr_trace *tr, const uint8_t id[16], uint8_t flags);

/* Makes an id for it, if it has none. */
void otr_trace_make_id(struct otr_stitch *st, struct otr_trace *tr);

/* The members of `from` become those of `to`, and `from` is freed. False, with nothing done: both
 * have ids, and they differ. */
bool otr_trace_join(struct otr_stitch *st, struct otr_trace *to, struct otr_trace *from);

/* Moves `ex` and all below it into a new trace. False: no memory, nothing is moved. */
bool otr_trace_split(struct otr_stitch *st, struct otr_exchange *ex);

/* Moves each child of `root`, with all below it, into a trace of its own, and calls `alone` for the
 * child, which has to clear its parent. False: no memory, some are left. */
typedef void (*otr_alone_fn)(struct otr_stitch *st, struct otr_exchange *ex);
bool otr_trace_disband(struct otr_stitch *st, struct otr_exchange *root, otr_alone_fn alone);

/* Puts `ex`, which is in no trace, into `tr`; takes it out, and frees a trace without members. */
void otr_trace_add(struct otr_stitch *st, struct otr_trace *tr, struct otr_exchange *ex);
void otr_trace_remove(struct otr_stitch *st, struct otr_exchange *ex);

/* `ex` is over now. If it was the last open one, its trace is settled. */
void otr_trace_over(struct otr_stitch *st, struct otr_exchange *ex);

/* Emits the members that are over. Once all are, calls st->done. */
void otr_trace_emit(struct otr_stitch *st, struct otr_trace *tr);

/* Emits every trace that is ready at st->now_ns. */
void otr_trace_tick(struct otr_stitch *st);

/* Emits what has been over for longer than cfg.together_ns in traces that are not. */
void otr_trace_sweep(struct otr_stitch *st);

#endif /* OTR_STITCH_TRACE_H */
