/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pgsql_blank.c - blanks the secrets of PostgreSQL logins in a recording: messages of the manual of
 * version 17, section 55.7.
 *
 *	client | 'p' | length | password, md5 hash, SCRAM |  ->  | 'p' | length | 0 0 .. |
 *	server | 'R' | length | code | salt, SCRAM |  ->  | 'R' | length | code | 0 0 .. |
 *	server | 'K' | length | key to cancel with |	     ->  | 'K' | length | 0 0 .. |
 *
 * Types and lengths stay, so that a replay parses the same messages and makes the same spans. A
 * connection is followed from its StartupMessage to ReadyForQuery, however its bytes are cut into
 * records. Where the beginning of a login was not seen, a record that begins with such a message
 * is recognised by its length. The tail that OTR_EV_RUN keeps is blanked as well.
 */

#include <string.h>

#include "agent/proto/blank.h"
#include "agent/proto/blank_rows.h"
#include "agent/proto/pgsql.h"
#include "bpf/event.h"

#define HEAD	     5
#define AUTH_HEAD    9 /* of an Authentication message, with its code */
#define STARTUP_MAX  10000u
#define MESSAGE_MAX  (1u << 20)
#define PASSWORD_MAX 65536u

/* One direction of a login. */
struct login {
	struct otr_blank_row base;
	bool over;    /* the login is over; late records of runs may follow */
	char head[9]; /* type, length, code */
};

/* Begins zeroed. */
struct logins {
	struct login rows[OTR_BLANK_ROWS];
};

static uint32_t u32(const void *at)
{
	const unsigned char *p = at;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* StartupMessage of protocol 3. */
static bool is_startup(const struct otr_ev_data *ev)
{
	return ev->cap > 8 && u32(ev->data) > 8 && u32(ev->data) <= STARTUP_MAX &&
	       u32(ev->data + 4) >> 16 == 3 &&
	       (ev->data[8] == '_' || (ev->data[8] >= 'a' && ev->data[8] <= 'z'));
}

/* CancelRequest: | 16 | code | pid | key |, the key up to 256 bytes. */
static bool is_cancel(const struct otr_ev_data *ev)
{
	return ev->cap >= 16 && u32(ev->data) == ev->moved && ev->moved <= 12 + 256 &&
	       u32(ev->data + 4) == 80877102u;
}

/* Is this one whole message of a login, and nothing more? */
static bool is_lone_secret(const struct otr_ev_data *ev)
{
	uint32_t len, code;

	if (ev->cap < AUTH_HEAD || (ev->data[0] != 'p' && ev->data[0] != 'R'))
		return false;
	len = u32(ev->data + 1);
	if (len > PASSWORD_MAX || len + 1 != ev->moved)
		return false;
	code = u32(ev->data + HEAD);
	return ev->data[0] == 'p' || code == 5 || code == 8 || code == 11 || code == 12;
}

static struct login *row_of(struct logins *all, uint64_t conn, uint8_t layer, uint8_t dir)
{
	return otr_blank_find(all->rows, sizeof(all->rows[0]), conn, layer, dir);
}

static struct login *new_row(struct logins *all, const struct otr_ev_data *ev, uint8_t dir)
{
	return otr_blank_begin(all->rows, sizeof(all->rows[0]), ev, dir, dir != ev->dir);
}

static bool concerns(void *state, const struct otr_event *ev)
{
	struct logins *all = state;
	const struct otr_ev_data *data = (const void *)ev;
	bool is_login_data = ev->kind == OTR_EV_DATA &&
			     (is_startup(data) || is_cancel(data) || is_lone_secret(data));

	return otr_blank_concerns(all->rows, sizeof(all->rows[0]), ev, is_login_data);
}

static void blank_rest(struct logins *all, struct otr_ev_data *ev, uint32_t from)
{
	struct login *row = new_row(all, ev, ev->dir);

	memset(ev->data + from, 0, ev->cap - from);
	row->over = row->base.blanked = true;
	row->base.end = (uint32_t)(ev->pos + ev->moved);
}

static uint8_t head_size(const struct login *row)
{
	return row->base.server && row->head[0] == 'R' ? AUTH_HEAD : HEAD;
}

static bool is_secret(const struct login *row)
{
	return row->base.server ? row->head[0] == 'R' || row->head[0] == 'K' : row->head[0] == 'p';
}

/* The head is whole: it says how much follows. */
static void begin_body(struct login *row)
{
	uint32_t len = u32(row->head + 1), in_head = head_size(row) - 1;

	if (len < in_head || len > MESSAGE_MAX)
		row->over = true; /* this is not a login */
	else
		row->base.left = len - in_head;
}

static void end_message(struct login *row)
{
	row->over |= row->base.server && row->head[0] == 'Z';
	row->base.n_head = 0;
}

static void take_byte(struct login *row, __u8 *byte, uint32_t pos)
{
	if (row->base.left) {
		if (is_secret(row))
			otr_blank_byte(&row->base, byte, pos);
		row->base.left--;
	} else {
		row->head[row->base.n_head++] = (char)*byte;
		if (row->base.n_head < HEAD || row->base.n_head < head_size(row))
			return;
		begin_body(row);
	}
	if (!row->base.left)
		end_message(row);
}

static void take_data(struct login *row, struct otr_ev_data *ev)
{
	otr_blank_catch_up(&row->base, ev);
	for (uint32_t i = 0; i < ev->cap && !row->over; i++)
		take_byte(row, &ev->data[i], (uint32_t)ev->pos + i);
	if (otr_blank_step_over(&row->base, ev))
		end_message(row);
}

/* The messages of the client follow the StartupMessage; those of the server begin at once. */
static void begin(struct logins *all, struct otr_ev_data *ev)
{
	struct login *client;

	if (!ev->hdr.conn)
		return;
	new_row(all, ev, !ev->dir);
	client = new_row(all, ev, ev->dir);
	client->base.n_head = HEAD;
	client->base.left = u32(ev->data);
	take_data(client, ev);
}

static void end_login(struct logins *all, const struct login *server)
{
	struct login *client =
		row_of(all, server->base.conn, server->base.layer, !server->base.dir);

	if (client)
		client->over = true;
}

static void blank(void *state, struct otr_event *hdr)
{
	struct logins *all = state;
	struct otr_ev_data *ev = (void *)hdr;
	struct login *row;

	if (otr_blank_run(all->rows, sizeof(all->rows[0]), hdr))
		return;
	row = row_of(all, hdr->conn, ev->layer, ev->dir);
	if (is_startup(ev))
		begin(all, ev);
	else if (is_cancel(ev))
		blank_rest(all, ev, 12);
	else if (row && !row->over)
		take_data(row, ev);
	else if (is_lone_secret(ev))
		blank_rest(all, ev, ev->data[0] == 'p' ? HEAD : AUTH_HEAD);
	if (row && row->base.server && row->over)
		end_login(all, row);
}

const struct otr_blank_ops otr_pgsql_blank = {
	.state_size = sizeof(struct logins),
	.concerns = concerns,
	.blank = blank,
};
