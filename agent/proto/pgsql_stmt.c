/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pgsql_stmt.c - what is remembered of one PostgreSQL connection: prepared statements, portals, and
 * what the server has to send.
 *
 * All tables have a fixed size and drop the oldest row. Texts lie in a ring of bytes: a new text
 * overwrites old ones, whose statements are dropped. Names are kept as hashes. A statement that was
 * dropped is reported as unknown, never guessed.
 */

#include "agent/proto/pgsql.h"

#include "agent/base/own.h"

/* FNV-1a. It needs no key: the table belongs to one connection and is searched from end to end.
 * A client that makes two names collide gets only its own statements mixed up. */
uint64_t otr_pgsql_hash(struct otr_slice name)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < name.len; i++)
		h = (h ^ (unsigned char)name.data[i]) * 0x100000001b3ULL;
	return h ? h : 1;
}

static struct otr_pgsql_stmt *find_stmt(struct otr_pgsql *pg, uint64_t name)
{
	return (struct otr_pgsql_stmt *)otr_pgsql_stmt(pg, name);
}

const struct otr_pgsql_stmt *otr_pgsql_stmt(const struct otr_pgsql *pg, uint64_t name)
{
	for (size_t i = 0; name && i < OTR_PGSQL_STMTS; i++)
		if (pg->stmts[i].name == name)
			return &pg->stmts[i];
	return NULL;
}

/* Allocates `len` bytes of the ring in a row; statements whose text lies there are dropped. */
static uint16_t arena_alloc(struct otr_pgsql *pg, size_t len)
{
	struct otr_pgsql_stmt *s = pg->stmts;
	size_t at = pg->arena_at;

	if (at + len > OTR_PGSQL_ARENA)
		at = 0;
	for (; s < pg->stmts + OTR_PGSQL_STMTS; s++)
		if (s->name && s->at < at + len && at < (size_t)s->at + s->len)
			s->name = 0;
	pg->arena_at = (uint16_t)(at + len);
	return (uint16_t)at;
}

void otr_pgsql_prepare(struct otr_pgsql *pg, struct otr_slice name, struct otr_slice text, bool cut)
{
	uint64_t key = otr_pgsql_hash(name);
	struct otr_pgsql_stmt *s = find_stmt(pg, key);

	if (s)
		s->name = 0;
	else
		s = &pg->stmts[pg->next_stmt++ % OTR_PGSQL_STMTS];
	cut = cut || text.len > OTR_PGSQL_KEPT;
	text = otr_slice_sub(text, 0, OTR_PGSQL_KEPT);

	s->at = arena_alloc(pg, text.len);
	s->len = (uint16_t)text.len;
	s->cut = cut;
	s->name = key;
	if (text.len)
		memcpy(pg->arena + s->at, text.data, text.len);
}

static struct otr_pgsql_portal *find_portal(struct otr_pgsql *pg, uint64_t name)
{
	for (size_t i = 0; i < OTR_PGSQL_PORTALS; i++)
		if (pg->portals[i].name == name)
			return &pg->portals[i];
	return NULL;
}

void otr_pgsql_bind(struct otr_pgsql *pg, struct otr_slice portal, struct otr_slice stmt)
{
	uint64_t key = otr_pgsql_hash(portal);
	struct otr_pgsql_portal *p = find_portal(pg, key);

	if (!p)
		p = &pg->portals[pg->next_portal++ % OTR_PGSQL_PORTALS];
	p->name = key;
	p->stmt = otr_pgsql_hash(stmt);
	pg->running = p->stmt;
}

uint64_t otr_pgsql_portal(const struct otr_pgsql *pg, struct otr_slice name)
{
	const struct otr_pgsql_portal *p =
		find_portal((struct otr_pgsql *)pg, otr_pgsql_hash(name));

	return p ? p->stmt : 0;
}

void otr_pgsql_close(struct otr_pgsql *pg, char what, struct otr_slice name)
{
	uint64_t key = otr_pgsql_hash(name);
	struct otr_pgsql_stmt *s = find_stmt(pg, key);
	struct otr_pgsql_portal *p = find_portal(pg, key);

	if (what == 'S' && s)
		s->name = 0;
	if (what == 'P' && p)
		p->name = 0;
}

/* A named statement is not replaced unless it is closed first; the unnamed one and portals are
 * replaced often. */
void otr_pgsql_doubt(struct otr_pgsql *pg)
{
	struct otr_pgsql_stmt *s = find_stmt(pg, otr_pgsql_hash(OTR_SLICE("")));

	if (s)
		s->name = 0;
	memset(pg->portals, 0, sizeof(pg->portals));
	pg->running = 0;
	pg->parsed = pg->described = pg->executed = false;
}

struct otr_pgsql_debt *otr_pgsql_debt(struct otr_pgsql *pg)
{
	return pg->n ? &pg->debts[pg->first] : NULL;
}

void otr_pgsql_paid(struct otr_pgsql *pg)
{
	struct otr_pgsql_debt *debt = otr_pgsql_debt(pg);

	debt->serial++;
	if (--debt->n)
		return;
	pg->first = (pg->first + 1) % OTR_PGSQL_QUEUE;
	pg->n--;
}

/* Sync is no request, so it has no serial. The serials of the requests of one debt are
 * consecutive. */
void otr_pgsql_owe(struct otr_pgsql *pg, enum otr_pgsql_owed owed)
{
	uint64_t serial = owed == OTR_PGSQL_OWES_SYNC ? 0 : ++pg->serial;
	struct otr_pgsql_debt *last =
		&pg->debts[(pg->first + pg->n + OTR_PGSQL_QUEUE - 1) % OTR_PGSQL_QUEUE];

	if (pg->n && last->owed == owed && last->n < UINT32_MAX) {
		last->n++;
		return;
	}
	if (pg->n == OTR_PGSQL_QUEUE) { /* no client pipelines as much: it is wrong */
		pg->first = (pg->first + 1) % OTR_PGSQL_QUEUE;
		pg->n--;
	}
	last = &pg->debts[(pg->first + pg->n++) % OTR_PGSQL_QUEUE];
	*last = (struct otr_pgsql_debt){serial, 1, (uint8_t)owed};
}
