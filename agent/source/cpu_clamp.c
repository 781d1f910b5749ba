/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_clamp.c - a bucket that the CPU time of a process fills; see cpu_clamp.h. */

#include "agent/source/cpu_clamp.h"

#include "agent/base/clock.h"

#define START_NS OTR_NS_PER_MS	       /* for a process that ends before the first look */
#define MOST_NS	 (100 * OTR_NS_PER_MS) /* at most, for a process that did something else for long */
#define LEAST_NS 50		       /* the least price of anything that is counted */

static uint64_t used_ns(const struct otr_cpu_clamp *c)
{
	struct timespec ts;

	if (clock_gettime(c->clock, &ts))
		return 0; /* the process has ended */
	return (uint64_t)ts.tv_sec * OTR_NS_PER_S + (uint64_t)ts.tv_nsec;
}

void otr_cpu_clamp_begin(struct otr_cpu_clamp *c, uint32_t tgid)
{
	*c = (struct otr_cpu_clamp){.room_ns = START_NS};
	if (clock_getcpuclockid((pid_t)tgid, &c->clock))
		c->clock = -1;
	c->cpu_ns = used_ns(c);
}

void otr_cpu_clamp_look(struct otr_cpu_clamp *c)
{
	uint64_t now_ns = used_ns(c);

	if (now_ns <= c->cpu_ns)
		return;
	c->room_ns += now_ns - c->cpu_ns;
	c->cpu_ns = now_ns;
	if (c->room_ns > MOST_NS)
		c->room_ns = MOST_NS;
}

/* Includes what the process may have used since the last look. */
uint64_t otr_cpu_clamp_most(const struct otr_cpu_clamp *c)
{
	return (c->cpu_ns + MOST_NS) / LEAST_NS;
}

uint64_t otr_cpu_clamp_take(struct otr_cpu_clamp *c, uint64_t n, uint64_t price_ns,
			    uint64_t *cost_ns)
{
	uint64_t most = c->room_ns / LEAST_NS, cost;

	if (n > c->room_ns / price_ns) {
		otr_cpu_clamp_look(c);
		most = c->room_ns / LEAST_NS;
	}
	n = n < most ? n : most;
	cost = n * price_ns < c->room_ns ? n * price_ns : c->room_ns;
	c->room_ns -= cost;
	*cost_ns += cost;
	return n;
}
