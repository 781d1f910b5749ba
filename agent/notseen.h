/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_NOTSEEN_H
#define OTR_NOTSEEN_H

/*
 * notseen.h - traffic that was not understood: the notices of the watchdog while otrace runs, and
 * the `not seen` lines of the summary.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otr_notseen;
struct otr_pipeline;
struct otr_stream_stat;

int otr_notseen_new(struct otr_notseen **out);
void otr_notseen_free(struct otr_notseen **np);

/* A connection is over: what was not understood of it is kept for the summary. */
void otr_notseen_ended(struct otr_notseen *ns, struct otr_pipeline *pl,
		       const struct otr_stream_stat *stat);

/* Adds a program that does not carry the library; `why` is one of enum otr_uncarried. */
void otr_notseen_program(struct otr_notseen *ns, uint32_t tgid, int why, const char *path);

/* The watchdog. After 10 s without a request that was understood, and then once a minute,
 * returns the text of a notice: which connections moved bytes, and why these were not
 * understood. NULL: there is nothing to report. The text lives until the next call. */
const char *otr_notseen_watch(struct otr_notseen *ns, struct otr_pipeline *pl, uint64_t elapsed_ns);

/* Does the process use io_uring? If so, writes the text of a notice to `out`: bytes that
 * io_uring moves are counted and not read. */
bool otr_notseen_ring(uint32_t tgid, char *out, size_t size);

/* Returns one line for each process and peer whose traffic was not understood, or "". The text
 * lives until the next call. */
const char *otr_notseen_lines(struct otr_notseen *ns, struct otr_pipeline *pl);

#endif /* OTR_NOTSEEN_H */
