/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mqtt_packet.c - packets of MQTT 3.1, 3.1.1 and 5 (OASIS MQTT Version 5.0, chapters 2 and 3).
 *
 *	| type 4, flags 4 | length, 1 to 4 bytes | body |
 *	PUBLISH: | length 2, topic | id 2, if the QoS is not 0 | properties, of version 5 | payload |
 *	PUBACK and its like: | id 2 | reason 1 | properties |, the last two of version 5
 */

#include "agent/proto/mqtt.h"

#define CHECKED	   128 /* bytes of a topic that are looked at: resync() tries every byte */
#define QOS(flags) ((flags) >> 1 & 3)

/* What a packet of a type may be. */
struct shape {
	uint8_t flags;
	uint32_t min, max; /* bytes of the body */
};

#define ANY (268435455u) /* what four bytes of length can say */

static const struct shape shapes[16] = {
	[OTR_MQTT_CONNECT] = {0, 12, ANY},     [OTR_MQTT_CONNACK] = {0, 2, 65536},
	[OTR_MQTT_PUBLISH] = {0, 2, ANY},      [OTR_MQTT_PUBACK] = {0, 2, 65536},
	[OTR_MQTT_PUBREC] = {0, 2, 65536},     [OTR_MQTT_PUBREL] = {2, 2, 65536},
	[OTR_MQTT_PUBCOMP] = {0, 2, 65536},    [OTR_MQTT_SUBSCRIBE] = {2, 5, 1 << 20},
	[OTR_MQTT_SUBACK] = {0, 3, 1 << 20},   [OTR_MQTT_UNSUBSCRIBE] = {2, 4, 1 << 20},
	[OTR_MQTT_UNSUBACK] = {0, 2, 1 << 20}, [OTR_MQTT_PINGREQ] = {0, 0, 0},
	[OTR_MQTT_PINGRESP] = {0, 0, 0},       [OTR_MQTT_DISCONNECT] = {0, 0, 65536},
	[OTR_MQTT_AUTH] = {0, 0, 65536},
};

static uint16_t u16(struct otr_slice s)
{
	const unsigned char *p = (const unsigned char *)s.data;

	return (uint16_t)(p[0] << 8 | p[1]);
}

/* Takes a number of 1 to 4 bytes off `s`, seven bits a byte, the low ones first. */
static enum otr_mqtt_is take_varint(struct otr_slice *s, uint32_t *out)
{
	uint32_t n = 0;

	for (size_t i = 0; i < 4; i++) {
		if (i == s->len)
			return OTR_MQTT_MAYBE;
		n |= (uint32_t)((unsigned char)s->data[i] & 127) << (7 * i);
		if ((unsigned char)s->data[i] & 128)
			continue;
		*out = n;
		*s = otr_slice_sub(*s, i + 1, s->len);
		return OTR_MQTT_YES;
	}
	return OTR_MQTT_NO;
}

/* Takes a text with its length, of two bytes. */
static bool take_text(struct otr_slice *s, struct otr_slice *text)
{
	if (s->len < 2 || s->len - 2 < u16(*s))
		return false;
	*text = otr_slice_sub(*s, 2, u16(*s));
	*s = otr_slice_sub(*s, 2 + text->len, s->len);
	return true;
}

static bool fits_shape(const struct otr_mqtt_packet *pk)
{
	const struct shape *shape = &shapes[pk->type];

	if (pk->type == OTR_MQTT_PUBLISH) /* nothing is sent again that was sent without a number */
		return QOS(pk->flags) < 3 && (QOS(pk->flags) || !(pk->flags & 8));
	return pk->type && pk->flags == shape->flags;
}

uint8_t otr_mqtt_level(const struct otr_mqtt_packet *pk)
{
	struct otr_slice body = pk->body, name;
	uint8_t level;

	if (!take_text(&body, &name) || body.len < 2)
		return 0;
	level = (uint8_t)body.data[0];
	if (body.data[1] & 1)
		return 0;
	if (otr_slice_eq(name, OTR_SLICE("MQIsdp")))
		return level == 3 ? 3 : 0;
	return otr_slice_eq(name, OTR_SLICE("MQTT")) && (level == 4 || level == 5) ? level : 0;
}

/* A topic that messages are sent to: UTF-8 without control characters and wildcards. */
static bool is_topic(struct otr_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (c < ' ' || c == 127 || c == '#' || c == '+' || c > 0xf4)
			return false;
	}
	return true;
}

/* May what is there of the body be one? More of it is checked as it comes. */
static bool is_publish(const struct otr_mqtt_packet *pk)
{
	uint32_t id = QOS(pk->flags) ? 2 : 0, n;

	if (pk->body.len < 2)
		return true;
	n = u16(pk->body);
	if (n + 2 + id > pk->n_body || (!n && n + 2 + id == pk->n_body))
		return false; /* without a topic there is an alias */
	if (!is_topic(otr_slice_sub(pk->body, 2, n < CHECKED ? n : CHECKED)))
		return false;
	return !id || pk->body.len < 2 + n + id || u16(otr_slice_sub(pk->body, 2 + n, 2));
}

static bool is_reason(uint8_t reason)
{
	return reason == 0 || reason == 0x10 || (reason >= 0x80 && reason <= 0xa2);
}

