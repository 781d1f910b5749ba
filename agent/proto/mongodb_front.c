/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mongodb_front.c - requests of a client of MongoDB.
 *
 *	{find: "users", filter: {..}, lsid: {..}, $db: "shop"}
 *	{getMore: 4711, collection: "users", $db: "shop"}
 *
 * The first field is the command; for many commands its value is a collection. Handshakes, logins and
 * the end of sessions, whose answer drivers do not await, are no operations of a program, and hidden.
 */

#include "agent/base/own.h"
#include "agent/proto/mongodb.h"
#include "agent/proto/msg.h"

#define COMMAND_MAX  48 /* bytes of a command */
#define SECTIONS_MAX 8	/* of a message: a document, and a sequence of them for each list */

static bool is_among(struct otr_slice name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (otr_slice_eq(name, otr_slice_str(list[i])))
			return true;
	return false;
}

static bool is_hidden(struct otr_slice command)
{
	static const char *const hidden[] = {
		"hello",	"isMaster",	"ismaster", "saslStart",
		"saslContinue", "authenticate", "getnonce", "endSessions",
	};

	return is_among(command, hidden, OTR_ARRAY_SIZE(hidden));
}

/* Is the value of the command the name of a collection? That of others may be a user. */
static bool names_collection(struct otr_slice command)
{
	static const char *const commands[] = {
		"find",
		"insert",
		"update",
		"delete",
		"aggregate",
		"count",
		"distinct",
		"findAndModify",
		"findandmodify",
		"create",
		"drop",
		"createIndexes",
		"dropIndexes",
		"deleteIndexes",
		"listIndexes",
		"collMod",
		"collStats",
		"collstats",
		"validate",
		"compact",
		"reIndex",
		"mapReduce",
		"mapreduce",
		"killCursors",
		"convertToCapped",
		"createSearchIndexes",
		"updateSearchIndex",
		"dropSearchIndex",
		"planCacheClear",
		"planCacheListFilters",
		"planCacheSetFilter",
		"planCacheClearFilters",
	};

	return is_among(command, commands, OTR_ARRAY_SIZE(commands));
}

/* The lists of documents of commands that do several operations at once. */
static bool is_batch(struct otr_slice name)
{
	static const char *const lists[] = {"documents", "updates", "deletes", "ops"};

	return is_among(name, lists, OTR_ARRAY_SIZE(lists));
}

static bool takes_batch(struct otr_slice command)
{
	static const char *const commands[] = {"insert", "update", "delete", "bulkWrite"};

	return is_among(command, commands, OTR_ARRAY_SIZE(commands));
}

/* What is read of a request; begins zeroed. */
struct request {
	struct otr_slice command, collection, db;
	uint32_t batch; /* documents of a list; 0: not known */
	bool gets_more;
	bool ended; /* all fields were there */
	bool hidden;
};

/* A server has no command with other characters. */
static bool is_command(struct otr_slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!otr_is_alnum(name.data[i]) && name.data[i] != '_' && name.data[i] != '$')
			return false;
	return name.len && name.len <= COMMAND_MAX;
}

/* "$cmd.aggregate" stands for the database. */
static struct otr_slice collection_of(struct otr_slice text)
{
	bool is_one = text.len <= OTR_MONGODB_NAME && !otr_slice_starts(text, OTR_SLICE("$cmd"));

	return is_one ? text : OTR_SLICE_NONE;
}

static uint32_t count_array(const struct otr_bson_field *field)
{
	struct otr_bson list = otr_bson_within(field);
	struct otr_bson_field row;
	uint32_t n = 0;

	while (otr_bson_next(&list, &row))
		n++;
	return list.ended ? n : 0;
}

static void read_first(struct request *rq, const struct otr_bson_field *field)
{
	if (!is_command(field->key))
		return;
	rq->command = field->key;
	rq->hidden = is_hidden(field->key);
	rq->gets_more = otr_slice_eq(field->key, OTR_SLICE("getMore"));
	if (names_collection(field->key))
		rq->collection = collection_of(otr_bson_text(field));
}

static void read_field(struct request *rq, const struct otr_bson_field *field)
{
	if (otr_bson_is(field, OTR_SLICE("$db")))
		rq->db = otr_slice_sub(otr_bson_text(field), 0, OTR_MONGODB_NAME);
	else if (rq->gets_more && otr_bson_is(field, OTR_SLICE("collection")))
		rq->collection = collection_of(otr_bson_text(field));
	else if (is_batch(field->key) && takes_batch(rq->command))
		rq->batch = count_array(field);
}

static void read_document(struct request *rq, struct otr_bson doc)
{
	struct otr_bson_field field;

	if (!otr_bson_next(&doc, &field))
		return;
	if (otr_bson_is(&field, OTR_SLICE("$query"))) { /* with a read preference */
		doc = otr_bson_within(&field);
		if (!otr_bson_next(&doc, &field))
			return;
	}
	read_first(rq, &field);
	while (otr_bson_next(&doc, &field))
		read_field(rq, &field);
	rq->ended = doc.ended;
}

