/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis.c - Redis and Valkey on one connection: RESP2 and RESP3, by the "Redis serialization
 * protocol specification" of Redis 8.
 *
 * Answers come in the order of the requests; each has the serial number of its request
 * (msg.stream). Values are stepped over by their length. What an answer means depends on its
 * request: see redis_debt.c. Nothing is read behind MONITOR, PSYNC and SYNC.
 */

#include "agent/proto/redis.h"

enum side {
	UNKNOWN,
	CLIENT,
	SERVER
};

static enum side side_of(const struct otr_redis *rd, enum otr_dir dir)
{
	if (!rd->client)
		return UNKNOWN;
	return rd->client == 1 + dir ? CLIENT : SERVER;
}

static void learn_side(struct otr_redis *rd, enum otr_dir dir, enum side side)
{
	rd->client = (uint8_t)(1 + (side == CLIENT ? dir : !dir));
}

/* Finds the side by the first bytes. Returns MSG if it is known then. */
static enum otr_parse find_side(struct otr_redis *rd, enum otr_dir dir, struct otr_slice in,
				unsigned int flags)
{
	struct otr_slice head = otr_slice_sub(in, 0, OTR_SNIFF_MAX);
	enum otr_redis_like array = otr_redis_like_request(head, false);
	enum otr_redis_like line = otr_redis_like_inline(head);
	enum otr_redis_like answer = otr_redis_like_answer(head);

	if (array == OTR_REDIS_YES || line == OTR_REDIS_YES)
		learn_side(rd, dir, CLIENT);
	else if (answer == OTR_REDIS_YES)
		learn_side(rd, dir, SERVER);
	else if ((array || line || answer) && !flags && in.len < OTR_SNIFF_MAX)
		return OTR_PARSE_MORE;
	else
		return OTR_PARSE_BAD;
	return OTR_PARSE_MSG;
}

/* An array of strings was taken for a request, but was an answer: this side now sends what no
 * client does. */
static bool is_mistaken(const struct otr_redis *rd, struct otr_slice in)
{
	return !rd->confirmed && !rd->request.argc && memchr("+-:$=!_#,(%~>|", in.data[0], 14);
}

static void swap_sides(struct otr_redis *rd, enum otr_dir dir)
{
	memset(rd, 0, offsetof(struct otr_redis, debts));
	learn_side(rd, dir, SERVER);
}

static enum otr_parse parse(void *state, enum otr_dir dir, struct otr_slice in, unsigned int flags,
			    uint64_t *used, struct otr_msg *msg)
{
	struct otr_redis *rd = state;
	enum otr_parse rc;

	*used = 0;
	if (!in.len)
		return flags ? OTR_PARSE_BAD : OTR_PARSE_MORE;
	if (rd->ended) {
		*used = in.len;
		return OTR_PARSE_SWITCH;
	}
	if (side_of(rd, dir) == UNKNOWN) {
		rc = find_side(rd, dir, in, flags);
		if (rc != OTR_PARSE_MSG)
			return rc;
	}
	if (side_of(rd, dir) == CLIENT && is_mistaken(rd, in))
		swap_sides(rd, dir);
	if (side_of(rd, dir) == CLIENT)
		return otr_redis_front(rd, in, flags, used, msg);
	return otr_redis_back(rd, in, flags, used, msg);
}

static bool starts_here(enum side side, struct otr_slice in, size_t i)
{
	struct otr_slice at = otr_slice_sub(in, i, in.len);

	if (side == SERVER)
		return (!i || in.data[i - 1] == '\n') && otr_redis_chain(at);
	if (side == CLIENT)
		return otr_redis_like_request(at, true) == OTR_REDIS_YES;
	return otr_redis_like_request(at, true) == OTR_REDIS_YES ||
	       otr_redis_like_answer(at) == OTR_REDIS_YES;
}

static size_t resync(void *state, enum otr_dir dir, struct otr_slice in)
{
	struct otr_redis *rd = state;
	enum side side = side_of(rd, dir);
	size_t i = 0;

	if (side == CLIENT)
		otr_redis_requests_lost(rd);
	else
		otr_redis_answers_lost(rd);
	while (i < in.len && !rd->ended && !starts_here(side, in, i))
		i++;
	return i;
}

/* Where the process is the server, what it reads are requests; a word that is common in data may be
 * the answer that a client reads. */
static bool is_common_word(enum otr_dir dir, struct otr_slice head)
{
	struct otr_slice name = {memchr(head.data, '\n', head.len), 0};
	const struct otr_redis_command *command;
	const char *cr;

	name.data = memchr(name.data + 1, '\n', head.len - (size_t)(name.data + 1 - head.data));
	name.data++;
	cr = memchr(name.data, '\r', head.len - (size_t)(name.data - head.data));
	name.len = (size_t)(cr - name.data);
	command = otr_redis_command(name);
	return dir == OTR_DIR_IN && name.data[0] >= 'a' && memcmp(head.data, "*1\r", 3) &&
	       command &&
	       (command->plain || otr_redis_is_subscribe((enum otr_redis_owed)command->owed));
}

static bool sniff(enum otr_dir dir, struct otr_slice head)
{
	if (otr_redis_like_request(head, true) == OTR_REDIS_YES)
		return !is_common_word(dir, head);
	return otr_redis_like_inline(head) == OTR_REDIS_YES ||
	       otr_redis_like_answer(head) == OTR_REDIS_YES;
}

const struct otr_proto_ops otr_redis = {
	.name = "redis",
	.title = "Redis",
	.scope = "otrace/redis",
	.client_only = true,
	.server_exe = "redis-server valkey-server",
	.system = "redis",
	.in_order = true,
	.state_size = sizeof(struct otr_redis),
	.capture = OTR_CAPTURE_CALLS,
	.head_bytes = 16384, /* a pipeline is one call */
	.sniff = sniff,
	.parse = parse,
	.resync = resync,
	.describe = otr_redis_describe,
	.blank = &otr_redis_blank,
};
