/* SPDX-License-Identifier: Apache-2.0 */
/* hist.c - a histogram of durations; see hist.h. */

#include "agent/view/hist.h"

#include <math.h>

#include "agent/base/own.h"

/*
 * In units of 1.024 us, a duration `n` whose highest bit is bit `p` is in power p; the four bits
 * below that bit are the step:
 *
 *	1 s s s s x x x
 */
static unsigned int step_of(uint64_t ns)
{
	uint64_t n = (ns >> 10) + 1;
	unsigned int p = 63 - (unsigned int)__builtin_clzll(n);
	unsigned int s = (unsigned int)(p >= 4 ? n >> (p - 4) : n << (4 - p)) & 15;

	return p < OTR_HIST_POWERS ? p * OTR_HIST_STEPS + s : OTR_HIST_POWERS * OTR_HIST_STEPS - 1;
}

/* The longest duration that falls in this step. */
static uint64_t end_of(unsigned int step)
{
	unsigned int p = step / OTR_HIST_STEPS, s = step % OTR_HIST_STEPS;
	uint64_t n = p >= 4 ? (uint64_t)(17 + s) << (p - 4)
			    : (uint64_t)(17 + s + (16u >> p) - 1) >> (4 - p);

	if (step + 1 == OTR_HIST_POWERS * OTR_HIST_STEPS)
		return UINT64_MAX; /* the last step holds all longer durations too */
	return ((n - 1) << 10) - 1;
}

void otr_hist_add(struct otr_hist *h, uint64_t ns)
{
	h->step[step_of(ns)]++;
	h->count++;
	h->sum_ns += ns;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

uint64_t otr_hist_quantile(const struct otr_hist *h, double share)
{
	uint64_t want = (uint64_t)ceil(share * (double)h->count), seen = 0, end;

	for (unsigned int i = 0; h->count && i < OTR_ARRAY_SIZE(h->step); i++) {
		seen += h->step[i];
		if (seen < want || !seen)
			continue;
		end = end_of(i);
		return end < h->max_ns ? end : h->max_ns;
	}
	return h->max_ns;
}
