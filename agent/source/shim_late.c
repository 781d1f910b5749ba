/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim_late.c - tells a process that the kernel side finds the requests its pools work for. As long
 * as the kernel side does, what the pools' threads send goes without a header (trace/header.c).
 */

#include "agent/source/shim.h"
#include "agent/source/shim_state.h"

/* A pool makes many of these, so the process of the last one is looked at first. */
void otr_shims_handoff(struct otr_shims *s, uint32_t tgid)
{
	struct shim *sh = otr_shim_of(s, tgid);

	if (!sh)
		return;
	if (++sh->handoffs == UINT32_MAX)
		sh->handoffs = 1; /* `late_evidence` is neither 0 nor 1 again */
	if (sh != s->all) {
		DL_DELETE(s->all, sh);
		DL_PREPEND(s->all, sh);
	}
	otr_shim_say_late(s, sh);
}
