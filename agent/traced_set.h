/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TRACED_SET_H
#define OTR_TRACED_SET_H

/*
 * traced_set.h - which processes a session traces, and which it has just said no to.
 *
 * The kernel traces on trial (bpf/shared.h, OTR_TRIAL_NS) who starts or listens, before
 * the agent has judged it: records of one it does not want are dropped by asking here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otr_event;
struct otr_traced_set;

/* Returns 0 or -ENOMEM. */
int otr_traced_set_new(struct otr_traced_set **out);
void otr_traced_set_free(struct otr_traced_set **cp);

/* Traced from now on, also where it was refused before. Without memory: not remembered,
 * so it is missing from otr_traced_set_count() alone. */
void otr_traced_set_add(struct otr_traced_set *c, uint32_t tgid);

/* A traced process has ended, at `now_ns`. Records of it may still be on their way. */
void otr_traced_set_end(struct otr_traced_set *c, uint32_t tgid, uint64_t now_ns);

/* Not wanted: its records are dropped until the kernel has let go of it too, counted
 * from `now_ns`. */
void otr_traced_set_refuse(struct otr_traced_set *c, uint32_t tgid, uint64_t now_ns);

bool otr_traced_set_has(const struct otr_traced_set *c, uint32_t tgid);
bool otr_traced_set_refused(const struct otr_traced_set *c, uint32_t tgid);

/* Is it traced or refused, or has it just ended? Else nobody has judged it: what announced it
 * was lost. */
bool otr_traced_set_knows(const struct otr_traced_set *c, uint32_t tgid);

/* How many are traced. */
size_t otr_traced_set_count(const struct otr_traced_set *c);

/* Calls `fn` for each that is traced. */
void otr_traced_set_each(const struct otr_traced_set *c, void (*fn)(void *arg, uint32_t tgid),
			 void *arg);

/* Forgets refusals that the kernel has carried out, and processes that ended before that. */
void otr_traced_set_tick(struct otr_traced_set *c, uint64_t now_ns);

#endif /* OTR_TRACED_SET_H */
