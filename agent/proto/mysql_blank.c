/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mysql_blank.c - blanks the secrets of MySQL logins in a recording.
 *
 *	server | version | challenge | .. | challenge |		->  | version | 0 0 .. | .. | 0 0 .. |
 *	client | flags | user | response | database | rest |	->  | flags | user | 0 0 .. | database | 0 0 .. |
 *	either | what follows, up to OK or an error |		->  | first byte of the server's | 0 0 .. |
 *
 * Lengths, flags and the database stay, so that a replay parses the same packets and makes the same
 * spans. A connection is followed from its greeting, or from a login inside TLS, for its life,
 * since COM_CHANGE_USER is a login as well. The tail that OTR_EV_RUN keeps is blanked, too.
 */

#include <string.h>

#include "agent/proto/blank.h"
#include "agent/proto/blank_rows.h"
#include "agent/proto/mysql.h"
#include "bpf/event.h"

#define HEAD	    4
#define FIXED	    32 /* bytes of a login before the user */
#define CHANGE_USER 0x11
#define CAN_DB	    (1u << 3)
#define CAN_41	    (1u << 9)
#define CAN_SECURE  (1u << 15)
#define CAN_LENENC  (1u << 21)

/* The fields of a packet, in order. */
enum field {
	FIELD_ALL,	/* no field is blanked */
	FIELD_VERSION,	/* of a greeting, up to its NUL */
	FIELD_GREETING, /* the rest of it */
	FIELD_FIXED,	/* of a login */
	FIELD_USER,
	FIELD_SIZE, /* of the response */
	FIELD_RESPONSE,
	FIELD_DB,
	FIELD_REST,   /* all is blanked */
	FIELD_ANSWER, /* all but the first byte is blanked, unless that says OK or error */
};

/* One direction of a connection. */
struct row {
	struct otr_blank_row base;
	bool login; /* packets belong to a login */
	uint8_t head[4];
	uint8_t field; /* of the packet */
	uint8_t code;  /* first byte of the packet */
	bool has_db;
	uint32_t flags; /* of a login */
	uint32_t at;	/* offset in the field */
	uint32_t size;	/* of the response */
};

/* Begins zeroed. */
struct followed {
	struct row rows[OTR_BLANK_ROWS];
};

