/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amqp_describe.c - the spans of messages: semantic conventions of messaging, with those of
 * RabbitMQ.
 *
 *	send EXCHANGE:KEY		PRODUCER where the message carries a context, else CLIENT
 *	process EXCHANGE:KEY:QUEUE	CONSUMER
 *	receive EXCHANGE:KEY:QUEUE	CLIENT
 *
 * What is empty is left out; so is a queue with the name of the key. Names that a broker makes
 * (amq.gen-..) are attributes, and no part of the name of a span.
 */

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/proto/amqp.h"
#include "agent/proto/db_span.h"
#include "agent/proto/msg.h"
#include "agent/proto/side.h"
#include "agent/span/span_builder.h"

#define PORT 5672
#define ROOM 1024 /* bytes of a name: three of 255 */

struct parts {
	struct otr_slice exchange, key, queue;
};

static bool is_made(struct otr_slice name)
{
	return otr_slice_starts(name, OTR_SLICE("amq.gen-")) ||
	       otr_slice_starts(name, OTR_SLICE("amq.rabbitmq.reply-to."));
}

static void add_part(struct otr_buf *out, struct otr_slice part, size_t from)
{
	if (part.len && out->len > from)
		otr_buf_byte(out, ':');
	otr_buf_slice(out, part);
}

static void add_destination(struct otr_buf *out, const struct parts *p, bool all)
{
	size_t from = out->len;

	add_part(out, p->exchange, from);
	if (all || !is_made(p->key))
		add_part(out, p->key, from);
	if (!otr_slice_eq(p->key, p->queue) && (all || !is_made(p->queue)))
		add_part(out, p->queue, from);
}

/* Of a `get`, the answer has the exchange and the key. */
static struct parts parts_of(const struct otr_msg *req, const struct otr_msg *rsp)
{
	struct parts p = {
		.exchange = req->target,
		.key = otr_msg_text(req, OTR_KEY_MESSAGING_RABBITMQ_DESTINATION_ROUTING_KEY),
		.queue = otr_msg_custom(req, OTR_AMQP_QUEUE),
	};

	if (rsp && otr_slice_eq(req->op, OTR_SLICE("receive"))) {
		p.exchange = rsp->target;
		p.key = otr_msg_text(rsp, OTR_KEY_MESSAGING_RABBITMQ_DESTINATION_ROUTING_KEY);
	}
	return p;
}

static void set_destination(const struct parts *p, struct otr_slice op, bool pulls,
			    struct otr_span_builder *sb)
{
	char room[ROOM];
	OTR_AUTO(otr_buf_fini) struct otr_buf text = OTR_BUF_ON(room, sizeof(room));
	bool is_default = !p->exchange.len && !p->key.len && !p->queue.len && !pulls;

	add_destination(&text, p, true);
	otr_sb_string(sb, OTR_KEY_MESSAGING_DESTINATION_NAME,
		      is_default ? OTR_SLICE("amq.default") : otr_buf_view(&text));
	if (is_made(p->queue) || is_made(p->key))
		otr_sb_bool(sb, OTR_KEY_MESSAGING_DESTINATION_ANONYMOUS, true);
	otr_buf_reset(&text);
	otr_buf_slice(&text, op);
	otr_buf_byte(&text, ' ');
	if (is_default)
		otr_buf_str(&text, "amq.default");
	else
		add_destination(&text, p, false);
	otr_sb_name(sb, text.len == op.len + 1 ? op : otr_buf_view(&text));
}

static void set_message(const struct otr_msg *msg, struct otr_span_builder *sb)
{
	static const enum otr_key texts[] = {OTR_KEY_MESSAGING_RABBITMQ_DESTINATION_ROUTING_KEY,
					     OTR_KEY_MESSAGING_MESSAGE_ID,
					     OTR_KEY_MESSAGING_MESSAGE_CONVERSATION_ID};
	static const enum otr_key numbers[] = {OTR_KEY_MESSAGING_RABBITMQ_MESSAGE_DELIVERY_TAG,
					       OTR_KEY_MESSAGING_MESSAGE_BODY_SIZE};
	int64_t number;

	for (size_t i = 0; i < OTR_ARRAY_SIZE(texts); i++)
		otr_sb_string(sb, texts[i], otr_msg_text(msg, texts[i]));
	for (size_t i = 0; i < OTR_ARRAY_SIZE(numbers); i++) {
		number = otr_msg_int(msg, numbers[i], -1);
		if (number >= 0)
			otr_sb_int(sb, numbers[i], number);
	}
}

static void set_answer(const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	struct otr_slice type = otr_msg_text(rsp, OTR_KEY_ERROR_TYPE);

	otr_sb_string(sb, OTR_KEY_OTRACE_SETTLEMENT, otr_msg_text(rsp, OTR_KEY_OTRACE_SETTLEMENT));
	if (!rsp->failed)
		return;
	if (!type.len)
		type = otr_amqp_code((uint16_t)rsp->status);
	otr_sb_error(sb, type.len ? type : OTR_SLICE("_OTHER"));
}

int otr_amqp_describe(const struct otr_side *side, const struct otr_msg *req,
		      const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	struct otr_slice op = req->op.len ? req->op : OTR_SLICE("receive");
	bool pulls = otr_slice_eq(op, OTR_SLICE("receive"));
	struct parts parts = parts_of(req, rsp);

	if (side->role == OTR_ROLE_CLIENT && !req->pushed)
		sb->span.kind = req->trace_ctx.len ? OTR_SPAN_PRODUCER : OTR_SPAN_CLIENT;
	otr_sb_string(sb, OTR_KEY_MESSAGING_SYSTEM, OTR_SLICE("rabbitmq"));
	otr_sb_string(sb, OTR_KEY_MESSAGING_OPERATION_NAME, op);
	otr_sb_string(sb, OTR_KEY_MESSAGING_OPERATION_TYPE, op);
	set_destination(&parts, op, pulls, sb);
	otr_db_server(side, PORT, sb);
	set_message(pulls && rsp ? rsp : req, sb);
	if (req->partial)
		otr_sb_string(sb, OTR_KEY_OTRACE_CUT, OTR_SLICE("head"));
	if (rsp)
		set_answer(rsp, sb);
	return 0;
}