/* | size 32 | name, NUL | document .. |, at `at`. */
static void read_sequence(struct request *rq, struct otr_slice in, size_t at, uint32_t size)
{
	struct otr_slice list = otr_slice_sub(in, at + 4, size - 4);
	const char *nul = list.len ? memchr(list.data, 0, list.len) : NULL;
	struct otr_slice name = {list.data, nul ? (size_t)(nul - list.data) : 0};
	uint32_t n = 0, len;

	if (!nul || !is_batch(name) || list.len < size - 4)
		return;
	list = otr_slice_sub(list, name.len + 1, list.len);
	for (; list.len >= 5; n++) {
		len = otr_mongodb_u32(list.data);
		if (len < 5 || len > list.len)
			return;
		list = otr_slice_sub(list, len, list.len);
	}
	rq->batch = n;
}

/* The sections of OP_MSG: a document, and sequences of documents. */
static void read_sections(struct request *rq, struct otr_slice in)
{
	size_t at = OTR_MONGODB_HEAD + 4;
	uint32_t size;

	for (int i = 0; i < SECTIONS_MAX && at + 5 <= in.len; i++) {
		size = otr_mongodb_u32(in.data + at + 1);
		if (size < 5 || size > OTR_MONGODB_MAX)
			return;
		if (in.data[at])
			read_sequence(rq, in, at + 1, size);
		else
			read_document(rq, otr_bson_at(in, at + 1));
		at += 1 + (size_t)size;
	}
}

/* | flags 32 | "db.$cmd", NUL | skip 32 | count 32 | document |. Another name than $cmd: a query of a
 * time when that was no command. */
static void read_query(struct request *rq, struct otr_slice in)
{
	static const struct otr_slice cmd = {".$cmd", 5};
	struct otr_slice name = otr_slice_sub(in, OTR_MONGODB_HEAD + 4, in.len);
	const char *nul = name.len ? memchr(name.data, 0, name.len) : NULL;

	rq->hidden = true;
	name.len = nul ? (size_t)(nul - name.data) : 0;
	if (name.len <= cmd.len ||
	    !otr_slice_eq(otr_slice_sub(name, name.len - cmd.len, cmd.len), cmd))
		return;
	rq->hidden = false;
	read_document(rq, otr_bson_at(in, OTR_MONGODB_HEAD + 4 + name.len + 1 + 8));
	rq->db = otr_slice_sub(name, 0, name.len - cmd.len);
}

/* The oldest request is forgotten if there are too many: its answer did not come. */
static void add_open(struct otr_mongodb *mg, uint32_t id, enum otr_mongodb_kind kind)
{
	uint16_t at;

	if (mg->n == OTR_MONGODB_OPEN) {
		mg->first = (uint16_t)((mg->first + 1) % OTR_MONGODB_OPEN);
		mg->n--;
	}
	at = (uint16_t)((mg->first + mg->n++) % OTR_MONGODB_OPEN);
	mg->open[at].id = id;
	mg->open[at].kind = (uint8_t)kind;
	mg->serial++;
}

static void fill(const struct request *rq, struct otr_msg *msg)
{
	bool lacks = !rq->command.len || !rq->db.len || (rq->gets_more && !rq->collection.len);

	msg->op = rq->command;
	msg->partial = !rq->ended && lacks;
	otr_msg_add_text(msg, OTR_KEY_DB_COLLECTION_NAME, rq->collection);
	otr_msg_add_text(msg, OTR_KEY_DB_NAMESPACE, rq->db);
	if (rq->batch > 1) /* by the conventions, one is no batch */
		otr_msg_add_int(msg, OTR_KEY_DB_OPERATION_BATCH_SIZE, rq->batch);
}

static enum otr_parse emit(struct otr_mongodb *mg, const struct otr_mongodb_part *part,
			   const struct request *rq, bool answered, struct otr_msg *msg)
{
	if (answered)
		add_open(mg, part->head.id, rq->hidden ? OTR_MONGODB_HIDDEN : OTR_MONGODB_SPAN);
	if (rq->hidden)
		return OTR_PARSE_SKIP;
	msg->kind = answered ? OTR_MSG_REQUEST : OTR_MSG_ONEWAY;
	msg->stream = answered ? mg->serial : 0;
	fill(rq, msg);
	return OTR_PARSE_MSG;
}

static enum otr_parse emit_compressed(struct otr_mongodb *mg, const struct otr_mongodb_part *part,
				      struct otr_msg *msg)
{
	add_open(mg, part->head.id, OTR_MONGODB_UNKNOWN);
	msg->kind = OTR_MSG_REQUEST;
	msg->stream = mg->serial;
	otr_msg_add_text(msg, OTR_KEY_OTRACE_CUT, OTR_SLICE("compressed"));
	return OTR_PARSE_MSG;
}

enum otr_parse otr_mongodb_front(struct otr_mongodb *mg, const struct otr_mongodb_part *part,
				 struct otr_msg *msg)
{
	struct request rq = {.hidden = false};
	bool oneway = false;

	switch (part->head.code) {
	case OTR_MONGODB_COMPRESSED:
		return emit_compressed(mg, part, msg);
	case OTR_MONGODB_MSG:
		if (part->in.len < OTR_MONGODB_HEAD + 4)
			return OTR_PARSE_SKIP;
		oneway = otr_mongodb_flags(part->in) & OTR_MONGODB_MORE;
		read_sections(&rq, part->in);
		break;
	case OTR_MONGODB_QUERY:
		read_query(&rq, part->in);
		break;
	default:
		return OTR_PARSE_SKIP;
	}
	return emit(mg, part, &rq, !oneway, msg);
}
