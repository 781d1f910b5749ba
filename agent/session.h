/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SESSION_H
#define OTR_SESSION_H

/*
 * session.h - one session of tracing: sources, pipeline and sinks.
 *
 *	kernel, library -> merge -> record, pipeline -> console, export queues
 *
 * run, attach and agent differ in what they trace and when they end; all else is here. A replay
 * uses the second half of it (sinks.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/session_config.h"

struct otr_err;
struct otr_event;
struct otr_session;
struct otr_sinks;

/* Opens the recording and the sources. Returns 0, or -errno with the reason in `err`, see
 * otr_bpf_open(). */
int otr_session_open(struct otr_session **out, const struct otr_session_config *cfg,
		     struct otr_err *err);

/* Traces a process, and its children that live already unless --no-follow. Before
 * otr_session_start() it takes effect there. Returns 0 or -errno. */
int otr_session_target(struct otr_session *s, uint32_t tgid);

/* Calls `fn` for each traced process that lives. */
void otr_session_each(const struct otr_session *s, void (*fn)(void *arg, uint32_t tgid), void *arg);

/* Takes over cfg->cpu_budget, which has changed. */
void otr_session_set_budget(struct otr_session *s);

/* Changes `at_exec` of the configuration. */
void otr_session_at_exec(struct otr_session *s, bool at_exec);

/* Takes an event that the caller makes itself (root.h), and records it. `session`: a struct
 * otr_session. */
void otr_session_event(void *session, const struct otr_event *ev);

/* Calls `fn` for each listening socket of the machine. */
void otr_session_listeners(struct otr_session *s,
			   void (*fn)(void *arg, uint32_t tgid, uint16_t port), void *arg);

/* Gives up the rights that are needed no more (agent/base/confine.h), once the traced processes
 * are started or found. `child`: signals may be passed on to a program that otrace started. */
void otr_session_confine(struct otr_session *s, bool child);

/* Begins: lists the sockets and threads of all targets. Returns 0 or -errno. */
int otr_session_start(struct otr_session *s);

/* What OTRACE_SESSION is set to in a program that carries the library; NULL: none. */
const char *otr_session_join(const struct otr_session *s);

/* "bpf", "shim" or "bpf+shim": its sources. */
const char *otr_session_source(const struct otr_session *s);

/* A descriptor that is readable when a step is due early. */
int otr_session_fd(const struct otr_session *s);

/* Takes the events that have come, and lets time pass. To be called at least each 100 ms; returns
 * in how many ms it is to be called again: 10 while there is traffic. */
int otr_session_step(struct otr_session *s);

/* Takes steps until all that was moved before now has reached the pipeline: some 20 ms. */
void otr_session_catch_up(struct otr_session *s);

/* How many traced processes live. */
size_t otr_session_alive(const struct otr_session *s);

/* True when `tgid` is traced. */
bool otr_session_has(const struct otr_session *s, uint32_t tgid);

/* Takes the events that are left, and emits everything that is open. */
void otr_session_finish(struct otr_session *s);

/* Prints the summary. `what` is its first part: "python3 app.py: status 0". */
void otr_session_summary(struct otr_session *s, const char *what);

/* Was anything lost, or does the machine lack a capability (--strict)? */
bool otr_session_flawed(const struct otr_session *s);

void otr_session_close(struct otr_session **sp);

#endif /* OTR_SESSION_H */
