/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HELD_H
#define OTR_HELD_H

/*
 * held.h - the spans of one trace, until it is known whether anybody wants it (--ignore).
 *
 * The stitcher emits a trace in one go and then says that it is complete; its root tells.
 * What it emits before that, of a trace that has been open for long, goes on at once.
 */

#include <stddef.h>
#include <stdint.h>

struct otr_span;

#define OTR_HELD_GONE 256

struct otr_held {
	char *const *ignore; /* patterns of `METHOD /route`, NULL ends; or NULL */
	void (*pass)(void *arg, struct otr_span *sp);
	void *arg;
	uint8_t trace_id[16];
	struct otr_span **spans;
	size_t n, cap;
	uint8_t gone[OTR_HELD_GONE][16]; /* the last that were ignored */
	size_t n_gone;
};

void otr_held_span(struct otr_held *held, struct otr_span *sp);

/* The trace is complete: it goes on, or not. */
void otr_held_trace(struct otr_held *held, const uint8_t trace_id[16]);

/* What is held goes on, unless it belongs to one that was ignored. */
void otr_held_flush(struct otr_held *held);

void otr_held_fini(struct otr_held *held);

#endif /* OTR_HELD_H */
