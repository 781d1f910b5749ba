/* SPDX-License-Identifier: Apache-2.0 */
/* synthetic.c - records that the agent makes; see synthetic.h. */

#include "agent/source/synthetic.h"

#include <time.h>

#include "agent/base/clock.h"

struct otr_event otr_synthetic_tick(uint64_t time_ns)
{
	return (struct otr_event){
		.kind = OTR_EV_TICK,
		.hook = OTR_HOOK_AGENT,
		.size = sizeof(struct otr_event),
		.time_ns = time_ns,
	};
}

struct otr_ev_clock otr_synthetic_clock(uint64_t time_ns, uint64_t seed)
{
	return (struct otr_ev_clock){
		.hdr = {.kind = OTR_EV_CLOCK,
			.hook = OTR_HOOK_AGENT,
			.size = sizeof(struct otr_ev_clock),
			.time_ns = time_ns},
		.realtime_ns = otr_clock(CLOCK_REALTIME),
		.boottime_ns = otr_clock(CLOCK_BOOTTIME),
		.seed = seed,
	};
}
