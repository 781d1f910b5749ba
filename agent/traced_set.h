/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TRACED_SET_H
#define OTR_TRACED_SET_H

/*
 * traced_set.h - the processes that a session traces, and those that it has just refused.
 *
 * The kernel traces a process that starts or listens on trial (bpf/shared.h, OTR_TRIAL_NS) until
 * the agent has judged it. Records of a refused process are dropped with the help of this set.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otr_event;
struct otr_traced_set;

/* Returns 0 or -ENOMEM. */
int otr_traced_set_new(struct otr_traced_set **out);
void otr_traced_set_free(struct otr_traced_set **cp);

/* The process is traced from now on, even if it was refused before. Without memory it is missing
 * from otr_traced_set_count(). */
void otr_traced_set_add(struct otr_traced_set *c, uint32_t tgid);

/* A traced process has ended, at `now_ns`. Records of it may still come. */
void otr_traced_set_end(struct otr_traced_set *c, uint32_t tgid, uint64_t now_ns);

/* The process is not traced: its records are dropped until the kernel has ended its trial,
 * counted from `now_ns`. */
void otr_traced_set_refuse(struct otr_traced_set *c, uint32_t tgid, uint64_t now_ns);

bool otr_traced_set_has(const struct otr_traced_set *c, uint32_t tgid);
bool otr_traced_set_refused(const struct otr_traced_set *c, uint32_t tgid);

/* Is the process traced or refused, or has it just ended? If not, it was not judged: the event
 * that announces it was lost. */
bool otr_traced_set_knows(const struct otr_traced_set *c, uint32_t tgid);

/* How many processes are traced. */
size_t otr_traced_set_count(const struct otr_traced_set *c);

/* Calls `fn` for each traced process. */
void otr_traced_set_each(const struct otr_traced_set *c, void (*fn)(void *arg, uint32_t tgid),
			 void *arg);

/* Forgets refusals that the kernel has carried out, and processes that ended before that. */
void otr_traced_set_tick(struct otr_traced_set *c, uint64_t now_ns);

#endif /* OTR_TRACED_SET_H */
