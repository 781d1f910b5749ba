/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SESSION_CONFIG_H
#define OTR_SESSION_CONFIG_H

/* session_config.h - what a session traces, and how; see session.h. */

#include <stdbool.h>

#include "agent/candidate.h"

struct otr_ring_switches;
struct otr_settings;
struct otr_sinks;

struct otr_session_config {
	const struct otr_settings *cfg; /* borrowed for the session's life */
	struct otr_sinks *sinks;	/* likewise */
	bool no_probes;			/* nothing in the kernel: the library alone */
	bool library;			/* programs may carry it (otr_session_join()) */
	bool adopt;			/* but only programs do that have it already */
	const struct otr_ring_switches
		*switches; /* to the library in all processes; NULL: nothing */
	bool host;	   /* hear of exec and listen of every process */
	bool at_exec;	   /* and a program may be wanted before it listens */

	/* Decides, when a process executes a program (`port` 0) or listens on a port,
	 * whether it is traced from now on. NULL: no process is. */
	struct otr_ruling (*judge)(void *arg, const struct otr_candidate *who);
	void *arg;
	bool by_rules; /* judge() decides on rate and service name, too */
};

#endif /* OTR_SESSION_CONFIG_H */