/* An id, which is not 0, and a reason. */
static bool is_ack(const struct otr_mqtt_packet *pk)
{
	if (pk->body.len >= 2 && !u16(pk->body))
		return false;
	return pk->body.len < 3 || is_reason((uint8_t)pk->body.data[2]);
}

static bool fits_body(const struct otr_mqtt_packet *pk)
{
	switch (pk->type) {
	case OTR_MQTT_CONNECT:
		return pk->body.len < 10 || otr_mqtt_level(pk);
	case OTR_MQTT_CONNACK:
		return !pk->body.len || (unsigned char)pk->body.data[0] <= 1;
	case OTR_MQTT_PUBLISH:
		return is_publish(pk);
	case OTR_MQTT_PUBACK:
	case OTR_MQTT_PUBREC:
	case OTR_MQTT_PUBREL:
	case OTR_MQTT_PUBCOMP:
		return is_ack(pk);
	case OTR_MQTT_SUBSCRIBE:
	case OTR_MQTT_UNSUBSCRIBE:
	case OTR_MQTT_SUBACK:
	case OTR_MQTT_UNSUBACK:
		return pk->body.len < 2 || u16(pk->body);
	default:
		return true;
	}
}

enum otr_mqtt_is otr_mqtt_read(struct otr_mqtt_packet *pk, struct otr_slice in)
{
	struct otr_slice rest = otr_slice_sub(in, 1, in.len);
	size_t want;

	*pk = (struct otr_mqtt_packet){0};
	if (!in.len)
		return OTR_MQTT_MAYBE;
	pk->type = (enum otr_mqtt_type)((unsigned char)in.data[0] >> 4);
	pk->flags = (uint8_t)in.data[0] & 15;
	if (!fits_shape(pk))
		return OTR_MQTT_NO;
	switch (take_varint(&rest, &pk->n_body)) {
	case OTR_MQTT_NO:
		return OTR_MQTT_NO;
	case OTR_MQTT_MAYBE:
		return OTR_MQTT_MAYBE;
	case OTR_MQTT_YES:
		break;
	}
	pk->n_head = (uint8_t)(in.len - rest.len);
	want = pk->n_body < OTR_MQTT_READ ? pk->n_body : OTR_MQTT_READ;
	pk->body = otr_slice_sub(rest, 0, want);
	if (pk->n_body < shapes[pk->type].min || pk->n_body > shapes[pk->type].max ||
	    !fits_body(pk))
		return OTR_MQTT_NO;
	return pk->body.len == want ? OTR_MQTT_YES : OTR_MQTT_MAYBE;
}

bool otr_mqtt_read_publish(struct otr_mqtt_publish *pb, const struct otr_mqtt_packet *pk)
{
	*pb = (struct otr_mqtt_publish){.qos = QOS(pk->flags), .rest = pk->body};
	if (!take_text(&pb->rest, &pb->topic) || (pb->qos && pb->rest.len < 2))
		return false;
	if (pb->qos) {
		pb->id = u16(pb->rest);
		pb->rest = otr_slice_sub(pb->rest, 2, pb->rest.len);
	}
	return true;
}

uint8_t otr_mqtt_reason(const struct otr_mqtt_packet *pk)
{
	return pk->body.len > 2 ? (uint8_t)pk->body.data[2] : 0;
}

static void take_user(struct otr_msg *msg, struct otr_slice name, struct otr_slice value)
{
	if (otr_slice_eq_nocase(name, OTR_SLICE("traceparent")))
		msg->trace_ctx = value;
	else if (otr_slice_eq_nocase(name, OTR_SLICE("tracestate")))
		msg->trace_state = value;
	else if (otr_slice_eq_nocase(name, OTR_SLICE("baggage")))
		msg->baggage = value;
}

static bool take_fixed(struct otr_slice *s, size_t n)
{
	if (s->len < n)
		return false;
	*s = otr_slice_sub(*s, n, s->len);
	return true;
}

/* Takes the value of one property, by section 2.2.2.2. */
static bool take_property(struct otr_slice *s, uint8_t id, struct otr_msg *msg, uint16_t *alias)
{
	struct otr_slice name, value;

	switch (id) {
	case 0x01: /* payload format */
		return take_fixed(s, 1);
	case 0x02: /* expiry */
		return take_fixed(s, 4);
	case 0x03: /* content type */
	case 0x08: /* response topic */
	case 0x09: /* correlation data */
		return take_text(s, &value);
	case 0x0b: /* subscription identifier */
		return take_varint(s, &(uint32_t){0}) == OTR_MQTT_YES;
	case 0x23:
		if (s->len < 2)
			return false;
		*alias = u16(*s);
		return take_fixed(s, 2) && *alias;
	case 0x26: /* user property */
		if (!take_text(s, &name) || !take_text(s, &value))
			return false;
		take_user(msg, name, value);
		return true;
	default:
		return false;
	}
}

bool otr_mqtt_properties(struct otr_slice rest, struct otr_msg *msg, uint16_t *alias)
{
	uint32_t n = 0;
	uint8_t id;

	*alias = 0;
	if (take_varint(&rest, &n) != OTR_MQTT_YES)
		return false;
	if (n < rest.len)
		rest.len = n;
	else if (n > rest.len)
		n = UINT32_MAX; /* some are missing */
	while (rest.len) {
		id = (uint8_t)rest.data[0];
		rest = otr_slice_sub(rest, 1, rest.len);
		if (!take_property(&rest, id, msg, alias))
			return false;
	}
	return n != UINT32_MAX;
}
