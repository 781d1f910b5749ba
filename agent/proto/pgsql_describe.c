/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pgsql_describe.c - the span of a PostgreSQL request, by the OpenTelemetry conventions for
 * database spans 1.44.
 *
 * Departures: a text with parameters is sanitised like any other, since its literals may come from
 * a user. db.namespace is the database of the connection, without a schema. A batch that only
 * prepares is named PREPARE and the summary.
 *
 * Two parts of a span come again, each for itself, and are remembered (attr_cache.h): the server
 * with its database, and the statement.
 */

#include "agent/proto/pgsql.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/proto/attr_cache.h"
#include "agent/proto/memory.h"
#include "agent/proto/msg.h"
#include "agent/proto/side.h"
#include "agent/proto/sql.h"
#include "agent/span/span_builder.h"

#define PORT	 5432
#define NAME_MAX 320

enum part { /* the first byte of each key in the cache of a stitcher */
	PART_SERVER = 'p',
	PART_STATEMENT,
};

struct description {
	const struct otr_side *side;
	const struct otr_msg *req;
	bool has_summary;
};

static bool is_op(const struct otr_msg *req, struct otr_slice op)
{
	return otr_slice_eq(req->op, op);
}

/* Names a span whose statement is not known. */
static struct otr_slice fallback_name(const struct otr_msg *req)
{
	struct otr_slice db = otr_msg_text(req, OTR_KEY_DB_NAMESPACE);

	if (is_op(req, OTR_PGSQL_CANCEL))
		return OTR_SLICE("CANCEL");
	return db.len ? db : OTR_SLICE("postgresql");
}

static void set_name(const struct otr_msg *req, struct otr_slice what, struct otr_span_builder *sb)
{
	char name[NAME_MAX];
	int n;

	otr_sb_string(sb, OTR_KEY_DB_QUERY_SUMMARY, what);
	if (!what.len)
		what = fallback_name(req);
	if (!is_op(req, OTR_PGSQL_PREPARE)) {
		otr_sb_name(sb, what);
		return;
	}
	n = snprintf(name, sizeof(name), "PREPARE %.*s", OTR_SLICE_ARG(what));
	otr_sb_name(sb, (struct otr_slice){name, (size_t)n});
}

static void set_text(const struct description *d, struct otr_buf *text, struct otr_span_builder *sb)
{
	if (d->side->settings && d->side->settings->no_query_text)
		return;
	otr_sql_sanitize(text, d->req->target);
	while (text->len && text->data[text->len - 1] == ' ')
		text->len--; /* drop blanks before a comment that was removed */
	otr_sb_string(sb, OTR_KEY_DB_QUERY_TEXT, otr_buf_view(text));
}

static int set_statement(struct description *d, struct otr_span_builder *sb)
{
	char room[1024], summary[OTR_SQL_SUMMARY_MAX];
	OTR_AUTO(otr_buf_fini)
	struct otr_buf text = OTR_BUF_ON(room, 2 * d->req->target.len + 1);
	size_t n = otr_sql_summary(summary, d->req->target);

	d->has_summary = n > 0;
	set_name(d->req, (struct otr_slice){summary, n}, sb);
	set_text(d, &text, sb);
	return text.rc == -ENOMEM ? -ENOMEM : 0;
}

static int set_server(struct description *d, struct otr_span_builder *sb)
{
	char buf[OTR_ADDR_TEXT];
	uint16_t port;

	otr_sb_string(sb, OTR_KEY_DB_SYSTEM_NAME, otr_slice_str(otr_pgsql.system));
	otr_sb_string(sb, OTR_KEY_DB_NAMESPACE, otr_msg_text(d->req, OTR_KEY_DB_NAMESPACE));
	otr_sb_string(sb, OTR_KEY_SERVER_ADDRESS, otr_side_server(d->side, buf, &port));
	if (port && port != PORT)
		otr_sb_int(sb, OTR_KEY_SERVER_PORT, port);
	otr_side_peer(d->side, sb);
	return 0;
}

