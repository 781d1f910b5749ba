/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SHARE_H
#define OTR_SHARE_H

/*
 * share.h - which part of the time was traced when (--cpu-budget). A span says it, so that counts
 * can be scaled: one span that is seen with a share of 0.25 stands for four.
 */

#include <stdint.h>

#define OTR_SHARE_WHOLE 1000000
#define OTR_SHARES	16 /* changes that are remembered; there is one in 2 s at most */

struct otr_shares {
	struct {
		uint64_t from_ns;
		uint32_t millionths;
	} row[OTR_SHARES];
	uint64_t n; /* changes so far; the last of them are in `row` */
};

/* From `from_ns` on, so much of the time is traced. */
void otr_shares_add(struct otr_shares *shares, uint64_t from_ns, uint32_t millionths);

/* In millionths. What was before the changes that are remembered is taken as the oldest of them,
 * and as OTR_SHARE_WHOLE before the first change. */
uint32_t otr_shares_at(const struct otr_shares *shares, uint64_t time_ns);

#endif /* OTR_SHARE_H */
