/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amqp_front.c - what a client of AMQP sends.
 *
 *	publish	      ONEWAY; behind confirm.select a REQUEST, numbered from 1 on each channel
 *	get	      REQUEST, numbered from OTR_AMQP_GETS on
 *	ack, nack, reject, recover	RESPONSE to what the server pushed: its delivery tag
 *	close	      END of all that is open on the channel, or on the connection
 */

#include "agent/proto/amqp.h"
#include "agent/proto/msg.h"

#define NO_ACK	 2u /* of basic.consume */
#define NO_WAIT	 8u
#define MULTIPLE 1u

static bool publish(struct otr_amqp *aq, const struct otr_amqp_content *c, struct otr_msg *msg)
{
	struct otr_amqp_channel *ch = otr_amqp_channel(aq, c->channel);
	bool numbered = ch && ch->confirms && ch->counts;

	if (numbered)
		ch->ahead |= ch->published != ch->low;
	msg->kind = numbered ? OTR_MSG_REQUEST : OTR_MSG_ONEWAY;
	msg->stream = otr_amqp_stream(c->channel, numbered ? ++ch->published : OTR_AMQP_TAG + 1);
	msg->op = OTR_SLICE("send");
	msg->target = c->exchange;
	msg->partial = c->partial;
	otr_msg_add_text(msg, OTR_KEY_MESSAGING_RABBITMQ_DESTINATION_ROUTING_KEY, c->key);
	return true;
}

/* A consumer's delivery. While it is not known whether the client confirms, it is a moment. */
static bool deliver(struct otr_amqp *aq, const struct otr_amqp_content *c, struct otr_msg *msg)
{
	const struct otr_amqp_consumer *by = c->consumer ? &aq->consumers[c->consumer - 1] : NULL;
	const struct otr_amqp_channel *ch = otr_amqp_channel(aq, c->channel);
	bool confirmed = by ? !by->no_ack : ch && ch->acks;

	msg->kind = confirmed ? OTR_MSG_REQUEST : OTR_MSG_ONEWAY;
	msg->stream = otr_amqp_stream(c->channel, c->tag);
	msg->pushed = true;
	msg->op = OTR_SLICE("process");
	if (by)
		otr_msg_add_custom(msg, OTR_AMQP_QUEUE,
				   (struct otr_slice){by->queue, by->queue_len});
	return true;
}

static bool got(struct otr_amqp *aq, uint16_t channel, struct otr_msg *msg)
{
	struct otr_amqp_channel *ch = otr_amqp_channel(aq, channel);

	if (!ch || ch->got == ch->gets || ch->unsure)
		return false;
	ch->hole = false;
	msg->kind = OTR_MSG_RESPONSE;
	msg->stream = otr_amqp_stream(channel, OTR_AMQP_GETS + ++ch->got);
	return true;
}

/* The server says that a message reached no queue, not which one: it is told of if one alone is not
 * confirmed. */
static bool returned(struct otr_amqp *aq, const struct otr_amqp_content *c, struct otr_msg *msg)
{
	const struct otr_amqp_channel *ch = otr_amqp_channel(aq, c->channel);

	if (!ch || !ch->counts ||
	    ch->published - ch->low - (unsigned int)__builtin_popcountll(ch->above) != 1)
		return false;
	msg->kind = OTR_MSG_RESPONSE;
	msg->stream = otr_amqp_stream(c->channel, ch->low + 1);
	msg->failed = true;
	msg->status = c->code;
	return true;
}

bool otr_amqp_tell(struct otr_amqp *aq, const struct otr_amqp_content *c, struct otr_msg *msg)
{
	bool has_tag = c->tag && c->tag <= OTR_AMQP_TAG;

	if (c->method == OTR_AMQP_PUBLISH)
		return publish(aq, c, msg);
	if (c->method == OTR_AMQP_RETURN)
		return returned(aq, c, msg);
	if (c->method == OTR_AMQP_GET_OK ? !got(aq, c->channel, msg)
					 : !has_tag || !deliver(aq, c, msg))
		return false;
	msg->target = c->exchange;
	msg->partial = c->partial;
	otr_msg_add_text(msg, OTR_KEY_MESSAGING_RABBITMQ_DESTINATION_ROUTING_KEY, c->key);
	if (has_tag)
		otr_msg_add_int(msg, OTR_KEY_MESSAGING_RABBITMQ_MESSAGE_DELIVERY_TAG,
				(int64_t)c->tag);
	return true;
}

void otr_amqp_content(struct otr_amqp *aq, uint16_t channel, uint32_t method,
		      struct otr_amqp_args *args, struct otr_amqp_content *c)
{
	*c = (struct otr_amqp_content){.method = method, .channel = channel};
	if (method == OTR_AMQP_PUBLISH) {
		otr_amqp_int(args, 2);
	} else if (method == OTR_AMQP_RETURN) {
		c->code = (uint16_t)otr_amqp_int(args, 2);
		otr_amqp_short(args);
	} else {
		if (method == OTR_AMQP_DELIVER)
			c->consumer = otr_amqp_consumer(aq, channel, otr_amqp_short(args));
		c->tag = otr_amqp_int(args, 8);
		otr_amqp_int(args, 1);
	}
	c->exchange = otr_amqp_short(args);
	c->key = otr_amqp_short(args);
	c->partial = args->bad;
}

static bool get(struct otr_amqp *aq, uint16_t channel, struct otr_amqp_args *args,
		struct otr_msg *msg)
{
	struct otr_amqp_channel *ch = otr_amqp_channel_add(aq, channel);

