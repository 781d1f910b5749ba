/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mqtt_blank.c - blanks the logins of MQTT clients in a recording.
 *
 *	CONNECT | name, level, flags, keep alive | properties, client, will, user, password |
 *	     -> | name, level, flags, keep alive | 0 0 0 .. |
 *	AUTH    | reason, method, data |	       -> | 0 0 0 .. |
 *
 * Lengths stay, and no byte that is blanked is read by the parser. A client is followed from its
 * CONNECT for its life.
 */

#include <string.h>

#include "agent/base/slice.h"
#include "agent/proto/blank.h"
#include "agent/proto/blank_rows.h"
#include "agent/proto/mqtt.h"
#include "bpf/event.h"

/* The bytes that a client sends on one connection. */
struct row {
	struct otr_blank_row base;
	uint8_t type;
	uint8_t name; /* bytes of the name in CONNECT, as its length says */
	uint32_t at;  /* offset in the body */
};

/* Begins zeroed. */
struct followed {
	struct row rows[OTR_BLANK_ROWS];
};

static struct row *row_of(struct followed *my, uint64_t conn, uint8_t layer, uint8_t dir)
{
	return otr_blank_find(my->rows, sizeof(my->rows[0]), conn, layer, dir);
}

/* Begins the record with CONNECT, or with a part of it? */
static bool is_connect(const struct otr_ev_data *ev)
{
	struct otr_mqtt_packet pk;
	struct otr_slice in = {(const char *)ev->data, ev->cap};

	return ev->cap && ev->data[0] == OTR_MQTT_CONNECT << 4 &&
	       otr_mqtt_read(&pk, in) != OTR_MQTT_NO && (pk.body.len >= 10 || ev->first);
}

static bool concerns(void *state, const struct otr_event *ev)
{
	struct followed *my = state;
	const struct otr_ev_data *data = (const void *)ev;
	bool is_login_data = ev->kind == OTR_EV_DATA && (is_connect(data));

	return otr_blank_concerns(my->rows, sizeof(my->rows[0]), ev, is_login_data);
}

static bool is_name(uint32_t at, __u8 byte)
{
	static const __u8 first[4] = {0, 0, 'M', 'Q'};

	return at == 1 ? byte == 4 || byte == 6 : at >= 4 || byte == first[at];
}

/* | length 2 | name | level 1 | flags 1 | keep alive 2 | is kept. */
static bool keeps(struct row *row, __u8 byte)
{
	uint32_t at = row->at++;

	if (row->type == OTR_MQTT_AUTH)
		return false;
	if (row->type != OTR_MQTT_CONNECT)
		return true;
	if (!is_name(at, byte))
		row->base.conn = 0; /* another protocol */
	if (at == 1)
		row->name = byte;
	return !row->base.conn || at < 2 || at < 2u + row->name + 4u;
}

/* One byte of the type, then those of the length. */
static void take_head(struct row *row, __u8 byte)
{
	uint8_t i = row->base.n_head++;

	if (!i) {
		row->type = byte >> 4;
		row->base.left = 0;
		row->at = 0;
		return;
	}
	row->base.left |= (uint32_t)(byte & 127) << (7 * (i - 1));
	if (!(byte & 128) || i == 4)
		row->base.n_head = row->base.left ? 5 : 0; /* the body follows */
}

static void take_byte(struct row *row, __u8 *byte, uint32_t pos)
{
	if (row->base.n_head < 5) {
		take_head(row, *byte);
		return;
	}
	if (!keeps(row, *byte))
		otr_blank_byte(&row->base, byte, pos);
	if (!--row->base.left)
		row->base.n_head = 0;
}

static void take_data(struct row *row, struct otr_ev_data *ev)
{
	otr_blank_catch_up(&row->base, ev);
	for (uint32_t i = 0; i < ev->cap && row->base.conn; i++)
		take_byte(row, &ev->data[i], (uint32_t)ev->pos + i);
	if (row->base.n_head < 5 && ev->moved > ev->cap)
		row->base.n_head = 0;
	row->at += (uint32_t)(ev->moved - ev->cap);
	if (otr_blank_step_over(&row->base, ev))
		row->base.n_head = 0;
}

static void blank(void *state, struct otr_event *hdr)
{
	struct followed *my = state;
	struct otr_ev_data *ev = (void *)hdr;
	struct row *row;

	if (otr_blank_run(my->rows, sizeof(my->rows[0]), hdr))
		return;
	row = row_of(my, hdr->conn, ev->layer, ev->dir);
	if (!row && hdr->conn && is_connect(ev))
		row = otr_blank_begin(my->rows, sizeof(my->rows[0]), ev, ev->dir, false);
	if (row)
		take_data(row, ev);
}

const struct otr_blank_ops otr_mqtt_blank = {
	.state_size = sizeof(struct followed),
	.concerns = concerns,
	.blank = blank,
};
