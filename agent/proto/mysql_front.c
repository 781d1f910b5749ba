/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mysql_front.c - packets of a MySQL client: commands, and the attributes of queries. MySQL 8.4
 * Source Code Documentation, "Command Phase"; MariaDB's "COM_STMT_BULK_EXECUTE".
 *
 * Departures: COM_QUIT, COM_STMT_CLOSE and COM_STMT_SEND_LONG_DATA, which have no answer, are no
 * requests. A command that is not known is stepped over with its answer.
 */

#include "agent/base/own.h"
#include "agent/proto/msg.h"
#include "agent/proto/mysql.h"
#include "agent/proto/sql.h"
#include "agent/proto/sql_lex.h"
#include "agent/proto/trace_context.h"

enum command {
	COM_QUIT = 0x01,
	COM_INIT_DB = 0x02,
	COM_QUERY = 0x03,
	COM_FIELD_LIST = 0x04,
	COM_CHANGE_USER = 0x11,
	COM_BINLOG_DUMP = 0x12,
	COM_TABLE_DUMP = 0x13,
	COM_STMT_PREPARE = 0x16,
	COM_STMT_EXECUTE = 0x17,
	COM_STMT_SEND_LONG_DATA = 0x18,
	COM_STMT_CLOSE = 0x19,
	COM_STMT_RESET = 0x1a,
	COM_STMT_FETCH = 0x1c,
	COM_BINLOG_DUMP_GTID = 0x1e,
	COM_RESET_CONNECTION = 0x1f,
	COM_LAST = 0x20,
	COM_STMT_BULK_EXECUTE = 0xfa,
};

/* Commands without a statement: db.operation.name, and what answers them. */
static const struct {
	uint8_t command;
	uint8_t owed;
	const char *name;
} plain[] = {
	{COM_FIELD_LIST, OTR_MYSQL_OWES_FIELDS, "FIELD LIST"},
	{0x05, OTR_MYSQL_OWES_OK, "CREATE DATABASE"},
	{0x06, OTR_MYSQL_OWES_OK, "DROP DATABASE"},
	{0x07, OTR_MYSQL_OWES_OK, "REFRESH"},
	{0x08, OTR_MYSQL_OWES_OK, "SHUTDOWN"},
	{0x09, OTR_MYSQL_OWES_OK, "STATISTICS"},
	{0x0a, OTR_MYSQL_OWES_RESULT, "PROCESS INFO"},
	{0x0c, OTR_MYSQL_OWES_OK, "KILL"},
	{0x0d, OTR_MYSQL_OWES_OK, "DEBUG"},
	{0x0e, OTR_MYSQL_OWES_OK, "PING"},
	{COM_CHANGE_USER, OTR_MYSQL_OWES_LOGIN, "CHANGE USER"},
	{0x15, OTR_MYSQL_OWES_OK, "REGISTER SLAVE"},
	{COM_STMT_RESET, OTR_MYSQL_OWES_OK, "RESET STATEMENT"},
	{0x1b, OTR_MYSQL_OWES_OK, "SET OPTION"},
	{COM_STMT_FETCH, OTR_MYSQL_OWES_ROWS, "FETCH"},
	{COM_RESET_CONNECTION, OTR_MYSQL_OWES_OK, "RESET CONNECTION"},
};

void otr_mysql_keep_db(char to[OTR_MYSQL_NAME], struct otr_slice name)
{
	memset(to, 0, OTR_MYSQL_NAME);
	if (name.len && name.len < OTR_MYSQL_NAME)
		memcpy(to, name.data, name.len);
}

/* The request that comes next sets the database, if it succeeds. */
void otr_mysql_expect_db(struct otr_mysql *my, struct otr_slice name)
{
	my->db_serial = my->serial + 1;
	otr_mysql_keep_db(my->next_db, name);
}

static void emit_facts(const struct otr_mysql *my, struct otr_msg *msg)
{
	if (!otr_slice_eq(msg->op, OTR_MYSQL_USE))
		otr_msg_add_text(msg, OTR_KEY_DB_NAMESPACE, otr_slice_str(my->database));
	if (my->mariadb == OTR_MYSQL_YES)
		otr_msg_add_custom(msg, OTR_MYSQL_SYSTEM, OTR_SLICE("mariadb"));
	if (my->escapes != OTR_MYSQL_YES)
		otr_msg_add_custom(msg, OTR_MYSQL_BACKSLASH, OTR_SLICE("unsure"));
}

static enum otr_parse emit_request(struct otr_mysql *my, const struct otr_mysql_packet *pk,
				   struct otr_slice op, enum otr_mysql_owed owed,
				   struct otr_msg *msg)
{
	bool continued = pk->len == OTR_MYSQL_PACKET;

	otr_mysql_owe(my, owed, continued);
	msg->kind = OTR_MSG_REQUEST;
	msg->op = op;
	msg->stream = my->serial;
	if (continued) {
		msg->end = OTR_END_LATER;
		my->continued = my->open = true;
	}
	emit_facts(my, msg);
	return OTR_PARSE_MSG;
}

