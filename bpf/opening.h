/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_OPENING_H
#define OTR_OPENING_H

/*
 * opening.h - what a source knows about a connection from its first bytes: how it is captured until
 * the agent sets a policy. opening.def has the rows.
 *
 * Pure and bounded; tested natively (tests/unit/frames_test.c).
 */

#include "event.h"
#include "shared.h"

#define OTR_OPENING_BYTES 8	/* bytes that are looked at */
#define OTR_KAFKA_BYTES	  4096	/* of each call, as OTR_KAFKA_HEAD */
#define OTR_FASTCGI_BYTES 12288 /* of the head of a request of FastCGI, with its cookies */

enum otr_opening {
	OTR_OPENING_OTHER,
#define OTR_OPENING_ROW(id, opens, capture, head_bytes) OTR_OPENING_##id,
#include "opening.def"
#undef OTR_OPENING_ROW
};

/* "PRI * HTTP/2.0" */
static inline __attribute__((always_inline)) int otr_opens_http2(const __u8 *first)
{
	return !__builtin_memcmp(first, "PRI * HT", 8);
}

/* BEGIN_REQUEST, whose content has 8 bytes. */
static inline __attribute__((always_inline)) int otr_opens_fastcgi(const __u8 *first)
{
	return first[0] == 1 && first[1] == 1 && !first[4] && first[5] == 8 && !first[7];
}

/* | length 32 | api 16 | version 16 |: ApiVersions, or Metadata in a version that is no startup of
 * PostgreSQL, which are the first requests of all clients. */
static inline __attribute__((always_inline)) int otr_opens_kafka(const __u8 *first)
{
	return !first[0] && !first[1] && !first[4] && !first[6] &&
	       ((first[5] == 18 && first[7] < 16) ||
		(first[5] == 3 && first[7] < 16 && first[7] && first[7] != 2));
}

static inline __attribute__((always_inline)) int otr_opens_ssh(const __u8 *first)
{
	return !__builtin_memcmp(first, "SSH-", 4);
}

/* The server of NATS speaks first. */
static inline __attribute__((always_inline)) int otr_opens_nats(const __u8 *first)
{
	return !__builtin_memcmp(first, "INFO {\"s", 8);
}

static inline __attribute__((always_inline)) int otr_is_mqtt_name(const __u8 *at)
{
	return !at[0] && (at[1] == 4 || at[1] == 6) && at[2] == 'M' && at[3] == 'Q';
}

/* CONNECT, whose length has one byte or two: "MQTT", or "MQIsdp" of version 3.1. */
static inline __attribute__((always_inline)) int otr_opens_mqtt(const __u8 *first)
{
	return first[0] == 0x10 && (otr_is_mqtt_name(first + 2) || otr_is_mqtt_name(first + 3));
}

static inline __attribute__((always_inline)) int otr_is_redis_head(const __u8 *at)
{
	return at[0] == '\r' && at[1] == '\n' && at[2] == '$';
}

/* An array of strings: "*3\r\n$", with up to four digits. */
static inline __attribute__((always_inline)) int otr_opens_redis(const __u8 *first)
{
	return first[0] == '*' && (otr_is_redis_head(first + 2) || otr_is_redis_head(first + 3) ||
				   otr_is_redis_head(first + 4) || otr_is_redis_head(first + 5));
}

/* | length 32, little-endian | number of the request 32 |: the handshake of a driver of MongoDB, which
 * tells its name and its system. That is not much to go by, so a protocol which is not known may be
 * copied as this one is until the agent has looked at it. */
static inline __attribute__((always_inline)) int otr_opens_mongodb(const __u8 *first)
{
	return !first[3] && !first[2] && first[1] && first[1] < 16;
}

/* What the first OTR_OPENING_BYTES bytes of a direction begin. */
static inline __attribute__((always_inline)) enum otr_opening otr_opening_of(const __u8 *first)
{
#define OTR_OPENING_ROW(id, opens, capture, head_bytes) \
	if (opens(first))                               \
		return OTR_OPENING_##id;
#include "opening.def"
#undef OTR_OPENING_ROW
	return OTR_OPENING_OTHER;
}

/* The policy of such a connection until the agent sets one: enum otr_capture .. */
static inline __attribute__((always_inline)) __u8 otr_opening_capture(__u8 opening)
{
	switch (opening) {
#define OTR_OPENING_ROW(id, opens, capture, head_bytes) \
	case OTR_OPENING_##id:                          \
		return capture;
#include "opening.def"
#undef OTR_OPENING_ROW
	default:
		return OTR_CAPTURE_HEAD;
	}
}

/* .. and how many bytes are copied. */
static inline __attribute__((always_inline)) __u32 otr_opening_head_bytes(__u8 opening)
{
	switch (opening) {
#define OTR_OPENING_ROW(id, opens, capture, head_bytes) \
	case OTR_OPENING_##id:                          \
		return head_bytes;
#include "opening.def"
#undef OTR_OPENING_ROW
	default:
		return OTR_HEAD_BYTES;
	}
}

/* Does the opening change the policy of the call that it stands in? */
static inline __attribute__((always_inline)) int otr_opening_acts_at_once(__u8 opening)
{
	return opening != OTR_OPENING_OTHER && otr_opening_capture(opening) != OTR_CAPTURE_MUTE;
}

/* Is what follows the call that the opening stands in not copied? */
static inline __attribute__((always_inline)) int otr_opening_mutes(__u8 opening)
{
	return otr_opening_capture(opening) == OTR_CAPTURE_MUTE;
}

#endif /* OTR_OPENING_H */
