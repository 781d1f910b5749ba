/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_front.c - requests of a Kafka client, by the message definitions of Kafka 4.1.
 *
 *	| length 32 | api 16 | version 16 | correlation id 32 | client id | body
 *
 * Produce, Fetch and OffsetCommit are read, Metadata is passed on for its answer. All others are
 * only remembered, since answers do not tell what they answer. Fetch requests of other brokers,
 * which copy what they store, are no spans.
 */

#include "agent/base/own.h"
#include "agent/proto/kafka.h"
#include "agent/proto/msg.h"

#define FIXED	     14		 /* bytes up to the client id */
#define VERSION_MAX  40		 /* no API has that many versions */
#define SURE_ID	     0x40000000u /* a text is no correlation id */
#define SURE_SIZE    (1u << 24)	 /* FastCGI and others do not begin with a zero */
#define API_VERSIONS 18
#define ACKS_NONE    0

/* A client id that is there in part is judged by that part. */
static bool is_client_id(struct otr_slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.data[i] < ' ' || text.data[i] == 127)
			return false;
	return true;
}

static int16_t i16_at(struct otr_slice in, size_t at)
{
	const unsigned char *b = (const unsigned char *)in.data + at;

	return (int16_t)(b[0] << 8 | b[1]);
}

/* Many bytes are zeros: an empty client id, which is rare, is accepted in the first request of a
 * client alone. */
static bool is_sure_head(const struct otr_kafka_head *head, int client)
{
	return head->size < SURE_SIZE && head->id < SURE_ID &&
	       (client || head->api == API_VERSIONS);
}

/* An answer to Produce looks like a request, as its id is small: | 0 | id | n topics | topic |. So
 * does a frame of HTTP/2. Returns false if it cannot be a request, as far as it is there. */
static bool may_be_produce(struct otr_kafka_reader *rd, unsigned int version)
{
	struct otr_slice transaction = otr_kafka_text(rd);
	int acks = otr_kafka_i16(rd);
	int32_t time = otr_kafka_i32(rd);
	uint32_t n = otr_kafka_list(rd);

	if (version < 3 || (transaction.data && !transaction.len) || acks < -1 || acks > 1)
		return false;
	return rd->is_short || (time > 0 && n);
}

/* No id of a broker; or, from version 15 on, times and bytes in their bounds. */
static bool may_be_fetch(struct otr_kafka_reader *rd, unsigned int version)
{
	int32_t first = otr_kafka_i32(rd), least, most;

	if (version < 15)
		return version > 0 && (first == -1 || rd->is_short);
	least = otr_kafka_i32(rd);
	most = otr_kafka_i32(rd);
	return first >= 0 && least >= 0 && (otr_kafka_i8(rd) & ~1) == 0 &&
	       (most > 1000 || rd->is_short);
}

/* `in` is what is there of the body. */
static enum otr_kafka_is is_sure_body(const struct otr_kafka_head *head, struct otr_slice in)
{
	size_t size = (size_t)head->size + 4 - head->len;
	struct otr_kafka_reader rd = {.in = otr_slice_sub(in, 0, size),
				      .is_flexible =
					      otr_kafka_is_flexible(head->api, head->version)};

	if (head->api > OTR_KAFKA_FETCH)
		return OTR_KAFKA_YES;
	otr_kafka_tags(&rd);
	if (head->api == OTR_KAFKA_PRODUCE ? !may_be_produce(&rd, head->version)
					   : !may_be_fetch(&rd, head->version))
		return OTR_KAFKA_NO;
	if (!rd.is_short)
		return OTR_KAFKA_YES;
	return in.len < size ? OTR_KAFKA_MAYBE : OTR_KAFKA_NO;
}

enum otr_kafka_is otr_kafka_is_request(struct otr_slice in, bool strict,
				       struct otr_kafka_head *head)
{
	int16_t client;

