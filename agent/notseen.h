/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_NOTSEEN_H
#define OTR_NOTSEEN_H

/*
 * notseen.h - traffic that was there and was not understood: the watchdog while otrace
 * runs, the `not seen` lines of the summary.
 */

#include <stdint.h>

struct otr_notseen;
struct otr_pipeline;
struct otr_sinks;
struct otr_stream_stat;

int otr_notseen_new(struct otr_notseen **out);
void otr_notseen_free(struct otr_notseen **np);

/* A connection is over: what was not read of it is kept for the summary. */
void otr_notseen_ended(struct otr_notseen *ns, struct otr_pipeline *pl,
		       const struct otr_stream_stat *stat);

/* A program that does not carry the library: `why` is one of enum otr_uncarried. */
void otr_notseen_program(struct otr_notseen *ns, uint32_t tgid, int why, const char *path);

/* After 10 s without a span, though bytes moved, says once a minute at most which
 * connections they were and why. */
void otr_notseen_watch(struct otr_notseen *ns, struct otr_sinks *sinks, uint64_t elapsed_ns);

/* A traced process uses io_uring: says so, once. Its status stays, the rest of it
 * is traced. */
void otr_notseen_ring(struct otr_sinks *sinks, uint32_t tgid);

/* One line a process and peer whose traffic was not read, or "". Lives until the next
 * call. */
const char *otr_notseen_lines(struct otr_notseen *ns, struct otr_pipeline *pl);

#endif /* OTR_NOTSEEN_H */
