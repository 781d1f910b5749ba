/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_read.c - the types of Kafka's protocol (its guide, "Protocol Primitive Types").
 *
 *	text      | length 16 | bytes |          compact: | length + 1, varint | bytes |
 *	list      | length 32 | elements |       compact: | length + 1, varint | elements |
 *	varint    seven bits a byte, the lowest first; bit 7 is set in all but the last
 *	tagged    | n, varint | tag, varint | size, varint | bytes | ..
 */

#include "agent/proto/kafka.h"

uint32_t otr_kafka_u32(const char *at)
{
	const unsigned char *b = (const unsigned char *)at;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

struct otr_slice otr_kafka_take(struct otr_kafka_reader *rd, uint64_t n)
{
	struct otr_slice got = OTR_SLICE_NONE;

	if (rd->is_short)
		return got;
	got = otr_slice_sub(rd->in, rd->at, n < rd->in.len ? (size_t)n : rd->in.len);
	rd->is_short = got.len < n;
	rd->at += got.len;
	return got;
}

static uint64_t number(struct otr_kafka_reader *rd, size_t bytes)
{
	struct otr_slice got = otr_kafka_take(rd, bytes);
	uint64_t n = 0;

	for (size_t i = 0; i < bytes && !rd->is_short; i++)
		n = n << 8 | (unsigned char)got.data[i];
	return n;
}

int otr_kafka_i8(struct otr_kafka_reader *rd)
{
	return (int8_t)number(rd, 1);
}

int otr_kafka_i16(struct otr_kafka_reader *rd)
{
	return (int16_t)number(rd, 2);
}

int32_t otr_kafka_i32(struct otr_kafka_reader *rd)
{
	return (int32_t)number(rd, 4);
}

int64_t otr_kafka_i64(struct otr_kafka_reader *rd)
{
	return (int64_t)number(rd, 8);
}

static uint64_t varint(struct otr_kafka_reader *rd, unsigned int bits)
{
	uint64_t n = 0, byte = 0x80;

	for (unsigned int shift = 0; byte & 0x80; shift += 7) {
		byte = number(rd, 1);
		if (shift >= bits)
			rd->is_short = true;
		if (rd->is_short)
			return 0;
		n |= (byte & 0x7f) << shift;
	}
	return n;
}

uint32_t otr_kafka_uvarint(struct otr_kafka_reader *rd)
{
	uint64_t n = varint(rd, 32);

	rd->is_short |= n > UINT32_MAX;
	return rd->is_short ? 0 : (uint32_t)n;
}

int64_t otr_kafka_varint(struct otr_kafka_reader *rd)
{
	uint64_t n = varint(rd, 64);

	return (int64_t)(n >> 1 ^ (0 - (n & 1)));
}

#define NULL_LEN UINT32_MAX

/* A length; NULL_LEN, which is -1, or 0 in the compact form: null. */
static uint32_t length(struct otr_kafka_reader *rd, bool is_16)
{
	uint32_t n;

	if (rd->is_flexible)
		n = otr_kafka_uvarint(rd) - 1;
	else
		n = (uint32_t)(is_16 ? otr_kafka_i16(rd) : otr_kafka_i32(rd));
	rd->is_short |= n > INT32_MAX && n != NULL_LEN;
	return rd->is_short ? NULL_LEN : n;
}

struct otr_slice otr_kafka_text(struct otr_kafka_reader *rd)
{
	uint32_t n = length(rd, true);
	struct otr_slice text = otr_kafka_take(rd, n == NULL_LEN ? 0 : n);

	return rd->is_short || n == NULL_LEN ? OTR_SLICE_NONE : text;
}

uint32_t otr_kafka_list(struct otr_kafka_reader *rd)
{
	uint32_t n = length(rd, false);

	return n == NULL_LEN ? 0 : n;
}

uint32_t otr_kafka_bytes(struct otr_kafka_reader *rd)
{
	return otr_kafka_list(rd);
}

void otr_kafka_tags(struct otr_kafka_reader *rd)
{
	uint32_t n = rd->is_flexible ? otr_kafka_uvarint(rd) : 0;

	for (; n && !rd->is_short; n--) {
		otr_kafka_uvarint(rd);
		otr_kafka_take(rd, otr_kafka_uvarint(rd));
	}
}

/* The server allows letters, digits, '.', '_', '-'. */
static bool is_topic_name(struct otr_slice name)
{
	if (!name.len || name.len > OTR_KAFKA_TOPIC)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i], low = otr_lower(c);

		if ((low < 'a' || low > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' &&
		    c != '-')
			return false;
	}
	return true;
}

bool otr_kafka_topic(struct otr_kafka_reader *rd, bool has_id, struct otr_kafka_topic *out)
{
	*out = (struct otr_kafka_topic){OTR_SLICE_NONE, OTR_SLICE_NONE};
	if (has_id)
		out->id = otr_kafka_take(rd, OTR_KAFKA_ID);
	else
		out->name = otr_kafka_text(rd);
	if (!has_id && !is_topic_name(out->name))
		rd->is_short = true;
	if (!rd->is_short)
		return true;
	*out = (struct otr_kafka_topic){OTR_SLICE_NONE, OTR_SLICE_NONE};
	return false;
}

bool otr_kafka_is_flexible(unsigned int api, unsigned int version)
{
	switch (api) {
	case OTR_KAFKA_PRODUCE:
	case OTR_KAFKA_METADATA:
		return version >= 9;
	case OTR_KAFKA_FETCH:
		return version >= 12;
	case OTR_KAFKA_OFFSET_COMMIT:
		return version >= 8;
	case OTR_KAFKA_SASL_AUTHENTICATE:
		return version >= 2;
	default:
		return false;
	}
}
