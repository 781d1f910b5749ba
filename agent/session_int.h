/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SESSION_INT_H
#define OTR_SESSION_INT_H

/* session_int.h - what session.c and session_procs.c share; nobody else's. */

#include "agent/pace.h"
#include "agent/session.h"
#include "agent/traced_set.h"
#include "bpf/event.h"

#define OTR_SESSION_APART 16 /* in one search; what is more is found in none */

struct otr_session {
	struct otr_session_config cfg;
	struct otr_sources *src;
	struct otr_merge *merge;
	struct otr_record *record;
	struct otr_traced_set *traced;
	struct otr_pace pace;
	uint64_t seed;
	uint64_t opened_ns; /* before loading */
	uint64_t began_ns;
	uint64_t ended_ns;		   /* 0: it goes on */
	uint64_t clock_ns;		   /* when the clock was told last */
	uint64_t passed_ns;		   /* what is older has been released */
	uint64_t events;		   /* of this step */
	uint64_t searched_ns;		   /* when rings were looked for last */
	uint32_t apart[OTR_SESSION_APART]; /* found then, and perhaps offered this moment */
	size_t n_apart;
	bool told_bad_pair; /* of an OTEL_RESOURCE_ATTRIBUTES, once */
	bool started;	    /* what was there has been listed */

	/* Only during otr_session_listeners(). */
	void (*on_listener)(void *arg, uint32_t tgid, uint16_t port);
	void *listener_arg;
};

/* Into the merge. */
void otr_session_put(void *arg, const struct otr_event *ev);

/* session_procs.c: facts of a process, as /proc has them. */
void otr_session_facts(struct otr_session *s, uint32_t tgid, uint64_t time_ns);

/* Without probes: looks for descendants of ours whose rings no door took. */
void otr_session_search(struct otr_session *s, uint64_t now_ns);

void otr_session_check_pairs(struct otr_session *s, const struct otr_event *ev);

/* It executes a program (`exec`), or listens on a port: is it traced from now on? */
void otr_session_judge(struct otr_session *s, uint32_t tgid, uint16_t port,
		       const struct otr_ev_proc *exec);
int otr_session_executed(struct otr_session *s, const struct otr_event *ev);
void otr_session_forked(struct otr_session *s, const struct otr_event *ev);

#endif /* OTR_SESSION_INT_H */
