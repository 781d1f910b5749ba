/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memcached.c - Memcached on one connection: the text protocol with its meta commands, by
 * doc/protocol.txt of Memcached 1.6, and the spans of its requests.
 *
 * Quiet meta commands (flag q) may be answered or not, and answers do not name their requests: they
 * are spans without an answer. The binary protocol, which Memcached gives up, is named and not
 * read.
 */

#include "agent/proto/memcached.h"

#include <ctype.h>

#include "agent/proto/db_span.h"
#include "agent/proto/msg.h"
#include "agent/proto/side.h"
#include "agent/span/span_builder.h"

#define PORT 11211

static enum otr_parse parse(void *state, enum otr_dir dir, struct otr_slice in, unsigned int flags,
			    uint64_t *used, struct otr_msg *msg)
{
	struct otr_memcached *mc = state;
	struct otr_slice head = otr_slice_sub(in, 0, OTR_SNIFF_MAX);

	*used = 0;
	if (!in.len)
		return flags ? OTR_PARSE_BAD : OTR_PARSE_MORE;
	if (mc->ended) {
		*used = in.len;
		return OTR_PARSE_SWITCH;
	}
	if (!mc->client && otr_memcached_is_request(head, false))
		mc->client = (uint8_t)(1 + dir);
	else if (!mc->client && otr_memcached_is_answer(head, false))
		mc->client = (uint8_t)(1 + !dir);
	if (!mc->client)
		return !flags && in.len < OTR_SNIFF_MAX ? OTR_PARSE_MORE : OTR_PARSE_BAD;
	if (mc->client == 1 + dir)
		return otr_memcached_front(mc, in, flags, used, msg);
	return otr_memcached_back(mc, in, flags, used, msg);
}

/* May a message begin behind this byte? In text, a word of the protocol is a word of the text. */
static bool may_precede(char c)
{
	return !isalnum((unsigned char)c) && !strchr(" -_.,:;/=&?\"'([{<", c);
}

/* A line of a client is a whole request, a line of the server an answer; data may hold both. Right
 * behind the hole any answer is taken: it may be "END". */
static size_t resync(void *state, enum otr_dir dir, struct otr_slice in)
{
	struct otr_memcached *mc = state;
	size_t i = 0;

	if (mc->client == 1 + !dir)
		otr_memcached_answers_lost(mc);
	else if (mc->client)
		otr_memcached_requests_lost(mc);
	for (; i < in.len && !mc->ended; i++) {
		struct otr_slice head = otr_slice_sub(in, i, OTR_SNIFF_MAX);

		if (i && in.data[i - 1] && !may_precede(in.data[i - 1]))
			continue;
		if (mc->client != 1 + !dir && otr_memcached_is_request(head, mc->client))
			break;
		if (mc->client != 1 + dir && otr_memcached_is_answer(head, !i && mc->client))
			break;
	}
	return i;
}

static bool sniff(enum otr_dir dir, struct otr_slice head)
{
	(void)dir;
	return otr_memcached_is_request(head, false) || otr_memcached_is_answer(head, false);
}

static int describe(const struct otr_side *side, const struct otr_msg *req,
		    const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	sb->span.kind = side->role == OTR_ROLE_SERVER ? OTR_SPAN_SERVER : OTR_SPAN_CLIENT;
	otr_sb_string(sb, OTR_KEY_DB_SYSTEM_NAME, otr_slice_str(otr_memcached.system));
	otr_sb_string(sb, OTR_KEY_DB_OPERATION_NAME, req->op);
	otr_sb_name(sb, req->op);
	otr_sb_string(sb, OTR_KEY_DB_QUERY_SUMMARY, req->op);
	otr_db_server(side, PORT, sb);
	if (req->partial)
		otr_sb_string(sb, OTR_KEY_OTRACE_CUT, OTR_SLICE("statement"));
	if (rsp)
		otr_db_answer(rsp, sb);
	if (!side->settings || !side->settings->no_query_text)
		otr_sb_string(sb, OTR_KEY_DB_QUERY_TEXT, req->target);
	return 0;
}

/* | 0x80 or 0x81 | opcode | key length 16 | extras 8 | data type 0 | status 16 | body length 32 | */
static bool is_binary(struct otr_slice head, unsigned char magic)
{
	const unsigned char *at = (const unsigned char *)head.data;

	return head.len >= 12 && at[0] == magic && at[1] < 0x60 && at[2] == 0 && at[4] <= 24 &&
	       at[5] == 0 && !at[8] &&
	       (uint32_t)(at[9] << 16 | at[10] << 8 | at[11]) >= (uint32_t)at[3] + at[4];
}

static const char *unread(struct otr_slice first, struct otr_slice answer)
{
	return is_binary(first, 0x80) && (!answer.len || is_binary(answer, 0x81))
		       ? "Memcached: its binary protocol is not read"
		       : NULL;
}

const struct otr_proto_ops otr_memcached = {
	.name = "memcached",
	.title = "Memcached",
	.scope = "otrace/memcached",
	.client_only = true,
	.server_exe = "memcached",
	.system = "memcached",
	.in_order = true,
	.state_size = sizeof(struct otr_memcached),
	.capture = OTR_CAPTURE_CALLS,
	.head_bytes = 1024,
	.body_by_tail = true,
	.sniff = sniff,
	.parse = parse,
	.resync = resync,
	.describe = describe,
	.unread = unread,
};
