/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_PROCESS_H
#define OTR_STITCH_PROCESS_H

/*
 * process.h - the first process: the one that `run` started. Its exchange is the root of what it
 * and its descendants ask, as long as the program is one piece of work. Inside of stitch/ only.
 */

#include <stdbool.h>
#include <stdint.h>

struct otr_exchange;
struct otr_stitch;
struct otr_traceparent;

/* Frees what is kept of descendants. */
void otr_process_fini(struct otr_stitch *st);

/* The exchange of the first process, if `ex` is asked by a descendant on its behalf and nothing
 * else is known of its parent; `*evidence` says how that is known. Else NULL. */
struct otr_exchange *otr_process_for(struct otr_stitch *st, const struct otr_exchange *ex,
				     uint8_t *evidence);

/* `said` is read from the environment of the process of `ex`. If it names the first process,
 * `*root` is that one's exchange where it can be the parent of `ex`; otherwise `said` becomes
 * the parent of the first process. Returns false if that has none: then nothing is said. */
bool otr_process_from_env(struct otr_stitch *st, const struct otr_exchange *ex,
			  struct otr_traceparent *said, struct otr_exchange **root);

/* The exchange of the first process, if a header names it, `said`, and it can be a parent still;
 * else NULL. */
struct otr_exchange *otr_process_named(struct otr_stitch *st, const struct otr_traceparent *said);

/* Is `header`, which the library injected, in the trace of a first process that was released? Then
 * several pieces of work carry that trace id, and none of them owns it. */
bool otr_process_was_released(const struct otr_stitch *st, const struct otr_traceparent *header);

/* `tgid` serves a connection: what it asks from now on is for its clients. */
void otr_process_serves(struct otr_stitch *st, uint32_t tgid);

/* Releases a first process that runs for too long to be one piece of work. */
void otr_process_tick(struct otr_stitch *st);

#endif /* OTR_STITCH_PROCESS_H */