	msg->dropped = !ch;
	if (!ch)
		return false;
	if (ch->hole)
		ch->got = ch->gets; /* it waits for each answer: those that are due were lost */
	ch->hole = false;
	ch->overlaps |= ch->gets != ch->got;
	otr_amqp_int(args, 2);
	msg->kind = ch->unsure ? OTR_MSG_ONEWAY : OTR_MSG_REQUEST;
	msg->stream = otr_amqp_stream(channel, OTR_AMQP_GETS + ++ch->gets);
	msg->op = OTR_SLICE("receive");
	otr_msg_add_custom(msg, OTR_AMQP_QUEUE, otr_amqp_short(args));
	msg->partial = args->bad;
	return true;
}

static void consume(struct otr_amqp *aq, uint16_t channel, struct otr_amqp_args *args)
{
	struct otr_slice queue, tag;
	uint64_t flags;

	otr_amqp_int(args, 2);
	queue = otr_amqp_short(args);
	tag = otr_amqp_short(args);
	flags = otr_amqp_int(args, 1);
	if (!args->bad)
		otr_amqp_consume(aq, channel, tag, queue, flags & NO_ACK);
}

static struct otr_slice settlement(uint32_t method, bool requeue)
{
	switch (method) {
	case OTR_AMQP_ACK:
		return OTR_SLICE("ack");
	case OTR_AMQP_NACK:
		return requeue ? OTR_SLICE("nack requeue") : OTR_SLICE("nack");
	case OTR_AMQP_REJECT:
		return requeue ? OTR_SLICE("reject requeue") : OTR_SLICE("reject");
	default:
		return OTR_SLICE("recover");
	}
}

static bool settle(struct otr_amqp *aq, uint16_t channel, uint32_t method,
		   struct otr_amqp_args *args, struct otr_msg *msg)
{
	bool recovers = method == OTR_AMQP_RECOVER || method == OTR_AMQP_RECOVER_ASYNC;
	uint64_t tag = recovers ? 0 : otr_amqp_int(args, 8), bits = otr_amqp_int(args, 1);
	bool all = recovers || (method != OTR_AMQP_REJECT && bits & MULTIPLE);
	struct otr_amqp_channel *ch;

	if (args->bad || !channel || tag > OTR_AMQP_TAG || (!tag && !all))
		return false;
	ch = recovers ? NULL : otr_amqp_channel_add(aq, channel);
	if (ch)
		ch->acks = true;
	msg->kind = OTR_MSG_RESPONSE;
	msg->pushed = true;
	msg->stream = otr_amqp_stream(channel, tag ? tag : OTR_AMQP_TAG);
	msg->since = all ? otr_amqp_stream(channel, 1) : 0;
	otr_msg_add_text(msg, OTR_KEY_OTRACE_SETTLEMENT,
			 settlement(method, bits & (method == OTR_AMQP_REJECT ? 1 : 2)));
	return true;
}

static void confirm_select(struct otr_amqp *aq, uint16_t channel)
{
	struct otr_amqp_channel *ch = otr_amqp_channel_add(aq, channel);

	if (!ch || ch->confirms)
		return;
	ch->confirms = ch->counts = true;
}

bool otr_amqp_close(struct otr_amqp *aq, uint16_t channel, struct otr_msg *msg)
{
	msg->kind = OTR_MSG_END;
	msg->since = channel ? otr_amqp_stream(channel, 0) : 1;
	msg->stream = channel ? otr_amqp_stream(channel, (1ull << 48) - 1) : UINT64_MAX;
	if (channel)
		otr_amqp_channel_close(aq, channel);
	return true;
}

bool otr_amqp_front(struct otr_amqp *aq, uint16_t channel, uint32_t method,
		    struct otr_amqp_args *args, struct otr_msg *msg)
{
	switch (method) {
	case OTR_AMQP_CONSUME:
		consume(aq, channel, args);
		return false;
	case OTR_AMQP_CANCEL:
		otr_amqp_cancel(aq, channel, otr_amqp_short(args));
		return false;
	case OTR_AMQP_CONFIRM_SELECT:
		confirm_select(aq, channel);
		return false;
	case OTR_AMQP_GET:
		return get(aq, channel, args, msg);
	case OTR_AMQP_ACK:
	case OTR_AMQP_NACK:
	case OTR_AMQP_REJECT:
	case OTR_AMQP_RECOVER:
	case OTR_AMQP_RECOVER_ASYNC:
		return settle(aq, channel, method, args, msg);
	case OTR_AMQP_CHANNEL_OPEN:
		otr_amqp_channel_close(aq, channel);
		return false;
	case OTR_AMQP_CHANNEL_CLOSE:
		return channel && otr_amqp_close(aq, channel, msg);
	case OTR_AMQP_CONNECTION_CLOSE:
		return otr_amqp_close(aq, 0, msg);
	default:
		return false;
	}
}

/* Of a client that waits, the next request shows that all before it are answered. Answers to any
 * other could be those of requests that were not seen. */
void otr_amqp_gets_lost(struct otr_amqp *aq)
{
	struct otr_amqp_channel *ch = aq->channels;

	for (; ch < aq->channels + OTR_AMQP_CHANNELS; ch++) {
		if (ch->overlaps || (ch->gets && ch->gets < OTR_AMQP_WAITS))
			ch->unsure = true;
		ch->hole = true;
	}
}

/* How many were published is not known any more, nor which consumers there are. Of a client that
 * waits for each confirmation, the next one tells the number of what it published last. */
void otr_amqp_front_lost(struct otr_amqp *aq)
{
	for (size_t i = 0; i < OTR_AMQP_CHANNELS; i++) {
		aq->channels[i].counts = false;
		aq->channels[i].resumes =
			!aq->channels[i].ahead && aq->channels[i].published >= OTR_AMQP_WAITS;
		aq->channels[i].acks = false;
	}
	otr_amqp_gets_lost(aq);
	memset(aq->consumers, 0, sizeof(aq->consumers));
}
