/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_QUEUE_H
#define OTR_QUEUE_H

/*
 * queue.h - a bounded queue and a thread per destination, so that a slow backend costs spans,
 * counted, and never stalls capture.
 *
 * OTEL_BSP_* set the bounds: 2,048 spans wait at most, a batch has 512 spans at most and waits 1 s
 * at most (not 5 s as in the specification, since a person may be waiting). A batch that fails is
 * tried again with exponential back-off and jitter, from 1 s to 30 s, for 5 minutes; then it is
 * dropped and counted.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otr_err;
struct otr_exporter_ops;
struct otr_span;

struct otr_queue; /* shared by the core thread and the thread of the queue */

/* Takes one notice about a change of a destination's state: refused, reached again. Called on
 * the core thread, within otr_queue_tick(). */
typedef void (*otr_queue_notice_fn)(void *arg, const char *text);

/* Starts the destination of `text`, a URL with its options (spec.h); `origin` is the option or
 * variable it came from, for messages. Returns 0, or -errno with the reason in `err`. */
int otr_queue_open(struct otr_queue **out, const char *text, const char *origin,
		   struct otr_err *err);

/* Adds a span, of which it takes a reference. Never blocks: if the queue is full, the span is
 * dropped and counted. */
void otr_queue_push(struct otr_queue *q, struct otr_span *sp);

/* True if the spans of traces that are not sampled are pushed, too. */
bool otr_queue_takes_unsampled(const struct otr_queue *q);

/* Passes the notices that came since the last call to `fn`. */
void otr_queue_tick(struct otr_queue *q, otr_queue_notice_fn fn, void *arg);

struct otr_queue_stats {
	uint64_t accepted; /* by the backend */
	uint64_t refused;  /* by the backend: OTR_LOSS_REFUSED */
	uint64_t dropped;  /* the queue was full: OTR_LOSS_QUEUE */
	uint64_t failed;   /* not delivered: in time, or at all: OTR_LOSS_EXPORT */
	uint64_t waiting;  /* in the queue now */
	uint64_t room;	   /* of the queue, in spans */
};
void otr_queue_stats(struct otr_queue *q, struct otr_queue_stats *out);

/* Pushes the spans that wait, until `deadline_ns` (CLOCK_MONOTONIC), counts the others as lost,
 * ends the thread, frees the queue and sets *qp to NULL. */
void otr_queue_close(struct otr_queue **qp, uint64_t deadline_ns);

#endif /* OTR_QUEUE_H */
