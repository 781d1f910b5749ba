/* SPDX-License-Identifier: Apache-2.0 */
/* backoff.c - how long to wait before the next try; figures of the Collector's retry
 * helper, with a first pause of 1 s, since a person may be waiting. */

#include "exporters/backoff.h"

#include <sys/random.h>

#define SECOND	1000000000ull
#define CEILING (30 * SECOND)

uint64_t otr_backoff_next(struct otr_backoff *bo)
{
	uint64_t ns = bo->failures < 5 ? SECOND << bo->failures : CEILING;
	uint32_t dice = UINT32_MAX / 2;

	bo->failures++;
	if (getrandom(&dice, sizeof(dice), GRND_NONBLOCK) < 0)
		dice = UINT32_MAX / 2;
	return ns / 2 + ((ns >> 20) * (dice >> 12)); /* ns * dice / 2^32 */
}
