/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_BACKOFF_H
#define OTR_BACKOFF_H

/* backoff.h - how long to wait before the next try: doubling, with jitter. */

#include <stdbool.h>
#include <stdint.h>

struct otr_backoff { /* begins zeroed: no failure yet */
	unsigned int failures;
};

/* Counts a failure and returns how many ns to wait: 1, 2, 4 .. 30 s, each times 0.5 to 1.5, so that
 * many agents do not try again at the same moment. */
uint64_t otr_backoff_next(struct otr_backoff *bo);

#define OTR_BACKOFF_ASKED_NS \
	300000000000ull /* the longest pause that a backend may ask for: 5 min */

/* The same if the backend may have asked for a pause (Retry-After; 0: it did not): returns the
 * pause that was asked for, but no less than our own back-off and no more than 5 minutes. */
uint64_t otr_backoff_pause(struct otr_backoff *bo, uint64_t asked_ns);

/* True if a batch whose first try was `tried_ns` ago is given up, instead of being tried again
 * after `pause_ns`: 5 minutes after the first try, or after one long pause that the backend
 * asked for. */
bool otr_backoff_over(uint64_t tried_ns, uint64_t pause_ns);

#endif /* OTR_BACKOFF_H */
