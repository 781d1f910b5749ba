/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SINKS_H
#define OTR_SINKS_H

/*
 * sinks.h - every open sink (agent/sink/sink.h), and the pipeline that feeds them. Live and
 * recorded events are handled alike.
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/pipeline.h"

struct otr_err;
struct otr_event;
struct otr_notseen;
struct otr_settings;
struct otr_sinks;
struct otr_summary;

struct otr_sinks_config {
	const struct otr_settings *cfg; /* borrowed */
	int fd;				/* as in struct otr_sink_config, like the next three */
	int notice_fd;
	bool shared;
	bool blocking;
	uint64_t seed; /* of the ids */
};

/* Opens the sinks that the settings ask for, and the pipeline. Returns 0, or -errno with the
 * reason in `err`. */
int otr_sinks_open(struct otr_sinks **out, const struct otr_sinks_config *cfg, struct otr_err *err);

/* Takes over `sample`, `keep` and `ignore` of `cfg`, which is borrowed as that of otr_sinks_open()
 * is. Returns 0, or -EINVAL with the reason in `err`: nothing is taken over then. */
int otr_sinks_retune(struct otr_sinks *sk, const struct otr_settings *cfg, struct otr_err *err);

/* Gives the next event to the pipeline; events come in the order of their time. */
void otr_sinks_event(struct otr_sinks *sk, const struct otr_event *ev);

/* Time passes for the sinks (CLOCK_MONOTONIC): flood and loss lines, notices of exporters. */
void otr_sinks_tick(struct otr_sinks *sk, uint64_t now_ns);

/* Ends every open request: its span is emitted. */
void otr_sinks_flush(struct otr_sinks *sk);

/* Shows one notice to a person; on stderr where no sink shows notices. */
void otr_sinks_notice(struct otr_sinks *sk, const char *text);

/* Tracing begins: `what` is "python3 app.py (4242)", `sources` "bpf". */
void otr_sinks_start_line(struct otr_sinks *sk, const char *what, const char *sources);

/* Shows the summary. Fills in `stats` and `not_seen` of `sum` itself, for the call. */
void otr_sinks_summary(struct otr_sinks *sk, struct otr_summary *sum);

struct otr_pipeline *otr_sinks_pipeline(struct otr_sinks *sk);
struct otr_notseen *otr_sinks_notseen(struct otr_sinks *sk);

/* The number of spans that the pipeline emitted. */
uint64_t otr_sinks_spans(const struct otr_sinks *sk);

/* Delivers the spans that wait, for `grace_ns` at most, and ends the exporters. */
void otr_sinks_drain(struct otr_sinks *sk, uint64_t grace_ns);

/* Reports on stderr what was lost and why, unless the summary of a sink names the losses. */
void otr_sinks_report_losses(struct otr_sinks *sk);

/* Drains without grace, then frees everything and sets *sp to NULL. */
void otr_sinks_close(struct otr_sinks **sp);

#endif /* OTR_SINKS_H */
