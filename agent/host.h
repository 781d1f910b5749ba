/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HOST_H
#define OTR_HOST_H

/*
 * host.h - applies the rules to all processes that run: when the agent begins, and when its rules
 * change. Processes that start or listen later are judged by the session.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/rules.h"

struct otr_session;

struct otr_host {
	struct otr_session *session;
	struct otr_rules rules;
	struct judged *judged; /* in the course of one pass over all processes; see host.c */
	size_t n, cap;
	bool failed; /* there was no memory for one of them */
};

/* Traces the processes that the rules want. The agent itself and its parent are never traced. */
void otr_host_begin(struct otr_host *host);

/* The rules have changed: traces what they want now, and ends the tracing of what they do not want
 * any more. A process is wanted with its children. */
void otr_host_change(struct otr_host *host);

#endif /* OTR_HOST_H */
