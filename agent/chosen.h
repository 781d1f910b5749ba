/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CHOSEN_H
#define OTR_CHOSEN_H

/*
 * chosen.h - which processes a session traces, and which it has just said no to.
 *
 * The kernel traces on trial (bpf/shared.h, OTR_TRIAL_NS) who starts or listens, before
 * the agent has judged it: records of one it does not want are dropped by asking here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otr_event;
struct otr_chosen;

/* Returns 0 or -ENOMEM. */
int otr_chosen_new(struct otr_chosen **out);
void otr_chosen_free(struct otr_chosen **cp);

/* Traced from now on, also where it was refused before. Without memory: not remembered,
 * so it is missing from otr_chosen_count() alone. */
void otr_chosen_add(struct otr_chosen *c, uint32_t tgid);

/* It has ended. */
void otr_chosen_remove(struct otr_chosen *c, uint32_t tgid);

/* Not wanted: its records are dropped until the kernel has let go of it too, counted
 * from `now_ns`. */
void otr_chosen_refuse(struct otr_chosen *c, uint32_t tgid, uint64_t now_ns);

bool otr_chosen_has(const struct otr_chosen *c, uint32_t tgid);
bool otr_chosen_refused(const struct otr_chosen *c, uint32_t tgid);

/* How many are traced. */
size_t otr_chosen_count(const struct otr_chosen *c);

/* Calls `fn` for each that is traced. */
void otr_chosen_each(const struct otr_chosen *c, void (*fn)(void *arg, uint32_t tgid),
		     void *arg);

/* Forgets refusals that the kernel has carried out. */
void otr_chosen_tick(struct otr_chosen *c, uint64_t now_ns);

#endif /* OTR_CHOSEN_H */
