/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pgsql_front.c - messages of a PostgreSQL client: start-up, simple and extended query, COPY.
 * Manual of version 17, sections 55.2 and 55.7.
 *
 *	Parse Bind Describe Execute Bind Execute Sync
 *	|----- a request ----------|--- another -|
 */

#include "agent/base/own.h"
#include "agent/proto/msg.h"
#include "agent/proto/pgsql.h"
#include "agent/proto/sql.h"
#include "agent/proto/trace_context.h"

#define CODE_CANCEL 80877102u
#define CODE_SSL    80877103u
#define CODE_GSS    80877104u

struct otr_slice otr_pgsql_string(struct otr_slice *in, bool *whole)
{
	const char *nul = in->len ? memchr(in->data, 0, in->len) : NULL;
	struct otr_slice s = *in;

	*whole = nul != NULL;
	if (nul)
		s.len = (size_t)(nul - s.data);
	*in = otr_slice_sub(*in, s.len + 1, in->len);
	return s;
}

static void keep_name(char to[OTR_PGSQL_NAME], struct otr_slice name)
{
	memset(to, 0, OTR_PGSQL_NAME);
	memcpy(to, name.data, name.len < OTR_PGSQL_NAME ? name.len : OTR_PGSQL_NAME - 1);
}

/* Reads StartupMessage: pairs of strings, among them the user and the database. */
static void read_parameters(struct otr_pgsql *pg, struct otr_slice in)
{
	struct otr_slice key, value;
	bool whole = true;

	while (in.len && whole) {
		key = otr_pgsql_string(&in, &whole);
		if (!key.len)
			return;
		value = otr_pgsql_string(&in, &whole);
		if (!value.len)
			continue;
		if (otr_slice_eq(key, OTR_SLICE("database")))
			keep_name(pg->database, value);
		else if (otr_slice_eq(key, OTR_SLICE("user")))
			keep_name(pg->user, value);
	}
}

static void emit_names(const struct otr_pgsql *pg, struct otr_msg *msg)
{
	const char *db = pg->database[0] ? pg->database : pg->user;

	otr_msg_add_text(msg, OTR_KEY_DB_NAMESPACE, otr_slice_str(db));
}

enum otr_parse otr_pgsql_startup(struct otr_pgsql *pg, struct otr_slice in, unsigned int flags,
				 uint64_t *used, struct otr_msg *msg)
{
	uint32_t len, code;

	if (!otr_pgsql_startup_valid(in))
		return OTR_PARSE_BAD;
	if (in.len < 8) {
		*used = flags ? in.len : 0;
		return flags ? OTR_PARSE_SKIP : OTR_PARSE_MORE;
	}
	len = otr_pgsql_u32(in.data);
	code = otr_pgsql_u32(in.data + 4);
	if (in.len < len && !flags)
		return OTR_PARSE_MORE;
	*used = len;
	if (code == CODE_CANCEL) {
		msg->kind = OTR_MSG_ONEWAY;
		msg->op = OTR_PGSQL_CANCEL;
		return OTR_PARSE_MSG;
	}
	pg->asked = code == CODE_SSL || code == CODE_GSS;
	if (!pg->asked)
		read_parameters(pg, otr_slice_sub(in, 8, len - 8));
	return OTR_PARSE_SKIP;
}

static enum otr_parse emit_request(struct otr_pgsql *pg, struct otr_slice op,
				   enum otr_pgsql_owed owed, struct otr_msg *msg)
{
	otr_pgsql_owe(pg, owed);
	msg->kind = OTR_MSG_REQUEST;
	msg->op = op;
	msg->stream = pg->serial;
	emit_names(pg, msg);
	return OTR_PARSE_MSG;
}

/* Sets the text of the statement. It is not known if it was prepared before otrace began, or if
 * it was forgotten. */
static void emit_text(const struct otr_pgsql *pg, uint64_t name, struct otr_msg *msg)
{
	const struct otr_pgsql_stmt *s = otr_pgsql_stmt(pg, name);

	if (s) {
		msg->target = (struct otr_slice){pg->arena + s->at, s->len};
		msg->partial |= s->cut;
	} else {
		otr_msg_add_text(msg, OTR_KEY_OTRACE_CUT, OTR_SLICE("statement"));
	}
}

static enum otr_parse take_part(struct otr_msg *msg)
{
	msg->opens = true;
	return OTR_PARSE_SKIP;
}

/* Reads the context that a driver writes into a comment. It counts only for the batch that sent
 * the text: when the statement is executed again later, the text still has the context of the
 * first time. */
static void emit_context(struct otr_msg *msg)
{
	struct otr_slice context = otr_sql_context(msg->target);

	if (otr_traceparent_valid(context))
		msg->trace_ctx = context;
}

static enum otr_parse on_query(struct otr_pgsql *pg, const struct otr_pgsql_frame *fr,
			       struct otr_msg *msg)
{
	struct otr_slice body = fr->body;
	bool whole;

	msg->target = otr_pgsql_string(&body, &whole);
	msg->partial = !whole;
	emit_context(msg);
	return emit_request(pg, OTR_PGSQL_QUERY, OTR_PGSQL_OWES_READY, msg);
}

