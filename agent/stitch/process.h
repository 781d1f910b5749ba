/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_PROCESS_H
#define OTR_STITCH_PROCESS_H

/* process.h - the process that `run` started. Inside of stitch/ only. */

#include <stdbool.h>
#include <stdint.h>

struct otr_exchange;
struct otr_stitch;
struct otr_traceparent;

void otr_process_fini(struct otr_stitch *st);
void otr_process_freed(struct otr_stitch *st); /* what stood for it */

/* It, if a request that nothing else accounts for is its work, and how that is known. */
struct otr_exchange *otr_process_for(struct otr_stitch *st, const struct otr_exchange *ex,
				     uint8_t *evidence);

/* What the environment of `ex`'s process says, `said`, may name the first process. If so, it
 * is `*root` where it can be `ex`'s parent; else `said` becomes what was above it. Returns
 * false where nothing is left. */
bool otr_process_said(struct otr_stitch *st, const struct otr_exchange *ex,
		      struct otr_traceparent *said, struct otr_exchange **root);

/* It, if it is what a header names, `said`, and can be a parent still; else NULL. */
struct otr_exchange *otr_process_named(struct otr_stitch *st, const struct otr_traceparent *said);

/* Is the trace that the library put into `header` that of a first process that was let go of?
 * Then calls of several pieces of work carry its id, and no one of them owns it. */
bool otr_process_left(const struct otr_stitch *st, const struct otr_traceparent *header);

/* `tgid` serves a connection: from now on it calls on its own account. */
void otr_process_serves(struct otr_stitch *st, uint32_t tgid);

/* Lets go of a process that runs for too long to be one piece of work. */
void otr_process_tick(struct otr_stitch *st);

#endif /* OTR_STITCH_PROCESS_H */
