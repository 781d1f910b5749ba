/* SPDX-License-Identifier: Apache-2.0 */
/*
 * governor.c - how much of the time is traced; see governor.h.
 *
 * What is spent falls with the share of the time that is traced, nearly: probes cost a
 * little in a pause, too. So a level is chosen by halving, judged by what it really cost,
 * and left only when twice that would still be within the budget: it cannot swing. What is spent
 * with nothing to do is not doubled; where it alone is more than the budget, a pause only loses.
 */

#include "agent/governor.h"

#define ROOM   0.9  /* of the budget, that going back one level may fill */
#define NOUGHT 0.05 /* of the budget: a pause that saves less is of no use */

void otr_governor_init(struct otr_governor *g, double share, const struct otr_usage *now)
{
	bool is_auto = share < 0;

	*g = (struct otr_governor){.share = is_auto ? OTR_SHARE_USED : share,
				   .floor = is_auto ? OTR_SHARE_FLOOR : share,
				   .is_auto = is_auto,
				   .was = *now};
	g->was.now_ns += OTR_GOVERNOR_GRACE_NS;
}

bool otr_governor_due(const struct otr_governor *g, uint64_t now_ns)
{
	return g->share > 0 && now_ns >= g->was.now_ns + OTR_GOVERNOR_PERIOD_NS;
}

static double cores(uint64_t was_ns, uint64_t is_ns, uint64_t took_ns)
{
	return is_ns > was_ns && took_ns ? (double)(is_ns - was_ns) / (double)took_ns : 0;
}

/* In cores. */
static double allowed(const struct otr_governor *g, const struct otr_usage *now, uint64_t took_ns)
{
	double used = 0;

	if (g->was.traced_ns && now->traced_ns)
		used = cores(g->was.traced_ns, now->traced_ns, took_ns);
	return g->share * used > g->floor ? g->share * used : g->floor;
}

static unsigned int higher(unsigned int level, double spent, double budget)
{
	do {
		level++;
		spent /= 2;
	} while (spent > budget && level < OTR_GOVERNOR_LEVELS);
	return level > OTR_GOVERNOR_LEVELS ? OTR_GOVERNOR_LEVELS : level;
}

static unsigned int next_level(struct otr_governor *g)
{
	double work = g->spent - g->idle;
	bool over = g->spent > g->allowed && work > 2 * NOUGHT * g->allowed, again = g->over;

	g->over = over && !g->level;
	if (over && (g->level || again))
		return higher(g->level, g->spent, g->allowed);
	if (g->level && (work <= NOUGHT * g->allowed || g->idle + 2 * work <= ROOM * g->allowed))
		return g->level - 1;
	return g->level;
}

bool otr_governor_judge(struct otr_governor *g, const struct otr_usage *now)
{
	uint64_t took_ns = now->now_ns - g->was.now_ns;
	unsigned int level = g->level;

	g->spent = cores(g->was.cost_ns, now->cost_ns, took_ns);
	g->idle = cores(g->was.idle_ns, now->idle_ns, took_ns);
	if (g->idle > g->spent)
		g->idle = g->spent;
	g->allowed = allowed(g, now, took_ns);
	if (level) {
		g->thin_ns += took_ns;
		g->seen_ns += OTR_GOVERNOR_PERIOD_NS >> level;
	}
	g->level = next_level(g);
	g->was = *now;
	return g->level != level;
}

bool otr_governor_pauses(const struct otr_governor *g, uint64_t now_ns)
{
	return g->level && now_ns >= g->was.now_ns + (OTR_GOVERNOR_PERIOD_NS >> g->level);
}

uint64_t otr_governor_until(const struct otr_governor *g, uint64_t now_ns)
{
	uint64_t end = g->was.now_ns + OTR_GOVERNOR_PERIOD_NS;

	if (g->level && !otr_governor_pauses(g, now_ns))
		end = g->was.now_ns + (OTR_GOVERNOR_PERIOD_NS >> g->level);
	return end > now_ns ? end - now_ns : 0;
}