	if (in.len < FIXED)
		return OTR_KAFKA_MAYBE;
	*head = (struct otr_kafka_head){
		.size = otr_kafka_u32(in.data),
		.api = (uint16_t)i16_at(in, 4),
		.version = (uint16_t)i16_at(in, 6),
		.id = otr_kafka_u32(in.data + 8),
	};
	client = i16_at(in, 12);
	head->len = FIXED + (client > 0 ? (size_t)client : 0);
	if (head->size > INT32_MAX || head->len > (uint64_t)head->size + 4 || client < -1 ||
	    head->api >= OTR_KAFKA_API_MAX || head->version > VERSION_MAX)
		return OTR_KAFKA_NO;
	head->client = otr_slice_sub(in, FIXED, head->len - FIXED);
	if ((strict && !is_sure_head(head, client)) || !is_client_id(head->client))
		return OTR_KAFKA_NO;
	if (in.len < head->len)
		return OTR_KAFKA_MAYBE;
	in = otr_slice_sub(in, head->len, in.len);
	return strict ? is_sure_body(head, in) : OTR_KAFKA_YES;
}

/* Remembers a request. False: there is no room. */
static bool remember(struct otr_kafka *kf, const struct otr_kafka_head *head, bool is_span)
{
	struct otr_kafka_pending *at;

	kf->has_last = true;
	kf->last_id = head->id;
	if (kf->n == OTR_KAFKA_PENDING)
		return false;
	at = &kf->pending[(kf->first + kf->n++) % OTR_KAFKA_PENDING];
	*at = (struct otr_kafka_pending){head->id, (uint8_t)head->api, (uint8_t)head->version,
					 is_span};
	kf->serial++;
	return true;
}

static void set_topic(const struct otr_kafka_topic *topic, struct otr_msg *msg)
{
	msg->target = topic->name;
	otr_msg_add_custom(msg, OTR_KAFKA_TOPIC_ID, topic->id);
}

/* A single context is passed on as the parent, several become links. */
static void set_records(const struct otr_kafka_records *rec, bool all_seen, struct otr_msg *msg)
{
	struct otr_slice links = {(const char *)rec->links, (size_t)rec->n_links * OTR_KAFKA_LINK};

	if (all_seen && !rec->uncounted)
		otr_msg_add_int(msg, OTR_KEY_MESSAGING_BATCH_MESSAGE_COUNT, (int64_t)rec->n);
	if (rec->n_links == 1) {
		msg->trace_ctx = rec->parent;
		msg->trace_state = rec->state;
	} else {
		otr_msg_add_custom(msg, OTR_KAFKA_LINKS, links);
	}
}

static bool has_acks(struct otr_kafka_reader *rd, unsigned int version)
{
	int acks;

	if (version >= 3)
		otr_kafka_text(rd); /* the id of its transaction */
	acks = otr_kafka_i16(rd);
	otr_kafka_i32(rd);
	return rd->is_short || acks != ACKS_NONE;
}

/* Reads the partitions of a topic, each with its records. Returns whether all are there. */
static bool read_partitions(struct otr_kafka_reader *rd, struct otr_kafka_records *rec,
			    int32_t *partition)
{
	uint32_t n = otr_kafka_list(rd), size;
	bool single = n == 1;
	int32_t index;

	for (; n && !rd->is_short; n--) {
		index = otr_kafka_i32(rd);
		size = otr_kafka_bytes(rd);
		if (rd->is_short)
			return false;
		*partition = single ? index : -1;
		otr_kafka_records(rec, otr_kafka_take(rd, size), size);
		otr_kafka_tags(rd);
	}
	return !n;
}

/* Topics, each with its partitions. */
static void read_produce(struct otr_kafka *kf, struct otr_kafka_reader *rd, unsigned int version,
			 struct otr_msg *msg)
{
	struct otr_kafka_records rec = {.links = kf->links};
	struct otr_kafka_topic topic = {OTR_SLICE_NONE, OTR_SLICE_NONE};
	uint32_t n_topics, left;
	int32_t partition = -1;
	bool all_seen = true;

