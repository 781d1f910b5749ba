/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SYNTHETIC_H
#define OTR_SYNTHETIC_H

/* synthetic.h - records that the agent makes itself, for the stages and for a replay. */

#include <stdint.h>

#include "bpf/event.h"

/* An OTR_EV_TICK: time has passed until `time_ns`. */
struct otr_event otr_synthetic_tick(uint64_t time_ns);

/* An OTR_EV_CLOCK: the other clocks at `time_ns`, and the seed of the ids of this session. */
struct otr_ev_clock otr_synthetic_clock(uint64_t time_ns, uint64_t seed);

#endif /* OTR_SYNTHETIC_H */
