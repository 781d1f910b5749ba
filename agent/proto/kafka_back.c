/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_back.c - answers of a Kafka broker, by the message definitions of Kafka 4.1.
 *
 *	| length 32 | correlation id 32 | body
 *
 * A broker answers the requests of a connection in order. An answer to a request that was not seen
 * is stepped over.
 */

#include "agent/base/own.h"
#include "agent/proto/kafka.h"
#include "agent/proto/msg.h"

#define HEAD	  8
#define NEAR	  65536u    /* requests that may have been lost */
#define SIZE_MAX_ INT32_MAX /* of a message */

static const struct otr_kafka_pending *pending_at(const struct otr_kafka *kf, uint16_t i)
{
	return &kf->pending[(kf->first + i) % OTR_KAFKA_PENDING];
}

/* Returns which of the pending requests has this id; kf->n: none. */
static uint16_t find(const struct otr_kafka *kf, uint32_t id)
{
	uint16_t i = 0;

	while (i < kf->n && pending_at(kf, i)->id != id)
		i++;
	return i;
}

/* May `id` be that of a request that was not seen? */
static bool is_near(const struct otr_kafka *kf, uint32_t id)
{
	return kf->has_last && (kf->last_id - id < NEAR || id - kf->last_id < NEAR);
}

/* Forgets the oldest requests up to number `i`; those before it have lost their answers. */
static void answer(struct otr_kafka *kf, uint16_t i)
{
	kf->first = (uint16_t)((kf->first + i + 1) % OTR_KAFKA_PENDING);
	kf->n = (uint16_t)(kf->n - i - 1);
}

static enum otr_parse take(struct otr_kafka *kf, uint16_t i, struct otr_slice in,
			   struct otr_msg *msg)
{
	struct otr_kafka_pending of = *pending_at(kf, i);

	msg->stream = kf->serial - kf->n + i + 1;
	answer(kf, i);
	if (!of.is_span)
		return OTR_PARSE_SKIP;
	msg->kind = OTR_MSG_RESPONSE;
	otr_kafka_answer(kf, &of, otr_slice_sub(in, HEAD, in.len), msg);
	return OTR_PARSE_MSG;
}

enum otr_parse otr_kafka_back(struct otr_kafka *kf, struct otr_slice in, unsigned int flags,
			      uint64_t *used, struct otr_msg *msg)
{
	uint64_t size = in.len < 4 ? UINT64_MAX : (uint64_t)otr_kafka_u32(in.data) + 4;
	uint32_t id = in.len < HEAD ? 0 : otr_kafka_u32(in.data + 4);
	uint16_t i = in.len < HEAD ? kf->n : find(kf, id);

	if (in.len >= 4 && (size > SIZE_MAX_ || (size < HEAD && !kf->raw_login)))
		return OTR_PARSE_BAD;
	if (in.len >= HEAD && i == kf->n && !is_near(kf, id) && !kf->raw_login)
		return OTR_PARSE_BAD;
	if (!flags && in.len < (size < OTR_KAFKA_HEAD ? size : OTR_KAFKA_HEAD))
		return OTR_PARSE_MORE;
	if (in.len < HEAD && !(kf->raw_login && in.len >= 4))
		return OTR_PARSE_BAD;
	*used = size;
	if (size < HEAD || i == kf->n)
		return OTR_PARSE_SKIP;
	in = otr_slice_sub(in, 0, size < OTR_KAFKA_HEAD ? (size_t)size : OTR_KAFKA_HEAD);
	return take(kf, i, in, msg);
}

/* Numbers in a body may look like the begin of an answer; but these bytes are in narrow bounds. */
static bool looks_like(const struct otr_kafka_pending *of, struct otr_slice body)
{
	struct otr_kafka_reader rd = {.in = body,
				      .is_flexible = otr_kafka_is_flexible(of->api, of->version)};
	struct otr_kafka_topic topic;
	int32_t time, session;
	int error;

	if (!of->is_span || of->api == OTR_KAFKA_METADATA)
		return false;
	otr_kafka_tags(&rd);
	if (of->api == OTR_KAFKA_PRODUCE)
		return otr_kafka_list(&rd) < 10000 &&
		       otr_kafka_topic(&rd, of->version >= 13, &topic);
	time = of->api == OTR_KAFKA_FETCH || of->version >= 3 ? otr_kafka_i32(&rd) : 0;
	error = of->api == OTR_KAFKA_FETCH && of->version >= 7 ? otr_kafka_i16(&rd) : 0;
	session = of->api == OTR_KAFKA_FETCH && of->version >= 7 ? otr_kafka_i32(&rd) : 0;
	return !rd.is_short && time >= 0 && time < 100000000 && error >= -1 && error < 1000 &&
	       session >= 0 && otr_kafka_list(&rd) < 10000 && !rd.is_short;
}

size_t otr_kafka_find_answer(const struct otr_kafka *kf, struct otr_slice in)
{
	uint32_t size, id;
	uint16_t k;

	for (size_t i = 0; i + HEAD <= in.len; i++) {
		size = otr_kafka_u32(in.data + i);
		if (size < 4 || size > OTR_KAFKA_SIZE)
			continue;
		id = otr_kafka_u32(in.data + i + 4);
		if (!is_near(kf, id))
			continue;
		k = find(kf, id);
		if (k < kf->n &&
		    (!i || looks_like(pending_at(kf, k), otr_slice_sub(in, i + HEAD, in.len))))
			return i;
	}
	return in.len;
}
