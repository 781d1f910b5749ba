/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONFINE_H
#define OTR_CONFINE_H

/*
 * confine.h - gives up rights that are needed no more, so that a fault in a parser of foreign
 * bytes does not have the rights of root.
 *
 * A session is confined once it is open and its probes are attached; `run` has started its
 * program before, which keeps its rights. A thread that sends to a backend is confined at its
 * start, and has no capability at all.
 */

#include <stdbool.h>
#include <stddef.h>

/* What a session may need later, besides what every session needs (SYS_PTRACE, DAC_READ_SEARCH:
 * to read /proc of other processes). */
#define OTR_CONFINE_ADOPT  1u /* rings in the memory of others: CHECKPOINT_RESTORE */
#define OTR_CONFINE_CHILD  2u /* signals for a program that has become another user: KILL */
#define OTR_CONFINE_PROBES 4u /* to attach more probes: BPF, PERFMON */

/* Of the calling thread: keeps those of its capabilities that `needs` names, and sets
 * no_new_privs. Of the whole process: installs a seccomp filter that denies (EPERM) what otrace
 * never does: to execute, trace, mount, load modules, change users. Returns 0 or -errno; each
 * step is tried even if another fails. */
int otr_confine(unsigned int needs);

/* Of the calling thread: drops all capabilities, sets no_new_privs. */
void otr_confine_thread(void);

struct otr_confined {
	char keeps[120]; /* "BPF PERFMON": of the capabilities; "" where there is none */
	bool no_new_privs, seccomp;
};

/* Finds out in a child process to what a session would be confined here. Returns 0 or -errno. */
int otr_confine_try(unsigned int needs, struct otr_confined *out);

#endif /* OTR_CONFINE_H */
