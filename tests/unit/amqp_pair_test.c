/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_pair_test.c - what is an answer to what in AMQP: on many channels, and after a loss. */

#include "tests/unit/amqp_wire.h"

/* Which message was returned is known if one alone is not confirmed. */
static void returned(void **unused)
{
	struct otr_msg msg;

	(void)unused;
	open_connection();
	confirms(1);
	for (int i = 0; i < 3; i++)
		publish(1, "", "jobs");
	feed(OTR_DIR_OUT, &msg, 0);
	for (uint64_t tag = 4; --tag;) {
		method(1, OTR_AMQP_RETURN, "wsss", 312u, "NO_ROUTE", "", "jobs");
		header(1, 0);
		assert_int_equal(feed(OTR_DIR_IN, &msg, 0), tag == 1);
		if (tag == 1)
			assert_true(msg.failed && msg.stream == otr_amqp_stream(1, 1));
		method(1, OTR_AMQP_ACK, "qo", tag, 0u);
		assert_int_equal(feed(OTR_DIR_IN, &msg, 0), 1);
	}
}

/* What is published after a hole has no number that is known; earlier numbers hold. */
static void after_a_hole_nothing_is_numbered(void **unused)
{
	struct otr_msg msg;

	(void)unused;
	open_connection();
	confirms(1);
	publish(1, "", "jobs");
	assert_int_equal(feed(OTR_DIR_OUT, &msg, 0), 1);
	assert_int_equal(msg.kind, OTR_MSG_REQUEST);
	otr_amqp.resync(&state, OTR_DIR_OUT, OTR_SLICE_NONE);
	publish(1, "", "jobs");
	assert_int_equal(feed(OTR_DIR_OUT, &msg, 0), 1);
	assert_int_equal(msg.kind, OTR_MSG_ONEWAY);
	method(1, OTR_AMQP_ACK, "qo", (uint64_t)1, 0u);
	method(1, OTR_AMQP_ACK, "qo", (uint64_t)2, 0u);
	assert_int_equal(feed(OTR_DIR_IN, &msg, 0), 1);
	assert_true(msg.stream == otr_amqp_stream(1, 1));
}

/* The numbers of a channel begin again when it is opened. If that, or the end of the channel before,
 * was among what is lost, what was open there ends. */
static void a_channel_that_opens_after_a_hole_ends_the_one_before(void **unused)
{
	struct otr_msg msg;

	(void)unused;
	open_connection();
	method(1, OTR_AMQP_CHANNEL_OPEN_OK, "l", 0u);
	assert_int_equal(feed(OTR_DIR_IN, &msg, 0), 0);
	method(1, OTR_AMQP_CONSUME, "wssol", 0u, "jobs", "tag", 0u, 0u);
	feed(OTR_DIR_OUT, &msg, 0);
	deliver(1, "tag", 1);
	feed(OTR_DIR_IN, &msg, 0);
	otr_amqp.resync(&state, OTR_DIR_OUT, OTR_SLICE_NONE);
	method(1, OTR_AMQP_CHANNEL_OPEN_OK, "l", 0u);
	assert_int_equal(feed(OTR_DIR_IN, &msg, 0), 1);
	assert_true(msg.kind == OTR_MSG_END && !msg.failed);
	assert_true(msg.since <= otr_amqp_stream(1, 1) && msg.stream >= otr_amqp_stream(1, 1));
}

static void ask(struct otr_msg *msg)
{
	method(1, OTR_AMQP_GET, "wso", 0u, "jobs", 0u);
	assert_int_equal(feed(OTR_DIR_OUT, msg, 0), 1);
}

static size_t answer(struct otr_msg *msg)
{
	method(1, OTR_AMQP_GET_EMPTY, "s", "");
	return feed(OTR_DIR_IN, msg, 0);
}

/* A client that waits: an answer is lost, and that to the next request is not its. */
static void a_get_is_not_answered_by_a_later_answer(void **unused)
{
	struct otr_msg first, second, msg;

	(void)unused;
	open_connection();
	for (int i = 0; i < 8; i++) {
		ask(&first);
		assert_int_equal(answer(&msg), 1);
	}
	ask(&first);
	otr_amqp.resync(&state, OTR_DIR_IN, OTR_SLICE_NONE);
	ask(&second);
	assert_int_equal(second.kind, OTR_MSG_REQUEST);
	assert_int_equal(answer(&msg), 1);
	assert_true(msg.stream == second.stream && msg.stream != first.stream);
}

