/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_QUEUE_H
#define OTR_QUEUE_H

/*
 * queue.h - a bounded queue and a thread per destination, so that a slow backend costs
 * spans, counted, and never stalls capture.
 *
 * OTEL_BSP_*: 2,048 spans wait at most, 512 go in a batch, a batch goes after 5 s at
 * the latest (1 s here: a person waits). A batch is retried with exponential back-off
 * and jitter, from 5 s (1 s here) to 30 s, for 5 minutes, then dropped, counted.
 */

#include <stddef.h>
#include <stdint.h>

struct otr_err;
struct otr_exporter_ops;
struct otr_span;

struct otr_queue; /* shared by the core thread and its own */

/* One line for a person when a destination's state changes: refused, reached again, in
 * the form of queue_test.c. Called on the core thread from otr_queue_tick(). */
typedef void (*otr_queue_notice_fn)(void *arg, const char *text);

/* Starts the destination of `text`, a URL with its options (spec.h); `origin` is the option or
 * variable it came from, for messages. Returns 0, or -errno with the reason in `err`. */
int otr_queue_open(struct otr_queue **out, const char *text, const char *origin,
		   struct otr_err *err);

/* Takes a reference to the span; never blocks: full means counted and dropped. */
void otr_queue_push(struct otr_queue *q, struct otr_span *sp);

/* Lets notices out. */
void otr_queue_tick(struct otr_queue *q, otr_queue_notice_fn fn, void *arg);

struct otr_queue_stats {
	uint64_t accepted; /* by the backend */
	uint64_t refused;  /* by the backend: OTR_LOSS_REFUSED */
	uint64_t dropped;  /* the queue was full: OTR_LOSS_QUEUE */
	uint64_t failed;   /* not delivered in time: OTR_LOSS_EXPORT */
	uint64_t waiting;
};
void otr_queue_stats(struct otr_queue *q, struct otr_queue_stats *out);

/* Sends what waits, until `deadline_ns` (CLOCK_MONOTONIC), counts the rest as lost, ends
 * the thread, frees *qp. */
void otr_queue_close(struct otr_queue **qp, uint64_t deadline_ns);

#endif /* OTR_QUEUE_H */
