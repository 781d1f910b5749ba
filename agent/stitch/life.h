/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_LIFE_H
#define OTR_STITCH_LIFE_H

/* life.h - begin and end of an exchange. Inside of stitch/ only. */

#include <stdbool.h>
#include <stdint.h>

struct otr_exchange;
struct otr_msg;
struct otr_side;
struct otr_stitch;
struct otr_trace;
struct otr_wire;

/* Makes the exchange that the request `msg`, seen at `side`, begins on `wire`. It has no parent,
 * and is in trace `tr`; NULL: in one of its own. Returns NULL if there is no memory. */
struct otr_exchange *otr_exchange_new(struct otr_stitch *st, struct otr_wire *wire,
				      const struct otr_side *side, const struct otr_msg *msg,
				      struct otr_trace *tr);

/* The exchange is over at `end_ns`: the last byte of its answer moved, or none will come. Nothing
 * happens if it was over before. */
void otr_exchange_end(struct otr_stitch *st, struct otr_exchange *ex, uint64_t end_ns);

/* The same, where bytes or records were lost: when it ended is not known. */
void otr_exchange_end_cut(struct otr_stitch *st, struct otr_exchange *ex, uint64_t end_ns);

/* Frees exchanges until one more is within cfg.max_exchanges: first those that are emitted, then
 * the oldest one, which is emitted as it stands and counted as lost. */
void otr_exchange_evict(struct otr_stitch *st);

/* Frees `ex`, and its trace and its closed wire if they hold no other exchange, and clears all that
 * points at `ex`. */
void otr_exchange_free(struct otr_stitch *st, struct otr_exchange *ex);

#endif /* OTR_STITCH_LIFE_H */
