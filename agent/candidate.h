/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CANDIDATE_H
#define OTR_CANDIDATE_H

/*
 * candidate.h - what is known of a process when it is judged whether it is traced.
 *
 * It is read from /proc; for a process that has ended already, from the record of its exec (which
 * has no cgroup path, and the name of a script where /proc has its interpreter).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otr_ev_proc;

struct otr_candidate {
	uint32_t tgid;
	uint16_t port; /* the port on which it listens; 0: it has just started */
	/* "" where unknown, cut where longer. */
	char exe[512];
	char cmd[1024]; /* arguments, blanks between */
	char cgroup[512];
	char args[1024]; /* arguments, each ended by a NUL */
	size_t args_len;
};

enum otr_verdict {
	OTR_VERDICT_NONE, /* no rule or name fits */
	OTR_VERDICT_TRACE,
	OTR_VERDICT_OFF, /* it is not to be traced */
};

/* What is decided of a process. */
struct otr_ruling {
	enum otr_verdict is;
	const char *sample;  /* the rate of the traces that begin in it, or NULL; borrowed */
	const char *service; /* its service name, or NULL; borrowed */
};

/* Reads everything; `exec` may be NULL. Returns false where the process has no executable: it is
 * a kernel thread, or has ended. */
bool otr_candidate_read(struct otr_candidate *who, uint32_t tgid, uint16_t port,
			const struct otr_ev_proc *exec);

/* Is `name` the base name of its executable, or of the script its interpreter runs? */
bool otr_candidate_is(const struct otr_candidate *who, const char *name);

#endif /* OTR_CANDIDATE_H */
