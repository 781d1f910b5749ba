/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_VIEW_HIST_H
#define OTR_VIEW_HIST_H

/*
 * hist.h - a histogram of durations, for quantiles.
 *
 * The steps are log-linear: 16 to each power of two. So a quantile is at most 6.3 % too high
 * (below 16 us: 1 us), and never too low. One histogram takes 2.3 KiB for 1 us to 19 hours.
 */

#include <stdint.h>

#define OTR_HIST_STEPS	16
#define OTR_HIST_POWERS 36 /* powers of two, the first is 1.024 us */

struct otr_hist {
	uint64_t count, sum_ns, max_ns;
	uint32_t step[OTR_HIST_POWERS * OTR_HIST_STEPS];
};

void otr_hist_add(struct otr_hist *h, uint64_t ns);

/* The duration that `share` (0.95: 95 %) of all durations do not exceed; 0 if there are none. */
uint64_t otr_hist_quantile(const struct otr_hist *h, double share);

#endif /* OTR_VIEW_HIST_H */
