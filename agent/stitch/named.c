/* SPDX-License-Identifier: Apache-2.0 */
/*
 * named.c - finds both ends of a request by the span id in its header, where nothing else shows
 * that two connections are one: in another network namespace, or with a proxy between them
 * that is not traced.
 *
 * Only ids that otrace made identify an exchange. A span id that an SDK wrote is that of the
 * SDK's span, not of the exchange that otrace sees.
 */

#include "agent/stitch/named.h"

#include <string.h>

#include "agent/base/own.h"
#include "agent/stitch/exchange.h"
#include "agent/stitch/inbound.h"

/* Does a client's end carry its own id, or one that was passed on? */
static bool is_own(const struct otr_exchange *ex)
{
	return !memcmp(ex->span_id, ex->header.span_id, sizeof(ex->span_id));
}

static struct otr_named **table_of(struct otr_stitch *st, const struct otr_exchange *ex)
{
	if (otr_is_server(ex))
		return &st->named_servers;
	return is_own(ex) ? &st->named_clients : &st->passed_on;
}

static struct otr_exchange *find(struct otr_named *table, const uint8_t id[8])
{
	struct otr_named *named;

	HASH_FIND(hh, table, id, 8, named);
	return named ? named->ex : NULL;
}

/* Adds `ex` to a table. NULL: no memory. */
static struct otr_named *add(struct otr_stitch *st, struct otr_named **table, const uint8_t id[8],
			     struct otr_exchange *ex)
{
	struct otr_named *named = otr_spares_get(&st->old_named, sizeof(*named));

	if (!named)
		return NULL;
	named->ex = ex;
	memcpy(named->id, id, sizeof(named->id));
	HASH_ADD(hh, *table, id, sizeof(named->id), named);
	if (named->hh.tbl)
		return named;
	otr_spares_put(&st->old_named, named);
	return NULL;
}

static void drop(struct otr_stitch *st, struct otr_named **table, struct otr_named *named)
{
	if (!named)
		return;
	HASH_DEL(*table, named);
	otr_spares_put(&st->old_named, named);
}

struct otr_exchange *otr_named_mate(struct otr_stitch *st, const struct otr_exchange *ex)
{
	struct otr_exchange *mate;

	if (!ex->has_header || (!otr_is_server(ex) && !(ex->by_header && is_own(ex))))
		return NULL;
	mate = find(otr_is_server(ex) ? st->named_clients : st->named_servers, ex->header.span_id);
	return mate && !mate->peer ? mate : NULL;
}

void otr_named_add(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_named **table = table_of(st, ex);

	/* Only the first exchange with an id is added: later ones passed it on. */
	if (!ex->by_header && !find(*table, ex->header.span_id))
		ex->by_header = add(st, table, ex->header.span_id, ex);
}

static bool can_pass_on(const struct otr_exchange *reader, const struct otr_exchange *ex)
{
	return reader->tgid == ex->tgid && reader != ex &&
	       (otr_is_open(reader) || reader->end_ns >= ex->start_ns);
}

struct otr_exchange *otr_named_reader(struct otr_stitch *st, const struct otr_exchange *ex)
{
	struct otr_exchange *by = find(st->named_clients, ex->header.span_id);

	return by && by->peer && can_pass_on(by->peer, ex) ? by->peer : otr_inbound_reader(st, ex);
}

struct otr_exchange *otr_named_passed(struct otr_stitch *st, const struct otr_exchange *by)
{
	struct otr_exchange *ex;

	if (!by->by_header || !is_own(by))
		return NULL;
	ex = find(st->passed_on, by->header.span_id);
	return ex && ex->remote && !otr_is_emitted(ex) && can_pass_on(by->peer, ex) ? ex : NULL;
}

struct otr_exchange *otr_given_id_find(struct otr_stitch *st, const uint8_t span_id[8])
{
	return find(st->by_given_id, span_id);
}

/* If one record has several requests, the id is that of the first. */
void otr_given_id_add(struct otr_stitch *st, struct otr_exchange *ex, const uint8_t span_id[8])
{
	static const uint8_t none[8];

	if (!memcmp(span_id, none, 8) || otr_given_id_find(st, span_id))
		return;
	memcpy(ex->span_id, span_id, 8);
	ex->by_given_id = add(st, &st->by_given_id, span_id, ex);
}

void otr_named_remove(struct otr_stitch *st, struct otr_exchange *ex)
{
	drop(st, &st->by_given_id, OTR_TAKE(ex->by_given_id));
	if (ex->by_header)
		drop(st, table_of(st, ex), OTR_TAKE(ex->by_header));
}
