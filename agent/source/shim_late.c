/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim_late.c - a process is told that the kernel side finds out for whom its pools work: what
 * these ask goes without a header as long as it does (preload/trace/header.c).
 */

#include "agent/source/shim_int.h"

static struct shim *find(const struct otr_shims *s, uint32_t tgid)
{
	struct shim *sh;

	DL_FOREACH(s->all, sh)
		if (sh->tgid == tgid && !sh->rd.broken && !sh->replaced)
			return sh;
	return NULL;
}

/* Pools make many of these: who was told of last is looked at first. */
void otr_shims_handoff(struct otr_shims *s, uint32_t tgid)
{
	struct shim *sh = find(s, tgid);

	if (!sh)
		return;
	if (++sh->handoffs == UINT32_MAX)
		sh->handoffs = 1; /* `late` is neither 0 nor 1 again */
	if (sh != s->all) {
		DL_DELETE(s->all, sh);
		DL_PREPEND(s->all, sh);
	}
	otr_shim_say_late(s, sh);
}
