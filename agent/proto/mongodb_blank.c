/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mongodb_blank.c - blanks the secrets of MongoDB logins and users in a recording.
 *
 *	{saslStart: 1, mechanism: "SCRAM-SHA-256", payload: <0 0 .. 0>}
 *	{createUser: "joe", pwd: "0 0 .. 0", roles: [..]}
 *
 * Of each message of a connection, in either direction, the fields of these names are blanked that
 * are texts or bytes, at any depth: `speculativeAuthenticate` of a handshake has a payload, too.
 * Documents of a program may have such fields as well, and lose them in the recording. Sizes and
 * names stay, so that a replay makes the same spans. A connection is followed from a record that
 * begins with a message.
 */

#include <string.h>

#include "agent/base/own.h"
#include "agent/proto/blank.h"
#include "agent/proto/blank_rows.h"
#include "agent/proto/mongodb.h"
#include "bpf/event.h"

#define SECRET_MAX (1u << 20) /* bytes of a field; a size beyond is none */

/* Type and name of a field, with its NUL; and how many bytes are between it and the secret. */
static const struct {
	struct otr_slice text;
	uint8_t n_size;
} fields[] = {
	{OTR_SLICE("\5payload\0"), 5}, /* size 32, kind 8 */
	{OTR_SLICE("\2payload\0"), 4},
	{OTR_SLICE("\2pwd\0"), 4},
	{OTR_SLICE("\2key\0"), 4}, /* of `authenticate`, before 4.0 */
};

/* One direction of a connection. `base.left`: bytes of a secret that follow. */
struct row {
	struct otr_blank_row base;
	uint8_t matched[OTR_ARRAY_SIZE(fields)]; /* bytes of each */
	uint8_t n_size;				 /* bytes between name and secret that follow */
	uint8_t n_read;				 /* of its size, in `size` */
	char size[4];
};

/* Begins zeroed. */
struct followed {
	struct row rows[OTR_BLANK_ROWS];
};

static bool is_message(const struct otr_ev_data *ev)
{
	struct otr_slice in = {(const char *)ev->data, ev->cap};
	struct otr_mongodb_head head;

	return in.len >= OTR_MONGODB_HEAD && otr_mongodb_head_read(&head, in);
}

static struct row *row_of(struct followed *my, uint64_t conn, uint8_t layer, uint8_t dir)
{
	return otr_blank_find(my->rows, sizeof(my->rows[0]), conn, layer, dir);
}

static bool concerns(void *state, const struct otr_event *ev)
{
	struct followed *my = state;
	const struct otr_ev_data *data = (const void *)ev;
	bool is_login_data = ev->kind == OTR_EV_DATA && (is_message(data));

	return otr_blank_concerns(my->rows, sizeof(my->rows[0]), ev, is_login_data);
}

static void forget_names(struct row *row)
{
	memset(row->matched, 0, sizeof(row->matched));
	row->n_size = row->n_read = 0;
}

/* Does a name end with this byte? Their first bytes are in none of them a second time. */
static void take_name(struct row *row, __u8 byte)
{
	for (size_t i = 0; i < OTR_ARRAY_SIZE(fields); i++) {
		struct otr_slice text = fields[i].text;
		uint8_t *n = &row->matched[i];

		if (byte != (__u8)text.data[*n])
			*n = 0;
		*n = (uint8_t)(*n + (byte == (__u8)text.data[*n]));
		if (*n < text.len)
			continue;
		forget_names(row);
		row->n_size = fields[i].n_size;
		return;
	}
}

static void take_size(struct row *row, __u8 byte)
{
	uint32_t size;

	if (row->n_read < sizeof(row->size))
		row->size[row->n_read++] = (char)byte;
	if (--row->n_size)
		return;
	size = otr_mongodb_u32(row->size);
	row->base.left = size <= SECRET_MAX ? size : 0;
	forget_names(row);
}

static void take_data(struct row *row, struct otr_ev_data *ev)
{
	if (row->base.pos != (uint32_t)ev->pos)
		forget_names(row);
	otr_blank_catch_up(&row->base, ev);
	for (uint32_t i = 0; i < ev->cap; i++) {
		if (row->base.left) {
			otr_blank_byte(&row->base, &ev->data[i], (uint32_t)ev->pos + i);
			row->base.left--;
		} else if (row->n_size) {
			take_size(row, ev->data[i]);
		} else {
			take_name(row, ev->data[i]);
		}
	}
	if (ev->moved > ev->cap)
		forget_names(row);
	otr_blank_step_over(&row->base, ev);
}

/* A row for each direction, where there is none. */
static struct row *follow(struct followed *my, const struct otr_ev_data *ev)
{
	if (!row_of(my, ev->hdr.conn, ev->layer, !ev->dir))
		otr_blank_begin(my->rows, sizeof(my->rows[0]), ev, !ev->dir, false);
	return otr_blank_begin(my->rows, sizeof(my->rows[0]), ev, ev->dir, false);
}

static void blank(void *state, struct otr_event *hdr)
{
	struct followed *my = state;
	struct otr_ev_data *ev = (void *)hdr;
	struct row *row;

	if (otr_blank_run(my->rows, sizeof(my->rows[0]), hdr))
		return;
	row = row_of(my, hdr->conn, ev->layer, ev->dir);
	if (!row && hdr->conn)
		row = follow(my, ev);
	if (row)
		take_data(row, ev);
}

const struct otr_blank_ops otr_mongodb_blank = {
	.state_size = sizeof(struct followed),
	.concerns = concerns,
	.blank = blank,
};
