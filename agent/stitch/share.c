/* SPDX-License-Identifier: Apache-2.0 */
/* share.c - which part of the time was traced when; see share.h. */

#include "agent/stitch/share.h"

void otr_shares_add(struct otr_shares *shares, uint64_t from_ns, uint32_t millionths)
{
	uint64_t i = shares->n++ % OTR_SHARES;

	shares->row[i].from_ns = from_ns;
	shares->row[i].millionths = millionths;
}

uint32_t otr_shares_at(const struct otr_shares *shares, uint64_t time_ns)
{
	uint64_t first = shares->n > OTR_SHARES ? shares->n - OTR_SHARES : 0;

	for (uint64_t i = shares->n; i-- > first;)
		if (shares->row[i % OTR_SHARES].from_ns <= time_ns)
			return shares->row[i % OTR_SHARES].millionths;
	return first ? shares->row[first % OTR_SHARES].millionths : OTR_SHARE_WHOLE;
}
