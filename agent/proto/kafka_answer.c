/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_answer.c - the bodies of answers to Produce, Fetch, OffsetCommit and Metadata, by the
 * message definitions of Kafka 4.1.
 *
 * An answer to Fetch is often longer than what is read of it. Behind records that were not copied
 * nothing is read, and a number that is not certain is left out.
 */

#include "agent/base/own.h"
#include "agent/proto/kafka.h"
#include "agent/proto/msg.h"

/* What was read of all topics and partitions that have something to tell. */
struct findings {
	struct otr_kafka_topic topic;
	uint32_t n_topics; /* of which topics */
	uint32_t n_parts;
	int32_t partition;		  /* the last one */
	int error;			  /* the first one */
	uint32_t more_topics, more_parts; /* that are not there */
};

static void note_topic(struct findings *f, const struct otr_kafka_topic *topic)
{
	f->topic = *topic;
	f->n_topics++;
}

static void note_part(struct findings *f, int32_t partition, int error)
{
	f->partition = partition;
	f->n_parts++;
	if (!f->error)
		f->error = error;
}

static void set_findings(const struct findings *f, struct otr_msg *msg)
{
	msg->status = f->error;
	msg->failed = f->error != 0;
	if (f->n_topics == 1 && !f->more_topics) {
		msg->target = f->topic.name;
		otr_msg_add_custom(msg, OTR_KAFKA_TOPIC_ID, f->topic.id);
	}
	if (f->n_parts == 1 && !f->more_parts && !f->more_topics)
		otr_msg_add_int(msg, OTR_KEY_MESSAGING_DESTINATION_PARTITION_ID, f->partition);
}

/* A list of errors of single records, and a text. */
static void skip_record_errors(struct otr_kafka_reader *rd)
{
	for (uint32_t n = otr_kafka_list(rd); n && !rd->is_short; n--) {
		otr_kafka_i32(rd);
		otr_kafka_text(rd);
		otr_kafka_tags(rd);
	}
	otr_kafka_text(rd);
}

static void read_produce(struct otr_kafka_reader *rd, unsigned int version, struct otr_msg *msg)
{
	struct findings f = {0};
	struct otr_kafka_topic topic;
	int64_t offset = -1;
	uint32_t n, p = 0;

	for (n = otr_kafka_list(rd); n && otr_kafka_topic(rd, version >= 13, &topic); n--) {
		note_topic(&f, &topic);
		for (p = otr_kafka_list(rd); p && !rd->is_short; p--) {
			int32_t index = otr_kafka_i32(rd);
			int error = otr_kafka_i16(rd);

			offset = otr_kafka_i64(rd);
			if (!rd->is_short)
				note_part(&f, index, error);
			if (version >= 2)
				otr_kafka_i64(rd); /* time */
			if (version >= 5)
				otr_kafka_i64(rd); /* start of the log */
			if (version >= 8)
				skip_record_errors(rd);
			otr_kafka_tags(rd);
		}
		otr_kafka_tags(rd);
	}
	f.more_topics = n;
	f.more_parts = p;
	set_findings(&f, msg);
	if (f.n_parts == 1 && offset >= 0 && !f.error && !rd->is_short)
		otr_msg_add_int(msg, OTR_KEY_MESSAGING_KAFKA_OFFSET, offset);
	msg->partial = !f.n_parts && rd->is_short;
}

/* The fields of a partition up to its records. Returns its error. */
static int read_part(struct otr_kafka_reader *rd, unsigned int version)
{
	int error = otr_kafka_i16(rd);

	otr_kafka_i64(rd);
	otr_kafka_i64(rd);
	if (version >= 5)
		otr_kafka_i64(rd);
	for (uint32_t n = otr_kafka_list(rd); n && !rd->is_short; n--) { /* aborted transactions */
		otr_kafka_take(rd, 16);
		otr_kafka_tags(rd);
	}
	if (version >= 11)
		otr_kafka_i32(rd);
	return error;
}

/* Reads one partition. Does it have messages, or an error? */
static bool read_part_of(struct otr_kafka_reader *rd, unsigned int version, struct findings *f,
			 struct otr_kafka_records *rec)
{
	struct otr_kafka_records own = {.links = rec->links, .n_links = rec->n_links};
	int32_t index = otr_kafka_i32(rd);
	int error = read_part(rd, version);
	uint32_t size = otr_kafka_bytes(rd);

	if (rd->is_short) {
		rec->uncounted = true;
		return false;
	}
	otr_kafka_records(&own, otr_kafka_take(rd, size), size);
	otr_kafka_tags(rd);
	if (own.any && !rec->any)
		rec->offset = own.offset;
	rec->n += own.n;
	rec->n_links = own.n_links;
	rec->any |= own.any;
	rec->uncounted |= own.uncounted;
	if (!own.any && !error)
		return false;
	note_part(f, index, error);
	return true;
}

static void read_fetch(struct otr_kafka *kf, struct otr_kafka_reader *rd, unsigned int version,
		       struct otr_msg *msg)
{
	struct otr_kafka_records rec = {.links = kf->links};
	struct findings f = {0};
	struct otr_kafka_topic topic;
	uint32_t n, p = 0;