/* Takes a token that is neither blank nor a comment. */
static struct otr_sql_token next_token(struct otr_slice sql, size_t *from)
{
	struct otr_sql_token tok;

	do
		tok = otr_sql_next_as(sql, from, OTR_SQL_MYSQL);
	while (tok.kind == OTR_SQL_SPACE || tok.kind == OTR_SQL_COMMENT);
	return tok;
}

static bool is_use(const struct otr_sql_token *tok)
{
	return tok->kind == OTR_SQL_WORD && otr_slice_eq_nocase(tok->text, OTR_SLICE("use"));
}

static bool is_sign(const struct otr_sql_token *tok, char c)
{
	return tok->kind == OTR_SQL_OTHER && tok->text.data[0] == c;
}

/* Returns the name behind USE, if it is plain and ends the text; otherwise none. */
static struct otr_slice used_name(struct otr_slice sql, size_t from)
{
	struct otr_sql_token name = next_token(sql, &from), end = next_token(sql, &from);

	if (is_sign(&end, ';'))
		end = next_token(sql, &from);
	if (end.kind != OTR_SQL_END)
		return OTR_SLICE_NONE;
	if (name.kind == OTR_SQL_QUOTED)
		name.text = otr_slice_sub(name.text, 1, name.text.len - 2);
	else if (name.kind != OTR_SQL_WORD)
		return OTR_SLICE_NONE;
	return memchr(name.text.data, '`', name.text.len) ? OTR_SLICE_NONE : name.text;
}

/* Does SET change how strings are read? The next answer says how they are read from then on. */
static void note_set(struct otr_mysql *my, struct otr_slice sql)
{
	const struct otr_slice word = OTR_SLICE("sql_mode");

	for (size_t i = 0; i + word.len <= sql.len; i++)
		if (otr_slice_eq_nocase(otr_slice_sub(sql, i, word.len), word))
			my->escapes = OTR_MYSQL_UNKNOWN;
}

/* Does the text choose a database? If USE stands behind another statement, or in a way that is not
 * read here, the database is not known from then on. */
static void note_text(struct otr_mysql *my, struct otr_slice sql)
{
	struct otr_sql_token tok;
	size_t from = 0;
	bool begins = true;

	if (!sql.len)
		return;
	tok = next_token(sql, &from);
	if (is_use(&tok)) {
		otr_mysql_expect_db(my, used_name(sql, from));
		return;
	}
	if (tok.kind == OTR_SQL_WORD && otr_slice_eq_nocase(tok.text, OTR_SLICE("set")))
		note_set(my, sql);
	if (!memchr(sql.data, ';', sql.len - 1))
		return;
	note_set(my, sql);
	for (; tok.kind != OTR_SQL_END; tok = next_token(sql, &from)) {
		if (begins && is_use(&tok))
			otr_mysql_expect_db(my, OTR_SLICE_NONE);
		begins = is_sign(&tok, ';');
	}
}

/* Reads the context that a driver writes into a comment or an attribute. */
static void emit_context(struct otr_slice context, struct otr_msg *msg)
{
	if (!context.len && msg->target.len)
		context = otr_sql_context_as(msg->target, OTR_SQL_MYSQL);
	if (otr_traceparent_valid(context))
		msg->trace_ctx = context;
}

static enum otr_parse on_query(struct otr_mysql *my, const struct otr_mysql_packet *pk,
			       struct otr_slice body, struct otr_msg *msg)
{
	struct otr_slice context = OTR_SLICE_NONE;

	if (my->attrs || otr_slice_starts(body, (struct otr_slice){"\0\1", 2})) {
		body = otr_mysql_query(body, &context);
		if (!body.len)
			otr_msg_add_text(msg, OTR_KEY_OTRACE_CUT, OTR_SLICE("statement"));
	}
	msg->target = body;
	msg->partial = body.len && !pk->whole;
	note_text(my, body);
	emit_context(context, msg);
	return emit_request(my, pk, OTR_MYSQL_QUERY, OTR_MYSQL_OWES_RESULT, msg);
}

static enum otr_parse on_prepare(struct otr_mysql *my, const struct otr_mysql_packet *pk,
				 struct otr_slice body, struct otr_msg *msg)
{
	otr_mysql_prepare(my, my->serial + 1, body, !pk->whole);
	msg->target = body;
	msg->partial = !pk->whole;
	emit_context(OTR_SLICE_NONE, msg);
	return emit_request(my, pk, OTR_MYSQL_PREPARE, OTR_MYSQL_OWES_PREPARE, msg);
}

/* The text is not known if the statement was prepared before otrace began, or was forgotten. */
static enum otr_parse on_execute(struct otr_mysql *my, const struct otr_mysql_packet *pk,
				 struct otr_slice body, struct otr_msg *msg)
{
	const struct otr_mysql_stmt *s = NULL;

