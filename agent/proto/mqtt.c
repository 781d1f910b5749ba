/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mqtt.c - MQTT 3.1, 3.1.1 and 5 on one connection.
 *
 *	client PUBLISH, QoS 0		send TOPIC, which is not answered
 *	client PUBLISH, QoS 1, 2	a request: send TOPIC, to the PUBACK or PUBREC of the broker
 *	broker PUBLISH, QoS 0		pushed: process TOPIC
 *	broker PUBLISH, QoS 1, 2	pushed: process TOPIC, to the PUBACK or PUBREC of the client
 *
 * With PUBREC the receiver owns the message, or has refused it; PUBREL and PUBCOMP only free its
 * number. The version stands in CONNECT alone. Where that was not seen, properties are read only if
 * they hold a traceparent, and from then on, or from a PUBLISH without a topic on, it is version 5.
 * A PUBLISH looks the same in both directions: until it is known which one is the client's, none is
 * read.
 */

#include "agent/proto/mqtt.h"

#include "agent/proto/msg.h"
#include "agent/proto/trace_context.h"

#define SERIAL (UINT64_C(1) << 32) /* numbers of messages without an id lie above */

static void set_client(void *state, enum otr_dir dir)
{
	((struct otr_mqtt *)state)->client = (uint8_t)(1 + dir);
}

/* Many packets are of one side, whatever was assumed before. */
static void learn_client(struct otr_mqtt *mq, enum otr_dir dir, enum otr_mqtt_type type)
{
	switch (type) {
	case OTR_MQTT_CONNECT:
	case OTR_MQTT_SUBSCRIBE:
	case OTR_MQTT_UNSUBSCRIBE:
	case OTR_MQTT_PINGREQ:
		mq->client = (uint8_t)(1 + dir);
		break;
	case OTR_MQTT_CONNACK:
	case OTR_MQTT_SUBACK:
	case OTR_MQTT_UNSUBACK:
	case OTR_MQTT_PINGRESP:
		mq->client = (uint8_t)(1 + !dir);
		break;
	default:
		break;
	}
}

/* The topic of a PUBLISH with an alias; a new alias is remembered. */
static struct otr_slice topic_of(struct otr_mqtt *mq, enum otr_dir dir, uint16_t alias,
				 struct otr_slice topic)
{
	char *known;

	if (!alias || alias > OTR_MQTT_ALIASES)
		return topic;
	known = mq->topics[dir][alias - 1];
	if (!topic.len)
		return (struct otr_slice){known, mq->topic_len[dir][alias - 1]};
	mq->topic_len[dir][alias - 1] = 0;
	if (topic.len <= OTR_MQTT_TOPIC) {
		memcpy(known, topic.data, topic.len);
		mq->topic_len[dir][alias - 1] = (uint8_t)topic.len;
	}
	return topic;
}

/* Of a connection whose CONNECT was not seen: what begins the rest may be payload. */
static bool try_properties(struct otr_mqtt *mq, struct otr_slice rest, struct otr_msg *msg,
			   uint16_t *alias)
{
	if (otr_mqtt_properties(rest, msg, alias) && otr_traceparent_valid(msg->trace_ctx)) {
		mq->level = 5;
		return true;
	}
	msg->trace_ctx = msg->trace_state = msg->baggage = OTR_SLICE_NONE;
	*alias = 0;
	return true;
}

static enum otr_parse take_publish(struct otr_mqtt *mq, enum otr_dir dir,
				   const struct otr_mqtt_packet *pk, struct otr_msg *msg)
{
	struct otr_mqtt_publish pb;
	bool whole = otr_mqtt_read_publish(&pb, pk), is_client = mq->client == 1 + dir;
	uint16_t alias = 0;

	if (whole && !mq->level && !pb.topic.len)
		mq->level = 5;
	if (whole && mq->level == 5)
		whole = otr_mqtt_properties(pb.rest, msg, &alias);
	else if (whole && !mq->level)
		whole = try_properties(mq, pb.rest, msg, &alias);
	if (!mq->client)
		return OTR_PARSE_SKIP;
	msg->partial = !whole;
	msg->op = is_client ? OTR_SLICE("send") : OTR_SLICE("process");
	msg->target = topic_of(mq, dir, alias, pb.topic);
	msg->pushed = !is_client;
	msg->kind = pb.id ? OTR_MSG_REQUEST : OTR_MSG_ONEWAY;
	msg->stream = pb.id ? pb.id : SERIAL | ++mq->serial;
	return OTR_PARSE_MSG;
}

