/* SPDX-License-Identifier: Apache-2.0 */
/* inbound.c - the inbound exchanges that each process has open. */

#include "agent/stitch/inbound.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/own.h"
#include "agent/stitch/exchange.h"

#define IDLE_KEPT \
	256 /* processes with no request open that stay in the table: the next comes soon */

static struct otr_inbound_open *find_entry(struct otr_stitch *st, uint32_t tgid)
{
	struct otr_inbound_open *in = st->recent_inbound;

	if (in && in->tgid == tgid)
		return in;
	HASH_FIND(hh, st->inbound_open, &tgid, sizeof(tgid), in);
	if (in)
		st->recent_inbound = in;
	return in;
}

static struct otr_inbound_open *make_entry(struct otr_stitch *st, uint32_t tgid)
{
	struct otr_inbound_open *in = calloc(1, sizeof(*in));

	if (!in)
		return NULL;
	in->tgid = tgid;
	HASH_ADD(hh, st->inbound_open, tgid, sizeof(in->tgid), in);
	if (in->hh.tbl)
		return in;
	free(in);
	return NULL;
}

static void drop_entry(struct otr_stitch *st, struct otr_inbound_open *in)
{
	if (st->recent_inbound == in)
		st->recent_inbound = NULL;
	HASH_DEL(st->inbound_open, in);
	free(in);
}

void otr_inbound_add(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_inbound_open *in = find_entry(st, ex->tgid);

	if (!in)
		in = make_entry(st, ex->tgid);
	if (!in)
		return;
	in->open++;
	DL_APPEND2(in->all, ex, inbound_prev, inbound_next);
	ex->inbound = in;
}

void otr_inbound_remove(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_inbound_open *in = OTR_TAKE(ex->inbound);

	if (!in)
		return;
	DL_DELETE2(in->all, ex, inbound_prev, inbound_next);
	if (!--in->open && HASH_COUNT(st->inbound_open) > IDLE_KEPT)
		drop_entry(st, in);
}

void otr_inbound_fini(struct otr_stitch *st)
{
	struct otr_inbound_open *at, *next;

	HASH_ITER(hh, st->inbound_open, at, next)
		drop_entry(st, at);
}

#define READERS 256 /* exchanges that are looked at */

struct otr_exchange *otr_inbound_reader(struct otr_stitch *st, const struct otr_exchange *ex)
{
	const struct otr_inbound_open *in = find_entry(st, ex->tgid);
	struct otr_exchange *at, *reader = NULL;
	unsigned int n = 0;

	if (!in)
		return NULL;
	DL_FOREACH2(in->all, at, inbound_next) {
		if (++n > READERS)
			return NULL;
		if (!at->has_header || memcmp(&at->header, &ex->header, sizeof(at->header)))
			continue;
		if (reader)
			return NULL;
		reader = at;
	}
	return reader;
}

uint32_t otr_inbound_count(struct otr_stitch *st, uint32_t tgid)
{
	const struct otr_inbound_open *in = find_entry(st, tgid);

	return in ? in->open : 0;
}
