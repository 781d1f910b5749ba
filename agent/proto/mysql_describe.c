/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mysql_describe.c - the span of a MySQL request, by the OpenTelemetry conventions for database
 * spans 1.44.
 *
 * Departures: those of sql_span.h; db.namespace is the database of the connection; of USE, the one
 * that it chooses.
 */

#include <stdio.h>

#include "agent/proto/msg.h"
#include "agent/proto/mysql.h"
#include "agent/proto/sql_span.h"
#include "agent/span/span_builder.h"

#define PORT	 3306
#define NAME_MAX 320

static bool is_op(const struct otr_msg *req, struct otr_slice op)
{
	return otr_slice_eq(req->op, op);
}

static bool has_statement(const struct otr_msg *req)
{
	return is_op(req, OTR_MYSQL_QUERY) || is_op(req, OTR_MYSQL_EXECUTE) ||
	       is_op(req, OTR_MYSQL_PREPARE);
}

/* A command without a statement has the name of its operation. */
static void set_command(const struct otr_msg *req, struct otr_span_builder *sb)
{
	struct otr_slice db = otr_msg_text(req, OTR_KEY_DB_NAMESPACE);
	char name[NAME_MAX];
	int n;

	otr_sb_string(sb, OTR_KEY_DB_OPERATION_NAME, req->op);
	if (!is_op(req, OTR_MYSQL_USE) || !db.len) {
		otr_sb_name(sb, req->op);
		return;
	}
	n = snprintf(name, sizeof(name), "USE %.*s", OTR_SLICE_ARG(db));
	otr_sb_name(sb, (struct otr_slice){name, (size_t)n});
}

int otr_mysql_describe(const struct otr_side *side, const struct otr_msg *req,
		       const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	struct otr_slice system = otr_msg_custom(req, OTR_MYSQL_SYSTEM);
	struct otr_slice db = otr_msg_text(req, OTR_KEY_DB_NAMESPACE);
	struct otr_sql_span d = {.side = side,
				 .req = req,
				 .system = system.len ? system : otr_slice_str(otr_mysql.system),
				 .server_part = 'm',
				 .text_part = 'n',
				 .variant = system.len > 0,
				 .default_port = PORT,
				 .dialect = OTR_SQL_MYSQL,
				 .prepares = is_op(req, OTR_MYSQL_PREPARE)};
	int rc;

	d.name = db.len ? db : d.system;
	if (otr_msg_custom(req, OTR_MYSQL_BACKSLASH).len)
		d.dialect = OTR_SQL_MYSQL_UNSURE;
	rc = otr_sql_span_server(&d, sb);
	if (!has_statement(req))
		set_command(req, sb);
	else if (!rc)
		rc = otr_sql_span_statement(&d, sb);
	otr_sql_span_end(&d, rsp, sb);
	return rc;
}
