/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SPAN_HOLD_H
#define OTR_SPAN_HOLD_H

/*
 * span_hold.h - the spans of one trace, until it is known whether anybody wants it (--ignore).
 *
 * The stitcher emits a trace in one go and then says that it is complete; its root tells.
 * What it emits before that, of a trace that has been open for long, goes on at once.
 */

#include <stddef.h>
#include <stdint.h>

struct otr_span;

#define OTR_SPAN_HOLD_GONE 256

struct otr_span_hold {
	char *const *ignore; /* patterns of `METHOD /route`, NULL ends; or NULL */
	void (*pass)(void *arg, struct otr_span *sp);
	void *arg;
	uint8_t trace_id[16];
	struct otr_span **spans;
	size_t n, cap;
	uint8_t gone[OTR_SPAN_HOLD_GONE][16]; /* the last that were ignored */
	size_t n_gone;
};

void otr_span_hold_span(struct otr_span_hold *hold, struct otr_span *sp);

/* The trace is complete: it goes on, or not. */
void otr_span_hold_trace(struct otr_span_hold *hold, const uint8_t trace_id[16]);

/* What is hold goes on, unless it belongs to one that was ignored. */
void otr_span_hold_flush(struct otr_span_hold *hold);

void otr_span_hold_fini(struct otr_span_hold *hold);

#endif /* OTR_SPAN_HOLD_H */
