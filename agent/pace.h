/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PACE_H
#define OTR_PACE_H

/*
 * pace.h - keeps a session within --cpu-budget: measures what it costs, has governor.h
 * judge it, pauses the probes, and says so.
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
	struct otr_sinks *sinks; /* for what is said */
	/* Takes the notes of pauses, which are recorded. */
	void (*put)(void *arg, const struct otr_event *ev);
	/* CPU of all that is traced, in ns. */
	uint64_t (*traced_ns)(void *arg);
	void *arg; /* of both */
	uint64_t reported_ns;
	bool paused;
	char line[160];
};

/* Begins: what was used so far is not counted. The fields above but the first and the last
 * three are set already. */
void otr_pace_start(struct otr_pace *p, double share, uint64_t now_ns);

/* Judges and switches, when it is time to. Returns in how many ms it wants to be called
 * again, `wait_ms` at most. */
int otr_pace_step(struct otr_pace *p, uint64_t now_ns, int wait_ms);

/* For the summary: "over 10% for 8 s; .."; NULL where all was traced. */
const char *otr_pace_line(struct otr_pace *p);

#endif /* OTR_PACE_H */
