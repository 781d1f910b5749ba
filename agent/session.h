/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SESSION_H
#define OTR_SESSION_H

/*
 * session.h - one time of looking: source, pipeline and whoever gets the spans.
 *
 *	kernel -> merge -> record, pipeline -> console, export queues
 *
 * run, attach and agent differ in what they trace and when they end; the rest is here.
 * replay uses the second half of it (sinks.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/session_config.h"

struct otr_err;
struct otr_event;
struct otr_session;
struct otr_sinks;

/* Loads the probes and opens the recording. Returns 0, or -errno with the reason in
 * `err`, see otr_bpf_open(). */
int otr_session_open(struct otr_session **out, const struct otr_session_config *cfg,
		     struct otr_err *err);

/* Traces a process (and with it those of its children that live already, unless
 * --no-follow); before otr_session_start(), from that on. */
int otr_session_target(struct otr_session *s, uint32_t tgid);

/* Takes in, for the record too, what its owner knows itself (root.h). */
void otr_session_event(void *session, const struct otr_event *ev);

/* Tells of every listening socket of the machine: port and process. */
void otr_session_listeners(struct otr_session *s,
			   void (*fn)(void *arg, uint32_t tgid, uint16_t port), void *arg);

/* Gives up what is needed no more (agent/base/confine.h): what is traced was started, or chosen.
 * `child`: signals may be passed on to a program of ours. */
void otr_session_confine(struct otr_session *s, bool child);

/* Begins: facts of the host and of all targets, their sockets, their threads. */
int otr_session_start(struct otr_session *s);

/* What OTRACE_SESSION is set to in a program that carries the library; NULL: none. */
const char *otr_session_join(const struct otr_session *s);

/* "bpf", "shim" or "bpf+shim": what it draws from. */
const char *otr_session_source(const struct otr_session *s);

/* A descriptor that is readable when a step is due early. */
int otr_session_fd(const struct otr_session *s);

/* Takes in what has happened and lets time pass. Call it at least each 100 ms; returns in
 * how many ms it wants to be called again: 10 while there is traffic. */
int otr_session_step(struct otr_session *s);

/* How many traced processes live. */
size_t otr_session_alive(const struct otr_session *s);

/* True when `tgid` is traced. */
bool otr_session_has(const struct otr_session *s, uint32_t tgid);

/* The last steps: takes in what is left and emits all that is open. */
void otr_session_finish(struct otr_session *s);

/* Prints the summary. `what` begins it: "python3 app.py: status 0". */
void otr_session_summary(struct otr_session *s, const char *what);

/* Was anything lost, or is a capability of the machine missing (--strict)? */
bool otr_session_flawed(const struct otr_session *s);

void otr_session_close(struct otr_session **sp);

#endif /* OTR_SESSION_H */
