/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace.c - keeps a session within --cpu-budget; see pace.h.
 *
 * The CPU time of the traced processes is read only when the share of one core is exceeded. A
 * pause is an event like any other, so that streams and stitcher see it, and a replay too.
 */

#include "agent/pace.h"

#include <stdio.h>

#include "agent/base/clock.h"
#include "agent/base/usage.h"
#include "agent/sinks.h"
#include "agent/source/sources.h"
#include "bpf/event.h"

#define REPORT_NS (10 * OTR_NS_PER_S) /* between two notices that less is traced */

static struct otr_usage usage(const struct otr_pace *p, uint64_t now_ns)
{
	return (struct otr_usage){
		.now_ns = now_ns,
		.cost_ns = otr_usage_cpu_ns() + otr_sources_cost_ns(p->src),
		.idle_ns = p->idle_ns,
	};
}

void otr_pace_start(struct otr_pace *p, double share, uint64_t now_ns)
{
	struct otr_usage now = usage(p, now_ns);

	p->thread_ns = otr_usage_thread_ns();
	otr_governor_init(&p->governor, share, &now);
}

/* The event is stamped after the probes were paused: requests before it were traced. */
static void report_pause(struct otr_pace *p)
{
	struct otr_ev_lost lost = {
		.hdr = {.kind = OTR_EV_LOST,
			.hook = OTR_HOOK_AGENT,
			.size = sizeof(lost),
			.time_ns = otr_now()},
		.cause = OTR_LOSS_BUDGET,
	};

	p->put(p->arg, &lost.hdr);
}

static void report_share(struct otr_pace *p)
{
	struct otr_ev_share share = {
		.hdr = {.kind = OTR_EV_SHARE,
			.hook = OTR_HOOK_AGENT,
			.size = sizeof(share),
			.time_ns = otr_now()},
		.millionths = (uint32_t)(p->governor.part_ns * 1000000 / OTR_GOVERNOR_PERIOD_NS),
	};

	p->put(p->arg, &share.hdr);
}

void otr_pace_set_budget(struct otr_pace *p, double share, uint64_t now_ns)
{
	struct otr_usage now = usage(p, now_ns);
	bool thinned = otr_governor_thins(&p->governor);

	p->thread_ns = otr_usage_thread_ns();
	otr_governor_set_share(&p->governor, share, &now);
	if (thinned)
		report_share(p);
}

static void set_paused(struct otr_pace *p, uint64_t now_ns)
{
	bool pause = otr_governor_pauses(&p->governor, now_ns);

	if (pause == p->paused)
		return;
	p->paused = pause;
	otr_sources_pause(p->src, pause);
	if (pause)
		report_pause(p);
}

/* Writes the budget as the option has it. */
static const char *budget(const struct otr_governor *g, char word[16])
{
	if (g->is_auto)
		return "auto";
	snprintf(word, 16, "%g%%", 100 * g->share);
	return word;
}

/* `was_ns`: the part that was traced before. The first pause and the last are always reported; in
 * between, from time to time, that less is traced. */
static void report(struct otr_pace *p, uint64_t was_ns, uint64_t now_ns)
{
	const struct otr_governor *g = &p->governor;
	bool thinned = was_ns < OTR_GOVERNOR_PERIOD_NS;
	char text[320], word[16];
	int n;

	if (thinned && otr_governor_thins(g) &&
	    (g->part_ns > was_ns || now_ns < p->reported_ns + REPORT_NS))
		return;
	p->reported_ns = now_ns;
	n = snprintf(text, sizeof(text),
		     "CPU budget: %.1f%% of a core used, %.1f%% "
		     "allowed (--cpu-budget %s): ",
		     100 * g->spent, 100 * g->allowed, budget(g, word));
	if (!otr_governor_thins(g))
		snprintf(text + n, sizeof(text) - (size_t)n, "all requests are traced again");
	else
		snprintf(text + n, sizeof(text) - (size_t)n,
			 "traced for %.2g s in each 2 s\nother requests are not "
			 "traced, and counted as lost; traces that a pause cuts are "
			 "marked \"?\"",
			 (double)g->part_ns / OTR_NS_PER_S);
	otr_sinks_notice(p->sinks, text);
}

static void judge(struct otr_pace *p, uint64_t now_ns)
{
	struct otr_governor *g = &p->governor;
	struct otr_usage now = usage(p, now_ns);
	uint64_t was_ns = g->part_ns;

	if (otr_governor_thins(g) ||
	    (double)(now.cost_ns - g->was.cost_ns) > g->floor * (double)(now_ns - g->was.now_ns))
		now.traced_ns = p->traced_ns(p->arg);
	if (!otr_governor_judge(g, &now))
		return;
	report_share(p);
	report(p, was_ns, now_ns);
}

/* A step begins where the one before ended: the wait and the way out of it are its own. */
static void count_idle(struct otr_pace *p, uint64_t events)
{
	uint64_t now_ns = otr_usage_thread_ns();

	if (!events)
		p->idle_ns += now_ns - p->thread_ns;
	p->thread_ns = now_ns;
}

int otr_pace_step(struct otr_pace *p, uint64_t now_ns, uint64_t events, int wait_ms)
{
	uint64_t until_ms;

	if (p->governor.share > 0)
		count_idle(p, events);
	if (otr_governor_due(&p->governor, now_ns))
		judge(p, now_ns);
	set_paused(p, now_ns);
	if (!otr_governor_thins(&p->governor))
		return wait_ms;
	until_ms = otr_governor_until(&p->governor, now_ns) / OTR_NS_PER_MS + 1;
	return until_ms < (uint64_t)wait_ms ? (int)until_ms : wait_ms;
}

const char *otr_pace_line(struct otr_pace *p)
{
	const struct otr_governor *g = &p->governor;
	char word[16];

	if (!g->thin_ns)
		return NULL;
	snprintf(p->line, sizeof(p->line),
		 "over --cpu-budget %s for %.0f s: traced for %.1f s of "
		 "that; other requests are lost, see below",
		 budget(g, word), (double)g->thin_ns / 1e9, (double)g->seen_ns / 1e9);
	return p->line;
}
