/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_MQTT_H
#define OTR_MQTT_H

/* mqtt.h - shared by the files of the MQTT parser. Only they and tests include it. */

#include "agent/proto/proto.h"

#define OTR_MQTT_READ	 4096 /* bytes of a packet that are read, behind its length */
#define OTR_MQTT_ALIASES 16   /* topic aliases that are remembered, of each direction */
#define OTR_MQTT_TOPIC	 96   /* bytes of a topic with an alias */

enum otr_mqtt_type {
	OTR_MQTT_CONNECT = 1,
	OTR_MQTT_CONNACK,
	OTR_MQTT_PUBLISH,
	OTR_MQTT_PUBACK,
	OTR_MQTT_PUBREC,
	OTR_MQTT_PUBREL,
	OTR_MQTT_PUBCOMP,
	OTR_MQTT_SUBSCRIBE,
	OTR_MQTT_SUBACK,
	OTR_MQTT_UNSUBSCRIBE,
	OTR_MQTT_UNSUBACK,
	OTR_MQTT_PINGREQ,
	OTR_MQTT_PINGRESP,
	OTR_MQTT_DISCONNECT,
	OTR_MQTT_AUTH,
};

/* A packet: | type, flags | length, 1 to 4 bytes | body |. */
struct otr_mqtt_packet {
	enum otr_mqtt_type type;
	uint8_t flags;
	uint8_t n_head;	       /* bytes of type and length */
	uint32_t n_body;       /* as the length says */
	struct otr_slice body; /* what is there of it, OTR_MQTT_READ bytes at most */
};

enum otr_mqtt_is {
	OTR_MQTT_NO,
	OTR_MQTT_MAYBE, /* it may be the beginning of a packet */
	OTR_MQTT_YES,
};

/* Reads the packet that `in` begins with. YES: all of its body is there that is read. MAYBE, and
 * pk->n_head is not 0: its length is known. */
enum otr_mqtt_is otr_mqtt_read(struct otr_mqtt_packet *pk, struct otr_slice in);

struct otr_mqtt_publish {
	uint8_t qos;
	uint16_t id; /* 0: it has none */
	struct otr_slice topic;
	struct otr_slice rest; /* properties and payload */
};

/* Reads the head of a PUBLISH. False: it is none, or not all of the head is there. */
bool otr_mqtt_read_publish(struct otr_mqtt_publish *pb, const struct otr_mqtt_packet *pk);

/* Reads the properties of version 5 that `rest` begins with: sets the contexts of `msg`, and *alias,
 * 0: it has none. False: they are not whole, or none. */
bool otr_mqtt_properties(struct otr_slice rest, struct otr_msg *msg, uint16_t *alias);

/* The reason of an acknowledgement; 0: success. */
uint8_t otr_mqtt_reason(const struct otr_mqtt_packet *pk);

/* The level of a CONNECT: 3, 4, 5; 0: it is none. */
uint8_t otr_mqtt_level(const struct otr_mqtt_packet *pk);

/* The state of one connection. Zero is the state of a new one. */
struct otr_mqtt {
	uint8_t client;	 /* 1 + direction of the client's bytes; 0: not known */
	uint8_t level;	 /* 3: MQTT 3.1; 4: 3.1.1; 5; 0: not known, CONNECT was not seen */
	uint64_t serial; /* of messages that nothing confirms */
	uint8_t topic_len[2][OTR_MQTT_ALIASES];
	char topics[2][OTR_MQTT_ALIASES][OTR_MQTT_TOPIC]; /* of aliases from 1 on, by direction */
};

int otr_mqtt_describe(const struct otr_side *side, const struct otr_msg *req,
		      const struct otr_msg *rsp, struct otr_span_builder *sb);

extern const struct otr_blank_ops otr_mqtt_blank;
extern const struct otr_proto_ops otr_mqtt;

#endif /* OTR_MQTT_H */
