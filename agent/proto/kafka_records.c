/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_records.c - counts records, and reads the contexts in their headers (Kafka's documentation,
 * "Message Format").
 *
 *	batch   | first offset 64 | length 32 | epoch 32 | magic 2 | crc 32 | attributes 16 | ..
 *		| .. n 32 | records, compressed or not
 *	record  | length | attributes 8 | time | offset | key | value | n | header | ..
 *	header  | key | value |
 *
 * All numbers in a record are varints. Only bytes that were copied are read; the headers of
 * compressed batches are not. Messages of the format before (magic 0, 1) are counted.
 */

#include "agent/base/own.h"
#include "agent/proto/kafka.h"
#include "agent/proto/trace_context.h"

#define LENGTH_AT 8
#define ENTRY	  12 /* bytes before what `length` counts */
#define MAGIC_AT  16
#define BATCH	  61 /* bytes of the header of a batch */
#define CODEC	  7  /* of the attributes: how it is compressed */
#define CONTROL	  32 /* of the attributes: no messages, but the end of a transaction */

static void add_context(struct otr_kafka_records *rec, struct otr_slice text)
{
	struct otr_traceparent tp;
	char link[OTR_KAFKA_LINK];

	if (!otr_traceparent_read(&tp, text))
		return;
	memcpy(link, tp.trace_id, sizeof(tp.trace_id));
	memcpy(link + sizeof(tp.trace_id), tp.span_id, sizeof(tp.span_id));
	if (!rec->n_links)
		rec->parent = text;
	for (uint16_t i = 0; i < rec->n_links; i++)
		if (!memcmp(rec->links[i], link, sizeof(link)))
			return;
	if (rec->n_links < OTR_SPAN_LINKS)
		memcpy(rec->links[rec->n_links++], link, sizeof(link));
}

/* Bytes whose length is a varint; -1: null. */
static struct otr_slice take_bytes(struct otr_kafka_reader *rd)
{
	int64_t n = otr_kafka_varint(rd);

	if (n < -1 || n > INT32_MAX)
		rd->is_short = true;
	return otr_kafka_take(rd, n > 0 ? (uint64_t)n : 0);
}

static void read_headers(struct otr_kafka_records *rec, struct otr_kafka_reader *rd)
{
	int64_t n = otr_kafka_varint(rd);
	struct otr_slice key, value, parent = OTR_SLICE_NONE, state = OTR_SLICE_NONE;
	bool is_first = !rec->n_links;

	for (; n > 0 && !rd->is_short; n--) {
		key = take_bytes(rd);
		value = take_bytes(rd);
		if (rd->is_short)
			break;
		if (otr_slice_eq_nocase(key, OTR_SLICE("traceparent")))
			parent = value;
		else if (otr_slice_eq_nocase(key, OTR_SLICE("tracestate")))
			state = value;
	}
	add_context(rec, parent);
	if (is_first && rec->n_links)
		rec->state = state;
}

/* Reads the records of a batch, as far as they are there. */
static void read_records(struct otr_kafka_records *rec, struct otr_slice in, uint32_t n)
{
	struct otr_kafka_reader rd = {.in = in};
	int64_t len;
	size_t end;

	for (; n && !rd.is_short; n--) {
		len = otr_kafka_varint(&rd);
		if (rd.is_short || len < 0 || len > INT32_MAX)
			return;
		end = rd.at + (size_t)len;
		otr_kafka_i8(&rd);
		otr_kafka_varint(&rd);
		otr_kafka_varint(&rd);
		take_bytes(&rd);
		take_bytes(&rd);
		read_headers(rec, &rd);
		if (rd.at > end)
			return;
		rd.at = end < in.len ? end : in.len;
	}
}

/* Reads a batch of `size` bytes, of which `in` is there. */
static void read_batch(struct otr_kafka_records *rec, struct otr_slice in, uint64_t size)
{
	struct otr_kafka_reader rd = {.in = in};
	unsigned int attributes;
	int32_t n;

	if (in.len < BATCH) {
		rec->uncounted = rec->any = true;
		return;
	}
	rd.at = MAGIC_AT + 5;
	attributes = (unsigned int)otr_kafka_i16(&rd);
	rd.at = BATCH - 4;
	n = otr_kafka_i32(&rd);
	if (attributes & CONTROL)
		return;
	rec->uncounted |= n < 0 || (uint64_t)n > size;
	if (rec->uncounted)
		n = 0;
	rec->any = true;
	rec->n += (uint64_t)n;
	if (!(attributes & CODEC))
		read_records(rec, otr_slice_sub(in, BATCH, in.len), (uint32_t)n);
}

/* | offset 64 | length 32 | crc 32 | magic | attributes 8 | .. : one message, or a compressed set. */
static void read_old(struct otr_kafka_records *rec, struct otr_slice in)
{
	rec->any = true;
	if (in.len < MAGIC_AT + 2 || in.data[MAGIC_AT + 1] & CODEC)
		rec->uncounted = true;
	else
		rec->n++;
}

static uint64_t read_entry(struct otr_kafka_records *rec, struct otr_slice in, uint64_t left)
{
	uint32_t len = otr_kafka_u32(in.data + LENGTH_AT);
	uint64_t size = (uint64_t)ENTRY + len;
	struct otr_kafka_reader rd = {.in = in};

	if (size > left) /* the server cuts the last batch off where the answer is full */
		return left;
	if (!rec->any)
		rec->offset = otr_kafka_i64(&rd);
	in = otr_slice_sub(in, 0, (size_t)size);
	if (in.data[MAGIC_AT] == 2)
		read_batch(rec, in, size);
	else
		read_old(rec, in);
	return size;
}

void otr_kafka_records(struct otr_kafka_records *rec, struct otr_slice in, uint64_t size)
{
	uint64_t at = 0;

	while (size - at > MAGIC_AT) {
		if (at + MAGIC_AT >= in.len) {
			rec->uncounted = rec->any = true;
			return;
		}
		at += read_entry(rec, otr_slice_sub(in, (size_t)at, in.len), size - at);
	}
}