/* A client that may ask for several at once: after a hole no answer is paired. */
static void after_a_hole_no_answer_is_guessed(void **unused)
{
	struct otr_msg msg;

	(void)unused;
	open_connection();
	ask(&msg);
	otr_amqp.resync(&state, OTR_DIR_IN, OTR_SLICE_NONE);
	ask(&msg);
	assert_int_equal(msg.kind, OTR_MSG_ONEWAY);
	assert_int_equal(answer(&msg), 0);
	assert_int_equal(answer(&msg), 0);
}

/* The confirmation of a client that waits for each tells how many were published. */
static void a_client_that_waits_is_numbered_again(void **unused)
{
	struct otr_msg msg;

	(void)unused;
	open_connection();
	confirms(1);
	for (uint64_t tag = 1; tag <= 8; tag++) {
		publish(1, "", "jobs");
		feed(OTR_DIR_OUT, &msg, 0);
		method(1, OTR_AMQP_ACK, "qo", tag, 0u);
		assert_int_equal(feed(OTR_DIR_IN, &msg, 0), 1);
	}
	otr_amqp.resync(&state, OTR_DIR_OUT, OTR_SLICE_NONE); /* 9 and 10 are lost */
	publish(1, "", "jobs");
	feed(OTR_DIR_OUT, &msg, 0);
	assert_int_equal(msg.kind, OTR_MSG_ONEWAY);
	method(1, OTR_AMQP_ACK, "qo", (uint64_t)11, 0u);
	assert_int_equal(feed(OTR_DIR_IN, &msg, 0), 0);
	publish(1, "", "jobs");
	feed(OTR_DIR_OUT, &msg, 0);
	assert_int_equal(msg.kind, OTR_MSG_REQUEST);
	assert_true(msg.stream == otr_amqp_stream(1, 12));
}

static void an_answer_waits_for_its_request(void **unused)
{
	struct otr_msg msg = {0};
	uint64_t used;

	(void)unused;
	open_connection();
	confirms(1);
	method(1, OTR_AMQP_ACK, "qo", (uint64_t)1, 0u);
	assert_int_equal(otr_amqp.parse(&state, OTR_DIR_IN,
					(struct otr_slice){wire.bytes, wire.len}, 0, &used, &msg),
			 OTR_PARSE_MORE);
	assert_true(msg.awaits);
	assert_int_equal(feed(OTR_DIR_IN, &msg, OTR_IN_ALONE), 0);
}

/* More channels than there is room for: publishes are moments, requests are dropped. */
static void too_many_channels(void **unused)
{
	struct otr_msg msg = {0};
	uint64_t used;

	(void)unused;
	open_connection();
	for (uint16_t ch = 1; ch <= OTR_AMQP_CHANNELS + 1; ch++)
		confirms(ch);
	publish(OTR_AMQP_CHANNELS, "", "jobs");
	feed(OTR_DIR_OUT, &msg, 0);
	assert_int_equal(msg.kind, OTR_MSG_REQUEST);
	publish(OTR_AMQP_CHANNELS + 1, "", "jobs");
	feed(OTR_DIR_OUT, &msg, 0);
	assert_int_equal(msg.kind, OTR_MSG_ONEWAY);
	method(OTR_AMQP_CHANNELS + 1, OTR_AMQP_GET, "wso", 0u, "jobs", 0u);
	otr_msg_clear(&msg);
	assert_int_equal(otr_amqp.parse(&state, OTR_DIR_OUT,
					(struct otr_slice){wire.bytes, wire.len}, 0, &used, &msg),
			 OTR_PARSE_SKIP);
	assert_true(msg.dropped);
	assert_true(sizeof(state) <= 8192);
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(returned, fresh),
		cmocka_unit_test_setup(after_a_hole_nothing_is_numbered, fresh),
		cmocka_unit_test_setup(a_client_that_waits_is_numbered_again, fresh),
		cmocka_unit_test_setup(a_get_is_not_answered_by_a_later_answer, fresh),
		cmocka_unit_test_setup(after_a_hole_no_answer_is_guessed, fresh),
		cmocka_unit_test_setup(a_channel_that_opens_after_a_hole_ends_the_one_before,
				       fresh),
		cmocka_unit_test_setup(an_answer_waits_for_its_request, fresh),
		cmocka_unit_test_setup(too_many_channels, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
