/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record_auth.c - blanks logins; here PostgreSQL's: messages of the manual of version 17, section
 * 55.7.
 */

#include "agent/source/record_auth.h"

#include <string.h>

#include "bpf/event.h"

#define HEAD	     5
#define AUTH_HEAD    9 /* of an Authentication message, with its code */
#define STARTUP_MAX  10000u
#define MESSAGE_MAX  (1u << 20)
#define PASSWORD_MAX 65536u

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

static struct otr_record_login *row_of(struct otr_record_auth *auth, uint64_t conn, uint8_t layer,
				       uint8_t dir)
{
	struct otr_record_login *row = auth->logins;

	for (; conn && row < auth->logins + OTR_RECORD_LOGINS; row++)
		if (row->conn == conn && row->layer == layer && row->dir == dir)
			return row;
	return NULL;
}

static struct otr_record_login *new_row(struct otr_record_auth *auth, const struct otr_ev_data *ev,
					uint8_t dir)
{
	struct otr_record_login *row = row_of(auth, ev->hdr.conn, ev->layer, dir);

	if (!row)
		row = &auth->logins[auth->next++ % OTR_RECORD_LOGINS];
	*row = (struct otr_record_login){.conn = ev->hdr.conn,
					 .layer = ev->layer,
					 .dir = dir,
					 .server = dir != ev->dir,
					 .pos = (uint32_t)ev->pos};
	return row;
}

static void forget(struct otr_record_auth *auth, uint64_t conn)
{
	for (int i = 0; i < OTR_RECORD_LOGINS; i++)
		if (auth->logins[i].conn == conn)
			auth->logins[i].conn = 0;
}

static bool concerns(struct otr_record_auth *auth, const struct otr_event *ev)
{
	const struct otr_ev_data *data = (const void *)ev;
	const struct otr_ev_run *run = (const void *)ev;

	if (ev->kind == OTR_EV_DATA)
		return is_startup(data) || is_cancel(data) || is_lone_secret(data) ||
		       row_of(auth, ev->conn, data->layer, data->dir);
	if (ev->kind == OTR_EV_RUN)
		return row_of(auth, ev->conn, run->layer, run->dir);
	if (ev->kind == OTR_EV_CONN_CLOSE)
		forget(auth, ev->conn);
	return false;
}

bool otr_record_auth_concerns(struct otr_record_auth *auth, const struct otr_event *ev)
{
	bool postgres = concerns(auth, ev), mysql = otr_record_mysql_concerns(&auth->mysql, ev);

	return postgres || mysql;
}

/* A run ends 8 bytes after its tail begins. */
static void blank_tail(const struct otr_record_login *row, struct otr_ev_run *run)
{
	uint32_t tail = (uint32_t)(run->pos + run->bytes - sizeof(run->tail));

	if (row->blanked && (int32_t)(tail - row->end) < 0)
		memset(run->tail, 0, sizeof(run->tail));
}

static void blank_rest(struct otr_record_auth *auth, struct otr_ev_data *ev, uint32_t from)
{
	struct otr_record_login *row = new_row(auth, ev, ev->dir);

	memset(ev->data + from, 0, ev->cap - from);
	row->over = row->blanked = true;
	row->end = (uint32_t)(ev->pos + ev->moved);
}

static uint8_t head_size(const struct otr_record_login *row)
{
	return row->server && row->head[0] == 'R' ? AUTH_HEAD : HEAD;
}

static bool is_secret(const struct otr_record_login *row)
{
	return row->server ? row->head[0] == 'R' || row->head[0] == 'K' : row->head[0] == 'p';
}

/* The head is whole: it says how much follows. */
static void begin_body(struct otr_record_login *row)
{
	uint32_t len = u32(row->head + 1), in_head = head_size(row) - 1;

	if (len < in_head || len > MESSAGE_MAX)
		row->over = true; /* this is not a login */
	else
		row->left = len - in_head;
}

static void end_message(struct otr_record_login *row)
{
	row->over |= row->server && row->head[0] == 'Z';
	row->n_head = 0;
}

static void take_byte(struct otr_record_login *row, __u8 *byte, uint32_t pos)
{
	if (row->left) {
		if (is_secret(row)) {
			*byte = 0;
			row->blanked = true;
			row->end = pos + 1;
		}
		row->left--;
	} else {
		row->head[row->n_head++] = (char)*byte;
		if (row->n_head < HEAD || row->n_head < head_size(row))
			return;
		begin_body(row);
	}
	if (!row->left)
		end_message(row);
}

/* Steps over bytes that were moved and not copied. */
static void take_gap(struct otr_record_login *row, uint64_t n)
{
	if (n > row->left || (n && row->n_head && !row->left)) {
		row->n_head = 0;
		row->left = 0;
	} else {
		row->left -= (uint32_t)n;
		if (n && !row->left)
			end_message(row);
	}
}

static void take_data(struct otr_record_login *row, struct otr_ev_data *ev)
{
	if (row->pos != (uint32_t)ev->pos)
		row->n_head = 0, row->left = 0; /* bytes are missing */
	for (uint32_t i = 0; i < ev->cap && !row->over; i++)
		take_byte(row, &ev->data[i], (uint32_t)ev->pos + i);
	take_gap(row, ev->moved - ev->cap);
	row->pos = (uint32_t)(ev->pos + ev->moved);
}

/* The messages of the client follow the StartupMessage; those of the server begin at once. */
static void begin(struct otr_record_auth *auth, struct otr_ev_data *ev)
{
	struct otr_record_login *client;

	if (!ev->hdr.conn)
		return;
	new_row(auth, ev, !ev->dir);
	client = new_row(auth, ev, ev->dir);
	client->n_head = HEAD;
	client->left = u32(ev->data);
	take_data(client, ev);
}

static void end_login(struct otr_record_auth *auth, const struct otr_record_login *server)
{
	struct otr_record_login *client = row_of(auth, server->conn, server->layer, !server->dir);

	if (client)
		client->over = true;
}

static void blank(struct otr_record_auth *auth, struct otr_event *hdr)
{
	struct otr_ev_data *ev = (void *)hdr;
	struct otr_ev_run *run = (void *)hdr;
	struct otr_record_login *row;

	if (hdr->kind == OTR_EV_RUN) {
		row = row_of(auth, hdr->conn, run->layer, run->dir);
		if (row)
			blank_tail(row, run);
		return;
	}
	row = row_of(auth, hdr->conn, ev->layer, ev->dir);
	if (is_startup(ev))
		begin(auth, ev);
	else if (is_cancel(ev))
		blank_rest(auth, ev, 12);
	else if (row && !row->over)
		take_data(row, ev);
	else if (is_lone_secret(ev))
		blank_rest(auth, ev, ev->data[0] == 'p' ? HEAD : AUTH_HEAD);
	if (row && row->server && row->over)
		end_login(auth, row);
}

void otr_record_auth_blank(struct otr_record_auth *auth, struct otr_event *hdr)
{
	if (concerns(auth, hdr))
		blank(auth, hdr);
	if (otr_record_mysql_concerns(&auth->mysql, hdr))
		otr_record_mysql_blank(&auth->mysql, hdr);
}
