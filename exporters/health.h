/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HEALTH_H
#define OTR_HEALTH_H

/*
 * health.h - what people are told of a destination: little, and only news.
 *
 *	taking ---- 3 failures in a row ----> silent ---- one success ----> taking
 *	   \------- a batch refused --------> refusing -- one success ----> taking
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporters/exporter.h"

struct otr_buf;

#define OTR_HEALTH_TRIES 3 /* before the first word of a failure */

struct otr_health { /* begins zeroed; of the queue's thread */
	enum {
		OTR_HEALTH_TAKING,
		OTR_HEALTH_SILENT,
		OTR_HEALTH_REFUSING
	} reported;
	unsigned int failures; /* in a row */
	uint64_t since_ns;     /* of the first of these */
	uint64_t refusal_ns;   /* when a refusal was told last; 0: never */
};

/* One push, as it ended. */
struct otr_health_push {
	const char *where, *origin;
	enum otr_push outcome;
	const struct otr_push_result *res;
	size_t n;	  /* spans in it */
	size_t waiting;	  /* spans */
	size_t room;	  /* for how many in all */
	uint64_t now_ns;  /* when it ended */
	uint64_t next_ns; /* from now; outcome RETRY */
};

/* Appends a notice for people to `out`, lines parted by \n, if there is news. */
void otr_health_note(struct otr_health *he, const struct otr_health_push *push,
		     struct otr_buf *out);

/* The queue is full and `lost` spans found no room: a notice into `out`. */
void otr_health_full(const char *where, const char *origin, size_t waiting, uint64_t lost,
		     struct otr_buf *out);

#endif /* OTR_HEALTH_H */
