/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_describe.c - the span of a Redis request, by the OpenTelemetry conventions for Redis 1.44.
 *
 * The span is named after the command, and the function that FCALL calls. Each command of a
 * pipeline or of a transaction is a span. db.namespace is the index of the database, where a SELECT
 * or the beginning of the connection (HELLO) was seen.
 */

#include <stdio.h>

#include "agent/proto/db_span.h"
#include "agent/proto/msg.h"
#include "agent/proto/redis.h"
#include "agent/proto/side.h"
#include "agent/span/span_builder.h"

#define PORT	 6379
#define NAME_MAX (OTR_REDIS_OP + OTR_REDIS_PROC)

/* A digest is no name for a person. */
static void set_name(const struct otr_msg *req, struct otr_span_builder *sb)
{
	struct otr_slice proc = otr_msg_text(req, OTR_KEY_DB_STORED_PROCEDURE_NAME);
	struct otr_slice name = req->op.len ? req->op : otr_slice_str(otr_redis.system);
	char buf[NAME_MAX];
	int n;

	if (proc.len && otr_lower(name.data[0]) == 'f') {
		n = snprintf(buf, sizeof(buf), "%.*s %.*s", OTR_SLICE_ARG(name),
			     OTR_SLICE_ARG(proc));
		name = otr_slice_sub((struct otr_slice){buf, sizeof(buf) - 1}, 0, (size_t)n);
	}
	otr_sb_name(sb, name);
	otr_sb_string(sb, OTR_KEY_DB_QUERY_SUMMARY, name);
	otr_sb_string(sb, OTR_KEY_DB_STORED_PROCEDURE_NAME, proc);
}

int otr_redis_describe(const struct otr_side *side, const struct otr_msg *req,
		       const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	sb->span.kind = side->role == OTR_ROLE_SERVER ? OTR_SPAN_SERVER : OTR_SPAN_CLIENT;
	otr_sb_string(sb, OTR_KEY_DB_SYSTEM_NAME, otr_slice_str(otr_redis.system));
	otr_sb_string(sb, OTR_KEY_DB_NAMESPACE, otr_msg_text(req, OTR_KEY_DB_NAMESPACE));
	otr_sb_string(sb, OTR_KEY_DB_OPERATION_NAME, req->op);
	set_name(req, sb);
	otr_db_server(side, PORT, sb);
	if (req->partial)
		otr_sb_string(sb, OTR_KEY_OTRACE_CUT, OTR_SLICE("statement"));
	if (rsp)
		otr_db_answer(rsp, sb);
	if (!side->settings || !side->settings->no_query_text)
		otr_sb_string(sb, OTR_KEY_DB_QUERY_TEXT, req->target);
	return 0;
}
