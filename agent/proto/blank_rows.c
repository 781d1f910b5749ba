/* SPDX-License-Identifier: Apache-2.0 */
/* blank_rows.c - the connections whose logins a protocol follows; see blank_rows.h. */

#include "agent/proto/blank_rows.h"

#include <string.h>

#include "bpf/event.h"

static struct otr_blank_row *row_at(void *rows, size_t size, size_t i)
{
	return (void *)((char *)rows + i * size);
}

void *otr_blank_find(void *rows, size_t size, uint64_t conn, uint8_t layer, uint8_t dir)
{
	for (size_t i = 0; conn && i < OTR_BLANK_ROWS; i++) {
		struct otr_blank_row *row = row_at(rows, size, i);

		if (row->conn == conn && row->layer == layer && row->dir == dir)
			return row;
	}
	return NULL;
}

/* A free row, else the oldest one; in `born` the number of the next row. */
static struct otr_blank_row *usable_row(void *rows, size_t size, uint64_t *born)
{
	struct otr_blank_row *best = rows;

	*born = 1;
	for (size_t i = 0; i < OTR_BLANK_ROWS; i++) {
		struct otr_blank_row *row = row_at(rows, size, i);

		if (row->born >= *born)
			*born = row->born + 1;
		if (best->conn && (!row->conn || row->born < best->born))
			best = row;
	}
	return best;
}

void *otr_blank_begin(void *rows, size_t size, const struct otr_ev_data *ev, uint8_t dir,
		      bool server)
{
	struct otr_blank_row *row = otr_blank_find(rows, size, ev->hdr.conn, ev->layer, dir),
			     *usable;
	uint64_t born;

	usable = usable_row(rows, size, &born);
	if (!row)
		row = usable;
	memset(row, 0, size);
	*row = (struct otr_blank_row){.conn = ev->hdr.conn,
				      .born = born,
				      .layer = ev->layer,
				      .dir = dir,
				      .server = server,
				      .pos = (uint32_t)ev->pos};
	return row;
}

static void forget(void *rows, size_t size, uint64_t conn)
{
	for (size_t i = 0; i < OTR_BLANK_ROWS; i++)
		if (row_at(rows, size, i)->conn == conn)
			row_at(rows, size, i)->conn = 0;
}

bool otr_blank_concerns(void *rows, size_t size, const struct otr_event *ev, bool begins)
{
	const struct otr_ev_data *data = (const void *)ev;
	const struct otr_ev_run *run = (const void *)ev;

	if (ev->kind == OTR_EV_DATA)
		return begins || otr_blank_find(rows, size, ev->conn, data->layer, data->dir);
	if (ev->kind == OTR_EV_RUN)
		return otr_blank_find(rows, size, ev->conn, run->layer, run->dir);
	if (ev->kind == OTR_EV_CONN_CLOSE)
		forget(rows, size, ev->conn);
	return false;
}

void otr_blank_byte(struct otr_blank_row *row, uint8_t *byte, uint32_t pos)
{
	*byte = 0;
	row->blanked = true;
	row->end = pos + 1;
}

/* A run ends 8 bytes after its tail begins. */
bool otr_blank_run(void *rows, size_t size, struct otr_event *ev)
{
	struct otr_ev_run *run = (void *)ev;
	const struct otr_blank_row *row;
	uint32_t tail;

	if (ev->kind != OTR_EV_RUN)
		return false;
	row = otr_blank_find(rows, size, ev->conn, run->layer, run->dir);
	tail = (uint32_t)(run->pos + run->bytes - sizeof(run->tail));
	if (row && row->blanked && (int32_t)(tail - row->end) < 0)
		memset(run->tail, 0, sizeof(run->tail));
	return true;
}

static void drop_message(struct otr_blank_row *row)
{
	row->n_head = 0;
	row->left = 0;
}

void otr_blank_catch_up(struct otr_blank_row *row, const struct otr_ev_data *ev)
{
	if (row->pos != (uint32_t)ev->pos)
		drop_message(row);
}

bool otr_blank_step_over(struct otr_blank_row *row, const struct otr_ev_data *ev)
{
	uint64_t n = ev->moved - ev->cap;

	row->pos = (uint32_t)(ev->pos + ev->moved);
	if (!n)
		return false;
	if (n > row->left) {
		drop_message(row);
		return false;
	}
	row->left -= (uint32_t)n;
	return !row->left;
}
