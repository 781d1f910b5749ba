/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SAMPLER_H
#define OTR_SAMPLER_H

/*
 * sampler.h - which traces that begin in a process are sampled.
 *
 * A trace is sampled as a whole: the decision belongs to the process where it begins. That is, the
 * strongest first, what this process has in its environment (OTRACE_SAMPLE, then
 * OTEL_TRACES_SAMPLER with OTEL_TRACES_SAMPLER_ARG), what a rule says of it, and --sample. The
 * decision is a threshold of consistent probability sampling (bpf/sample.h), so that all hosts
 * and the library decide alike. A limit in traces per second is a threshold, too, set once a
 * second from the number of traces that began before. Rules with the same limit share it.
 *
 * Where a request names a parent that otrace does not see, that parent has decided, unless the name
 * of the sampler in OpenTelemetry lacks `parentbased_`.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"

struct otr_err;
struct otr_procs;
struct otr_samplers;

struct otr_sampler {
	uint64_t threshold;  /* of bpf/sample.h; for a limit, until its first second is over */
	double per_s;	     /* limit in traces per second; 0: none */
	bool ignores_caller; /* decides again, whatever a parent elsewhere has decided */
};

/* Reads "10%", "0.1" or "100/s". Returns false where the text is none of these. */
bool otr_sampler_read(struct otr_sampler *out, struct otr_slice text);

/* What is right instead, for a format string. */
#define OTR_SAMPLER_RIGHT "right: 10%% (a share), 0.1 (the same), 100/s (a limit)"

/* As `check` of struct otr_option: can otr_sampler_read() read it? */
int otr_sampler_check(const char *text, const char *from, struct otr_err *err);

/* Reads a sampler as OTEL_TRACES_SAMPLER names it; `arg` is OTEL_TRACES_SAMPLER_ARG or none.
 * Returns false where it is unknown, or `arg` is no share from 0 to 1. */
bool otr_sampler_read_otel(struct otr_sampler *out, struct otr_slice name, struct otr_slice arg);

/* The sampler of --sample, or of the environment of this process where `text` is NULL. Returns 0,
 * or -EINVAL with the reason in `err`, or 1: OTEL_TRACES_SAMPLER names a sampler
 * that gets its rate from a server: otrace cannot, and samples all traces. */
int otr_sampler_default(struct otr_sampler *out, const char *text, struct otr_err *err);

/* Makes the samplers of all processes; copies `fallback`, which a process has that sets none,
 * borrows `procs`. Returns 0 or -ENOMEM. */
int otr_samplers_new(struct otr_samplers **out, const struct otr_sampler *fallback,
		     const struct otr_procs *procs);
/* Processes that set no sampler have this one from now on. */
void otr_samplers_set_fallback(struct otr_samplers *ss, const struct otr_sampler *fallback);
void otr_samplers_free(struct otr_samplers **sp);

/* The sampler of process `tgid` with the threshold of this second if it is a limit. */
struct otr_sampler otr_samplers_of(struct otr_samplers *ss, uint32_t tgid);

/* A trace begins in process `tgid`: it counts for the limit of its sampler. */
void otr_samplers_count(struct otr_samplers *ss, uint32_t tgid);

/* Time is `now_ns` of the events. Limits move once a second. */
void otr_samplers_tick(struct otr_samplers *ss, uint64_t now_ns);

#endif /* OTR_SAMPLER_H */
