/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONFINE_H
#define OTR_CONFINE_H

/*
 * confine.h - gives up what is needed no more, so that a fault in a parser of strangers' bytes
 * is not root's.
 *
 * A session is confined once it is open and its probes are attached; `run` has started its
 * program before, which keeps its own rights. A thread that talks to a backend is confined at
 * its start, and has no capability at all.
 */

#include <stdbool.h>
#include <stddef.h>

/* What a session may need later, beside what all need (SYS_PTRACE, DAC_READ_SEARCH: to read
 * /proc of others). */
#define OTR_CONFINE_ADOPT  1u /* rings in the memory of others: CHECKPOINT_RESTORE */
#define OTR_CONFINE_CHILD  2u /* signals for a program that has become another user: KILL */
#define OTR_CONFINE_PROBES 4u /* to attach more of them: BPF, PERFMON */

/* Of the calling thread: keeps the capabilities that `needs` names, of those it has; sets
 * no_new_privs. Of the whole process: a seccomp filter that denies (EPERM) what otrace never
 * does: to execute, trace, mount, load modules, change users. Returns 0 or -errno; what could
 * be given up is given up all the same. */
int otr_confine(unsigned int needs);

/* Of the calling thread: no capability, no_new_privs. */
void otr_confine_thread(void);

struct otr_confined {
	char keeps[120]; /* "BPF PERFMON": of the capabilities; "" where there is none */
	bool no_new_privs, seccomp;
};

/* To what a session here would be confined, found out by a child. Returns 0 or -errno. */
int otr_confine_try(unsigned int needs, struct otr_confined *out);

#endif /* OTR_CONFINE_H */
