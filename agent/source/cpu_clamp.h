/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CPU_CLAMP_H
#define OTR_CPU_CLAMP_H

/*
 * cpu_clamp.h - what a process says that the library cost it, believed as far as it can be so.
 *
 * The counters are in memory that the process writes. Whatever stands there, it has not spent
 * more CPU on it than it has used, which the kernel knows.
 */

#include <stdint.h>
#include <time.h>

struct otr_cpu_clamp {
	clockid_t clock;  /* of its process's CPU */
	uint64_t cpu_ns;  /* as it was looked at last */
	uint64_t room_ns; /* used, and not billed so far */
};

/* It has begun. */
void otr_cpu_clamp_begin(struct otr_cpu_clamp *c, uint32_t tgid);

/* How much has it used since? Now and then, so that nothing is billed of long ago. */
void otr_cpu_clamp_look(struct otr_cpu_clamp *c);

/* How many things it can have done at most, from its beginning on. */
uint64_t otr_cpu_clamp_most(const struct otr_cpu_clamp *c);

/* It says that it has done `n` things of `price_ns` each. Returns how many it can have done;
 * what is to be charged for them is added to *cost_ns. */
uint64_t otr_cpu_clamp_take(struct otr_cpu_clamp *c, uint64_t n, uint64_t price_ns,
			    uint64_t *cost_ns);

#endif /* OTR_CPU_CLAMP_H */
