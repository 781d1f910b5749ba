/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PRELOAD_CLOCK_H
#define OTR_PRELOAD_CLOCK_H

/* clock.h - CLOCK_MONOTONIC, whatever time another preloaded library shows the program. */

#include <stdint.h>

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* Finds the clock of the vDSO: once, in the constructor. */
void otr_clock_find(void);

/* Nanoseconds of CLOCK_MONOTONIC. errno stays as it is. */
uint64_t otr_clock_ns(void);

#pragma GCC visibility pop

#endif /* OTR_PRELOAD_CLOCK_H */
