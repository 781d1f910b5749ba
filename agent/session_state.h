/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SESSION_STATE_H
#define OTR_SESSION_STATE_H

/* session_state.h - the state of a session, for session.c and session_procs.c alone. */

#include "agent/pace.h"
#include "agent/session_config.h"
#include "agent/traced_set.h"
#include "bpf/event.h"

#define OTR_SESSION_APART 16 /* in one search; what is more is found in none */

struct otr_session {
	struct otr_session_config cfg;
	struct otr_sources *src;
	struct otr_merge *merge;
	struct otr_record *record;
	struct otr_blanks *blanks; /* for `record` */
	struct otr_traced_set *traced;
	struct otr_pace pace;
	uint64_t seed;
	uint64_t opened_ns; /* before the programs are loaded */
	uint64_t began_ns;
	uint64_t ended_ns;		   /* 0: it goes on */
	uint64_t clock_ns;		   /* of the last OTR_EV_CLOCK */
	uint64_t passed_ns;		   /* all events before this time are released */
	uint64_t events;		   /* that came in this step */
	uint64_t searched_ns;		   /* when rings were looked for last */
	uint32_t apart[OTR_SESSION_APART]; /* found then; they may offer a ring still */
	size_t n_apart;
	bool noticed_bad_pair; /* a pair of an OTEL_RESOURCE_ATTRIBUTES that is ignored was noticed */
	bool started;	       /* otr_session_start() was called */

	/* Only during otr_session_listeners(). */
	void (*on_listener)(void *arg, uint32_t tgid, uint16_t port);
	void *listener_arg;
};

/* Gives an event to the merge. An event for which there is no memory is counted as lost.
 * `session`: a struct otr_session. */
void otr_session_put(void *session, const struct otr_event *ev);

/* Is this process traced? */
bool otr_session_traces(const struct otr_session *s, uint32_t tgid);

#endif /* OTR_SESSION_STATE_H */
