/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TRACE_HOLD_H
#define OTR_TRACE_HOLD_H

/*
 * trace_hold.h - holds the spans of one trace until it is known what becomes of the trace.
 *
 * The stitcher emits the spans of a trace one after the other and then reports that the trace is
 * complete. Where --ignore or --keep are given, spans are passed on only then, with the outcome of
 * their trace; otherwise the flag of the trace decides, and nothing is held. Spans of a trace that
 * has been open for long are emitted before it is complete; they are passed on at the next tick,
 * and the rest of the trace has the same outcome.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sink/sink.h"

struct otr_err;
struct otr_span;

#define OTR_TRACE_HOLD_KNOWN 256 /* outcomes that are remembered for spans that come late */
#define OTR_TRACE_HOLD_ROUTES \
	1024 /* routes whose first trace of a minute is kept; others are not */

/* --keep: traces that are kept though they are not sampled. */
struct otr_keep {
	bool errors;
	bool first;	  /* the first trace of each route in each minute */
	uint64_t slow_ns; /* from this duration of the root on; 0: none */
};

/* Reads "error,slow=1s,first"; NULL: nothing. Returns 0, or -EINVAL with the reason in `err`, which
 * begins with `from` ("--keep"). */
int otr_keep_read(struct otr_keep *keep, const char *text, const char *from, struct otr_err *err);

/* As `check` of struct otr_option. */
int otr_keep_check(const char *text, const char *from, struct otr_err *err);

struct otr_trace_hold {
	char *const *ignore; /* patterns of `METHOD /route`, NULL ends; or NULL */
	struct otr_keep keep;
	void (*pass)(void *arg, struct otr_span *sp, enum otr_outcome outcome);
	void *arg;
	uint8_t trace_id[16]; /* of the last span */
	uint8_t flags;	      /* of its trace */
	struct otr_span **spans;
	size_t n, cap;
	struct {
		uint8_t trace_id[16];
		enum otr_outcome outcome;
	} known[OTR_TRACE_HOLD_KNOWN];
	size_t n_known;		       /* so far */
	struct otr_route_seen *routes; /* oldest first */
};

/* Takes one finished span; holds a reference, or passes it on at once where nothing is to be
 * judged. */
void otr_trace_hold_span(struct otr_trace_hold *hold, struct otr_span *sp);

/* The trace is complete: its spans are passed on. Returns what becomes of it; `flags` are
 * those of the trace. */
enum otr_outcome otr_trace_hold_trace(struct otr_trace_hold *hold, const uint8_t trace_id[16],
				      uint8_t flags);

/* Passes on the spans that are held. */
void otr_trace_hold_flush(struct otr_trace_hold *hold);

void otr_trace_hold_fini(struct otr_trace_hold *hold);

#endif /* OTR_TRACE_HOLD_H */
