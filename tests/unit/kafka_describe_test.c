/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_describe_test.c - the spans of Kafka by the conventions; what becomes no span. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/kafka_maker.h"

static void a_send_with_one_context(void **state)
{
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;

	(void)state;
	produce(1, 1, 1, 1, true);
	sent(OTR_PARSE_MSG);
	assert_true(otr_slice_eq(req.trace_ctx, OTR_SLICE("00-0000000000000000000000000000abcd-"
							  "0000000000000001-01")));
	produced(1, 0, 70);
	answered(OTR_PARSE_MSG);
	assert_int_equal(rsp.stream, req.stream);
	sp = span(OTR_ROLE_CLIENT, &rsp, 0);
	name_is(sp, "send a");
	assert_int_equal(sp->kind, OTR_SPAN_PRODUCER);
	assert_int_equal(sp->n_links, 0);
	is(sp, OTR_KEY_MESSAGING_SYSTEM, "kafka");
	is(sp, OTR_KEY_MESSAGING_OPERATION_NAME, "send");
	is(sp, OTR_KEY_MESSAGING_OPERATION_TYPE, "send");
	is(sp, OTR_KEY_MESSAGING_DESTINATION_NAME, "a");
	is(sp, OTR_KEY_MESSAGING_DESTINATION_PARTITION_ID, "3");
	is(sp, OTR_KEY_MESSAGING_CLIENT_ID, "shop");
	is(sp, OTR_KEY_SERVER_ADDRESS, "10.0.0.2");
	assert_int_equal(otr_span_int(sp, OTR_KEY_SERVER_PORT, 0), 9092);
	assert_int_equal(otr_span_int(sp, OTR_KEY_MESSAGING_BATCH_MESSAGE_COUNT, 0), 1);
	assert_int_equal(otr_span_int(sp, OTR_KEY_MESSAGING_KAFKA_OFFSET, 0), 70);
}

static void a_send_with_several_contexts_links_to_them(void **state)
{
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;

	(void)state;
	produce(1, 1, 1, 3, true);
	sent(OTR_PARSE_MSG);
	assert_int_equal(req.trace_ctx.len, 0);
	sp = span(OTR_ROLE_CLIENT, NULL, 0);
	assert_int_equal(sp->kind, OTR_SPAN_PRODUCER);
	assert_int_equal(sp->n_links, 3);
	assert_int_equal(sp->links[2].span_id[7], 3);
	assert_int_equal(sp->links[2].trace_id[15], 0xcd);
	assert_int_equal(otr_span_candidates(sp), 0);
}

static void a_send_of_several_topics_has_no_destination(void **state)
{
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;

	(void)state;
	produce(1, 1, 2, 4, false);
	sent(OTR_PARSE_MSG);
	sp = span(OTR_ROLE_CLIENT, NULL, 0);
	name_is(sp, "send");
	assert_int_equal(sp->kind, OTR_SPAN_CLIENT);
	is(sp, OTR_KEY_MESSAGING_DESTINATION_NAME, "");
	is(sp, OTR_KEY_MESSAGING_DESTINATION_PARTITION_ID, "");
	assert_int_equal(otr_span_int(sp, OTR_KEY_MESSAGING_BATCH_MESSAGE_COUNT, 0), 8);
	is(sp, OTR_KEY_OTRACE_CUT, "");
}

static void a_send_that_fails(void **state)
{
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;

	(void)state;
	produce(1, 1, 1, 1, false);
	sent(OTR_PARSE_MSG);
	produced(1, 6, -1);
	answered(OTR_PARSE_MSG);
	sp = span(OTR_ROLE_CLIENT, &rsp, 0);
	assert_true(sp->failed);
	is(sp, OTR_KEY_ERROR_TYPE, "NOT_LEADER_OR_FOLLOWER");
	assert_int_equal(otr_span_int(sp, OTR_KEY_MESSAGING_KAFKA_OFFSET, -5), -5);
}

/* Only the first 4 KiB are read: a record behind has a context. */
static void what_is_not_copied_is_not_counted(void **state)
{
	(void)state;
	produce(1, 1, 2, 200, true);
	assert_true(len > OTR_KAFKA_HEAD);
	sent(OTR_PARSE_MSG);
	assert_int_equal(otr_msg_int(&req, OTR_KEY_MESSAGING_BATCH_MESSAGE_COUNT, -1), -1);
	assert_int_equal(otr_msg_custom(&req, OTR_KAFKA_LINKS).len % OTR_KAFKA_LINK, 0);
	produce(2, 1, 1, 200, false); /* its only batch has its number */
	sent(OTR_PARSE_MSG);
	assert_int_equal(otr_msg_int(&req, OTR_KEY_MESSAGING_BATCH_MESSAGE_COUNT, -1), 200);
}

