/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STREAM_H
#define OTR_STREAM_H

/*
 * stream.h - events in, messages out.
 *
 * Keeps every connection: its facts, one stream of bytes per layer and direction, its parser.
 * A stream knows which bytes it has, which it may skip, and which are missing (a hole). Bytes
 * are ordered by position, never by time. It asks the sources for what it needs, a capture
 * policy or the state of a long run, by agent/source/feedback.h.
 *
 * Positions: those of TCP are sequence numbers, unwrapped here to 64 bits whose low 32 are the
 * kernel's; so both ends of a wire give a byte the same low 32 bits.
 *
 * One thread, no system calls, no clock: time comes with the events.
 */

#include <stdint.h>

#include "agent/stream/stream_ops.h"

struct otr_feedback;
struct otr_procs;
struct otr_streams;

/* Makes the streams. Copies `cfg` and `ops`, borrows `procs` for its life. Returns 0 or -ENOMEM;
 * then *out is untouched. */
int otr_streams_new(struct otr_streams **out, const struct otr_stream_config *cfg,
		    const struct otr_stream_ops *ops, struct otr_procs *procs, void *arg);

/* Frees *sp, which may be NULL, and sets it to NULL. Emits nothing. */
void otr_streams_free(struct otr_streams **sp);

/* Lends the streams the functions by which they ask the sources, until the next call. NULL: there
 * is no source to ask. */
void otr_streams_bind(struct otr_streams *ss, const struct otr_feedback *feedback);

/* Takes one event of kinds CONN_OPEN, CONN_CLOSE, DATA, RUN, LOST, BYPASSED, PROC_EXIT; ignores
 * others. */
void otr_streams_event(struct otr_streams *ss, const struct otr_event *ev);

/* Time is `now_ns`: reads what has waited for 20 ms, as an answer for its request, a byte for
 * those before it. */
void otr_streams_tick(struct otr_streams *ss, uint64_t now_ns);

/* Ends every connection, ECANCELED, and every message that is open. */
void otr_streams_flush(struct otr_streams *ss, uint64_t now_ns);

/* Calls `fn` for every connection, in no order. */
void otr_streams_each(const struct otr_streams *ss,
		      void (*fn)(void *arg, const struct otr_stream_stat *stat), void *arg);

#endif /* OTR_STREAM_H */
