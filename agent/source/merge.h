/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_MERGE_H
#define OTR_MERGE_H

/*
 * merge.h - the events of all sources, in the order of their times.
 *
 * Records come nearly sorted from each source. They are copied, sorted, and released up to a
 * watermark: a time before which nothing more is expected. A record that comes later than that is
 * released at the next call, and counted as a straggler (OTR_LOSS_STRAGGLER).
 */

#include <stddef.h>
#include <stdint.h>

#include "agent/source/source.h"

struct otr_merge;

/* Returns 0 or -ENOMEM. */
int otr_merge_new(struct otr_merge **out, size_t max_bytes);
void otr_merge_free(struct otr_merge **mp);

/* Copies one checked record. Returns 0 or -ENOMEM. Beyond `max_bytes` the oldest records are
 * released early by the next otr_merge_release(). */
int otr_merge_add(struct otr_merge *m, const struct otr_event *ev);

/* Releases, in order, every event with time_ns < until_ns. */
void otr_merge_release(struct otr_merge *m, uint64_t until_ns, otr_event_fn fn, void *arg);

#endif /* OTR_MERGE_H */
