/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nats_blank.c - blanks the logins of NATS clients in a recording.
 *
 *	CONNECT {"verbose":false,"user":"joe","pass":"secret"}	->  CONNECT {"xxxx..
 *
 * All that CONNECT says is hidden up to the end of its line: what a login may hold differs from
 * server to server (pass, auth_token, jwt, sig). Its length stays. A client is followed for its
 * life, from the INFO of its server or from a record that begins with CONNECT.
 */

#include <string.h>

#include "agent/proto/blank.h"
#include "agent/proto/blank_rows.h"
#include "agent/proto/nats.h"
#include "bpf/event.h"

static const struct otr_slice word = {"CONNECT {\"", 10};

/* The bytes that a client sends on one connection. */
struct row {
	struct otr_blank_row base;
	uint8_t at;   /* bytes of `word` that the line begins with; all: the line is blanked */
	bool in_line; /* it does not begin with `word` */
};

/* Begins zeroed. */
struct followed {
	struct row rows[OTR_BLANK_ROWS];
};

static bool begins(const struct otr_ev_data *ev, struct otr_slice with)
{
	return otr_slice_starts((struct otr_slice){(const char *)ev->data, ev->cap}, with);
}

static struct row *row_of(struct followed *my, uint64_t conn, uint8_t layer, uint8_t dir)
{
	return otr_blank_find(my->rows, sizeof(my->rows[0]), conn, layer, dir);
}

static bool concerns(void *state, const struct otr_event *ev)
{
	struct followed *my = state;
	const struct otr_ev_data *data = (const void *)ev;
	bool is_login_data = ev->kind == OTR_EV_DATA && (begins(data, OTR_SLICE("INFO {")) ||
							 begins(data, OTR_SLICE("CONNECT {")));

	return otr_blank_concerns(my->rows, sizeof(my->rows[0]), ev, is_login_data);
}

static void take_byte(struct row *row, __u8 *byte, uint32_t pos)
{
	if (*byte == '\n') {
		row->at = 0;
		row->in_line = false;
	} else if (row->at == word.len) {
		if (*byte != '\r')
			otr_blank_byte(&row->base, byte, pos);
	} else if (!row->in_line && otr_lower((char)*byte) == otr_lower(word.data[row->at])) {
		row->at++;
	} else if (!row->in_line && row->at >= 7) { /* "CONNECT", and other blanks */
		row->at = (uint8_t)word.len;
	} else {
		row->in_line = true;
	}
}

/* Where bytes are missing, a login that was not ended goes on. */
static void take_data(struct row *row, struct otr_ev_data *ev)
{
	if (row->at != word.len && row->base.pos != (uint32_t)ev->pos) {
		row->at = 0;
		row->in_line = false;
	}
	for (uint32_t i = 0; i < ev->cap; i++)
		take_byte(row, &ev->data[i], (uint32_t)ev->pos + i);
	row->base.pos = (uint32_t)(ev->pos + ev->cap);
}

static void follow(struct followed *my, const struct otr_ev_data *ev, uint8_t dir)
{
	struct row *row = otr_blank_begin(my->rows, sizeof(my->rows[0]), ev, dir, false);

	if (dir != ev->dir)
		row->base.pos = 0; /* it is not known where the client's bytes begin */
}

static void blank(void *state, struct otr_event *hdr)
{
	struct followed *my = state;
	struct otr_ev_data *ev = (void *)hdr;
	struct row *row;

	if (otr_blank_run(my->rows, sizeof(my->rows[0]), hdr))
		return;
	if (hdr->conn && begins(ev, OTR_SLICE("INFO {")) &&
	    !row_of(my, hdr->conn, ev->layer, !ev->dir))
		follow(my, ev, !ev->dir);
	row = row_of(my, hdr->conn, ev->layer, ev->dir);
	if (!row && hdr->conn && begins(ev, OTR_SLICE("CONNECT {"))) {
		follow(my, ev, ev->dir);
		row = row_of(my, hdr->conn, ev->layer, ev->dir);
	}
	if (row)
		take_data(row, ev);
}

const struct otr_blank_ops otr_nats_blank = {
	.state_size = sizeof(struct followed),
	.concerns = concerns,
	.blank = blank,
};
