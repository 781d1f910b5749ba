/* SPDX-License-Identifier: Apache-2.0 */
/* shim_loss.c - what a process counts instead of writing records, and the CPU time that this
 * takes. */

#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/source/shim.h"
#include "agent/source/shim_state.h"

/* CPU time of a request that is shed, in ns: in a process that sends no requests, and in one that
 * may propagate a trace, where the causality rules still apply (at most). See docs/OVERHEAD.md. */
#define PRICE_SHED	      250
#define PRICE_SHED_PROPAGATES 430

/* The counters of a process that are losses. The process can write any value there: see
 * cpu_clamp.h. */
static const struct {
	enum otr_shim_count what;
	enum otr_loss cause;
	uint64_t price_ns;
} losses[] = {
	{OTR_SHIM_DROPPED, OTR_LOSS_RING, OTR_PRICE_RECORD},
	{OTR_SHIM_SHED, OTR_LOSS_BUDGET, PRICE_SHED},
	{OTR_SHIM_BEHIND, OTR_LOSS_BEHIND, PRICE_SHED},
};

static uint64_t price(const struct shim *sh, size_t loss)
{
	bool propagates = __atomic_load_n(&sh->rd.ring->propagates, __ATOMIC_RELAXED);

	return losses[loss].what != OTR_SHIM_DROPPED && propagates ? PRICE_SHED_PROPAGATES
								   : losses[loss].price_ns;
}

void otr_shim_check_switches(const struct otr_shims *s, struct shim *sh)
{
	const struct otr_ring *ring = sh->rd.ring;
	bool is_same =
		__atomic_load_n(&ring->switches.flags, __ATOMIC_RELAXED) == s->switches.flags &&
		__atomic_load_n(&ring->switches.threshold, __ATOMIC_RELAXED) == sh->threshold &&
		__atomic_load_n(&ring->switches.hosts.n, __ATOMIC_RELAXED) == s->switches.hosts.n &&
		__atomic_load_n(&ring->paused, __ATOMIC_RELAXED) == s->paused;

	if (is_same || sh->is_overwritten)
		return;
	sh->is_overwritten = true;
	otr_loss_add(OTR_LOSS_RECORD, 1);
}

void otr_shim_emit_losses(struct otr_shims *s, struct shim *sh, uint64_t now_ns, otr_event_fn fn,
			  void *arg)
{
	struct otr_ev_lost lost = {
		.hdr = {.kind = OTR_EV_LOST,
			.hook = OTR_HOOK_AGENT,
			.size = sizeof(lost),
			.time_ns = now_ns,
			.tgid = sh->tgid},
	};
	uint64_t n, *emitted;

	for (size_t i = 0; i < OTR_ARRAY_SIZE(losses); i++) {
		emitted = &sh->emitted[losses[i].what];
		n = __atomic_load_n(&sh->rd.ring->counts[losses[i].what], __ATOMIC_RELAXED);
		if (n <= *emitted)
			continue;
		lost.cause = losses[i].cause;
		lost.n = otr_cpu_clamp_take(&sh->clamp, n - *emitted, price(sh, i), &s->cost_ns);
		*emitted = n;
		if (!lost.n)
			continue;
		otr_loss_add(losses[i].cause, lost.n);
		fn(arg, &lost.hdr);
	}
}
