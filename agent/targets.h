/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TARGETS_H
#define OTR_TARGETS_H

/*
 * targets.h - the words with which a person names what is traced: a PID, a NAME, a :PORT.
 *
 * Names and ports are followed: processes that have the name, or listen on the port, later are
 * traced as well.
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
	char first[64]; /* the first process that was found, with the title that a person knows */
	size_t found;
	bool all;		  /* process 1 is a target: the others descend from it */
	size_t mute;		  /* of these, servers that only their clients show */
	const char *server_title; /* the latest of these servers: "PostgreSQL" */
};

/* "python3 app.py (4242) and 3 more", for the start line. */
void otr_targets_title(const struct otr_targets *t, char *out, size_t size);

/* Traces every process that a word names. Returns 0, or -ESRCH, -EPERM or -EINVAL with the reason
 * in `err`: each word has to name a process. */
int otr_targets_resolve(struct otr_targets *t, struct otr_err *err);

/* Is a process that has executed a program, or listens on a port, a target? For struct
 * otr_session_config; `arg`: the struct otr_targets. */
struct otr_ruling otr_targets_judge(void *arg, const struct otr_candidate *who);

/* Is one of the words a :PORT, or a NAME, so that later processes are traced as well? */
bool otr_targets_follow_ports(char **words);
bool otr_targets_follow_names(char **words);

#endif /* OTR_TARGETS_H */
