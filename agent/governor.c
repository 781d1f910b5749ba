/* SPDX-License-Identifier: Apache-2.0 */
/*
 * governor.c - how much of the time is traced; see governor.h.
 *
 * What is spent on work falls with the part of the time that is traced, nearly: probes cost a
 * little in a pause, too. So the part that fits is worked out from the last period, and again after
 * each: what it really cost corrects it. It aims below the budget and moves only where that
 * changes much, so it cannot swing.
 */

#include "agent/governor.h"

#define AIM    0.9  /* of the budget */
#define NOUGHT 0.05 /* of the budget: a pause that saves less is of no use */
#define WORTH  1.1  /* more is traced where it is this many times more */
#define RISE   4    /* times more in the next period, at most */

void otr_governor_init(struct otr_governor *g, double share, const struct otr_usage *now)
{
	bool is_auto = share < 0;

	*g = (struct otr_governor){.share = is_auto ? OTR_SHARE_USED : share,
				   .floor = is_auto ? OTR_SHARE_FLOOR : share,
				   .is_auto = is_auto,
				   .part_ns = OTR_GOVERNOR_PERIOD_NS,
				   .was = *now};
	g->was.now_ns += OTR_GOVERNOR_GRACE_NS;
}

void otr_governor_set_share(struct otr_governor *g, double share, const struct otr_usage *now)
{
	const struct otr_governor was = *g;

	otr_governor_init(g, share, now);
	g->thin_ns = was.thin_ns;
	g->seen_ns = was.seen_ns;
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

static uint64_t at_most(double part_ns, uint64_t max_ns)
{
	if (part_ns > (double)max_ns)
		return max_ns;
	return part_ns > (double)OTR_GOVERNOR_LEAST_NS ? (uint64_t)part_ns : OTR_GOVERNOR_LEAST_NS;
}

/* The part of which the work would cost what the budget leaves beside the idle cost. */
static double fitting_ns(const struct otr_governor *g, double work)
{
	double room = AIM * g->allowed - g->idle;

	if (work <= NOUGHT * g->allowed)
		return (double)OTR_GOVERNOR_PERIOD_NS;
	return room > 0 ? (double)g->part_ns * room / work : 0;
}

static uint64_t next_part(struct otr_governor *g)
{
	double work = g->spent - g->idle, fits_ns = fitting_ns(g, work);
	bool over = g->spent > g->allowed && work > 2 * NOUGHT * g->allowed, again = g->over;
	uint64_t most_ns = RISE * g->part_ns;

	g->over = over && !otr_governor_thins(g);
	if (over)
		return g->over && !again ? g->part_ns : at_most(fits_ns, g->part_ns);
	if (fits_ns < WORTH * (double)g->part_ns && fits_ns < (double)OTR_GOVERNOR_PERIOD_NS)
		return g->part_ns;
	return at_most(fits_ns,
		       most_ns < OTR_GOVERNOR_PERIOD_NS ? most_ns : OTR_GOVERNOR_PERIOD_NS);
}

bool otr_governor_judge(struct otr_governor *g, const struct otr_usage *now)
{
	uint64_t took_ns = now->now_ns - g->was.now_ns;
	uint64_t part_ns = g->part_ns;

	g->spent = cores(g->was.cost_ns, now->cost_ns, took_ns);
	g->idle = cores(g->was.idle_ns, now->idle_ns, took_ns);
	if (g->idle > g->spent)
		g->idle = g->spent;
	g->allowed = allowed(g, now, took_ns);
	if (otr_governor_thins(g)) {
		g->thin_ns += took_ns;
		g->seen_ns += part_ns;
	}
	g->part_ns = next_part(g);
	g->was = *now;
	return g->part_ns != part_ns;
}

bool otr_governor_pauses(const struct otr_governor *g, uint64_t now_ns)
{
	return otr_governor_thins(g) && now_ns >= g->was.now_ns + g->part_ns;
}

uint64_t otr_governor_until(const struct otr_governor *g, uint64_t now_ns)
{
	uint64_t end = g->was.now_ns + OTR_GOVERNOR_PERIOD_NS;

	if (!otr_governor_pauses(g, now_ns))
		end = g->was.now_ns + g->part_ns;
	return end > now_ns ? end - now_ns : 0;
}