	msg->op = OTR_KAFKA_SEND;
	msg->kind = has_acks(rd, version) ? OTR_MSG_REQUEST : OTR_MSG_ONEWAY;
	n_topics = left = otr_kafka_list(rd);
	for (; left && otr_kafka_topic(rd, version >= 13, &topic); left--) {
		all_seen &= read_partitions(rd, &rec, &partition);
		otr_kafka_tags(rd);
		if (n_topics == 1)
			set_topic(&topic, msg);
	}
	msg->partial = !n_topics || left == n_topics;
	if (n_topics == 1 && partition >= 0)
		otr_msg_add_int(msg, OTR_KEY_MESSAGING_DESTINATION_PARTITION_ID, partition);
	set_records(&rec, all_seen && !left, msg);
}

static void read_commit(struct otr_kafka_reader *rd, unsigned int version, struct otr_msg *msg)
{
	struct otr_slice group = otr_kafka_text(rd);
	struct otr_kafka_topic topic = {OTR_SLICE_NONE, OTR_SLICE_NONE};
	uint32_t n_topics, n_parts;

	msg->kind = OTR_MSG_REQUEST;
	msg->op = OTR_KAFKA_COMMIT;
	otr_msg_add_text(msg, OTR_KEY_MESSAGING_CONSUMER_GROUP_NAME, group);
	otr_kafka_i32(rd);  /* generation */
	otr_kafka_text(rd); /* member */
	if (version >= 7)
		otr_kafka_text(rd); /* instance */
	if (version >= 2 && version <= 4)
		otr_kafka_i64(rd); /* retention */
	n_topics = otr_kafka_list(rd);
	if (n_topics != 1 || !otr_kafka_topic(rd, version >= 10, &topic)) {
		msg->partial = rd->is_short;
		return;
	}
	set_topic(&topic, msg);
	n_parts = otr_kafka_list(rd);
	if (n_parts != 1)
		return;
	int32_t partition = otr_kafka_i32(rd);
	int64_t offset = otr_kafka_i64(rd);

	if (rd->is_short)
		return;
	otr_msg_add_int(msg, OTR_KEY_MESSAGING_DESTINATION_PARTITION_ID, partition);
	otr_msg_add_int(msg, OTR_KEY_MESSAGING_KAFKA_OFFSET, offset);
}

/* Steps to the tagged fields of a request from version 15 on, behind its topics. */
static void skip_fetch(struct otr_kafka_reader *rd)
{
	uint32_t n, n_parts;

	otr_kafka_take(rd, 12 + 1 + 8); /* times, bytes, isolation, session */
	for (n = otr_kafka_list(rd); n && !rd->is_short; n--) {
		otr_kafka_take(rd, OTR_KAFKA_ID);
		for (n_parts = otr_kafka_list(rd); n_parts && !rd->is_short; n_parts--) {
			otr_kafka_take(rd, 4 + 4 + 8 + 4 + 8 + 4);
			otr_kafka_tags(rd);
		}
		otr_kafka_tags(rd);
	}
	for (n = otr_kafka_list(rd); n && !rd->is_short; n--) {
		otr_kafka_take(rd, OTR_KAFKA_ID);
		otr_kafka_take(rd, (uint64_t)otr_kafka_list(rd) * 4);
		otr_kafka_tags(rd);
	}
	otr_kafka_text(rd); /* rack */
}

/* Is a Fetch sent by a broker, to copy what another one stores? From version 15 on a tagged field
 * (1: | id 32 | epoch 64 |) behind the topics says so. */
