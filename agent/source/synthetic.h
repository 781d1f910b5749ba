/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_MADE_H
#define OTR_SOURCE_MADE_H

/* synthetic.h - records that nobody saw: the agent makes them, for the stages and for replay. */

#include <stdint.h>

#include "bpf/event.h"

/* Time has passed, to `time_ns`. */
struct otr_event otr_synthetic_tick(uint64_t time_ns);

/* The other clocks at `time_ns`, and the seed of this session's ids. */
struct otr_ev_clock otr_synthetic_clock(uint64_t time_ns, uint64_t seed);

#endif /* OTR_SOURCE_MADE_H */
