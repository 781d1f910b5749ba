/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amqp_blank.c - blanks the secrets of AMQP logins in a recording.
 *
 *	connection.start-ok (10, 11): | client-properties | mechanism | response | locale |
 *	secure-ok (10, 21): | response |   update-secret (10, 70): | new secret | reason |
 *
 * The response of PLAIN is the user and the password; all of it becomes zeros. A call may end
 * anywhere within it: a client is followed from the header of the protocol, or from a record that
 * begins with such a method, until it calls a method of another class than `connection`. Where bytes
 * of such a method are missing, all that is left of it is taken for the secret.
 */

#include <string.h>

#include "agent/proto/amqp.h"
#include "agent/proto/blank.h"
#include "agent/proto/blank_rows.h"
#include "bpf/event.h"
#include "bpf/frames.h"

#define CONNECTION    10
#define START_OK      (CONNECTION << 16 | 11)
#define SECURE_OK     (CONNECTION << 16 | 21)
#define UPDATE_SECRET (CONNECTION << 16 | 70)
#define METHOD_BYTES  4 /* class and number */

/* The bytes that a client sends on one connection. */
struct row {
	struct otr_blank_row base;
	uint32_t method;  /* as far as it was read */
	uint32_t at;	  /* offset in the payload */
	uint32_t skip;	  /* bytes of an argument before the secret that follow */
	uint32_t secret;  /* bytes of it that follow */
	uint32_t len;	  /* of the next argument, as far as it was read */
	uint8_t n_len;	  /* how many bytes of that were read */
	uint8_t argument; /* which is next; see take_argument() */
	char head[OTR_AMQP_HEAD];
};

/* Begins zeroed. */
struct followed {
	struct row rows[OTR_BLANK_ROWS];
};

static struct row *row_of(struct followed *my, uint64_t conn, uint8_t layer, uint8_t dir)
{
	return otr_blank_find(my->rows, sizeof(my->rows[0]), conn, layer, dir);
}

static bool is_secret(uint32_t method)
{
	return method == START_OK || method == SECURE_OK || method == UPDATE_SECRET;
}

static bool is_opening(const struct otr_ev_data *ev)
{
	return ev->cap >= OTR_AMQP_OPENING &&
	       !memcmp(ev->data, "AMQP\0\0\x09\x01", OTR_AMQP_OPENING);
}

/* Begins the record with a method that has a secret? */
static bool is_login(const struct otr_ev_data *ev)
{
	struct otr_slice all = {(const char *)ev->data, ev->cap};
	struct otr_amqp_args args = {.left = otr_slice_sub(all, OTR_AMQP_HEAD, all.len)};
	struct otr_amqp_frame fr;

	return all.len >= OTR_AMQP_HEAD + METHOD_BYTES && otr_amqp_frame_read(&fr, all) &&
	       fr.type == OTR_AMQP_TYPE_METHOD && !fr.channel &&
	       is_secret((uint32_t)otr_amqp_int(&args, METHOD_BYTES));
}

static bool concerns(void *state, const struct otr_event *ev)
{
	struct followed *my = state;
	const struct otr_ev_data *data = (const void *)ev;
	bool is_login_data = ev->kind == OTR_EV_DATA && (is_opening(data) || is_login(data));

	return otr_blank_concerns(my->rows, sizeof(my->rows[0]), ev, is_login_data);
}

static void take_head(struct row *row, __u8 byte)
{
	struct otr_amqp_frame fr;

	row->head[row->base.n_head++] = (char)byte;
	if (row->base.n_head < OTR_AMQP_HEAD)
		return;
	row->method = row->at = row->skip = row->secret = row->len = 0;
	row->n_len = row->argument = 0;
	if (!otr_amqp_frame_read(&fr, (struct otr_slice){row->head, OTR_AMQP_HEAD}))
		row->base.conn = 0; /* another protocol, or the place is lost */
	row->base.left = (__u8)row->head[3] * 0x1000000u + (__u8)row->head[4] * 0x10000u +
			 (__u8)row->head[5] * 0x100u + (__u8)row->head[6] + 1u;
}

static void end_frame(struct row *row)
{
	row->base.n_head = 0;
	if (row->head[0] == OTR_AMQP_TYPE_METHOD && row->method >> 16 != CONNECTION)
		row->base.conn = 0; /* the login is over */
}

/* Argument 0 has a length of four bytes, 1 one of a byte, 2 is the secret, of four again. */
static void take_argument(struct row *row, __u8 *byte, uint32_t pos)
{
	if (row->secret) {
		row->secret--;
		otr_blank_byte(&row->base, byte, pos);
		return;
	}
	if (row->skip || row->argument > 2) {
		row->skip -= row->skip > 0;
		return;
	}
	row->len = row->len << 8 | *byte;
	if (++row->n_len < (row->argument == 1 ? 1 : 4))
		return;
	*(row->argument == 2 ? &row->secret : &row->skip) = row->len;
	row->len = row->n_len = 0;
	row->argument++;
}

static void take_payload(struct row *row, __u8 *byte, uint32_t pos)
{
	if (row->at++ < METHOD_BYTES) {
		row->method = row->method << 8 | *byte;
		row->argument = row->method == START_OK ? 0 : 2;
	} else if (is_secret(row->method)) {
		take_argument(row, byte, pos);
	}
}

static void take_byte(struct row *row, __u8 *byte, uint32_t pos)
{
	if (row->base.n_head < OTR_AMQP_HEAD) {
		take_head(row, *byte);
		return;
	}
	if (row->head[0] == OTR_AMQP_TYPE_METHOD &&
	    row->base.left > 1) /* the last ends the frame */
		take_payload(row, byte, pos);
	if (!--row->base.left)
		end_frame(row);
}

static void take_data(struct row *row, struct otr_ev_data *ev, uint32_t from)
{
	otr_blank_catch_up(&row->base, ev);
	for (uint32_t i = from; i < ev->cap && row->base.conn; i++)
		take_byte(row, &ev->data[i], (uint32_t)ev->pos + i);
	if (ev->moved > ev->cap && (row->at < METHOD_BYTES || is_secret(row->method))) {
		row->method = START_OK;
		row->at = METHOD_BYTES;
		row->secret = UINT32_MAX;
	}
	if (otr_blank_step_over(&row->base, ev))
		end_frame(row);
}

static void blank(void *state, struct otr_event *hdr)
{
	struct followed *my = state;
	struct otr_ev_data *ev = (void *)hdr;
	struct row *row;

	if (otr_blank_run(my->rows, sizeof(my->rows[0]), hdr))
		return;
	row = row_of(my, hdr->conn, ev->layer, ev->dir);
	if (hdr->conn && (is_opening(ev) || (!row && is_login(ev))))
		row = otr_blank_begin(my->rows, sizeof(my->rows[0]), ev, ev->dir, false);
	if (row)
		take_data(row, ev, is_opening(ev) ? OTR_AMQP_OPENING : 0);
}

const struct otr_blank_ops otr_amqp_blank = {
	.state_size = sizeof(struct followed),
	.concerns = concerns,
	.blank = blank,
};
