/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_BACKOFF_H
#define OTR_BACKOFF_H

/* backoff.h - how long to wait before the next try: doubling, with jitter. */

#include <stdint.h>

struct otr_backoff { /* begins zeroed: no failure yet */
	unsigned int failures;
};

/* Counts a failure and returns ns to wait: 1, 2, 4 .. 30 s, each times 0.5 to 1.5, so
 * that many agents do not come back to a backend in one moment. */
uint64_t otr_backoff_next(struct otr_backoff *bo);

#endif /* OTR_BACKOFF_H */