static void a_poll_without_records_is_no_span(void **state)
{
	(void)state;
	fetch(1, 11, -1);
	sent(OTR_PARSE_MSG);
	span(OTR_ROLE_CLIENT, NULL, OTR_NO_SPAN);
	fetched(1, 0, 0);
	answered(OTR_PARSE_MSG);
	span(OTR_ROLE_CLIENT, &rsp, OTR_NO_SPAN);
	fetch(2, 11, -1);
	sent(OTR_PARSE_MSG);
	fetched(2, 0, 1);
	partition("a", 0);
	put(4, 0);
	answered(OTR_PARSE_MSG);
	span(OTR_ROLE_CLIENT, &rsp, OTR_NO_SPAN);
}

static void a_poll_that_fails_is_a_span(void **state)
{
	OTR_AUTO(otr_span_unref) struct otr_span *all = NULL, *one = NULL;

	(void)state;
	fetch(1, 11, -1);
	sent(OTR_PARSE_MSG);
	fetched(1, 70, 0);
	answered(OTR_PARSE_MSG);
	all = span(OTR_ROLE_CLIENT, &rsp, 0);
	name_is(all, "poll");
	is(all, OTR_KEY_ERROR_TYPE, "FETCH_SESSION_ID_NOT_FOUND");
	fetch(2, 11, -1);
	sent(OTR_PARSE_MSG);
	fetched(2, 0, 1);
	partition("a", 1);
	put(4, UINT32_MAX);
	answered(OTR_PARSE_MSG);
	one = span(OTR_ROLE_CLIENT, &rsp, 0);
	name_is(one, "poll a");
	is(one, OTR_KEY_ERROR_TYPE, "OFFSET_OUT_OF_RANGE");
	is(one, OTR_KEY_MESSAGING_DESTINATION_PARTITION_ID, "5");
}

static void a_poll_names_the_topic_that_has_records(void **state)
{
	OTR_AUTO(otr_span_unref) struct otr_span *one = NULL, *two = NULL;

	(void)state;
	for (int both = 0; both < 2; both++) {
		fetch((uint32_t)both, 11, -1);
		sent(OTR_PARSE_MSG);
		fetched((uint32_t)both, 0, 2);
		partition("a", 0);
		if (both)
			records(4, 1, true);
		else
			put(4, 0);
		partition("b", 0);
		records(17, 2, true);
		answered(OTR_PARSE_MSG);
		*(both ? &two : &one) = span(OTR_ROLE_CLIENT, &rsp, 0);
	}
	name_is(one, "poll b");
	assert_int_equal(one->kind, OTR_SPAN_CLIENT);
	is(one, OTR_KEY_MESSAGING_OPERATION_TYPE, "receive");
	assert_int_equal(otr_span_int(one, OTR_KEY_MESSAGING_BATCH_MESSAGE_COUNT, 0), 2);
	assert_int_equal(otr_span_int(one, OTR_KEY_MESSAGING_KAFKA_OFFSET, -1), -1);
	assert_int_equal(one->n_links, 2);
	name_is(two, "poll");
	assert_int_equal(otr_span_int(two, OTR_KEY_MESSAGING_BATCH_MESSAGE_COUNT, 0), 3);
	assert_int_equal(two->n_links, 2); /* the contexts are the same */
}

/* The topic whose records fill what is read may not be the only one. */
static void a_poll_of_which_a_part_is_read(void **state)
{
	OTR_AUTO(otr_span_unref) struct otr_span *one = NULL, *two = NULL;

	(void)state;
	fetch(1, 11, -1);
	sent(OTR_PARSE_MSG);
	fetched(1, 0, 1);
	partition("a", 0);
	records(4, 1000, false);
	answered(OTR_PARSE_MSG);
	one = span(OTR_ROLE_CLIENT, &rsp, 0);
	name_is(one, "poll a");
	assert_int_equal(otr_span_int(one, OTR_KEY_MESSAGING_BATCH_MESSAGE_COUNT, 0), 1000);
	fetch(2, 11, -1);
	sent(OTR_PARSE_MSG);
	fetched(2, 0, 2);
	partition("a", 0);
	records(4, 1000, false);
	partition("b", 0);
	records(4, 1, false);
	answered(OTR_PARSE_MSG);
	two = span(OTR_ROLE_CLIENT, &rsp, 0);
	name_is(two, "poll");
	assert_int_equal(otr_span_int(two, OTR_KEY_MESSAGING_BATCH_MESSAGE_COUNT, -1), -1);
}

/* A marker of a transaction is no message; a batch that is cut off is not taken. */
static void markers_and_cut_batches_do_not_count(void **state)
{
	size_t at;

	(void)state;
	fetch(1, 11, -1);
	sent(OTR_PARSE_MSG);
	fetched(1, 0, 1);
	partition("a", 0);
	put(4, 61 + 30);
	at = batch(9, 0x20, 1);
	end_batch(at);
	at = batch(10, 0, 1); /* its length is beyond the records */
	len = at + 8;
	put(4, 1000);
	len = at + 30;
	answered(OTR_PARSE_MSG);
	span(OTR_ROLE_CLIENT, &rsp, OTR_NO_SPAN);
}