static void set_answer(const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	struct otr_slice state = otr_msg_text(rsp, OTR_KEY_DB_RESPONSE_STATUS_CODE);
	int64_t rows = otr_msg_int(rsp, OTR_KEY_DB_RESPONSE_RETURNED_ROWS, -1);

	otr_sb_string(sb, OTR_KEY_DB_RESPONSE_STATUS_CODE, state);
	if (rsp->failed)
		otr_sb_error(sb, state);
	if (rows >= 0)
		otr_sb_int(sb, OTR_KEY_DB_RESPONSE_RETURNED_ROWS, rows);
	if (rsp->partial)
		otr_sb_string(sb, OTR_KEY_OTRACE_CUT, OTR_SLICE("answer"));
}

/* The server's end is no span, so it has no key. */
static void server_key(const struct description *d, struct otr_attr_key *key)
{
	const struct otr_ev_conn *conn = d->side->conn;
	struct otr_slice db = otr_msg_text(d->req, OTR_KEY_DB_NAMESPACE);
	struct {
		uint32_t part, db_len;
		uint16_t unix_socket, zero;
		struct otr_addr end;
	} fixed = {.part = PART_SERVER, .db_len = (uint32_t)db.len};

	key->len = 0;
	if (!conn || d->side->role == OTR_ROLE_SERVER)
		return;
	fixed.end = conn->remote;
	fixed.unix_socket = conn->local.family == AF_UNIX || conn->remote.family == AF_UNIX;
	otr_attr_key_begin(key, &fixed, sizeof(fixed));
	otr_attr_key_add(key, db);
	if (fixed.unix_socket)
		otr_attr_key_add(key, (struct otr_slice){conn->path, sizeof(conn->path)});
}

/* Only a statement names the span; without one the name depends on more. */
static void statement_key(const struct description *d, struct otr_attr_key *key)
{
	const char fixed[] = {PART_STATEMENT, is_op(d->req, OTR_PGSQL_PREPARE)};

	otr_attr_key_begin(key, fixed, sizeof(fixed));
	otr_attr_key_add(key, d->req->target);
}

/* Sets a part of the span, as it is known or anew. It is remembered when it comes again. */
static int put_part(struct description *d, struct otr_span_builder *sb, struct otr_attr_key *key,
		    int (*set)(struct description *d, struct otr_span_builder *sb))
{
	struct otr_attr_cache *cache = d->side->memory->attrs;
	const struct otr_attr_known *known = otr_attr_cache_find(cache, key);
	uint16_t from = sb->span.n_attrs;
	int rc;

	if (known) {
		otr_sb_block(sb, known->block);
		return 0;
	}
	rc = set(d, sb);
	if (!rc && (set == set_server || d->has_summary) && otr_attr_cache_wants(cache, key))
		otr_attr_cache_put(cache, key, otr_sb_block_since(sb, from, set == set_statement),
				   NULL, 0);
	return rc;
}

int otr_pgsql_describe(const struct otr_side *side, const struct otr_msg *req,
		       const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	struct description d = {.side = side, .req = req};
	struct otr_attr_key key;
	int rc;

	otr_proto_memory_check(side->memory, side->settings);
	sb->span.kind = side->role == OTR_ROLE_SERVER ? OTR_SPAN_SERVER : OTR_SPAN_CLIENT;
	server_key(&d, &key);
	rc = put_part(&d, sb, &key, set_server);
	statement_key(&d, &key);
	if (!rc)
		rc = put_part(&d, sb, &key, set_statement);
	otr_sb_string(sb, OTR_KEY_OTRACE_CUT,
		      req->partial ? OTR_SLICE("statement")
				   : otr_msg_text(req, OTR_KEY_OTRACE_CUT));
	if (rsp)
		set_answer(rsp, sb);
	return rc;
}