static uint32_t u24(const __u8 *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

/* May the record begin with a greeting? Its head may be all that was read at once. */
static bool is_greeting(const struct otr_ev_data *ev)
{
	const __u8 *p = ev->data;

	return ev->cap >= HEAD && !p[3] && u24(p) >= 32 && u24(p) <= 512 &&
	       (ev->cap < 5 ? ev->moved == HEAD : p[4] == 10) &&
	       (ev->cap < 6 || (p[5] >= '0' && p[5] <= '9'));
}

static bool is_login(const struct otr_ev_data *ev)
{
	static const __u8 zeros[19];
	const __u8 *p = ev->data;

	return ev->cap > HEAD + FIXED && (p[3] == 1 || p[3] == 2) && u24(p) + HEAD == ev->moved &&
	       (p[5] & CAN_41 >> 8) && !memcmp(p + HEAD + 9, zeros, sizeof(zeros));
}

/* Is this one whole COM_CHANGE_USER? */
static bool is_change(const struct otr_ev_data *ev)
{
	return ev->cap > HEAD && !ev->data[3] && ev->data[4] == CHANGE_USER &&
	       u24(ev->data) + HEAD == ev->moved && ev->moved < 4096;
}

static struct row *row_of(struct followed *my, uint64_t conn, uint8_t layer, uint8_t dir)
{
	return otr_blank_find(my->rows, sizeof(my->rows[0]), conn, layer, dir);
}

static struct row *other_of(struct followed *my, const struct row *row)
{
	return row_of(my, row->base.conn, row->base.layer, !row->base.dir);
}

static struct row *new_row(struct followed *my, const struct otr_ev_data *ev, uint8_t dir,
			   bool server)
{
	struct row *row = otr_blank_begin(my->rows, sizeof(my->rows[0]), ev, dir, server);

	row->login = true;
	return row;
}

static bool concerns(void *state, const struct otr_event *ev)
{
	struct followed *my = state;
	const struct otr_ev_data *data = (const void *)ev;
	bool is_login_data = ev->kind == OTR_EV_DATA && ((data->first && is_greeting(data)) ||
							 is_login(data) || is_change(data));

	return otr_blank_concerns(my->rows, sizeof(my->rows[0]), ev, is_login_data);
}

/* Goes on with the next field. */
static void next_field(struct row *row, enum field field)
{
	row->field = (uint8_t)field;
	row->at = 0;
}

/* The field that a body begins with. */
static enum field first_field(const struct row *row)
{
	if (row->base.server)
		return !row->login ? FIELD_ALL : row->head[3] ? FIELD_ANSWER : FIELD_VERSION;
	if (!row->head[3])
		return row->code == CHANGE_USER ? FIELD_USER : FIELD_ALL;
	if (!row->login)
		return FIELD_ALL;
	return row->head[3] <= 2 && !row->flags ? FIELD_FIXED : FIELD_REST;
}

static void take_fixed(struct row *row, __u8 byte)
{
	if (row->at < 4)
		row->flags |= (uint32_t)byte << 8 * row->at;
	if (++row->at == FIXED)
		next_field(row, FIELD_USER);
}

/* The response begins: it says how long it is, unless it is of an old kind, behind which nothing is
 * kept. */
static void end_user(struct row *row)
{
	bool change = !row->head[3];

	row->has_db = change || (row->flags & CAN_DB);
	row->size = 0;
	next_field(row,
		   change || (row->flags & (CAN_SECURE | CAN_LENENC)) ? FIELD_SIZE : FIELD_REST);
}

static void take_size(struct row *row, __u8 byte)
{
	if (byte > 250 && row->head[3]) { /* longer responses: nothing behind them is kept */
		next_field(row, FIELD_REST);
		return;
	}
	row->size = byte;
	next_field(row, byte ? FIELD_RESPONSE : row->has_db ? FIELD_DB : FIELD_REST);
}

/* Is the byte kept? Goes on to the next field behind it. */
static bool keeps(struct row *row, __u8 byte)
{
	uint32_t at = row->at;

	switch ((enum field)row->field) {
	case FIELD_ALL:
		return true;
	case FIELD_VERSION:
		row->at++;
		if (!byte && at)
			next_field(row, FIELD_GREETING);
		return true;
	case FIELD_GREETING: /* thread, 4 | challenge, 8 | 19 | challenge .. */
		row->at++;
		return at < 4 || (at >= 12 && at < 31);
	case FIELD_FIXED:
		take_fixed(row, byte);
		return true;
	case FIELD_USER:
		if (!byte)
			end_user(row);
		return true;
	case FIELD_SIZE:
		take_size(row, byte);
		return true;
	case FIELD_RESPONSE:
		if (++row->at == row->size)
			next_field(row, row->has_db ? FIELD_DB : FIELD_REST);
		return false;
	case FIELD_DB:
		if (!byte)
			next_field(row, FIELD_REST);
		return true;
	case FIELD_ANSWER:
		row->at++;
		return !at || !row->code || row->code == 0xff;
	case FIELD_REST:
		break;
	}
	return false;
}

/* The first byte of a body is there. */
static void begin_body(struct followed *my, struct row *row, __u8 byte)
{
	struct row *other = other_of(my, row);

	row->code = byte;
	if (!row->base.server && !row->head[3])
		row->login = byte == CHANGE_USER;
	next_field(row, first_field(row));
	if (row->field == FIELD_VERSION && byte != 10) {
		next_field(row, FIELD_ALL); /* this is no greeting */
		row->base.conn = 0;
		if (other)
			other->base.conn = 0;
	}
	if (row->field != FIELD_USER)
		return;
	row->flags |= 1; /* no login comes any more */
	if (other) {
		other->login = true; /* the server answers a change of the user */
		other->base.n_head = 0;
		other->base.left = 0;
	}
}

static void end_packet(struct followed *my, struct row *row)
{
	struct row *other = other_of(my, row);

	row->base.n_head = 0;
	if (!row->base.server || row->field != FIELD_ANSWER || (row->code && row->code != 0xff))
		return;
	row->login = false;
	if (other)
		other->login = false;
}

static void take_body(struct followed *my, struct row *row, __u8 *byte, uint32_t pos)
{
	bool first = row->field == FIELD_ALL && row->at == UINT32_MAX;

	if (first)
		begin_body(my, row, *byte);
	if (!(first && row->field == FIELD_USER) && !keeps(row, *byte))
		otr_blank_byte(&row->base, byte, pos);
	if (!--row->base.left)
		end_packet(my, row);
}

static void take_byte(struct followed *my, struct row *row, __u8 *byte, uint32_t pos)
{
	if (row->base.left) {
		take_body(my, row, byte, pos);
		return;
	}
	row->head[row->base.n_head++] = *byte;
	if (row->base.n_head < HEAD)
		return;
	row->base.left = u24(row->head);
	row->field = FIELD_ALL;
	row->at = UINT32_MAX;
	if (!row->base.left)
		row->base.n_head = 0;
}

static void take_data(struct followed *my, struct row *row, struct otr_ev_data *ev)
{
	otr_blank_catch_up(&row->base, ev);
	for (uint32_t i = 0; i < ev->cap && row->base.conn; i++)
		take_byte(my, row, &ev->data[i], (uint32_t)ev->pos + i);
	if (otr_blank_step_over(&row->base, ev))
		end_packet(my, row);
}

/* Begins to follow a connection; `server`: the record is the server's. */
static struct row *follow(struct followed *my, const struct otr_ev_data *ev, bool server)
{
	new_row(my, ev, !ev->dir, !server);
	return new_row(my, ev, ev->dir, server);
}

static void blank(void *state, struct otr_event *hdr)
{
	struct followed *my = state;
	struct otr_ev_data *ev = (void *)hdr;
	struct row *row;

	if (otr_blank_run(my->rows, sizeof(my->rows[0]), hdr))
		return;
	row = row_of(my, hdr->conn, ev->layer, ev->dir);
	if (!row && hdr->conn && (is_login(ev) || is_change(ev)))
		row = follow(my, ev, false);
	else if (!row && hdr->conn && ev->first && is_greeting(ev))
		row = follow(my, ev, true);
	if (row)
		take_data(my, row, ev);
}

const struct otr_blank_ops otr_mysql_blank = {
	.state_size = sizeof(struct followed),
	.concerns = concerns,
	.blank = blank,
};
