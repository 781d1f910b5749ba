/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TARGETS_H
#define OTR_TARGETS_H

/*
 * targets.h - what a person names to be traced: a PID, a NAME, a :PORT.
 *
 * Ports and names are followed: whoever listens there, or is called so, later on.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/candidate.h"

struct otr_err;
struct otr_session;

struct otr_targets {
	char **words; /* as typed, NULL ends; borrowed */
	struct otr_session *session;
	char first[64]; /* what was found first, as a person would call it */
	size_t found;
	bool all;		  /* process 1 is among them, whose children all others are */
	size_t mute;		  /* of these: servers that are seen by their clients alone */
	const char *server_title; /* of the latest of them: "PostgreSQL" */
};

/* "python3 app.py (4242) and 3 more", for the start line. */
void otr_targets_title(const struct otr_targets *t, char *out, size_t size);

/* Chooses every process that a word means. Returns 0, or -ESRCH, -EPERM or -EINVAL with
 * the reason in `err`: each word must mean something. */
int otr_targets_resolve(struct otr_targets *t, struct otr_err *err);

/* Does a process that just executed a program, or listens on a port, belong to them? For
 * struct otr_session_config; `arg` is the struct otr_targets. */
enum otr_verdict otr_targets_wanted(void *arg, const struct otr_candidate *who);

/* Is any of them a :PORT, or a NAME: does it follow who comes later? */
bool otr_targets_follow_ports(char **words);
bool otr_targets_follow_names(char **words);

#endif /* OTR_TARGETS_H */
