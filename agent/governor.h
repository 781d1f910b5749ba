/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_GOVERNOR_H
#define OTR_GOVERNOR_H

/*
 * governor.h - decides how much of the time is traced, so that --cpu-budget is kept.
 *
 * Time is divided into periods of 2 s, of which the first part is traced: all of it while the
 * budget suffices, else so much as fits. Requests that begin in the rest are shed, each with its
 * answer. So a trace is seen whole, in all processes that it passes, or not at all, except at the
 * edges of a pause, which are marked.
 *
 *	|#########|#########|####.....|###......|###......|######...|#########|
 *	   over     over      over     within    load halves  falls   within
 *
 * What otrace spends with nothing to do is the same whatever is paused: it is judged apart, and a
 * pause that saves nothing ends. Otherwise a small budget would keep an idle session paused for
 * ever.
 *
 * Only arithmetic: no clock, no kernel; agent/pace.c has those.
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/config/settings.h"

#define OTR_GOVERNOR_PERIOD_NS 2000000000ull
#define OTR_GOVERNOR_GRACE_NS  2000000000ull		     /* at start: listing what is there */
#define OTR_GOVERNOR_LEAST_NS  (OTR_GOVERNOR_PERIOD_NS / 64) /* so much is traced in any case */

/* OTR_SHARE_AUTO (agent/config/settings.h) is: */
#define OTR_SHARE_FLOOR 0.25
#define OTR_SHARE_USED	0.05

/* What was used so far; only differences count. */
struct otr_usage {
	uint64_t now_ns;
	uint64_t cost_ns;   /* CPU of the agent and of its probes */
	uint64_t idle_ns;   /* of which so much would be spent whatever is paused */
	uint64_t traced_ns; /* CPU of the traced processes; 0: not known */
};

struct otr_governor {
	double share;	       /* of what the traced processes use; 0: no limit */
	double floor;	       /* in cores: allowed in any case */
	bool is_auto;	       /* both are the default */
	uint64_t part_ns;      /* of each period, traced */
	bool over;	       /* the last period, traced whole, was over the budget */
	struct otr_usage was;  /* when the period began */
	double spent, allowed; /* in the last period, in cores */
	double idle;	       /* of `spent` */
	uint64_t thin_ns;      /* time of the periods with a pause */
	uint64_t seen_ns;      /* of which so much was traced */
};

/* `share`: of one core, or of what the traced processes use if that is more; 0: no limit;
 * OTR_SHARE_AUTO. */
void otr_governor_init(struct otr_governor *g, double share, const struct otr_usage *now);

/* Begins anew with another share; the times that were not traced still count. */
void otr_governor_set_share(struct otr_governor *g, double share, const struct otr_usage *now);

/* Has the period ended? */
bool otr_governor_due(const struct otr_governor *g, uint64_t now_ns);

/* Ends the period. Where it cost more than allowed, less of the next is traced; the first period of
 * excess does not count. Where less, as much more is traced as fits. Returns whether `part_ns` has
 * changed. */
bool otr_governor_judge(struct otr_governor *g, const struct otr_usage *now);

/* Is a part of each period not traced? */
static inline bool otr_governor_thins(const struct otr_governor *g)
{
	return g->part_ns < OTR_GOVERNOR_PERIOD_NS;
}

/* Is this the part of the period that is not traced? */
bool otr_governor_pauses(const struct otr_governor *g, uint64_t now_ns);

/* How long until that changes, or the period ends. */
uint64_t otr_governor_until(const struct otr_governor *g, uint64_t now_ns);

#endif /* OTR_GOVERNOR_H */
