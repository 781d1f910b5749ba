/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_VIEW_HIST_H
#define OTR_VIEW_HIST_H

/*
 * hist.h - quantiles of durations in little room.
 *
 * Log-linear: 16 steps to each power of two, so a quantile is at most 6.3 % too
 * high (below 16 us: 1 us), and never too low: 2.3 KiB for 1 us to 19 hours.
 */

#include <stdint.h>

#define OTR_HIST_STEPS	16
#define OTR_HIST_POWERS 36 /* of two, from 1.024 us on */

struct otr_hist {
	uint64_t count, sum_ns, max_ns;
	uint32_t step[OTR_HIST_POWERS * OTR_HIST_STEPS];
};

void otr_hist_add(struct otr_hist *h, uint64_t ns);

/* The duration that `share` (0.95) of all do not exceed; 0 when there are
 * none. */
uint64_t otr_hist_quantile(const struct otr_hist *h, double share);

#endif /* OTR_VIEW_HIST_H */
