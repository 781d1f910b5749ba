/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mongodb.c - MongoDB on one connection: OP_MSG, by the Wire Protocol of MongoDB 8.0; OP_QUERY and
 * OP_REPLY, with which connections begin; OP_COMPRESSED, whose content is not read.
 *
 *	| header 16 bytes | flags 32 | 0 | document |			OP_MSG
 *	| header 16 bytes | flags 32 | 0 | document | 1 | size 32 | name, NUL | document .. |
 *
 * The command is the first field of the document. Of a message the first bytes are looked at, as far
 * as they were copied; the rest is stepped over. An answer names its request. A server answers the
 * requests of a connection in their order.
 *
 * Departures: a compressed request is a span without an operation; whether it is answered is not
 * known. The opcodes before OP_MSG are stepped over.
 */

#include "agent/proto/mongodb.h"

#define LEGACY_MIN 2001
#define LEGACY_MAX 2007

static bool is_legacy(uint32_t code)
{
	return code >= LEGACY_MIN && code <= LEGACY_MAX && code != OTR_MONGODB_QUERY;
}

uint32_t otr_mongodb_flags(struct otr_slice in)
{
	return otr_mongodb_u32(in.data + OTR_MONGODB_HEAD);
}

/* | flags 32 | kind 8 | document, or size 32, name .. | */
static bool may_be_msg(const struct otr_mongodb_head *head, struct otr_slice in)
{
	uint32_t flags, left = head->size - OTR_MONGODB_HEAD - 5;
	unsigned char kind;

	if (in.len < OTR_MONGODB_HEAD + 4)
		return true;
	flags = otr_mongodb_flags(in);
	if (flags & ~(OTR_MONGODB_CHECKSUM | OTR_MONGODB_MORE | OTR_MONGODB_EXHAUST))
		return false;
	if (in.len == OTR_MONGODB_HEAD + 4)
		return true;
	kind = (unsigned char)in.data[OTR_MONGODB_HEAD + 4];
	if (flags & OTR_MONGODB_CHECKSUM)
		left -= left < 4 ? left : 4;
	if (kind || in.len < OTR_MONGODB_HEAD + 9)
		return kind < 2 && (in.len < OTR_MONGODB_HEAD + 9 ||
				    otr_mongodb_u32(in.data + OTR_MONGODB_HEAD + 5) <= left);
	return otr_bson_may_be(in, OTR_MONGODB_HEAD + 5, left);
}

/* | flags 32 | name of a collection, NUL | .. */
static bool may_be_query(struct otr_slice in)
{
	if (in.len >= OTR_MONGODB_HEAD + 4 && otr_mongodb_flags(in) & ~0xfeu)
		return false;
	in = otr_slice_sub(in, OTR_MONGODB_HEAD + 4, OTR_MONGODB_NAME);
	for (size_t i = 0; i < in.len && (i == 0 || in.data[i]); i++)
		if ((unsigned char)in.data[i] <= ' ')
			return false;
	return true;
}

/* | flags 32 | cursor 64 | first 32 | count 32 | document .. | */
static bool may_be_reply(const struct otr_mongodb_head *head, struct otr_slice in)
{
	size_t at = OTR_MONGODB_HEAD + 20;

	if (in.len >= OTR_MONGODB_HEAD + 4 && otr_mongodb_flags(in) & ~0xfu)
		return false;
	if (in.len < at)
		return true;
	if (!otr_mongodb_u32(in.data + OTR_MONGODB_HEAD + 16))
		return head->size == at;
	return otr_bson_may_be(in, at, head->size - at);
}

/* | opcode 32 | size 32 | compressor 8 | .. */
static bool may_be_compressed(struct otr_slice in)
{
	uint32_t code = OTR_MONGODB_MSG;

	if (in.len >= OTR_MONGODB_HEAD + 4)
		code = otr_mongodb_u32(in.data + OTR_MONGODB_HEAD);
	if (code != OTR_MONGODB_MSG && code != OTR_MONGODB_QUERY && code != OTR_MONGODB_REPLY &&
	    !is_legacy(code))
		return false;
	if (in.len >= OTR_MONGODB_HEAD + 8 &&
	    otr_mongodb_u32(in.data + OTR_MONGODB_HEAD + 4) > OTR_MONGODB_MAX)
		return false;
	return in.len <= OTR_MONGODB_HEAD + 8 || (unsigned char)in.data[OTR_MONGODB_HEAD + 8] <= 3;
}

