/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PRELOAD_CLOCK_H
#define OTR_PRELOAD_CLOCK_H

/* clock.h - CLOCK_MONOTONIC, also if another preloaded library gives the program another time. */

#include <stdint.h>

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* In the constructor: finds the clock of the vDSO. */
void otr_clock_find(void);

/* Returns CLOCK_MONOTONIC in nanoseconds. errno stays as it is. */
uint64_t otr_clock_ns(void);

#pragma GCC visibility pop

#endif /* OTR_PRELOAD_CLOCK_H */
