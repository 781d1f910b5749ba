/* SPDX-License-Identifier: Apache-2.0 */
/*
 * named.c - both ends of a request by the id that was put on its wire: where nothing else
 * tells that two connections are one (another network namespace, a proxy that is not
 * traced between them).
 *
 * Only ids of our own making name an exchange: a span id that an SDK wrote is the SDK's
 * span, not the exchange we see.
 */

#include "agent/stitch/exchange.h"

#include <string.h>

static struct otr_exchange **table(struct otr_stitch *st, bool server)
{
	return server ? &st->named_servers : &st->named_clients;
}

static struct otr_exchange *find(struct otr_stitch *st, bool server,
				 const uint8_t span_id[8])
{
	struct otr_exchange *ex;

	HASH_FIND(by_name, *table(st, server), span_id, 8, ex);
	return ex;
}

struct otr_exchange *otr_named_mate(struct otr_stitch *st, const struct otr_exchange *ex)
{
	struct otr_exchange *mate;

	if (!ex->has_header || (!otr_is_server(ex) && !ex->named))
		return NULL;
	mate = find(st, !otr_is_server(ex), ex->header.span_id);
	return mate && !mate->peer ? mate : NULL;
}

void otr_named_add(struct otr_stitch *st, struct otr_exchange *ex)
{
	bool server = otr_is_server(ex);

	/* The first of a name: what comes later had it passed on. */
	if (ex->named || find(st, server, ex->header.span_id))
		return;
	HASH_ADD(by_name, *table(st, server), header.span_id, 8, ex);
	ex->named = true;
}

struct otr_exchange *otr_named_reader(struct otr_stitch *st, const struct otr_exchange *ex)
{
	struct otr_exchange *by = find(st, false, ex->header.span_id);
	struct otr_exchange *reader = by ? by->peer : NULL;

	if (!reader || reader->tgid != ex->tgid || reader == ex ||
	    (reader->over && reader->end_ns < ex->start_ns))
		return NULL;
	return reader;
}

struct otr_exchange *otr_owned_find(struct otr_stitch *st, const uint8_t span_id[8])
{
	struct otr_exchange *ex;

	HASH_FIND(by_own, st->owned, span_id, 8, ex);
	return ex;
}

/* Of several requests in one piece of data the first is meant. */
void otr_owned_add(struct otr_stitch *st, struct otr_exchange *ex, const uint8_t span_id[8])
{
	static const uint8_t none[8];

	if (!memcmp(span_id, none, 8) || otr_owned_find(st, span_id))
		return;
	memcpy(ex->span_id, span_id, 8);
	HASH_ADD(by_own, st->owned, span_id, 8, ex);
	ex->owned = ex->by_own.tbl != NULL;
}

static void disown(struct otr_stitch *st, struct otr_exchange *ex)
{
	if (!ex->owned)
		return;
	HASH_DELETE(by_own, st->owned, ex);
	ex->owned = false;
}

void otr_named_remove(struct otr_stitch *st, struct otr_exchange *ex)
{
	disown(st, ex);
	if (!ex->named)
		return;
	HASH_DELETE(by_name, *table(st, otr_is_server(ex)), ex);
	ex->named = false;
}
