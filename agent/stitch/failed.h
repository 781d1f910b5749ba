/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_FAILED_H
#define OTR_STITCH_FAILED_H

/* failed.h - calls of connect() that failed. Inside of stitch/ only. */

#include <stdint.h>

#include "bpf/event.h"

struct otr_exchange;
struct otr_stitch;

#define OTR_FAILED 64 /* held at once; one more ends the oldest */

struct otr_failed {
	struct otr_exchange *ex;    /* NULL: the slot is free */
	uint64_t first_ns, last_ns; /* begin of the first attempt, end of the last one */
	struct otr_addr remote;	    /* of the last attempt, as is `conn` */
	uint64_t conn;
	uint64_t parent; /* the connection of the exchange that it was made for; 0: of none */
};

/* Ends all that are held: they become spans. */
void otr_failed_flush(struct otr_stitch *st);

/* Ends those that were held for long enough. */
void otr_failed_tick(struct otr_stitch *st);

/* stitch.c: makes room for one more exchange. */
void otr_stitch_room(struct otr_stitch *st);

#endif /* OTR_STITCH_FAILED_H */