static bool is_of_broker(struct otr_kafka_reader *rd, unsigned int version, struct otr_slice client)
{
	uint32_t n, tag, size;
	int32_t id = -1;

	if (version < 15)
		return otr_kafka_i32(rd) >= 0 && !rd->is_short;
	skip_fetch(rd);
	for (n = otr_kafka_uvarint(rd); n && !rd->is_short; n--) {
		tag = otr_kafka_uvarint(rd);
		size = otr_kafka_uvarint(rd);
		if (tag == 1 && size >= 4) {
			id = otr_kafka_i32(rd);
			size -= 4;
		}
		otr_kafka_take(rd, size);
	}
	if (rd->is_short) /* not all is there; "broker-1-fetcher-0" */
		return otr_slice_starts(client, OTR_SLICE("broker-")) &&
		       memmem(client.data, client.len, "-fetcher-", 9);
	return id >= 0;
}

/* Reads the body. False: it is no span. */
static bool read_body(struct otr_kafka *kf, const struct otr_kafka_head *head,
		      struct otr_slice body, struct otr_msg *msg)
{
	struct otr_kafka_reader rd = {
		.in = body, .is_flexible = otr_kafka_is_flexible(head->api, head->version)};

	otr_kafka_tags(&rd); /* of the header */
	msg->kind = OTR_MSG_REQUEST;
	switch (head->api) {
	case OTR_KAFKA_PRODUCE:
		read_produce(kf, &rd, head->version, msg);
		break;
	case OTR_KAFKA_FETCH:
		msg->op = OTR_KAFKA_POLL;
		if (is_of_broker(&rd, head->version, head->client))
			return false;
		break;
	case OTR_KAFKA_OFFSET_COMMIT:
		read_commit(&rd, head->version, msg);
		break;
	case OTR_KAFKA_METADATA:
		msg->op = OTR_KAFKA_NAMES;
		return head->version >= 10;
	default:
		return false;
	}
	otr_msg_add_text(msg, OTR_KEY_MESSAGING_CLIENT_ID, head->client);
	return true;
}

static enum otr_parse take(struct otr_kafka *kf, const struct otr_kafka_head *head,
			   struct otr_slice in, struct otr_msg *msg)
{
	struct otr_slice body = otr_slice_sub(in, head->len, (size_t)head->size + 4 - head->len);
	bool is_span = read_body(kf, head, body, msg);

	kf->raw_login = head->api == OTR_KAFKA_SASL_HANDSHAKE && !head->version;
	if (msg->kind != OTR_MSG_ONEWAY && !remember(kf, head, is_span)) {
		msg->dropped = is_span;
		return OTR_PARSE_SKIP;
	}
	if (is_span && msg->kind != OTR_MSG_ONEWAY)
		msg->stream = kf->serial;
	return is_span ? OTR_PARSE_MSG : OTR_PARSE_SKIP;
}

enum otr_parse otr_kafka_front(struct otr_kafka *kf, struct otr_slice in, unsigned int flags,
			       uint64_t *used, struct otr_msg *msg)
{
	struct otr_kafka_head head;
	enum otr_kafka_is is = otr_kafka_is_request(in, false, &head);
	uint64_t size = in.len < 4 ? UINT64_MAX : (uint64_t)otr_kafka_u32(in.data) + 4;

	if (size > INT32_MAX && in.len >= 4)
		return OTR_PARSE_BAD;
	if (!flags && in.len < (size < OTR_KAFKA_HEAD ? size : OTR_KAFKA_HEAD))
		return is == OTR_KAFKA_NO && !kf->raw_login ? OTR_PARSE_BAD : OTR_PARSE_MORE;
	if (in.len < 4 || (is != OTR_KAFKA_YES && !kf->raw_login && !(is && flags)))
		return OTR_PARSE_BAD;
	*used = size;
	if (is == OTR_KAFKA_YES)
		return take(kf, &head, otr_slice_sub(in, 0, OTR_KAFKA_HEAD), msg);
	msg->dropped = !kf->raw_login; /* its header was not copied */
	return OTR_PARSE_SKIP;
}
