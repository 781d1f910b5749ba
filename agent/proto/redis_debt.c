/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_debt.c - what a Redis server still has to answer, in the order of the requests.
 *
 * An answer does not say which request it answers. So after bytes were lost, it is paired only
 * where the client is known to have waited for all answers before it asked again. A client that
 * does not wait (several requests of an event loop on one connection) gives no such place: its
 * connection is not read any further.
 */

#include "agent/proto/redis.h"

#define NUMBER 0x7ffu /* of a row */

static uint16_t *row_at(struct otr_redis *rd, uint16_t i)
{
	return &rd->debts[(rd->first + i) % OTR_REDIS_DEBTS];
}

static enum otr_redis_owed kind_of(uint16_t row)
{
	return (enum otr_redis_owed)(row >> 11);
}

static bool can_join(uint16_t row, enum otr_redis_owed owed)
{
	return kind_of(row) == owed && !otr_redis_is_subscribe(owed) && owed != OTR_REDIS_UNKNOWN &&
	       (row & NUMBER) < NUMBER;
}

void otr_redis_owe(struct otr_redis *rd, enum otr_redis_owed owed, uint32_t n)
{
	uint16_t *last = rd->n ? row_at(rd, rd->n - 1) : NULL;

	if (last && can_join(*last, owed)) {
		++*last;
		return;
	}
	if (last && kind_of(*last) == OTR_REDIS_UNKNOWN && owed == OTR_REDIS_UNKNOWN)
		return;
	if (rd->n == OTR_REDIS_DEBTS - 1)
		owed = OTR_REDIS_UNKNOWN; /* the last row: what comes now cannot be paired */
	if (rd->n == OTR_REDIS_DEBTS)
		return;
	*row_at(rd, rd->n++) = (uint16_t)(owed << 11 | (n < NUMBER ? n : NUMBER));
}

bool otr_redis_owes(const struct otr_redis *rd, enum otr_redis_owed *owed)
{
	if (!rd->n)
		return false;
	*owed = kind_of(rd->debts[rd->first]);
	return true;
}

static void drop_row(struct otr_redis *rd)
{
	rd->first = (uint16_t)((rd->first + 1) % OTR_REDIS_DEBTS);
	rd->n--;
}

void otr_redis_paid(struct otr_redis *rd)
{
	uint16_t *row = row_at(rd, 0);

	if (kind_of(*row) == OTR_REDIS_UNKNOWN) {
		drop_row(rd);
		return;
	}
	rd->answered++;
	if (rd->doubtful) { /* the answer came behind a request that did not wait for it */
		rd->overlaps = true;
		rd->doubtful = false;
	}
	if (otr_redis_is_subscribe(kind_of(*row)) || (*row & NUMBER) == 1)
		drop_row(rd);
	else
		--*row;
}

bool otr_redis_confirmed(struct otr_redis *rd)
{
	uint16_t *row = row_at(rd, 0);

	if ((*row & NUMBER) == 1)
		return true;
	--*row;
	return false;
}

static void drop_all(struct otr_redis *rd)
{
	rd->n = 0;
	rd->answered = rd->serial;
}

/* Were there requests that were not seen, among those without an answer? */
static bool has_unknown(struct otr_redis *rd)
{
	for (uint16_t i = 0; i < rd->n; i++)
		if (kind_of(*row_at(rd, i)) == OTR_REDIS_UNKNOWN)
			return true;
	return false;
}

void otr_redis_turn(struct otr_redis *rd)
{
	if (!rd->spoke)
		return;
	rd->spoke = false;
	rd->doubtful = false;
	rd->batch = rd->serial + 1;
	if (!rd->n)
		return;
	if (!has_unknown(rd))
		rd->doubtful = true;
	else if (!rd->overlaps)
		drop_all(rd);
	else
		rd->ended = true;
}

void otr_redis_requests_lost(struct otr_redis *rd)
{
	rd->request.argc = 0;
	rd->scanned[1] = 0;
	rd->in_multi = false;
	rd->db = 0;
	rd->skips_next = false;
	otr_redis_owe(rd, OTR_REDIS_UNKNOWN, 1);
}

/* The requests before the last batch were answered, as the client has waited for that. Of a batch
 * of several it is not known how many were. */
void otr_redis_answers_lost(struct otr_redis *rd)
{
	rd->unit = OTR_REDIS_NOTHING;
	rd->rest = 0;
	rd->failed = false;
	rd->scanned[0] = 0;
	if (rd->overlaps && rd->n) {
		rd->ended = true;
		return;
	}
	rd->doubtful = false;
	while (rd->n && rd->answered + 1 < rd->batch)
		otr_redis_paid(rd);
	if (rd->n > 1 || (rd->n && rd->serial > rd->answered + 1))
		drop_all(rd);
}

void otr_redis_mispaired(struct otr_redis *rd)
{
	rd->ended |= rd->overlaps;
	drop_all(rd);
}
