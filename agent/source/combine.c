/* SPDX-License-Identifier: Apache-2.0 */
/* combine.c - the probes and the library in one session; see combine.h. */

#include "agent/source/combine.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/base/clock.h"
#include "agent/base/own.h"
#include "agent/source/adopt_retry.h"
#include "agent/source/bpf.h"
#include "agent/source/seq_align.h"

#define SWEEP_NS (2 * OTR_NS_PER_S)

struct otr_combine {
	struct otr_combine_config cfg;
	bool has_both;
	struct otr_seq_align *seq_align; /* where both sources are open */
	struct otr_adopt_retry *retry;	 /* where the library is */
	uint64_t swept_ns;
};

/* From now on the library reports the bytes of this process. */
static void leave_to_library(void *arg, uint32_t tgid)
{
	struct otr_combine *cb = arg;

	otr_bpf_lib(cb->cfg.bpf, tgid);
}

static int join_both(struct otr_combine *cb)
{
	uint64_t doors[OTR_OFFER_DOORS];
	int rc = otr_seq_align_new(&cb->seq_align);

	otr_shims_on_adopt(cb->cfg.shims, leave_to_library, cb);
	if (cb->cfg.adopt)
		otr_shims_accept_if(cb->cfg.shims, cb->cfg.is_traced, cb->cfg.arg);
	otr_shims_late(cb->cfg.shims);
	otr_shims_doors(cb->cfg.shims, doors);
	for (uint32_t i = 0; !rc && i < OTR_OFFER_DOORS; i++)
		rc = doors[i] ? otr_bpf_door(cb->cfg.bpf, doors[i]) : 0;
	return rc;
}

int otr_combine_new(struct otr_combine **out, const struct otr_combine_config *cfg)
{
	OTR_AUTO(otr_combine_free) struct otr_combine *cb = calloc(1, sizeof(*cb));
	int rc = 0;

	if (!cb)
		return -ENOMEM;
	cb->cfg = *cfg;
	cb->has_both = cfg->bpf && cfg->shims;
	if (cfg->shims)
		rc = otr_adopt_retry_new(&cb->retry);
	if (!rc && cb->has_both)
		rc = join_both(cb);
	if (!rc)
		*out = OTR_TAKE(cb);
	return rc;
}

void otr_combine_free(struct otr_combine **cp)
{
	struct otr_combine *cb = OTR_TAKE(*cp);

	if (!cb)
		return;
	otr_seq_align_free(&cb->seq_align);
	otr_adopt_retry_free(&cb->retry);
	free(cb);
}

enum otr_adopt otr_combine_adopt(struct otr_combine *cb, uint32_t tgid, uint64_t now_ns)
{
	enum otr_adopt outcome;

	if (cb->retry && otr_shims_on_again(cb->cfg.shims, tgid, now_ns))
		return OTR_ADOPT_TAKEN;
	if (!cb->retry || !otr_adopt_retry_due(cb->retry, tgid, now_ns))
		return OTR_ADOPT_NONE;
	outcome = otr_shims_adopt(cb->cfg.shims, tgid, now_ns);
	if (outcome != OTR_ADOPT_LATER)
		otr_adopt_retry_over(cb->retry, tgid);
	return outcome;
}

void otr_combine_from_kernel(struct otr_combine *cb, const struct otr_event *ev)
{
	const struct otr_ev_conn *cn = (const void *)ev;

	if (!cb->retry || !ev->tgid)
		return;
	if (ev->kind == OTR_EV_PROC_EXEC || ev->kind == OTR_EV_PROC_EXIT)
		otr_adopt_retry_anew(cb->retry, ev->tgid);
	if (ev->kind == OTR_EV_PROC_EXEC)
		otr_shims_executed(cb->cfg.shims, ev->tgid, ev->time_ns);
	if (ev->kind == OTR_EV_CONN_OPEN && cn->by_lib != OTR_BY_LIB_ALL && cb->cfg.is_traced &&
	    cb->cfg.is_traced(cb->cfg.arg, ev->tgid))
		otr_combine_adopt(cb, ev->tgid, otr_now());
}

bool otr_combine_omits(const struct otr_combine *cb, const struct otr_event *ev)
{
	return cb->has_both && (ev->kind == OTR_EV_PROC_EXEC || ev->kind == OTR_EV_PROC_EXIT);
}

static bool has_ring(void *arg, uint32_t tgid)
{
	return otr_shims_has(arg, tgid);
}

void otr_combine_sweep(struct otr_combine *cb, uint64_t now_ns)
{
	if (!cb->has_both || now_ns - cb->swept_ns < SWEEP_NS)
		return;
	cb->swept_ns = now_ns;
	otr_bpf_sweep_libs(cb->cfg.bpf, has_ring, cb->cfg.shims);
}

void otr_combine_align(struct otr_combine *cb, const struct otr_event *ev, otr_event_fn fn,
		       void *arg)
{
	if (cb->seq_align)
		otr_seq_align_event(cb->seq_align, ev, fn, arg);
	else
		fn(arg, ev);
}
