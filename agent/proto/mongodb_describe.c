/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mongodb_describe.c - spans of MongoDB, by the OpenTelemetry conventions for MongoDB 1.45: "find
 * users", where there is no collection "ping admin". Filters and documents are not shown.
 */

#include <stdio.h>

#include "agent/proto/db_span.h"
#include "agent/proto/mongodb.h"
#include "agent/proto/msg.h"
#include "agent/proto/side.h"
#include "agent/span/span_builder.h"

#define PORT	 27017
#define NAME_MAX 320

static void set_name(const struct otr_msg *req, struct otr_span_builder *sb)
{
	struct otr_slice of = otr_msg_text(req, OTR_KEY_DB_COLLECTION_NAME);
	char name[NAME_MAX];
	int n;

	if (!of.len)
		of = otr_msg_text(req, OTR_KEY_DB_NAMESPACE);
	if (!req->op.len) {
		otr_sb_name(sb, of.len ? of : otr_slice_str(otr_mongodb.system));
		return;
	}
	n = snprintf(name, sizeof(name), "%.*s%s%.*s", OTR_SLICE_ARG(req->op), of.len ? " " : "",
		     OTR_SLICE_ARG(of));
	of = otr_slice_sub((struct otr_slice){name, sizeof(name) - 1}, 0, (size_t)n);
	otr_sb_name(sb, of);
	otr_sb_string(sb, OTR_KEY_DB_QUERY_SUMMARY, of);
}

static void set_answer(const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	otr_db_answer(rsp, sb);
	if (rsp->failed && !otr_msg_text(rsp, OTR_KEY_DB_RESPONSE_STATUS_CODE).len)
		otr_sb_error(sb, OTR_SLICE("_OTHER"));
}

int otr_mongodb_describe(const struct otr_side *side, const struct otr_msg *req,
			 const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	int64_t batch = otr_msg_int(req, OTR_KEY_DB_OPERATION_BATCH_SIZE, 0);

	sb->span.kind = side->role == OTR_ROLE_SERVER ? OTR_SPAN_SERVER : OTR_SPAN_CLIENT;
	otr_sb_string(sb, OTR_KEY_DB_SYSTEM_NAME, otr_slice_str(otr_mongodb.system));
	otr_sb_string(sb, OTR_KEY_DB_NAMESPACE, otr_msg_text(req, OTR_KEY_DB_NAMESPACE));
	otr_sb_string(sb, OTR_KEY_DB_COLLECTION_NAME,
		      otr_msg_text(req, OTR_KEY_DB_COLLECTION_NAME));
	otr_sb_string(sb, OTR_KEY_DB_OPERATION_NAME, req->op);
	if (batch > 1)
		otr_sb_int(sb, OTR_KEY_DB_OPERATION_BATCH_SIZE, batch);
	set_name(req, sb);
	otr_db_server(side, PORT, sb);
	otr_sb_string(sb, OTR_KEY_OTRACE_CUT,
		      req->partial ? OTR_SLICE("statement")
				   : otr_msg_text(req, OTR_KEY_OTRACE_CUT));
	if (rsp)
		set_answer(rsp, sb);
	return 0;
}
