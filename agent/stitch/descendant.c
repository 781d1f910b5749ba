/* SPDX-License-Identifier: Apache-2.0 */
/* descendant.c - the processes that descend from the first process of a run, that one included. */

#include "agent/stitch/descendant.h"

#include <stdlib.h>

#include "agent/stitch/exchange.h"

struct otr_descendant *otr_descendant_find(const struct otr_stitch *st, uint32_t tgid)
{
	struct otr_descendant *desc = NULL;

	HASH_FIND(hh, st->run.descendants, &tgid, sizeof(tgid), desc);
	return desc;
}

struct otr_descendant *otr_descendant_add(struct otr_stitch *st, uint32_t tgid)
{
	struct otr_descendant *desc = otr_descendant_find(st, tgid);

	if (desc || !(desc = calloc(1, sizeof(*desc))))
		return desc;
	desc->tgid = tgid;
	HASH_ADD(hh, st->run.descendants, tgid, sizeof(desc->tgid), desc);
	if (desc->hh.tbl)
		return desc;
	free(desc); /* no memory */
	return NULL;
}

void otr_descendant_drop(struct otr_stitch *st, struct otr_descendant *desc)
{
	if (!desc)
		return;
	HASH_DEL(st->run.descendants, desc);
	free(desc);
}

void otr_descendant_drop_all(struct otr_stitch *st)
{
	struct otr_descendant *desc, *next;

	HASH_ITER(hh, st->run.descendants, desc, next)
		otr_descendant_drop(st, desc);
	st->run.tgid = 0;
}
