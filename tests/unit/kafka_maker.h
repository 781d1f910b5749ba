/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_KAFKA_MAKER_H
#define OTR_KAFKA_MAKER_H

/* kafka_maker.h - writes requests and answers of Kafka, and gives them to the parser; for tests. */

#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include "agent/base/own.h"
#include "agent/proto/kafka.h"
#include "agent/proto/memory.h"
#include "agent/proto/msg.h"
#include "agent/proto/side.h"

#define PARENT "00-0000000000000000000000000000abcd-000000000000000%d-01"
#define ID     "0123456789abcdef"

/* What a test writes: a message, with its length at its front once it is sent. */
static char out[200000];
static size_t len;

static struct otr_kafka kf;
static struct otr_proto_memory memory;
static struct otr_msg req, rsp;
static char kept[2][200000]; /* texts of `req`, `rsp` */

static inline void put(int bytes, uint64_t value)
{
	for (int i = bytes - 1; i >= 0; i--)
		out[len++] = (char)(value >> (8 * i));
}

static inline void raw(const char *data, size_t n)
{
	memcpy(out + len, data, n);
	len += n;
}

static inline void text(const char *s)
{
	put(2, strlen(s));
	raw(s, strlen(s));
}

static inline void compact(const char *s)
{
	put(1, strlen(s) + 1);
	raw(s, strlen(s));
}

static inline void request(int api, int version, uint32_t id)
{
	len = 4;
	put(2, (uint64_t)api);
	put(2, (uint64_t)version);
	put(4, id);
	text("shop");
}

static inline void answer(uint32_t id)
{
	len = 4;
	put(4, id);
}

static inline struct otr_slice whole(void)
{
	size_t n = len;

	len = 0;
	put(4, n - 4);
	len = n;
	return (struct otr_slice){out, n};
}

static inline enum otr_parse parse(enum otr_dir dir, unsigned int flags, size_t n,
				   struct otr_msg *msg)
{
	struct otr_slice in = otr_slice_sub(whole(), 0, n);
	char *copy = kept[msg == &rsp];
	uint64_t used = 0;
	enum otr_parse rc;

	memcpy(copy, in.data, in.len);
	memset(msg, 0, sizeof(*msg));
	rc = otr_kafka.parse(&kf, dir, (struct otr_slice){copy, in.len}, flags, &used, msg);
	assert_int_equal(used, rc == OTR_PARSE_MSG || rc == OTR_PARSE_SKIP ? len : 0);
	return rc;
}

static inline void sent(enum otr_parse want)
{
	assert_int_equal(parse(OTR_DIR_OUT, 0, len, &req), want);
}

static inline void answered(enum otr_parse want)
{
	assert_int_equal(parse(OTR_DIR_IN, 0, len, &rsp), want);
	if (want == OTR_PARSE_MSG && otr_kafka.learn)
		otr_kafka.learn(&memory, &rsp);
}

/* A record with one header, or none: all lengths are below 64, so that a varint is one byte. */
static inline void record(const char *key, const char *value)
{
	size_t n = 7 + (key ? 2 + strlen(key) + strlen(value) : 0);
	char head[] = {0, 0, 0, 1, 2, 'v'};

	if (n < 64) {
		put(1, n * 2);
	} else {
		put(1, (n * 2 & 0x7f) | 0x80);
		put(1, n * 2 >> 7);
	}
	raw(head, sizeof(head));
	put(1, key ? 2 : 0);
	if (!key)
		return;
	put(1, strlen(key) * 2);
	raw(key, strlen(key));
	put(1, strlen(value) * 2);
	raw(value, strlen(value));
}

/* Begins a batch; end_batch() sets its length. */
static inline size_t batch(int64_t offset, int attributes, int n)
{
	size_t at = len;

	put(8, (uint64_t)offset);
	put(4, 0);
	put(4, 0);
	put(1, 2);
	put(4, 0);
	put(2, (uint64_t)attributes);
	for (int i = 0; i < 34; i++)
		put(1, 0);
	put(4, (uint64_t)n);
	assert_int_equal(len - at, 61);
	return at;
}

static inline void end_batch(size_t at)
{
	size_t end = len;

	len = at + 8;
	put(4, end - at - 12);
	len = end;
}

static inline void traced_record(int n)
{
	char value[64];

	snprintf(value, sizeof(value), PARENT, n);
	record("traceparent", value);
}

