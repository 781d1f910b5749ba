/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mysql_back.c - packets of a MySQL server: OK, errors, result sets. MySQL 8.4 Source Code
 * Documentation, "Command Phase", "Text Resultset", "COM_STMT_PREPARE Response"; MariaDB's "Result
 * Set Packets".
 *
 *	number of columns | a definition each | EOF | row | row | EOF or OK
 *
 * The EOF behind the definitions is left out where both sides can do without (DEPRECATE_EOF). No
 * row looks like EOF, so packets show it, also where the login was not seen: a row that begins with
 * 0xfe has a column of 16 MiB. An answer whose request was not seen is not emitted.
 */

#include "agent/base/own.h"
#include "agent/proto/msg.h"
#include "agent/proto/mysql.h"

#define PROGRESS 0xffffu /* the code of MariaDB's reports of progress */

enum first_byte {
	OK = 0x00,
	INFILE = 0xfb,
	END = 0xfe,
	ERROR = 0xff,
};

/* The bytes belong to the next answer, if a request waits for one. */
enum otr_parse otr_mysql_back_part(struct otr_mysql *my, struct otr_msg *msg)
{
	msg->opens = my->n > 0;
	return OTR_PARSE_SKIP;
}

static void write_code(struct otr_mysql_answer *a)
{
	char *at = a->text + sizeof(a->text) - 1;
	uint16_t n = a->code;

	*at = '\0';
	do {
		*--at = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	memmove(a->text, at, (size_t)(a->text + sizeof(a->text) - at));
}

/* The request has chosen a database, if it succeeded. */
static void note_db(struct otr_mysql *my, uint64_t serial)
{
	if (serial < my->db_serial || !my->db_serial)
		return;
	if (serial == my->db_serial && !my->answer.failed)
		memcpy(my->database, my->next_db, sizeof(my->database));
	my->db_serial = 0;
}

/* Emits the answer to the request of the oldest debt. Its code lives in `my`, until the next
 * answer. */
static enum otr_parse emit(struct otr_mysql *my, struct otr_msg *msg)
{
	struct otr_mysql_answer *a = &my->answer;

	msg->kind = OTR_MSG_RESPONSE;
	msg->stream = otr_mysql_debt(my)->serial;
	msg->failed = a->failed;
	note_db(my, msg->stream);
	if (a->failed) {
		write_code(a);
		otr_msg_add_text(msg, OTR_KEY_DB_RESPONSE_STATUS_CODE, otr_slice_str(a->text));
	} else if (a->has_rows) {
		otr_msg_add_int(msg, OTR_KEY_DB_RESPONSE_RETURNED_ROWS, a->rows);
	}
	otr_mysql_paid(my);
	memset(a, 0, offsetof(struct otr_mysql_answer, code));
	a->shapes = a->more_shapes = 0;
	a->rows = 0;
	return OTR_PARSE_MSG;
}

/* The status of the session says how strings are read. */
static void note_status(struct otr_mysql *my, uint32_t status)
{
	my->escapes = status & OTR_MYSQL_NO_BACKSLASH ? OTR_MYSQL_NO : OTR_MYSQL_YES;
}

/* Reads the status of | 0 or 0xfe | rows | id | status | .. |. False: it was not copied. */
static bool ok_status(struct otr_slice body, uint32_t *status)
{
	uint64_t n;

	body = otr_slice_sub(body, 1, body.len);
	if (!otr_mysql_lenenc(&body, &n) || !otr_mysql_lenenc(&body, &n) || body.len < 2)
		return false;
	*status = otr_mysql_u16(body.data);
	return true;
}

/* The same of an EOF packet, or of the OK that stands in its place. */
static bool end_status(const struct otr_mysql_packet *pk, uint32_t *status)
{
	if (pk->len >= 7)
		return ok_status(pk->body, status);
	if (pk->body.len < 5)
		return false;
	*status = otr_mysql_u16(pk->body.data + 3);
	return true;
}

static bool is_end(const struct otr_mysql_packet *pk)
{
	return pk->body.len && (unsigned char)pk->body.data[0] == END && pk->len < OTR_MYSQL_PACKET;
}

/* A result is over: is it the last one of the answer? */
static enum otr_parse end_result(struct otr_mysql *my, uint32_t status, struct otr_msg *msg)
{
	note_status(my, status);
	my->answer.step = OTR_MYSQL_FIRST;
	if (status & OTR_MYSQL_MORE_RESULTS)
		return otr_mysql_back_part(my, msg);
	return emit(my, msg);
}

/* | 0xff | code, 2 | '#' | SQLSTATE | message |. Only the code is kept: a message quotes values. */
static enum otr_parse on_error(struct otr_mysql *my, const struct otr_mysql_packet *pk,
			       struct otr_msg *msg)
{
	struct otr_mysql_answer *a = &my->answer;
	uint32_t code = pk->body.len >= 3 ? otr_mysql_u16(pk->body.data + 1) : 0;

	if (code == PROGRESS)
		return otr_mysql_back_part(my, msg);
	a->failed = true;
	a->code = (uint16_t)code;
	return emit(my, msg);
}

static enum otr_parse on_ok(struct otr_mysql *my, const struct otr_mysql_packet *pk,
			    struct otr_msg *msg)
{
	uint32_t status = 0;

	if (!ok_status(pk->body, &status)) {
		msg->partial = !pk->whole;
		return emit(my, msg);
	}
	return end_result(my, status, msg);
}

static enum otr_parse begin_shapes(struct otr_mysql *my, uint32_t n, struct otr_msg *msg)
{
	my->answer.shapes = n;
	my->answer.step = n ? OTR_MYSQL_SHAPES : OTR_MYSQL_SHAPE_END;
	return otr_mysql_back_part(my, msg);
}

/* | number of columns |, with a byte that says whether definitions follow: before the number if
 * MySQL sends it, behind it if MariaDB does. */
static enum otr_parse on_columns(struct otr_mysql *my, const struct otr_mysql_packet *pk,
				 struct otr_msg *msg)
{
	struct otr_slice body = pk->body;
	bool follow = true;
	uint64_t n = 0;

	if (my->no_shape && body.len > 1 && (unsigned char)body.data[0] <= 1) {
		follow = body.data[0] == 1;
		body = otr_slice_sub(body, 1, body.len);
	}
	if (!otr_mysql_lenenc(&body, &n) || n > UINT16_MAX)
		n = 0;
	if (body.len && !body.data[0])
		follow = false;
	my->answer.has_rows = true;
	return begin_shapes(my, follow ? (uint32_t)n : 0, msg);
}

/* The client sends packets, which count as well, before the answer goes on. */
static enum otr_parse await_client(struct otr_mysql *my, struct otr_msg *msg)
{
	my->answer.begun = false;
	my->answer.step = OTR_MYSQL_TURN;
	return otr_mysql_back_part(my, msg);
}

static enum otr_parse on_result(struct otr_mysql *my, const struct otr_mysql_packet *pk,
				struct otr_msg *msg)
{
	unsigned char first = (unsigned char)pk->body.data[0];

	if (first == INFILE) {
		my->infile = true;
		return await_client(my, msg);
	}
	if (first == OK && !(my->no_shape && pk->len < 7))
		return on_ok(my, pk, msg);
	return on_columns(my, pk, msg);
}

/* | 0 | id, 4 | columns, 2 | parameters, 2 | 0 | .. | */
static enum otr_parse on_prepared(struct otr_mysql *my, const struct otr_mysql_packet *pk,
				  struct otr_msg *msg)
{
	struct otr_slice body = pk->body;
	uint32_t columns, parameters;

	if (body.len < 9) {
		msg->partial = !pk->whole;
		return emit(my, msg);
	}
	otr_mysql_prepared(my, otr_mysql_debt(my)->serial, otr_mysql_u32(body.data + 1));
	columns = otr_mysql_u16(body.data + 5);
	parameters = otr_mysql_u16(body.data + 7);
	if (my->no_shape && body.len > 12 && !body.data[12])
		columns = parameters = 0;
	if (!columns && !parameters)
		return emit(my, msg);
	my->answer.more_shapes = parameters ? columns : 0;
	return begin_shapes(my, parameters ? parameters : columns, msg);
}

/* The definitions of parameters or columns of a statement are over. */
static enum otr_parse end_prepared(struct otr_mysql *my, struct otr_msg *msg)
{
	uint32_t n = my->answer.more_shapes;

	my->answer.more_shapes = 0;
	return n ? begin_shapes(my, n, msg) : emit(my, msg);
}

/* Takes the first packet of an answer. */
static enum otr_parse on_first(struct otr_mysql *my, const struct otr_mysql_packet *pk,
			       struct otr_msg *msg)
{
	const struct otr_mysql_debt *debt = otr_mysql_debt(my);
	unsigned char first;

	if (!my->answer.begun && pk->seq != 1 && !debt->continued &&
	    my->answer.step != OTR_MYSQL_TURN)
		return OTR_PARSE_SKIP; /* of an answer that was taken to be over */
	if (!pk->body.len)
		return otr_mysql_back_part(my, msg);
	my->answer.begun = true;
	first = (unsigned char)pk->body.data[0];
	if (first == ERROR) {
		if (debt->owed == OTR_MYSQL_OWES_PREPARE)
			otr_mysql_prepared(my, debt->serial, 0);
		return on_error(my, pk, msg);
	}
	switch ((enum otr_mysql_owed)debt->owed) {
	case OTR_MYSQL_OWES_RESULT:
		return on_result(my, pk, msg);
	case OTR_MYSQL_OWES_PREPARE:
		return on_prepared(my, pk, msg);
	case OTR_MYSQL_OWES_LOGIN:
		return first == OK ? on_ok(my, pk, msg) : await_client(my, msg);
	case OTR_MYSQL_OWES_OK:
		return first == OK ? on_ok(my, pk, msg) : emit(my, msg);
	case OTR_MYSQL_OWES_ROWS:
	case OTR_MYSQL_OWES_FIELDS:
		break;
	}
	return OTR_PARSE_BAD; /* the caller has not asked for these */
}

/* Takes a row, or the end of the rows. */
static enum otr_parse on_row(struct otr_mysql *my, const struct otr_mysql_packet *pk,
			     struct otr_msg *msg)
{
	struct otr_mysql_answer *a = &my->answer;
	uint32_t status = 0;

	a->begun = true;
	if (pk->body.len && (unsigned char)pk->body.data[0] == ERROR)
		return on_error(my, pk, msg);
	if (is_end(pk)) {
		if (end_status(pk, &status))
			return end_result(my, status, msg);
		msg->partial = true;
		return emit(my, msg);
	}
	a->step = OTR_MYSQL_ROWS;
	a->rows++;
	a->continued = pk->len == OTR_MYSQL_PACKET;
	return otr_mysql_back_part(my, msg);
}

/* Takes what follows the definitions of columns: EOF, unless both sides do without. There are no
 * rows behind it where a cursor was opened. */
static enum otr_parse on_shape_end(struct otr_mysql *my, const struct otr_mysql_packet *pk,
				   struct otr_msg *msg)
{
	uint32_t status = 0;

	if (otr_mysql_debt(my)->owed == OTR_MYSQL_OWES_PREPARE)
		return end_prepared(my, msg);
	if (!is_end(pk) || pk->len != 5)
		return on_row(my, pk, msg);
	my->deprecate = OTR_MYSQL_NO;
	my->answer.step = OTR_MYSQL_ROWS;
	if (end_status(pk, &status) && (status & OTR_MYSQL_CURSOR))
		return end_result(my, status, msg);
	return otr_mysql_back_part(my, msg);
}

/* Takes the definition of a column or a parameter. */
static enum otr_parse on_shape(struct otr_mysql *my, const struct otr_mysql_packet *pk,
			       struct otr_msg *msg)
{
	if (pk->body.len && (unsigned char)pk->body.data[0] == ERROR)
		return on_error(my, pk, msg);
	if (--my->answer.shapes)
		return otr_mysql_back_part(my, msg);
	my->answer.step = OTR_MYSQL_SHAPE_END;
	if (otr_mysql_debt(my)->owed == OTR_MYSQL_OWES_PREPARE && my->deprecate != OTR_MYSQL_NO)
		return end_prepared(my, msg);
	return otr_mysql_back_part(my, msg);
}

static enum otr_parse on_answer(struct otr_mysql *my, const struct otr_mysql_packet *pk,
				struct otr_msg *msg)
{
	uint8_t owed = otr_mysql_debt(my)->owed;

	if (my->answer.begun && pk->seq != my->answer.seq)
		return OTR_PARSE_BAD;
	my->answer.seq = (uint8_t)(pk->seq + 1);
	if (my->answer.continued) {
		my->answer.continued = pk->len == OTR_MYSQL_PACKET;
		return otr_mysql_back_part(my, msg);
	}
	switch ((enum otr_mysql_step)my->answer.step) {
	case OTR_MYSQL_TURN:
	case OTR_MYSQL_FIRST:
		if (owed == OTR_MYSQL_OWES_ROWS || owed == OTR_MYSQL_OWES_FIELDS) {
			my->answer.has_rows = owed == OTR_MYSQL_OWES_ROWS;
			return on_row(my, pk, msg);
		}
		return on_first(my, pk, msg);
	case OTR_MYSQL_SHAPES:
		return on_shape(my, pk, msg);
	case OTR_MYSQL_SHAPE_END:
		return on_shape_end(my, pk, msg);
	case OTR_MYSQL_ROWS:
		break;
	}
	return on_row(my, pk, msg);
}

enum otr_parse otr_mysql_back(struct otr_mysql *my, const struct otr_mysql_packet *pk,
			      struct otr_msg *msg)
{
	uint32_t status;

	if (my->phase == OTR_MYSQL_LOGIN_SENT) {
		if (pk->body.len && pk->body.data[0] == OK && ok_status(pk->body, &status))
			note_status(my, status);
		return otr_mysql_login_answer(my, pk);
	}
	if (my->n)
		return on_answer(my, pk, msg);
	if (!pk->seq && pk->body.len >= 32 && pk->body.data[0] == 10)
		otr_mysql_greeting(my, pk->body);
	return OTR_PARSE_SKIP;
}

/* Can a row begin with this byte? Those that begin an error or the end are looked at one by one. */
static bool is_plain_row(unsigned char first, uint32_t len)
{
	return first < END && len < OTR_MYSQL_PACKET;
}

size_t otr_mysql_rows(struct otr_mysql *my, struct otr_slice in)
{
	size_t at = 0;
	uint32_t len;

	if (my->answer.step != OTR_MYSQL_ROWS || my->answer.continued || !my->n)
		return 0;
	while (in.len - at > OTR_MYSQL_HEAD) {
		len = otr_mysql_u24(in.data + at);
		if (!is_plain_row((unsigned char)in.data[at + OTR_MYSQL_HEAD], len) ||
		    in.len - at - OTR_MYSQL_HEAD < len || !len ||
		    (uint8_t)in.data[at + 3] != my->answer.seq)
			break;
		at += OTR_MYSQL_HEAD + len;
		my->answer.rows++;
		my->answer.seq++;
	}
	return at;
}

/*
 * The answer was not copied whole. Its last packet is EOF or OK:
 *
 *	0 0 number 0xfe | warnings, 2 | status, 2	 number 0xfe 0 0 | status, 2 | warnings, 2
 *
 * Whether rows were lost is not known, so their number is not either.
 */
enum otr_parse otr_mysql_back_tail(struct otr_mysql *my, struct otr_slice in, struct otr_msg *msg)
{
	uint32_t status;

	if (in.len < 8 || !my->n)
		return OTR_PARSE_SKIP;
	in = otr_slice_sub(in, in.len - 8, in.len);
	if ((unsigned char)in.data[3] == END && !in.data[0] && !in.data[1])
		status = otr_mysql_u16(in.data + 6);
	else if ((unsigned char)in.data[1] == END && !in.data[2] && !in.data[3])
		status = otr_mysql_u16(in.data + 4);
	else
		return OTR_PARSE_SKIP;
	if (status & OTR_MYSQL_MORE_RESULTS)
		return OTR_PARSE_SKIP;
	my->answer.has_rows = false;
	emit(my, msg);
	msg->partial = true;
	return OTR_PARSE_MSG;
}
