/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CANDIDATE_H
#define OTR_CANDIDATE_H

/*
 * candidate.h - what is known of a process when it is judged whether to trace it.
 *
 * From /proc; of a process that has left already, from the record of its exec (which has
 * no cgroup path, and a script's own name where /proc has its interpreter's).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otr_ev_proc;

struct otr_candidate {
	uint32_t tgid;
	uint16_t port; /* it listens there; 0: it just started */
	/* "" where unknown, cut where longer. */
	char exe[512];
	char cmd[1024]; /* arguments, blanks between */
	char cgroup[512];
	char args[1024]; /* arguments, each ended by a NUL */
	size_t args_len;
};

enum otr_verdict {
	OTR_VERDICT_NONE, /* nobody asked for it */
	OTR_VERDICT_TRACE,
	OTR_VERDICT_OFF, /* somebody asked that it is not traced */
};

/* Reads all of it; `exec` may be NULL. Returns false where it has no executable: a kernel
 * thread, or one that has left. */
bool otr_candidate_read(struct otr_candidate *who, uint32_t tgid, uint16_t port,
			const struct otr_ev_proc *exec);

/* Is `name` the base name of its executable, or of the script its interpreter runs? */
bool otr_candidate_is(const struct otr_candidate *who, const char *name);

#endif /* OTR_CANDIDATE_H */
