/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mongodb_back.c - answers of a server of MongoDB.
 *
 *	{cursor: {firstBatch: [..], id: 4711, ns: "shop.users"}, ok: 1}
 *	{ok: 0, errmsg: "..", code: 59, codeName: "CommandNotFound"}
 *	{n: 1, writeErrors: [{index: 1, code: 11000, ..}, ..], ok: 1}
 *
 * An error is told in a short answer. A long one, of which the end was not copied, is no error where
 * it is data that is long.
 */

#include <inttypes.h>
#include <stdio.h>

#include "agent/base/own.h"
#include "agent/proto/mongodb.h"
#include "agent/proto/msg.h"

#define FAILED_QUERY 2u /* a flag of OP_REPLY */

/* What is read of an answer; begins zeroed. */
struct answer {
	bool failed;
	bool has_code;
	bool cut;     /* what would say that it failed is not there */
	int64_t code; /* of the first error */
};

static bool is_data(struct otr_slice key)
{
	static const char *const names[] = {"cursor", "value", "values", "results", "retval"};

	for (size_t i = 0; i < OTR_ARRAY_SIZE(names); i++)
		if (otr_slice_eq(key, otr_slice_str(names[i])))
			return true;
	return false;
}

static void take_code(struct answer *an, const struct otr_bson_field *field)
{
	int64_t code = otr_bson_int(field, 0);

	if (an->has_code || !code)
		return;
	an->code = code;
	an->has_code = true;
}

/* {code: .., ..} */
static void read_error(struct answer *an, struct otr_bson error)
{
	struct otr_bson_field field;

	an->failed = true;
	while (otr_bson_next(&error, &field))
		if (otr_bson_is(&field, OTR_SLICE("code")))
			take_code(an, &field);
}

/* The first of several errors. */
static void read_errors(struct answer *an, const struct otr_bson_field *field)
{
	struct otr_bson list = otr_bson_within(field);
	struct otr_bson_field first;

	if (otr_bson_next(&list, &first))
		read_error(an, otr_bson_within(&first));
}

static void read_field(struct answer *an, const struct otr_bson_field *field)
{
	if (otr_bson_is(field, OTR_SLICE("ok")))
		an->failed |= otr_bson_int(field, 1) == 0;
	else if (otr_bson_is(field, OTR_SLICE("$err")))
		an->failed = true;
	else if (otr_bson_is(field, OTR_SLICE("code")))
		take_code(an, field);
	else if (otr_bson_is(field, OTR_SLICE("writeErrors")))
		read_errors(an, field);
	else if (otr_bson_is(field, OTR_SLICE("writeConcernError")))
		read_error(an, otr_bson_within(field));
	else if (otr_bson_is(field, OTR_SLICE("nErrors")))
		an->failed |= otr_bson_int(field, 0) > 0;
}

static void read_document(struct answer *an, struct otr_bson doc)
{
	struct otr_bson_field field = {.whole = true};

	while (otr_bson_next(&doc, &field))
		read_field(an, &field);
	an->cut =
		!doc.ended && !(an->failed && an->has_code) && (field.whole || !is_data(field.key));
}

/* Where the document of the answer begins; 0: it is not there. */
static size_t document_at(const struct otr_mongodb_part *part)
{
	size_t at = OTR_MONGODB_HEAD + 4;

	if (part->head.code == OTR_MONGODB_REPLY)
		return OTR_MONGODB_HEAD + 20;
	return at < part->in.len && !part->in.data[at] ? at + 1 : 0;
}

static void read_answer(struct answer *an, const struct otr_mongodb_part *part)
{
	size_t at = document_at(part);

	if (part->head.code == OTR_MONGODB_REPLY && part->in.len >= OTR_MONGODB_HEAD + 4)
		an->failed = otr_mongodb_flags(part->in) & FAILED_QUERY;
	read_document(an, at ? otr_bson_at(part->in, at) : (struct otr_bson){.ended = false});
}

/* Takes the request with this number off those that are open, and all before it: they get no answer
 * any more. False: there is none. */
static bool take_open(struct otr_mongodb *mg, uint32_t id, uint64_t *serial,
		      enum otr_mongodb_kind *kind)
{
	uint16_t at;

	for (uint16_t i = 0; i < mg->n; i++) {
		at = (uint16_t)((mg->first + i) % OTR_MONGODB_OPEN);
		if (mg->open[at].id != id)
			continue;
		*kind = (enum otr_mongodb_kind)mg->open[at].kind;
		*serial = mg->serial - mg->n + i + 1;
		mg->first = (uint16_t)((at + 1) % OTR_MONGODB_OPEN);
		mg->n = (uint16_t)(mg->n - i - 1);
		return true;
	}
	return false;
}

static void fill(struct otr_mongodb *mg, const struct answer *an, struct otr_msg *msg)
{
	msg->failed = an->failed;
	msg->partial = an->cut;
	if (!an->failed || !an->has_code)
		return;
	snprintf(mg->code, sizeof(mg->code), "%" PRId32, (int32_t)an->code);
	otr_msg_add_text(msg, OTR_KEY_DB_RESPONSE_STATUS_CODE, otr_slice_str(mg->code));
}

/* More answers to the request follow if this one says so. */
static bool streams(const struct otr_mongodb_part *part)
{
	return part->head.code == OTR_MONGODB_MSG && part->in.len >= OTR_MONGODB_HEAD + 4 &&
	       otr_mongodb_flags(part->in) & OTR_MONGODB_MORE;
}

/* One of several answers, but the first. */
static enum otr_parse take_more(struct otr_mongodb *mg, const struct otr_mongodb_part *part,
				struct otr_msg *msg)
{
	mg->streams = streams(part);
	if (mg->streams)
		return OTR_PARSE_SKIP;
	msg->over = mg->is_open;
	mg->is_open = false;
	return OTR_PARSE_SKIP;
}

enum otr_parse otr_mongodb_back(struct otr_mongodb *mg, const struct otr_mongodb_part *part,
				struct otr_msg *msg)
{
	struct answer an = {.failed = false};
	enum otr_mongodb_kind kind;
	uint64_t serial;

	if (mg->streams)
		return take_more(mg, part, msg);
	if (!take_open(mg, part->head.to, &serial, &kind))
		return OTR_PARSE_SKIP;
	mg->streams = streams(part);
	mg->is_open = mg->streams && kind != OTR_MONGODB_HIDDEN;
	if (kind == OTR_MONGODB_HIDDEN)
		return OTR_PARSE_SKIP;
	if (part->head.code != OTR_MONGODB_COMPRESSED)
		read_answer(&an, part);
	else
		an.cut = kind != OTR_MONGODB_UNKNOWN;
	msg->kind = OTR_MSG_RESPONSE;
	msg->stream = serial;
	msg->end = mg->streams ? OTR_END_LATER : OTR_END_HERE;
	fill(mg, &an, msg);
	return OTR_PARSE_MSG;
}
