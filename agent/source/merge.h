/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_MERGE_H
#define OTR_MERGE_H

/*
 * merge.h - the events of all sources, in the order of their times.
 *
 * Records come nearly sorted from each source. They are copied, kept sorted, and
 * released up to a watermark: a time before which nothing more is expected. One
 * that comes later than that is released at once, counted as a straggler.
 */

#include <stddef.h>
#include <stdint.h>

#include "agent/source/source.h"

struct otr_merge;

int otr_merge_new(struct otr_merge **out, size_t max_bytes);
void otr_merge_free(struct otr_merge **mp);

/* Copies one checked record in. Returns 0 or -ENOMEM; beyond `max_bytes` the oldest
 * are released early by the next otr_merge_release(). */
int otr_merge_add(struct otr_merge *m, const struct otr_event *ev);

/* Releases, in order, every event with time_ns < until_ns. */
void otr_merge_release(struct otr_merge *m, uint64_t until_ns, otr_event_fn fn, void *arg);

#endif /* OTR_MERGE_H */
