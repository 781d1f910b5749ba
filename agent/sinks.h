/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SINKS_H
#define OTR_SINKS_H

/*
 * sinks.h - where spans go: the console and the export queues, and the pipeline that
 * feeds them. The same for what is live and for what was recorded.
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/pipeline.h"

struct otr_console;
struct otr_err;
struct otr_event;
struct otr_notseen;
struct otr_settings;
struct otr_sinks;

struct otr_sinks_config {
	const struct otr_settings *cfg; /* borrowed */
	int fd;				/* where the console writes; -1: no console. Not closed */
	int notice_fd;			/* for notices; 0: by the console's own choice */
	bool shared;			/* a started program writes there too */
	bool patient;			/* what was recorded can wait: exporters get all of it */
	uint64_t seed;			/* of the ids */
};

/* Opens every --export and the console, makes the pipeline. Returns 0, or -errno with the
 * reason in `err`. */
int otr_sinks_open(struct otr_sinks **out, const struct otr_sinks_config *cfg, struct otr_err *err);

/* Takes the next event, in order. */
void otr_sinks_event(struct otr_sinks *sk, const struct otr_event *ev);

/* Real time passes (CLOCK_MONOTONIC): flood and loss lines, notices of exporters. */
void otr_sinks_tick(struct otr_sinks *sk, uint64_t now_ns);

/* Emits what is open. */
void otr_sinks_flush(struct otr_sinks *sk);

/* One notice for a person. */
void otr_sinks_notice(struct otr_sinks *sk, const char *text);

void otr_sinks_start_line(struct otr_sinks *sk, const char *what, const char *sources);

struct otr_pipeline *otr_sinks_pipeline(struct otr_sinks *sk);
struct otr_notseen *otr_sinks_notseen(struct otr_sinks *sk);
struct otr_console *otr_sinks_console(struct otr_sinks *sk); /* or NULL */

/* How many spans went through. */
uint64_t otr_sinks_spans(const struct otr_sinks *sk);

/* Sends what waits to the exporters, for `grace_ns` at most, and ends them. */
void otr_sinks_drain(struct otr_sinks *sk, uint64_t grace_ns);

/* Says on stderr what was lost and why, unless a summary has said so. */
void otr_sinks_report_losses(struct otr_sinks *sk);

void otr_sinks_close(struct otr_sinks **sp);

#endif /* OTR_SINKS_H */
