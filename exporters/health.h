/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HEALTH_H
#define OTR_HEALTH_H

/*
 * health.h - notices about a destination: one for each change of state, none while it lasts.
 *
 *	taking ---- 3 failures in a row ----> silent ---- one success ----> taking
 *	   \------- a batch refused --------> refusing -- one success ----> taking
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporters/exporter.h"

struct otr_buf;

#define OTR_HEALTH_TRIES 3 /* failures in a row before the first notice */

struct otr_health { /* begins zeroed; used by the thread of the queue alone */
	enum {
		OTR_HEALTH_TAKING,
		OTR_HEALTH_SILENT,
		OTR_HEALTH_REFUSING
	} reported;	       /* the state that the last notice reported */
	unsigned int failures; /* in a row */
	uint64_t since_ns;     /* when the first of these failures was */
	uint64_t refusal_ns;   /* when a refusal was last reported; 0: never */
};

/* One push that has ended. */
struct otr_health_push {
	const char *where, *origin;
	enum otr_push outcome;
	const struct otr_push_result *res;
	size_t n;	  /* spans of the batch */
	size_t waiting;	  /* spans in the queue after the push */
	size_t room;	  /* the most spans that the queue holds */
	bool on_disk;	  /* they wait in a spool: `room` is not used */
	uint64_t now_ns;  /* when it ended */
	uint64_t next_ns; /* outcome RETRY: time until the next try */
};

/* Appends a notice to `out`, lines parted by \n, if the state of the destination changed. */
void otr_health_note(struct otr_health *he, const struct otr_health_push *push,
		     struct otr_buf *out);

/* Appends the notice that the queue is full and that `lost` spans were dropped. */
void otr_health_full(const char *where, const char *origin, size_t waiting, uint64_t lost,
		     struct otr_buf *out);

#endif /* OTR_HEALTH_H */