/* Metadata v12, then Produce v13 by id. */
static void topics_are_named_by_metadata(void **state)
{
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL, *other = NULL;

	(void)state;
	request(3, 12, 1);
	put(1, 0);
	put(1, 0);
	put(2, 0);
	sent(OTR_PARSE_MSG);
	answer(1);
	put(1, 0);
	put(4, 0);
	put(1, 1);
	compact("cluster");
	put(4, 1);
	put(1, 2);
	put(2, 0);
	compact("orders");
	raw(ID, 16);
	put(1, 0);
	put(1, 1);
	put(4, 0);
	put(1, 0);
	put(1, 0);
	answered(OTR_PARSE_MSG);
	span(OTR_ROLE_CLIENT, &rsp, OTR_NO_SPAN);
	for (int i = 0; i < 2; i++) {
		request(0, 13, 2);
		put(1, 0);
		put(1, 0);
		put(2, 1);
		put(4, 0);
		put(1, 2);
		raw(i ? "unknown 89abcdef" : ID, 16);
		put(1, 1);
		put(2, 0);
		sent(OTR_PARSE_MSG);
		*(i ? &other : &sp) = span(OTR_ROLE_CLIENT, NULL, 0);
	}
	name_is(sp, "send orders");
	name_is(other, "send");
	is(other, OTR_KEY_OTRACE_CUT, "");
}

static void a_commit(void **state)
{
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;

	(void)state;
	request(8, 9, 1);
	put(1, 0);
	compact("billing");
	put(4, 2);
	compact("member");
	put(1, 0);
	put(1, 2);
	compact("orders");
	put(1, 2);
	put(4, 6);
	put(8, 1234);
	put(4, 0);
	put(1, 1);
	put(1, 0);
	put(1, 0);
	put(1, 0);
	sent(OTR_PARSE_MSG);
	answer(1);
	put(1, 0);
	put(4, 0);
	put(1, 2);
	compact("orders");
	put(1, 2);
	put(4, 6);
	put(2, 25);
	put(3, 0);
	answered(OTR_PARSE_MSG);
	sp = span(OTR_ROLE_CLIENT, &rsp, 0);
	name_is(sp, "commit orders");
	is(sp, OTR_KEY_MESSAGING_OPERATION_TYPE, "settle");
	is(sp, OTR_KEY_MESSAGING_CONSUMER_GROUP_NAME, "billing");
	is(sp, OTR_KEY_MESSAGING_DESTINATION_PARTITION_ID, "6");
	is(sp, OTR_KEY_ERROR_TYPE, "UNKNOWN_MEMBER_ID");
	assert_int_equal(otr_span_int(sp, OTR_KEY_MESSAGING_KAFKA_OFFSET, 0), 1234);
}

static void error_codes_have_names(void **state)
{
	static const struct {
		int32_t code;
		const char *name;
	} known[] = {
		{-1, "UNKNOWN_SERVER_ERROR"},
		{1, "OFFSET_OUT_OF_RANGE"},
		{3, "UNKNOWN_TOPIC_OR_PARTITION"},
		{10, "MESSAGE_TOO_LARGE"},
		{27, "REBALANCE_IN_PROGRESS"},
		{100, "UNKNOWN_TOPIC_ID"},
		{133, "SHARE_SESSION_LIMIT_REACHED"},
		{-2, "_OTHER"},
		{30000, "_OTHER"},
		{INT32_MIN, "_OTHER"},
		{INT32_MAX, "_OTHER"},
	};

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(known); i++)
		assert_true(
			otr_slice_eq(otr_kafka_error(known[i].code), otr_slice_str(known[i].name)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_send_with_one_context, anew),
		cmocka_unit_test_setup(a_send_with_several_contexts_links_to_them, anew),
		cmocka_unit_test_setup(a_send_of_several_topics_has_no_destination, anew),
		cmocka_unit_test_setup(a_send_that_fails, anew),
		cmocka_unit_test_setup(what_is_not_copied_is_not_counted, anew),
		cmocka_unit_test_setup(a_poll_without_records_is_no_span, anew),
		cmocka_unit_test_setup(a_poll_that_fails_is_a_span, anew),
		cmocka_unit_test_setup(a_poll_names_the_topic_that_has_records, anew),
		cmocka_unit_test_setup(a_poll_of_which_a_part_is_read, anew),
		cmocka_unit_test_setup(markers_and_cut_batches_do_not_count, anew),
		cmocka_unit_test_setup(topics_are_named_by_metadata, anew),
		cmocka_unit_test_setup(a_commit, anew),
		cmocka_unit_test_setup(error_codes_have_names, anew),
	};
	int rc = cmocka_run_group_tests_name("kafka_describe", tests, NULL, NULL);

	otr_proto_memory_fini(&memory);
	return rc;
}
