/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_NOTSEEN_H
#define OTR_NOTSEEN_H

/*
 * notseen.h - traffic that was there and was not understood: the watchdog while otrace
 * runs, the `not seen` lines of the summary.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otr_notseen;
struct otr_pipeline;
struct otr_stream_stat;

int otr_notseen_new(struct otr_notseen **out);
void otr_notseen_free(struct otr_notseen **np);

/* A connection is over: what was not read of it is kept for the summary. */
void otr_notseen_ended(struct otr_notseen *ns, struct otr_pipeline *pl,
		       const struct otr_stream_stat *stat);

/* A program that does not carry the library: `why` is one of enum otr_uncarried. */
void otr_notseen_program(struct otr_notseen *ns, uint32_t tgid, int why, const char *path);

/* The watchdog: after 10 s without a request that was understood, and then once a minute, the text
 * of a notice that says which connections moved bytes, and why these were not read. NULL: there is
 * nothing to say. Lives until the next call. */
const char *otr_notseen_watch(struct otr_notseen *ns, struct otr_pipeline *pl, uint64_t elapsed_ns);

/* Does a process use io_uring? Writes the text of a notice about it to `out`: what moves by
 * io_uring is counted and not read. */
bool otr_notseen_ring(uint32_t tgid, char *out, size_t size);

/* One line a process and peer whose traffic was not read, or "". Lives until the next
 * call. */
const char *otr_notseen_lines(struct otr_notseen *ns, struct otr_pipeline *pl);

#endif /* OTR_NOTSEEN_H */
