/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_FAILED_H
#define OTR_STITCH_FAILED_H

/* failed.h - connect() that came to nothing. Inside of stitch/ only. */

#include <stdint.h>

#include "bpf/event.h"

struct otr_exchange;
struct otr_stitch;

#define OTR_FAILED 64 /* held at once; with more, the oldest is a span now */
struct otr_failed {
	struct otr_exchange *ex;    /* NULL: the place is free */
	uint64_t first_ns, last_ns; /* of the attempts that it stands for */
	struct otr_addr remote;
	uint64_t conn;
	uint64_t parent; /* the connection of the exchange it was for; 0: of none */
};

/* All that are held are spans now. */
void otr_failed_flush(struct otr_stitch *st);

/* Those are that were held for long enough. */
void otr_failed_tick(struct otr_stitch *st);

/* `ex` is freed. */
void otr_failed_freed(struct otr_stitch *st, const struct otr_exchange *ex);

/* stitch.c: makes room for one more exchange. */
void otr_stitch_room(struct otr_stitch *st);

#endif /* OTR_STITCH_FAILED_H */
