/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_EDGE_H
#define OTR_STITCH_EDGE_H

/* edge.h - the edges of a trace: the parent of an exchange, and its links. Inside of stitch/ only.
 */

#include <stdbool.h>
#include <stdint.h>

struct otr_exchange;
struct otr_stitch;
struct otr_traceparent;

/* `parent` becomes the parent of `ex`, known by `evidence`, and their traces become one. False,
 * with nothing done: `parent` is `ex` or below it, or the two traces have different ids. */
bool otr_edge_set(struct otr_stitch *st, struct otr_exchange *ex, struct otr_exchange *parent,
		  uint8_t evidence);

/* The parent of `ex` is a span that is on no traced host. */
void otr_edge_set_remote(struct otr_exchange *ex, const struct otr_traceparent *parent,
			 uint8_t evidence);

/* `ex` has no parent any more. */
void otr_edge_clear(struct otr_exchange *ex);

/* Adds a link from `ex` to `to`, unless `ex` has one to `to`, or OTR_EXCHANGE_LINKS already. */
void otr_edge_link(struct otr_stitch *st, struct otr_exchange *ex, struct otr_exchange *to,
		   uint8_t evidence);

#endif /* OTR_STITCH_EDGE_H */
