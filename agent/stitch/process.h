/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_PROCESS_H
#define OTR_STITCH_PROCESS_H

/*
 * process.h - the first process: the one that `run` started. Its exchange is the root of what it
 * and its descendants ask, as long as the program is one piece of work.
 */

#include <stdbool.h>
#include <stdint.h>

struct otr_event;
struct otr_exchange;
struct otr_stitch;

/* Takes what processes do (PROC_*, META, CONN_OPEN, LISTEN), for the process that `run` started:
 * its span is the root of what it and its descendants ask. Ignores other kinds. */
void otr_stitch_process(struct otr_stitch *st, const struct otr_event *ev);

/* The functions below are called inside of stitch/ only. Frees what is kept of descendants. */
void otr_process_fini(struct otr_stitch *st);

/* The exchange of the first process, if `ex` is asked by a descendant on its behalf and nothing
 * else is known of its parent; `*evidence` says how that is known. Else NULL. */
struct otr_exchange *otr_process_for(struct otr_stitch *st, const struct otr_exchange *ex,
				     uint8_t *evidence);

/* `tgid` serves a connection: what it asks from now on is for its clients. */
void otr_process_serves(struct otr_stitch *st, uint32_t tgid);

/* Releases a first process that runs for too long to be one piece of work. */
void otr_process_tick(struct otr_stitch *st);

#endif /* OTR_STITCH_PROCESS_H */
