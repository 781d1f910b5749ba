/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim_late.c - writes to the ring of a process that late evidence (R6c) comes for the requests of
 * its thread pools. As long as it does, requests that these threads send get no header
 * (preload/trace/header.c).
 */

#include "agent/source/shim.h"
#include "agent/source/shim_state.h"

/* A pool makes many handoffs, so the process of the last one is moved to the front of the list. */
void otr_shims_handoff(struct otr_shims *s, uint32_t tgid)
{
	struct shim *sh = otr_shim_of(s, tgid);

	if (!sh)
		return;
	if (++sh->handoffs == UINT32_MAX)
		sh->handoffs = 1; /* so that `late_evidence` is neither 0 nor 1 again */
	if (sh != s->all) {
		DL_DELETE(s->all, sh);
		DL_PREPEND(s->all, sh);
	}
	otr_shim_write_late_evidence(s, sh);
}
