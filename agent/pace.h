/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PACE_H
#define OTR_PACE_H

/*
 * pace.h - keeps a session within --cpu-budget: measures what tracing costs, lets governor.h decide
 * how much is traced, pauses the sources, and reports that.
 */

#include <stddef.h>
#include <stdint.h>

#include "agent/governor.h"

struct otr_sources;
struct otr_event;
struct otr_sinks;

struct otr_pace {
	struct otr_governor governor;
	struct otr_sources *src; /* borrowed, as is all here */
	struct otr_sinks *sinks; /* for notices */
	/* Takes the events of pauses, which are recorded. */
	void (*put)(void *arg, const struct otr_event *ev);
	/* CPU time of all traced processes, in ns. */
	uint64_t (*traced_ns)(void *arg);
	void *arg; /* of put and traced_ns */
	uint64_t reported_ns;
	uint64_t thread_ns; /* CPU time of this thread when the last step ended */
	uint64_t idle_ns;   /* CPU time of the steps that brought no event */
	bool paused;
	char line[160];
};

/* Begins: CPU time that was used before is not counted. `src` to `arg` of `p` are set by the
 * caller, the other fields are zero. */
void otr_pace_start(struct otr_pace *p, double share, uint64_t now_ns);

/* Another budget holds from now on. */
void otr_pace_set_budget(struct otr_pace *p, double share, uint64_t now_ns);

/* Measures and pauses or resumes, when it is due. `events`: what the step that ends here has
 * brought. Called by one thread. Returns in how many ms it has to be called again,
 * `wait_ms` at most. */
int otr_pace_step(struct otr_pace *p, uint64_t now_ns, uint64_t events, int wait_ms);

/* For the summary: "over 10% for 8 s; .."; NULL if nothing was paused. Lives as long as `p`. */
const char *otr_pace_line(struct otr_pace *p);

#endif /* OTR_PACE_H */