static enum otr_parse on_parse(struct otr_pgsql *pg, const struct otr_pgsql_frame *fr,
			       struct otr_msg *msg)
{
	struct otr_slice body = fr->body, name, text;
	bool whole, all;

	name = otr_pgsql_string(&body, &whole);
	text = otr_pgsql_string(&body, &all);
	if (whole)
		otr_pgsql_prepare(pg, name, text, !all);
	pg->running = pg->fresh = whole ? otr_pgsql_hash(name) : 0;
	pg->parsed = true;
	return take_part(msg);
}

static enum otr_parse on_bind(struct otr_pgsql *pg, const struct otr_pgsql_frame *fr,
			      struct otr_msg *msg)
{
	struct otr_slice body = fr->body, portal, stmt;
	bool whole, all;

	portal = otr_pgsql_string(&body, &whole);
	stmt = otr_pgsql_string(&body, &all);
	if (whole && all)
		otr_pgsql_bind(pg, portal, stmt);
	else
		otr_pgsql_close(pg, 'P', portal);
	return take_part(msg);
}

static enum otr_parse on_execute(struct otr_pgsql *pg, const struct otr_pgsql_frame *fr,
				 struct otr_msg *msg)
{
	struct otr_slice body = fr->body;
	uint64_t stmt;
	bool whole;

	pg->executed = true;
	stmt = otr_pgsql_portal(pg, otr_pgsql_string(&body, &whole));
	emit_text(pg, stmt, msg);
	if (pg->parsed && stmt == pg->fresh)
		emit_context(msg);
	return emit_request(pg, OTR_PGSQL_EXECUTE, OTR_PGSQL_OWES_ROWS, msg);
}

/* Ends a batch. A batch that only prepares is a request: it takes a round trip, and the errors
 * of the statement come in its answer. */
static enum otr_parse on_sync(struct otr_pgsql *pg, struct otr_msg *msg)
{
	bool prepared = pg->parsed && !pg->executed;

	pg->parsed = pg->described = pg->executed = false;
	if (!prepared) {
		otr_pgsql_owe(pg, OTR_PGSQL_OWES_SYNC);
		return OTR_PARSE_SKIP;
	}
	emit_text(pg, pg->running, msg);
	if (pg->running == pg->fresh)
		emit_context(msg);
	return emit_request(pg, OTR_PGSQL_PREPARE, OTR_PGSQL_OWES_READY, msg);
}

/* The same for a driver that flushes, to read the answer to a Prepare before it executes. */
static enum otr_parse on_flush(struct otr_pgsql *pg, struct otr_msg *msg)
{
	enum otr_pgsql_owed owed = pg->described ? OTR_PGSQL_OWES_SHAPE : OTR_PGSQL_OWES_PARSE;

	if (!pg->parsed || pg->executed)
		return OTR_PARSE_SKIP;
	pg->parsed = pg->described = false;
	emit_text(pg, pg->running, msg);
	if (pg->running == pg->fresh)
		emit_context(msg);
	return emit_request(pg, OTR_PGSQL_PREPARE, owed, msg);
}

static enum otr_parse on_close(struct otr_pgsql *pg, const struct otr_pgsql_frame *fr)
{
	struct otr_slice name = otr_slice_sub(fr->body, 1, fr->body.len);
	bool whole;

	name = otr_pgsql_string(&name, &whole);
	if (fr->body.len && whole)
		otr_pgsql_close(pg, fr->body.data[0], name);
	return OTR_PARSE_SKIP;
}

enum otr_parse otr_pgsql_front(struct otr_pgsql *pg, const struct otr_pgsql_frame *fr,
			       struct otr_msg *msg)
{
	switch (fr->type) {
	case 'Q':
		return on_query(pg, fr, msg);
	case 'P':
		return on_parse(pg, fr, msg);
	case 'B':
		return on_bind(pg, fr, msg);
	case 'E':
		return on_execute(pg, fr, msg);
	case 'S':
		return on_sync(pg, msg);
	case 'F':
		return emit_request(pg, OTR_PGSQL_CALL, OTR_PGSQL_OWES_READY, msg);
	case 'H':
		return on_flush(pg, msg);
	case 'D':
		pg->described = true;
		return take_part(msg);
	case 'C':
		return on_close(pg, fr);
	default: /* COPY, passwords, Terminate: stepped over */
		return OTR_PARSE_SKIP;
	}
}

/* Takes the tail of a batch whose Bind was too long to be copied whole: if it ends with an
 * Execute without a limit of rows, and Sync, the batch is a request. */
enum otr_parse otr_pgsql_front_tail(struct otr_pgsql *pg, struct otr_slice in, struct otr_msg *msg)
{
	static const char end[8] = {0, 0, 0, 'S', 0, 0, 0, 4};

	if (in.len != sizeof(end) || memcmp(in.data, end, sizeof(end)) || !pg->running ||
	    pg->executed)
		return OTR_PARSE_SKIP;
	pg->parsed = pg->described = false;
	msg->partial = true;
	emit_text(pg, pg->running, msg);
	emit_request(pg, OTR_PGSQL_EXECUTE, OTR_PGSQL_OWES_ROWS, msg);
	otr_pgsql_owe(pg, OTR_PGSQL_OWES_SYNC);
	return OTR_PARSE_MSG;
}