/* The fewest bytes that a message of this opcode has; 0: there is no such opcode. */
static uint32_t least(uint32_t code)
{
	switch (code) {
	case OTR_MONGODB_MSG:
		return OTR_MONGODB_HEAD + 5 + 5;
	case OTR_MONGODB_QUERY:
		return OTR_MONGODB_HEAD + 4 + 2 + 8 + 5;
	case OTR_MONGODB_REPLY:
		return OTR_MONGODB_HEAD + 20;
	case OTR_MONGODB_COMPRESSED:
		return OTR_MONGODB_HEAD + 9;
	default:
		return is_legacy(code) ? OTR_MONGODB_HEAD + 8 : 0;
	}
}

bool otr_mongodb_head_read(struct otr_mongodb_head *head, struct otr_slice in)
{
	head->code = otr_mongodb_u32(in.data + 12);
	head->size = otr_mongodb_u32(in.data);
	if (!least(head->code) || head->size < least(head->code) || head->size > OTR_MONGODB_MAX)
		return false;
	head->id = otr_mongodb_u32(in.data + 4);
	head->to = otr_mongodb_u32(in.data + 8);
	in = otr_slice_sub(in, 0, head->size);
	switch (head->code) {
	case OTR_MONGODB_MSG:
		return may_be_msg(head, in);
	case OTR_MONGODB_QUERY:
		return may_be_query(in);
	case OTR_MONGODB_REPLY:
		return may_be_reply(head, in);
	case OTR_MONGODB_COMPRESSED:
		return may_be_compressed(in);
	default:
		return true;
	}
}

static bool asks(const struct otr_mongodb_head *head)
{
	return head->code != OTR_MONGODB_REPLY && !head->to;
}

/* Fewer bytes than a header has. Of a request that was not copied, with others in one call, that is
 * said. */
static enum otr_parse skip_short(const struct otr_mongodb *mg, enum otr_dir dir,
				 struct otr_slice in, unsigned int flags, uint64_t *used,
				 struct otr_msg *msg)
{
	if (!flags)
		return OTR_PARSE_MORE;
	if (!(flags & OTR_IN_CUT) || mg->client != 1 + dir || !in.len)
		return OTR_PARSE_BAD;
	msg->dropped = true;
	*used = in.len;
	return OTR_PARSE_SKIP;
}

static enum otr_parse parse(void *state, enum otr_dir dir, struct otr_slice in, unsigned int flags,
			    uint64_t *used, struct otr_msg *msg)
{
	struct otr_mongodb *mg = state;
	struct otr_mongodb_part part;
	size_t look;

	*used = 0;
	if (in.len < OTR_MONGODB_HEAD)
		return skip_short(mg, dir, in, flags, used, msg);
	if (!otr_mongodb_head_read(&part.head, in))
		return OTR_PARSE_BAD;
	look = part.head.size < OTR_MONGODB_LOOK ? part.head.size : OTR_MONGODB_LOOK;
	if (in.len < look && !flags)
		return OTR_PARSE_MORE;
	part.in = otr_slice_sub(in, 0, look);
	*used = part.head.size;
	if (!mg->client)
		mg->client = (uint8_t)(1 + (asks(&part.head) ? dir : !dir));
	return mg->client == 1 + dir ? otr_mongodb_front(mg, &part, msg)
				     : otr_mongodb_back(mg, &part, msg);
}

/* Opcodes of today, which no text has. */
static bool is_certain(struct otr_slice in)
{
	struct otr_mongodb_head head;

	return in.len >= OTR_MONGODB_HEAD && otr_mongodb_head_read(&head, in) &&
	       !is_legacy(head.code);
}

static size_t resync(void *state, enum otr_dir dir, struct otr_slice in)
{
	struct otr_mongodb *mg = state;
	size_t i = 0;

	if (mg->client != 1 + dir)
		mg->streams = mg->is_open = false;
	while (i < in.len && !is_certain(otr_slice_sub(in, i, in.len)))
		i++;
	return i;
}

/* The header, and the beginning of what follows it. */
static bool sniff(enum otr_dir dir, struct otr_slice head)
{
	(void)dir;
	return head.len >= OTR_MONGODB_HEAD + 9 && is_certain(head);
}

const struct otr_proto_ops otr_mongodb = {
	.name = "mongodb",
	.title = "MongoDB",
	.scope = "otrace/mongodb",
	.client_only = true,
	.server_exe = "mongod mongos ferretdb",
	.system = "mongodb",
	.in_order = true,
	.state_size = sizeof(struct otr_mongodb),
	.capture = OTR_CAPTURE_CALLS,
	.head_bytes = OTR_DATA_MAX, /* older drivers pipeline their requests */
	.sniff = sniff,
	.parse = parse,
	.resync = resync,
	.describe = otr_mongodb_describe,
	.blank = &otr_mongodb_blank,
};
