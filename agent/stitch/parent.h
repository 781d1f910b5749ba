/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_PARENT_H
#define OTR_STITCH_PARENT_H

/* parent.h - which exchange is the parent of which. Inside of stitch/ only. */

#include <stdbool.h>
#include <stdint.h>

struct otr_cause;
struct otr_exchange;
struct otr_stitch;

/* Finds the parent of `ex`, a new exchange, by `cause` (NULL: nothing is known), by its header, its
 * wire, its process; and its peer, if that is here. */
void otr_parent_find(struct otr_stitch *st, struct otr_exchange *ex, const struct otr_cause *cause);

/* Late evidence: `ex` was done for `parent`. If `ex` is emitted, that is counted as lost; if it
 * has a proved parent, the two contradict each other. */
void otr_parent_late(struct otr_stitch *st, struct otr_exchange *ex, struct otr_exchange *parent);

#endif /* OTR_STITCH_PARENT_H */