	otr_kafka_i32(rd); /* throttled */
	if (version >= 7) {
		f.error = otr_kafka_i16(rd);
		otr_kafka_i32(rd); /* session */
	}
	for (n = otr_kafka_list(rd); n && otr_kafka_topic(rd, version >= 13, &topic); n--) {
		bool told = false;

		for (p = otr_kafka_list(rd); p && !rd->is_short; p--)
			told |= read_part_of(rd, version, &f, &rec);
		otr_kafka_tags(rd);
		if (told)
			note_topic(&f, &topic);
	}
	f.more_topics = n;
	f.more_parts = p;
	msg->partial = rd->is_short && !f.n_parts;
	set_findings(&f, msg);
	if (rec.any && !rec.uncounted && !n && !p)
		otr_msg_add_int(msg, OTR_KEY_MESSAGING_BATCH_MESSAGE_COUNT, (int64_t)rec.n);
	if (rec.any && f.n_parts == 1)
		otr_msg_add_int(msg, OTR_KEY_MESSAGING_KAFKA_OFFSET, rec.offset);
	if (rec.any)
		msg->op = OTR_KAFKA_POLL;
	otr_msg_add_custom(
		msg, OTR_KAFKA_LINKS,
		(struct otr_slice){(char *)kf->links, (size_t)rec.n_links * OTR_KAFKA_LINK});
}

static void read_commit(struct otr_kafka_reader *rd, unsigned int version, struct otr_msg *msg)
{
	struct findings f = {0};
	struct otr_kafka_topic topic;

	if (version >= 3)
		otr_kafka_i32(rd); /* throttled */
	for (uint32_t n = otr_kafka_list(rd); n && otr_kafka_topic(rd, version >= 10, &topic);
	     n--) {
		for (uint32_t p = otr_kafka_list(rd); p && !rd->is_short; p--) {
			int32_t index = otr_kafka_i32(rd);
			int error = otr_kafka_i16(rd);

			if (!rd->is_short)
				note_part(&f, index, error);
			otr_kafka_tags(rd);
		}
		otr_kafka_tags(rd);
	}
	set_findings(&f, msg);
	msg->partial = rd->is_short && !f.n_parts;
}

static void skip_brokers(struct otr_kafka_reader *rd)
{
	for (uint32_t n = otr_kafka_list(rd); n && !rd->is_short; n--) {
		otr_kafka_i32(rd);
		otr_kafka_text(rd);
		otr_kafka_i32(rd);
		otr_kafka_text(rd);
		otr_kafka_tags(rd);
	}
	otr_kafka_text(rd); /* cluster */
	otr_kafka_i32(rd);
}

static void skip_partitions(struct otr_kafka_reader *rd)
{
	for (uint32_t n = otr_kafka_list(rd); n && !rd->is_short; n--) {
		otr_kafka_take(rd, 14);
		for (int i = 0; i < 3; i++) /* replicas: all, in step, offline */
			otr_kafka_take(rd, (uint64_t)otr_kafka_list(rd) * 4);
		otr_kafka_tags(rd);
	}
}

/* Passes on the ids and names of topics, from version 10 on. */
static void read_metadata(struct otr_kafka *kf, struct otr_kafka_reader *rd, struct otr_msg *msg)
{
	struct otr_kafka_topic topic;
	struct otr_slice id;
	char *at = kf->topics;

	otr_kafka_i32(rd); /* throttled */
	skip_brokers(rd);
	for (uint32_t n = otr_kafka_list(rd); n && !rd->is_short; n--) {
		otr_kafka_i16(rd);
		if (!otr_kafka_topic(rd, false, &topic))
			break;
		id = otr_kafka_take(rd, OTR_KAFKA_ID);
		if (rd->is_short ||
		    (size_t)(kf->topics + sizeof(kf->topics) - at) < id.len + 1 + topic.name.len)
			break;
		memcpy(at, id.data, id.len);
		at[id.len] = (char)topic.name.len;
		memcpy(at + id.len + 1, topic.name.data, topic.name.len);
		at += id.len + 1 + topic.name.len;
		otr_kafka_i8(rd);
		skip_partitions(rd);
		otr_kafka_i32(rd);
		otr_kafka_tags(rd);
	}
	otr_msg_add_custom(msg, OTR_KAFKA_NAMED,
			   (struct otr_slice){kf->topics, (size_t)(at - kf->topics)});
}

void otr_kafka_answer(struct otr_kafka *kf, const struct otr_kafka_pending *of,
		      struct otr_slice body, struct otr_msg *msg)
{
	struct otr_kafka_reader rd = {.in = body,
				      .is_flexible = otr_kafka_is_flexible(of->api, of->version)};

	otr_kafka_tags(&rd); /* of the header */
	switch (of->api) {
	case OTR_KAFKA_PRODUCE:
		read_produce(&rd, of->version, msg);
		break;
	case OTR_KAFKA_FETCH:
		read_fetch(kf, &rd, of->version, msg);
		break;
	case OTR_KAFKA_OFFSET_COMMIT:
		read_commit(&rd, of->version, msg);
		break;
	default:
		read_metadata(kf, &rd, msg);
		break;
	}
}
