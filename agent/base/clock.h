/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CLOCK_H
#define OTR_CLOCK_H

/* clock.h - the time in ns. Only sources, commands and queues ask; stages above the
 * source get the time with their events. */

#include <stdint.h>
#include <time.h>

#define OTR_NS_PER_MS 1000000ull
#define OTR_NS_PER_S  1000000000ull

static inline uint64_t otr_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * OTR_NS_PER_S + (uint64_t)ts.tv_nsec;
}

static inline uint64_t otr_now(void)
{
	return otr_clock(CLOCK_MONOTONIC);
}

#endif /* OTR_CLOCK_H */
