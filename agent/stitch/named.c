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

#include "agent/stitch/exchange.h"

/* Does a client's end carry its own id, or one that was passed on? */
static bool is_own(const struct otr_exchange *ex)
{
	return !memcmp(ex->span_id, ex->header.span_id, sizeof(ex->span_id));
}

static struct otr_exchange **table_of(struct otr_stitch *st, const struct otr_exchange *ex)
{
	if (otr_is_server(ex))
		return &st->named_servers;
	return is_own(ex) ? &st->named_clients : &st->passed_on;
}

static struct otr_exchange *find(struct otr_exchange *table, const uint8_t span_id[8])
{
	struct otr_exchange *ex;

	HASH_FIND(by_header, table, span_id, 8, ex);
	return ex;
}

struct otr_exchange *otr_named_mate(struct otr_stitch *st, const struct otr_exchange *ex)
{
	struct otr_exchange *mate;

	if (!ex->has_header || (!otr_is_server(ex) && !(ex->indexed && is_own(ex))))
		return NULL;
	mate = find(otr_is_server(ex) ? st->named_clients : st->named_servers, ex->header.span_id);
	return mate && !mate->peer ? mate : NULL;
}

void otr_named_add(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_exchange **table = table_of(st, ex);

	/* Only the first exchange with an id is added: later ones passed it on. */
	if (ex->indexed || find(*table, ex->header.span_id))
		return;
	HASH_ADD(by_header, *table, header.span_id, 8, ex);
	ex->indexed = ex->by_header.tbl != NULL;
}

static bool can_pass_on(const struct otr_exchange *reader, const struct otr_exchange *ex)
{
	return reader->tgid == ex->tgid && reader != ex &&
	       (otr_is_open(reader) || reader->end_ns >= ex->start_ns);
}

struct otr_exchange *otr_named_reader(struct otr_stitch *st, const struct otr_exchange *ex)
{
	struct otr_exchange *by = find(st->named_clients, ex->header.span_id);

	return by && by->peer && can_pass_on(by->peer, ex) ? by->peer : NULL;
}

struct otr_exchange *otr_named_passed(struct otr_stitch *st, const struct otr_exchange *by)
{
	struct otr_exchange *ex;

	if (!by->indexed || !is_own(by))
		return NULL;
	ex = find(st->passed_on, by->header.span_id);
	return ex && ex->remote && !otr_is_emitted(ex) && can_pass_on(by->peer, ex) ? ex : NULL;
}

struct otr_exchange *otr_given_id_find(struct otr_stitch *st, const uint8_t span_id[8])
{
	struct otr_exchange *ex;

	HASH_FIND(by_given_id, st->by_given_id, span_id, 8, ex);
	return ex;
}

/* If one record has several requests, the id is that of the first. */
void otr_given_id_add(struct otr_stitch *st, struct otr_exchange *ex, const uint8_t span_id[8])
{
	static const uint8_t none[8];

	if (!memcmp(span_id, none, 8) || otr_given_id_find(st, span_id))
		return;
	memcpy(ex->span_id, span_id, 8);
	HASH_ADD(by_given_id, st->by_given_id, span_id, 8, ex);
	ex->has_given_id = ex->by_given_id.tbl != NULL;
}

static void given_id_remove(struct otr_stitch *st, struct otr_exchange *ex)
{
	if (!ex->has_given_id)
		return;
	HASH_DELETE(by_given_id, st->by_given_id, ex);
	ex->has_given_id = false;
}

void otr_named_remove(struct otr_stitch *st, struct otr_exchange *ex)
{
	given_id_remove(st, ex);
	if (!ex->indexed)
		return;
	HASH_DELETE(by_header, *table_of(st, ex), ex);
	ex->indexed = false;
}
