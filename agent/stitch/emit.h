/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_EMIT_H
#define OTR_STITCH_EMIT_H

/* emit.h - the span of an exchange. Inside of stitch/ only. */

#include <stdbool.h>
#include <stdint.h>

struct otr_exchange;
struct otr_span;
struct otr_stitch;

/* Emits the span of an exchange that is over, if it becomes one, and frees its messages. */
void otr_exchange_emit(struct otr_stitch *st, struct otr_exchange *ex);

/* Gives the span of one that is open, as if it ended now. NULL: no memory, or it has no
 * messages any more. */
struct otr_span *otr_exchange_now(struct otr_stitch *st, const struct otr_exchange *ex);

#endif /* OTR_STITCH_EMIT_H */