/* PUBACK or PUBREC. */
static enum otr_parse take_ack(struct otr_mqtt *mq, enum otr_dir dir,
			       const struct otr_mqtt_packet *pk, struct otr_msg *msg)
{
	if (!mq->client || pk->body.len < 2)
		return OTR_PARSE_SKIP;
	msg->kind = OTR_MSG_RESPONSE;
	msg->pushed = mq->client == 1 + dir;
	msg->stream =
		(uint64_t)(unsigned char)pk->body.data[0] << 8 | (unsigned char)pk->body.data[1];
	msg->status = otr_mqtt_reason(pk);
	msg->failed = msg->status >= 0x80;
	return OTR_PARSE_MSG;
}

static enum otr_parse take(struct otr_mqtt *mq, enum otr_dir dir, const struct otr_mqtt_packet *pk,
			   struct otr_msg *msg)
{
	switch (pk->type) {
	case OTR_MQTT_CONNECT:
		mq->level = otr_mqtt_level(pk);
		memset(mq->topic_len, 0, sizeof(mq->topic_len));
		return OTR_PARSE_SKIP;
	case OTR_MQTT_PUBLISH:
		return take_publish(mq, dir, pk, msg);
	case OTR_MQTT_PUBACK:
	case OTR_MQTT_PUBREC:
		return take_ack(mq, dir, pk, msg);
	default:
		return OTR_PARSE_SKIP;
	}
}

static enum otr_parse parse(void *state, enum otr_dir dir, struct otr_slice in, unsigned int flags,
			    uint64_t *used, struct otr_msg *msg)
{
	struct otr_mqtt *mq = state;
	struct otr_mqtt_packet pk;
	enum otr_mqtt_is is = otr_mqtt_read(&pk, in);

	*used = 0;
	if (is == OTR_MQTT_NO || !in.len)
		return in.len || flags & ~OTR_IN_ALONE ? OTR_PARSE_BAD : OTR_PARSE_MORE;
	if (is == OTR_MQTT_MAYBE && !(flags & ~OTR_IN_ALONE))
		return OTR_PARSE_MORE;
	*used = in.len;
	if (!pk.n_head)
		return OTR_PARSE_SKIP;
	*used = (uint64_t)pk.n_head + pk.n_body;
	learn_client(mq, dir, pk.type);
	return take(mq, dir, &pk, msg);
}

/* Is it the beginning of a packet for certain: does another follow it, or nothing? A PUBLISH whose
 * topic is there may be longer than `in`. */
static bool is_sure(struct otr_slice in, bool at_end)
{
	struct otr_mqtt_packet pk, next;
	struct otr_mqtt_publish pb;
	uint64_t size;

	if (otr_mqtt_read(&pk, in) == OTR_MQTT_NO || !pk.n_head)
		return false;
	size = (uint64_t)pk.n_head + pk.n_body;
	if (pk.type == OTR_MQTT_CONNECT && pk.body.len >= 10)
		return true;
	if (pk.type == OTR_MQTT_PUBLISH &&
	    (!otr_mqtt_read_publish(&pb, &pk) || (pb.topic.len && pb.topic.len < 2 && !pb.id)))
		return false;
	if (size > in.len)
		return pk.type == OTR_MQTT_PUBLISH && !at_end;
	return size == in.len ||
	       otr_mqtt_read(&next, otr_slice_sub(in, size, in.len)) != OTR_MQTT_NO;
}

static size_t resync(void *state, enum otr_dir dir, struct otr_slice in)
{
	size_t i = 0;

	(void)state, (void)dir;
	while (i < in.len && !is_sure(otr_slice_sub(in, i, in.len), false))
		i++;
	return i;
}

/* CONNECT; or a PUBLISH with a topic, and, as far as bytes are there, a packet behind it. */
static bool sniff(enum otr_dir dir, struct otr_slice head)
{
	struct otr_mqtt_packet pk;
	struct otr_mqtt_publish pb;

	(void)dir;
	if (otr_mqtt_read(&pk, head) == OTR_MQTT_NO || !pk.n_head)
		return false;
	if (pk.type == OTR_MQTT_CONNECT)
		return pk.body.len >= 10;
	return pk.type == OTR_MQTT_PUBLISH && otr_mqtt_read_publish(&pb, &pk) && pb.topic.len &&
	       is_sure(head, head.len < OTR_SNIFF_MAX);
}

const struct otr_proto_ops otr_mqtt = {
	.name = "mqtt",
	.title = "MQTT",
	.scope = "otrace/mqtt",
	.client_only = true,
	.server_exe = "mosquitto",
	.system = "mqtt",
	.multiplexed = true,
	.state_size = sizeof(struct otr_mqtt),
	.set_client = set_client,
	.capture = OTR_CAPTURE_CALLS,
	.head_bytes = OTR_LONG_CALLS,
	.sniff = sniff,
	.parse = parse,
	.resync = resync,
	.describe = otr_mqtt_describe,
	.blank = &otr_mqtt_blank,
};
