/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SESSION_PROCS_H
#define OTR_SESSION_PROCS_H

/* session_procs.h - the processes of a session: which are traced, and what is known of them. */

#include <stdint.h>

struct otr_ev_proc;
struct otr_event;
struct otr_session;

/* Traces a process; see otr_session_target(). */
int otr_session_trace(struct otr_session *s, uint32_t tgid);

/* Reads the facts of a process from /proc and gives them to the merge as events of `time_ns`. */
void otr_session_facts(struct otr_session *s, uint32_t tgid, uint64_t time_ns);

/* Traces a process no longer. */
void otr_session_untarget(struct otr_session *s, uint32_t tgid);

/* Says at which rate traces that begin in a process are sampled (agent/sample/sampler.h), as a fact
 * that is recorded; NULL: no rule says it. */
void otr_session_sample(struct otr_session *s, uint32_t tgid, const char *rate);

/* Likewise the name that a rule gives to its service; NULL: no rule does. */
void otr_session_service(struct otr_session *s, uint32_t tgid, const char *name);

/* Without probes: looks for descendants of this process whose rings were not offered. */
void otr_session_search(struct otr_session *s, uint64_t now_ns);

/* With -v, once: notices which pair of OTEL_RESOURCE_ATTRIBUTES of a process is ignored. */
void otr_session_check_pairs(struct otr_session *s, const struct otr_event *ev);

/* A process executes a program (`exec`) or listens on `port`: decides whether it is traced from
 * now on. */
void otr_session_judge(struct otr_session *s, uint32_t tgid, uint16_t port,
		       const struct otr_ev_proc *exec);

/* Judges a process that a record names and that was not judged before. */
void otr_session_settle(struct otr_session *s, uint32_t tgid);

/* Takes an OTR_EV_PROC_EXEC of the kernel. Returns 0. */
int otr_session_executed(struct otr_session *s, const struct otr_event *ev);

/* Takes an OTR_EV_PROC_FORK. */
void otr_session_forked(struct otr_session *s, const struct otr_event *ev);

#endif /* OTR_SESSION_PROCS_H */
