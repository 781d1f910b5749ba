/* SPDX-License-Identifier: Apache-2.0 */
/* sql_span.c - the parts of a span that databases with SQL have in common; see sql_span.h. */

#include "agent/proto/sql_span.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/proto/attr_cache.h"
#include "agent/proto/db_span.h"
#include "agent/proto/memory.h"
#include "agent/proto/msg.h"
#include "agent/proto/side.h"
#include "agent/proto/sql.h"
#include "agent/span/span_builder.h"

#define NAME_MAX 320

static void set_name(const struct otr_sql_span *d, struct otr_slice what,
		     struct otr_span_builder *sb)
{
	char name[NAME_MAX];
	int n;

	otr_sb_string(sb, OTR_KEY_DB_QUERY_SUMMARY, what);
	if (!what.len)
		what = d->name;
	if (!d->prepares) {
		otr_sb_name(sb, what);
		return;
	}
	n = snprintf(name, sizeof(name), "PREPARE %.*s", OTR_SLICE_ARG(what));
	otr_sb_name(sb, (struct otr_slice){name, (size_t)n});
}

/* Drops blanks beside a comment that was removed; before it, in MySQL alone. */
static struct otr_slice trimmed(struct otr_slice text, enum otr_sql_dialect dialect)
{
	while (text.len && text.data[text.len - 1] == ' ')
		text.len--;
	while (dialect != OTR_SQL_ANSI && text.len && text.data[0] == ' ')
		text = otr_slice_sub(text, 1, text.len);
	return text;
}

static void set_text(const struct otr_sql_span *d, struct otr_buf *text,
		     struct otr_span_builder *sb)
{
	if (d->side->settings && d->side->settings->no_query_text)
		return;
	otr_sql_sanitize_as(text, d->req->target, d->dialect);
	otr_sb_string(sb, OTR_KEY_DB_QUERY_TEXT, trimmed(otr_buf_view(text), d->dialect));
}

static int set_statement(struct otr_sql_span *d, struct otr_span_builder *sb)
{
	char room[1024], summary[OTR_SQL_SUMMARY_MAX];
	OTR_AUTO(otr_buf_fini)
	struct otr_buf text = OTR_BUF_ON(room, 2 * d->req->target.len + 1);
	size_t n = otr_sql_summary_as(summary, d->req->target, d->dialect);

	d->has_summary = n > 0;
	set_name(d, (struct otr_slice){summary, n}, sb);
	set_text(d, &text, sb);
	return text.rc == -ENOMEM ? -ENOMEM : 0;
}

static int set_server(struct otr_sql_span *d, struct otr_span_builder *sb)
{
	otr_sb_string(sb, OTR_KEY_DB_SYSTEM_NAME, d->system);
	otr_sb_string(sb, OTR_KEY_DB_NAMESPACE, otr_msg_text(d->req, OTR_KEY_DB_NAMESPACE));
	otr_db_server(d->side, d->default_port, sb);
	return 0;
}

/* The server's end is no span, so it has no key. */
static void server_key(const struct otr_sql_span *d, struct otr_attr_key *key)
{
	const struct otr_ev_conn *conn = d->side->conn;
	struct otr_slice db = otr_msg_text(d->req, OTR_KEY_DB_NAMESPACE);
	struct {
		uint32_t part, db_len;
		uint16_t unix_socket, variant;
		struct otr_addr end;
	} fixed = {.part = (unsigned char)d->server_part,
		   .db_len = (uint32_t)db.len,
		   .variant = d->variant};

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
static void statement_key(const struct otr_sql_span *d, struct otr_attr_key *key)
{
	const char fixed[] = {d->text_part, d->prepares, (char)d->dialect};

	otr_attr_key_begin(key, fixed, sizeof(fixed));
	otr_attr_key_add(key, d->req->target);
}

/* Sets a part of the span, as it is known or anew. It is remembered when it comes again. */
static int put_part(struct otr_sql_span *d, struct otr_span_builder *sb, struct otr_attr_key *key,
		    int (*set)(struct otr_sql_span *d, struct otr_span_builder *sb))
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

int otr_sql_span_server(struct otr_sql_span *d, struct otr_span_builder *sb)
{
	struct otr_attr_key key;

	otr_proto_memory_check(d->side->memory, d->side->settings);
	sb->span.kind = d->side->role == OTR_ROLE_SERVER ? OTR_SPAN_SERVER : OTR_SPAN_CLIENT;
	server_key(d, &key);
	return put_part(d, sb, &key, set_server);
}

int otr_sql_span_statement(struct otr_sql_span *d, struct otr_span_builder *sb)
{
	struct otr_attr_key key;

	statement_key(d, &key);
	return put_part(d, sb, &key, set_statement);
}

void otr_sql_span_end(const struct otr_sql_span *d, const struct otr_msg *rsp,
		      struct otr_span_builder *sb)
{
	otr_sb_string(sb, OTR_KEY_OTRACE_CUT,
		      d->req->partial ? OTR_SLICE("statement")
				      : otr_msg_text(d->req, OTR_KEY_OTRACE_CUT));
	if (rsp)
		otr_db_answer(rsp, sb);
}
