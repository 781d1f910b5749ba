/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SPAN_HOLD_H
#define OTR_SPAN_HOLD_H

/*
 * span_hold.h - holds the spans of one trace until --ignore can be judged by its root.
 *
 * The stitcher emits the spans of a trace one after the other and then calls the trace complete.
 * Spans of a trace that has been open for long are emitted before that; they are passed on at the
 * next tick.
 */

#include <stddef.h>
#include <stdint.h>

struct otr_span;

#define OTR_SPAN_HOLD_IGNORED 256 /* ids of ignored traces that are remembered */

struct otr_span_hold {
	char *const *ignore; /* patterns of `METHOD /route`, NULL ends; or NULL */
	void (*pass)(void *arg, struct otr_span *sp); /* takes each span that is not ignored */
	void *arg;
	uint8_t trace_id[16];
	struct otr_span **spans;
	size_t n, cap;
	uint8_t ignored[OTR_SPAN_HOLD_IGNORED][16]; /* the last traces that were ignored */
	size_t n_ignored;			    /* so far */
};

/* Takes one finished span; holds a reference, or passes it on at once where nothing is ignored. */
void otr_span_hold_span(struct otr_span_hold *hold, struct otr_span *sp);

/* The trace is complete: its spans are passed on, or dropped if --ignore names its root. */
void otr_span_hold_trace(struct otr_span_hold *hold, const uint8_t trace_id[16]);

/* Passes on the spans that are held, unless they belong to a trace that was ignored. */
void otr_span_hold_flush(struct otr_span_hold *hold);

void otr_span_hold_fini(struct otr_span_hold *hold);

#endif /* OTR_SPAN_HOLD_H */