	if (body.len >= 4)
		s = otr_mysql_stmt(my, otr_mysql_u32(body.data));
	if (s) {
		msg->target = (struct otr_slice){my->arena + s->at, s->len};
		msg->partial = s->cut;
	} else {
		otr_msg_add_text(msg, OTR_KEY_OTRACE_CUT, OTR_SLICE("statement"));
	}
	return emit_request(my, pk, OTR_MYSQL_EXECUTE, OTR_MYSQL_OWES_RESULT, msg);
}

static enum otr_parse on_init_db(struct otr_mysql *my, const struct otr_mysql_packet *pk,
				 struct otr_slice body, struct otr_msg *msg)
{
	otr_mysql_expect_db(my, body);
	otr_msg_add_text(msg, OTR_KEY_DB_NAMESPACE, otr_slice_str(my->next_db));
	return emit_request(my, pk, OTR_MYSQL_USE, OTR_MYSQL_OWES_OK, msg);
}

/* | user, 0 | length, 1 | response | database, 0 | .. | */
static void note_change_user(struct otr_mysql *my, struct otr_slice body)
{
	struct otr_slice user, db = OTR_SLICE_NONE;
	size_t skip;

	if (otr_mysql_string(&body, &user) && body.len) {
		skip = 1 + (size_t)(unsigned char)body.data[0];
		body = otr_slice_sub(body, skip, body.len);
		otr_mysql_string(&body, &db);
	}
	otr_mysql_expect_db(my, db);
}

static enum otr_parse on_plain(struct otr_mysql *my, const struct otr_mysql_packet *pk,
			       uint8_t command, struct otr_msg *msg)
{
	for (size_t i = 0; i < OTR_ARRAY_SIZE(plain); i++)
		if (plain[i].command == command)
			return emit_request(my, pk, otr_slice_str(plain[i].name),
					    (enum otr_mysql_owed)plain[i].owed, msg);
	my->continued = pk->len == OTR_MYSQL_PACKET;
	return OTR_PARSE_SKIP;
}

static enum otr_parse give_up(struct otr_mysql *my)
{
	my->opaque = true;
	return OTR_PARSE_SWITCH;
}

static enum otr_parse on_command(struct otr_mysql *my, const struct otr_mysql_packet *pk,
				 struct otr_msg *msg)
{
	uint8_t command = (uint8_t)pk->body.data[0];
	struct otr_slice body = otr_slice_sub(pk->body, 1, pk->body.len);

	switch (command) {
	case COM_QUERY:
		return on_query(my, pk, body, msg);
	case COM_STMT_PREPARE:
		return on_prepare(my, pk, body, msg);
	case COM_STMT_EXECUTE:
	case COM_STMT_BULK_EXECUTE:
		return on_execute(my, pk, body, msg);
	case COM_INIT_DB:
		return on_init_db(my, pk, body, msg);
	case COM_STMT_CLOSE:
		if (body.len >= 4)
			otr_mysql_close(my, otr_mysql_u32(body.data));
		return OTR_PARSE_SKIP;
	case COM_CHANGE_USER:
		note_change_user(my, body);
		break;
	case COM_BINLOG_DUMP:
	case COM_TABLE_DUMP:
	case COM_BINLOG_DUMP_GTID:
		return give_up(my);
	default:
		break;
	}
	return on_plain(my, pk, command, msg);
}

/* Takes a packet that goes on with a message of several packets. */
static enum otr_parse on_continued(struct otr_mysql *my, const struct otr_mysql_packet *pk,
				   struct otr_msg *msg)
{
	my->continued = pk->len == OTR_MYSQL_PACKET;
	msg->over = my->open && !my->continued;
	my->open &= my->continued;
	return OTR_PARSE_SKIP;
}

/* Inside TLS, and where the greeting was lost, the login is the first packet. */
static bool is_first_login(const struct otr_mysql *my, const struct otr_mysql_packet *pk)
{
	return !my->serial && my->phase == OTR_MYSQL_COMMANDS && pk->seq <= 2 &&
	       pk->body.len >= 32 && (otr_mysql_u32(pk->body.data) & OTR_MYSQL_CAN_41);
}

static bool is_command(unsigned char c)
{
	return (c && c <= COM_LAST) || c >= COM_STMT_BULK_EXECUTE;
}

enum otr_parse otr_mysql_front(struct otr_mysql *my, const struct otr_mysql_packet *pk,
			       struct otr_msg *msg)
{
	if (my->continued)
		return on_continued(my, pk, msg);
	if (my->infile) {
		my->infile = pk->len > 0; /* an empty packet ends the file */
		return OTR_PARSE_SKIP;
	}
	if (pk->seq && (my->phase == OTR_MYSQL_GREETED || is_first_login(my, pk)))
		return otr_mysql_login(my, pk);
	if (pk->seq) /* a response of authentication; a part of a file */
		return OTR_PARSE_SKIP;
	if (!pk->len || (pk->body.len && !is_command((unsigned char)pk->body.data[0])))
		return OTR_PARSE_BAD;
	if (!pk->body.len) /* a hole begins within the packet */
		return OTR_PARSE_SKIP;
	my->phase = OTR_MYSQL_COMMANDS;
	return on_command(my, pk, msg);
}
