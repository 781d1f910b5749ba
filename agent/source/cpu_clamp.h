/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CPU_CLAMP_H
#define OTR_CPU_CLAMP_H

/*
 * cpu_clamp.h - clamps the cost that a process reports for the library to the CPU that it has
 * used.
 *
 * The counters are in memory that the process can write. Whatever they say, the process has not
 * spent more CPU than the kernel says it has used.
 */

#include <stdint.h>
#include <time.h>

struct otr_cpu_clamp {
	clockid_t clock;  /* the CPU clock of the process */
	uint64_t cpu_ns;  /* the CPU used at the last look */
	uint64_t room_ns; /* CPU used and not charged so far */
};

/* Begins with a process. */
void otr_cpu_clamp_begin(struct otr_cpu_clamp *c, uint32_t tgid);

/* Adds the CPU that was used since the last call. Called now and then, so that nothing is charged
 * for long ago. */
void otr_cpu_clamp_look(struct otr_cpu_clamp *c);

/* How many things the process can have done at most since its begin. */
uint64_t otr_cpu_clamp_most(const struct otr_cpu_clamp *c);

/* The process says that it has done `n` things of `price_ns` each. Returns how many it can have
 * done, and adds their price to *cost_ns. */
uint64_t otr_cpu_clamp_take(struct otr_cpu_clamp *c, uint64_t n, uint64_t price_ns,
			    uint64_t *cost_ns);

#endif /* OTR_CPU_CLAMP_H */
