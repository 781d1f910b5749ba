/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_describe.c - the span of a Kafka request, by the OpenTelemetry conventions for Kafka 1.45.
 *
 *	Produce       send TOPIC     PRODUCER if headers of its records carry contexts, else CLIENT
 *	Fetch         poll TOPIC     CLIENT; no span if no records came and no error
 *	OffsetCommit  commit TOPIC   CLIENT
 *
 * A request for several topics has no destination. If all records of a Produce carry one context,
 * that is treated as the traceparent of the request; several are links, as are those of a Fetch. A
 * Fetch without an answer is no span: clients close connections while a Fetch waits for records.
 */

#include <stdio.h>

#include "agent/proto/db_span.h"
#include "agent/proto/kafka.h"
#include "agent/proto/kafka_topics.h"
#include "agent/proto/memory.h"
#include "agent/proto/msg.h"
#include "agent/proto/side.h"
#include "agent/span/span_builder.h"

static bool is_op(const struct otr_msg *msg, struct otr_slice op)
{
	return otr_slice_eq(msg->op, op);
}

static struct otr_slice topic_of(const struct otr_side *side, const struct otr_msg *msg)
{
	if (!msg || msg->target.len)
		return msg ? msg->target : OTR_SLICE_NONE;
	return otr_kafka_topics_find(side->memory->kafka_topics,
				     otr_msg_custom(msg, OTR_KAFKA_TOPIC_ID));
}

static void set_name(struct otr_slice op, struct otr_slice topic, struct otr_span_builder *sb)
{
	char name[16 + OTR_KAFKA_TOPIC];
	int n;

	otr_sb_string(sb, OTR_KEY_MESSAGING_DESTINATION_NAME, topic);
	if (!topic.len) {
		otr_sb_name(sb, op);
		return;
	}
	n = snprintf(name, sizeof(name), "%.*s %.*s", OTR_SLICE_ARG(op), OTR_SLICE_ARG(topic));
	otr_sb_name(sb, otr_slice_sub((struct otr_slice){name, sizeof(name) - 1}, 0, (size_t)n));
}

static void set_operation(const struct otr_msg *req, struct otr_span_builder *sb)
{
	struct otr_slice type = is_op(req, OTR_KAFKA_SEND)   ? OTR_SLICE("send")
				: is_op(req, OTR_KAFKA_POLL) ? OTR_SLICE("receive")
							     : OTR_SLICE("settle");

	otr_sb_string(sb, OTR_KEY_MESSAGING_SYSTEM, OTR_SLICE("kafka"));
	otr_sb_string(sb, OTR_KEY_MESSAGING_OPERATION_NAME, req->op);
	otr_sb_string(sb, OTR_KEY_MESSAGING_OPERATION_TYPE, type);
}

/* `from`: the message that names the topic. */
static void set_place(const struct otr_msg *from, struct otr_span_builder *sb)
{
	int64_t partition =
		from ? otr_msg_int(from, OTR_KEY_MESSAGING_DESTINATION_PARTITION_ID, -1) : -1;
	char text[16];
	int n;

	if (partition < 0)
		return;
	n = snprintf(text, sizeof(text), "%d", (int)partition);
	otr_sb_string(sb, OTR_KEY_MESSAGING_DESTINATION_PARTITION_ID,
		      (struct otr_slice){text, (size_t)n});
}

/* An offset is that of one message, or of a commit. `from` has the number of messages. */
static void set_messages(const struct otr_msg *req, const struct otr_msg *rsp,
			 struct otr_span_builder *sb)
{
	const struct otr_msg *from = is_op(req, OTR_KAFKA_POLL) ? rsp : req;
	const struct otr_msg *placed = is_op(req, OTR_KAFKA_COMMIT) ? req : rsp;
	int64_t n = from ? otr_msg_int(from, OTR_KEY_MESSAGING_BATCH_MESSAGE_COUNT, -1) : -1;
	int64_t offset = placed ? otr_msg_int(placed, OTR_KEY_MESSAGING_KAFKA_OFFSET, -1) : -1;

