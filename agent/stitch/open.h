/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_OPEN_H
#define OTR_STITCH_OPEN_H

/* open.h - reports requests that are open for long. */

struct otr_span;
struct otr_stitch;

/* Calls `fn` for each root that has been open for 5, 10, 30, 60 s, or one more minute, since
 * the last call: with its span as if it ended now, and the span of the youngest request that
 * is open below it, or NULL. `fn` borrows both. */
typedef void (*otr_open_fn)(void *arg, struct otr_span *root, struct otr_span *waits);
void otr_stitch_each_open(struct otr_stitch *st, otr_open_fn fn, void *arg);

#endif /* OTR_STITCH_OPEN_H */