/* A batch with `n` records, each with a context of its own, as the records of a partition. */
static inline void records(int64_t offset, int n, bool traced)
{
	size_t size = len, at, end;

	put(4, 0);
	at = batch(offset, 0, n);
	for (int i = 1; i <= n; i++) {
		if (traced)
			traced_record(i);
		else
			record(NULL, NULL);
	}
	end_batch(at);
	end = len;
	len = size;
	put(4, end - at);
	len = end;
}

/* Produce v7: topics a, b, .. with a partition each. */
static inline void produce(uint32_t id, int acks, int topics, int n, bool traced)
{
	char name[] = "a";

	request(0, 7, id);
	put(2, 0xffff);
	put(2, (uint64_t)acks);
	put(4, 1000);
	put(4, (uint64_t)topics);
	for (; topics; topics--, name[0]++) {
		text(name);
		put(4, 1);
		put(4, 3);
		records(0, n, traced);
	}
}

static inline void produced(uint32_t id, int error, int64_t offset)
{
	answer(id);
	put(4, 1);
	text("a");
	put(4, 1);
	put(4, 3);
	put(2, (uint64_t)error);
	put(8, (uint64_t)offset);
	put(8, UINT64_MAX);
	put(8, 0);
	put(4, 0);
}

static inline struct otr_span *span(enum otr_role role, const struct otr_msg *answer, int want)
{
	static const struct otr_ev_conn conn = {
		.local = {.family = AF_INET, .port = 40000, .ip = {10, 0, 0, 1}},
		.remote = {.family = AF_INET, .port = 9092, .ip = {10, 0, 0, 2}},
	};
	OTR_AUTO(otr_sb_fini) struct otr_span_builder sb = {0};
	const struct otr_side side = {
		.conn = &conn, .role = role, .proto = &otr_kafka, .memory = &memory};

	otr_sb_reset(&sb);
	assert_int_equal(otr_kafka.describe(&side, &req, answer, &sb), want);
	return want ? NULL : otr_sb_finish(&sb);
}

static inline void is(const struct otr_span *sp, enum otr_key key, const char *want)
{
	struct otr_slice got = otr_span_string(sp, key);

	if (!otr_slice_eq(got, otr_slice_str(want)))
		fail_msg("%s is %.*s, not %s", otr_key_name(key), OTR_SLICE_ARG(got), want);
}

static inline void name_is(const struct otr_span *sp, const char *want)
{
	if (!otr_slice_eq(sp->name, otr_slice_str(want)))
		fail_msg("name is %.*s, not %s", OTR_SLICE_ARG(sp->name), want);
}

static inline int anew(void **state)
{
	(void)state;
	memset(&kf, 0, sizeof(kf));
	otr_proto_memory_fini(&memory);
	return otr_proto_memory_init(&memory);
}

static inline void fetch(uint32_t id, int version, int32_t replica)
{
	request(1, version, id);
	if (version >= 12)
		put(1, 0);
	if (version < 15)
		put(4, (uint32_t)replica);
	put(4, 500);
	put(4, 1);
	put(4, 1 << 20);
	put(1, 0);
	put(8, 0);
	put(version >= 12 ? 1 : 4, version >= 12 ? 1 : 0);
	put(version >= 12 ? 1 : 4, version >= 12 ? 1 : 0);
	if (version >= 11)
		version >= 12 ? compact("") : text("");
	if (version < 12)
		return;
	if (version >= 15 && replica >= 0) {
		put(1, 1);
		put(1, 1);
		put(1, 13);
		put(4, (uint32_t)replica);
		put(8, 0);
		put(1, 0);
	} else {
		put(1, 0);
	}
}

/* The answer to version 11, with `topics` topics a, b, .. of one partition each. */
static inline void fetched(uint32_t id, int error, int topics)
{
	answer(id);
	put(4, 0);
	put(2, (uint64_t)error);
	put(4, 0);
	put(4, (uint64_t)topics);
}

static inline void partition(const char *topic, int error)
{
	text(topic);
	put(4, 1);
	put(4, 5);
	put(2, (uint64_t)error);
	put(8, 9);
	put(8, 9);
	put(8, 0);
	put(4, UINT32_MAX);
	put(4, UINT32_MAX);
}

#endif /* OTR_KAFKA_MAKER_H */