	if (n >= 0)
		otr_sb_int(sb, OTR_KEY_MESSAGING_BATCH_MESSAGE_COUNT, n);
	if (offset >= 0 && (n == 1 || is_op(req, OTR_KAFKA_COMMIT)))
		otr_sb_int(sb, OTR_KEY_MESSAGING_KAFKA_OFFSET, offset);
}

static void set_links(const struct otr_side *side, const struct otr_msg *msg,
		      struct otr_span_builder *sb)
{
	struct otr_slice ids = msg ? otr_msg_custom(msg, OTR_KAFKA_LINKS) : OTR_SLICE_NONE;
	struct otr_link link;

	if (side->settings && side->settings->no_trace_context)
		return;
	for (size_t at = 0; at + OTR_KAFKA_LINK <= ids.len; at += OTR_KAFKA_LINK) {
		link = (struct otr_link){.evidence = OTR_EVIDENCE_NONE};
		memcpy(link.trace_id, ids.data + at, sizeof(link.trace_id));
		memcpy(link.span_id, ids.data + at + sizeof(link.trace_id), sizeof(link.span_id));
		otr_sb_link(sb, &link);
	}
}

static bool is_span(const struct otr_msg *req, const struct otr_msg *rsp)
{
	if (is_op(req, OTR_KAFKA_POLL)) /* the answer has `op` if it has messages */
		return rsp && (rsp->failed || rsp->op.len || rsp->partial);
	return !is_op(req, OTR_KAFKA_NAMES);
}

static bool has_contexts(const struct otr_msg *req)
{
	return req->trace_ctx.len || otr_msg_custom(req, OTR_KAFKA_LINKS).len;
}

static void set_cut(const struct otr_msg *req, const struct otr_msg *rsp,
		    struct otr_span_builder *sb)
{
	if (req->partial)
		otr_sb_string(sb, OTR_KEY_OTRACE_CUT, OTR_SLICE("head"));
	else if (rsp && rsp->partial)
		otr_sb_string(sb, OTR_KEY_OTRACE_CUT, OTR_SLICE("answer"));
}

void otr_kafka_learn(struct otr_proto_memory *memory, const struct otr_msg *rsp)
{
	otr_kafka_topics_learn(memory->kafka_topics, otr_msg_custom(rsp, OTR_KAFKA_NAMED));
}

int otr_kafka_describe(const struct otr_side *side, const struct otr_msg *req,
		       const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	bool polls = is_op(req, OTR_KAFKA_POLL);
	struct otr_slice topic = topic_of(side, polls ? rsp : req);

	if (!is_span(req, rsp))
		return OTR_NO_SPAN;
	if (side->role == OTR_ROLE_SERVER)
		sb->span.kind = OTR_SPAN_SERVER;
	else if (is_op(req, OTR_KAFKA_SEND) && has_contexts(req))
		sb->span.kind = OTR_SPAN_PRODUCER;
	else
		sb->span.kind = OTR_SPAN_CLIENT;
	set_operation(req, sb);
	set_name(req->op, topic, sb);
	set_place(polls ? rsp : req, sb);
	set_messages(req, rsp, sb);
	otr_sb_string(sb, OTR_KEY_MESSAGING_CLIENT_ID,
		      otr_msg_text(req, OTR_KEY_MESSAGING_CLIENT_ID));
	otr_sb_string(sb, OTR_KEY_MESSAGING_CONSUMER_GROUP_NAME,
		      otr_msg_text(req, OTR_KEY_MESSAGING_CONSUMER_GROUP_NAME));
	otr_db_server(side, 0, sb);
	set_cut(req, rsp, sb);
	set_links(side, polls ? rsp : req, sb);
	if (rsp && rsp->failed)
		otr_sb_error(sb, otr_kafka_error(rsp->status));
	return 0;
}
