/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mysql_stmt.c - what is remembered of one MySQL connection: prepared statements, and what the
 * server has to send.
 *
 * All tables have a fixed size and drop the oldest row. Texts lie in a ring of bytes: a new text
 * overwrites old ones, whose statements are dropped. A statement that was dropped is reported as
 * unknown, never guessed.
 */

#include "agent/proto/mysql.h"

#include "agent/base/own.h"

/* Allocates `len` bytes of the ring in a row; statements whose text lies there are dropped. */
static uint16_t arena_alloc(struct otr_mysql *my, size_t len)
{
	struct otr_mysql_stmt *s = my->stmts;
	size_t at = my->arena_at;

	if (at + len > OTR_MYSQL_ARENA)
		at = 0;
	for (; s < my->stmts + OTR_MYSQL_STMTS; s++)
		if (s->serial && s->at < at + len && at < (size_t)s->at + s->len)
			s->serial = 0;
	my->arena_at = (uint16_t)(at + len);
	return (uint16_t)at;
}

void otr_mysql_prepare(struct otr_mysql *my, uint64_t serial, struct otr_slice text, bool cut)
{
	struct otr_mysql_stmt *s = &my->stmts[my->next_stmt++ % OTR_MYSQL_STMTS];

	cut = cut || text.len > OTR_MYSQL_KEPT;
	text = otr_slice_sub(text, 0, OTR_MYSQL_KEPT);
	s->serial = 0;
	s->at = arena_alloc(my, text.len);
	s->len = (uint16_t)text.len;
	s->cut = cut;
	s->id = 0;
	s->serial = serial;
	if (text.len)
		memcpy(my->arena + s->at, text.data, text.len);
}

/* The server gives an id to the statement, or 0 if it does not take it. Ids are given again after
 * the connection was reset. */
void otr_mysql_prepared(struct otr_mysql *my, uint64_t serial, uint32_t id)
{
	struct otr_mysql_stmt *s = my->stmts;

	otr_mysql_close(my, id);
	for (; s < my->stmts + OTR_MYSQL_STMTS; s++)
		if (s->serial == serial) {
			s->id = id;
			s->serial = id ? serial : 0;
		}
}

const struct otr_mysql_stmt *otr_mysql_stmt(const struct otr_mysql *my, uint32_t id)
{
	const struct otr_mysql_stmt *s = my->stmts, *last = NULL;

	for (; s < my->stmts + OTR_MYSQL_STMTS; s++) {
		if (s->serial && s->id == id && id)
			return s;
		if (s->serial && (!last || s->serial > last->serial))
			last = s;
	}
	return id == OTR_MYSQL_LAST_ID ? last : NULL;
}

void otr_mysql_close(struct otr_mysql *my, uint32_t id)
{
	struct otr_mysql_stmt *s = (struct otr_mysql_stmt *)otr_mysql_stmt(my, id);

	if (s && id != OTR_MYSQL_LAST_ID)
		s->serial = 0;
}

struct otr_mysql_debt *otr_mysql_debt(struct otr_mysql *my)
{
	return my->n ? &my->debts[my->first] : NULL;
}

void otr_mysql_paid(struct otr_mysql *my)
{
	struct otr_mysql_debt *debt = otr_mysql_debt(my);

	debt->serial++;
	if (--debt->n)
		return;
	my->first = (my->first + 1) % OTR_MYSQL_QUEUE;
	my->n--;
}

uint32_t otr_mysql_unpaid(const struct otr_mysql *my)
{
	uint32_t n = 0;

	for (uint8_t i = 0; i < my->n; i++)
		n += my->debts[(my->first + i) % OTR_MYSQL_QUEUE].n;
	return n;
}

void otr_mysql_owe(struct otr_mysql *my, enum otr_mysql_owed owed, bool continued)
{
	struct otr_mysql_debt *last =
		&my->debts[(my->first + my->n + OTR_MYSQL_QUEUE - 1) % OTR_MYSQL_QUEUE];

	my->serial++;
	if (my->n && last->owed == owed && last->continued == continued && last->n < UINT16_MAX) {
		last->n++;
		return;
	}
	if (my->n == OTR_MYSQL_QUEUE) { /* no client pipelines as much: it is wrong */
		my->first = (my->first + 1) % OTR_MYSQL_QUEUE;
		my->n--;
	}
	last = &my->debts[(my->first + my->n++) % OTR_MYSQL_QUEUE];
	*last = (struct otr_mysql_debt){my->serial, 1, (uint8_t)owed, continued};
}
