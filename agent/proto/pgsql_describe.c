/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pgsql_describe.c - the span of a PostgreSQL request, by the OpenTelemetry conventions for
 * database spans 1.44.
 *
 * Departures: those of sql_span.h; db.namespace is the database of the connection, without a schema.
 */

#include "agent/proto/msg.h"
#include "agent/proto/pgsql.h"
#include "agent/proto/sql_span.h"

#define PORT 5432

/* Names a span whose statement is not known. */
static struct otr_slice fallback_name(const struct otr_msg *req)
{
	struct otr_slice db = otr_msg_text(req, OTR_KEY_DB_NAMESPACE);

	if (otr_slice_eq(req->op, OTR_PGSQL_CANCEL))
		return OTR_SLICE("CANCEL");
	return db.len ? db : otr_slice_str(otr_pgsql.system);
}

int otr_pgsql_describe(const struct otr_side *side, const struct otr_msg *req,
		       const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	struct otr_sql_span d = {.side = side,
				 .req = req,
				 .system = otr_slice_str(otr_pgsql.system),
				 .name = fallback_name(req),
				 .server_part = 'p',
				 .text_part = 'q',
				 .default_port = PORT,
				 .dialect = OTR_SQL_ANSI,
				 .prepares = otr_slice_eq(req->op, OTR_PGSQL_PREPARE)};
	int rc = otr_sql_span_server(&d, sb);

	if (!rc)
		rc = otr_sql_span_statement(&d, sb);
	otr_sql_span_end(&d, rsp, sb);
	return rc;
}
