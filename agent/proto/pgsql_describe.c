/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pgsql_describe.c - the span of a PostgreSQL request, by the OpenTelemetry conventions for database
 * spans 1.44.
 *
 * Departures: a text with parameters is sanitised like any other, since its literals may come from a
 * user. db.namespace is the database of the connection, without a schema. A batch that only prepares
 * is named PREPARE and the summary.
 */

#include "agent/proto/pgsql.h"

#include <errno.h>
#include <stdio.h>

#include "agent/proto/memory.h"
#include "agent/proto/msg.h"
#include "agent/proto/side.h"
#include "agent/proto/sql_cache.h"
#include "agent/span/span_builder.h"

#define PORT	 5432
#define NAME_MAX 320

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

static void set_server(const struct otr_side *side, struct otr_span_builder *sb)
{
	char buf[OTR_ADDR_TEXT];
	uint16_t port;

	otr_sb_string(sb, OTR_KEY_SERVER_ADDRESS, otr_side_server(side, buf, &port));
	if (port && port != PORT)
		otr_sb_int(sb, OTR_KEY_SERVER_PORT, port);
	otr_side_peer(side, sb);
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

int otr_pgsql_describe(const struct otr_side *side, const struct otr_msg *req,
		       const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	struct otr_sql_known sql;
	int rc = otr_sql_know(side->memory->statements, &sql, req->target);

	sb->span.kind = side->role == OTR_ROLE_SERVER ? OTR_SPAN_SERVER : OTR_SPAN_CLIENT;
	otr_sb_string(sb, OTR_KEY_DB_SYSTEM_NAME, otr_slice_str(otr_pgsql.system));
	otr_sb_string(sb, OTR_KEY_DB_NAMESPACE, otr_msg_text(req, OTR_KEY_DB_NAMESPACE));
	set_name(req, sql.summary, sb);
	set_server(side, sb);
	otr_sb_string(sb, OTR_KEY_OTRACE_CUT,
		      req->partial ? OTR_SLICE("statement")
				   : otr_msg_text(req, OTR_KEY_OTRACE_CUT));
	if (rsp)
		set_answer(rsp, sb);
	if (!side->settings || !side->settings->no_query_text)
		otr_sb_string(sb, OTR_KEY_DB_QUERY_TEXT, sql.text);
	return rc;
}
