/* SPDX-License-Identifier: Apache-2.0 */
/* backoff.c - how long to wait before the next try. The figures are those of the Collector's retry
 * helper, but for the first pause: 1 s, since a person may be waiting. */

#include "exporters/backoff.h"

#include <sys/random.h>

#define SECOND	1000000000ull
#define CEILING (30 * SECOND)
#define GIVE_UP (300 * SECOND) /* max_elapsed_time of the Collector's retry helper */

uint64_t otr_backoff_next(struct otr_backoff *bo)
{
	uint64_t ns = bo->failures < 5 ? SECOND << bo->failures : CEILING;
	uint32_t jitter = UINT32_MAX / 2;

	bo->failures++;
	if (getrandom(&jitter, sizeof(jitter), GRND_NONBLOCK) < 0)
		jitter = UINT32_MAX / 2;
	return ns / 2 + ((ns >> 20) * (jitter >> 12)); /* ns * jitter / 2^32 */
}

uint64_t otr_backoff_pause(struct otr_backoff *bo, uint64_t asked_ns)
{
	uint64_t own = otr_backoff_next(bo);

	if (asked_ns > OTR_BACKOFF_ASKED_NS)
		asked_ns = OTR_BACKOFF_ASKED_NS;
	return asked_ns > own ? asked_ns : own;
}

bool otr_backoff_over(uint64_t tried_ns, uint64_t pause_ns)
{
	/* A backend that asked for a long pause gets one more try after it. */
	return tried_ns > GIVE_UP || (pause_ns <= CEILING * 3 / 2 && tried_ns + pause_ns > GIVE_UP);
}
