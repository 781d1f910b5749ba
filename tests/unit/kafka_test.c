/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_test.c - requests and answers of Kafka that no recorded conversation has. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/kafka_maker.h"

static void a_send_without_acks_has_no_answer(void **state)
{
	(void)state;
	produce(1, 0, 1, 1, false);
	sent(OTR_PARSE_MSG);
	assert_int_equal(req.kind, OTR_MSG_ONEWAY);
	assert_int_equal(kf.n, 0);
	produce(2, 1, 1, 1, false);
	sent(OTR_PARSE_MSG);
	produced(2, 0, 1);
	answered(OTR_PARSE_MSG);
	assert_int_equal(rsp.stream, req.stream);
}

static void copies_between_brokers_are_no_spans(void **state)
{
	static const int versions[] = {4, 11, 12, 14, 15, 17};

	(void)state;
	produce(1, 0, 1, 1, false);
	sent(OTR_PARSE_MSG);
	for (uint32_t i = 0; i < OTR_ARRAY_SIZE(versions); i++) {
		fetch(i, versions[i], 2);
		sent(OTR_PARSE_SKIP);
		assert_false(req.dropped);
		answer(i);
		put(4, 0);
		answered(OTR_PARSE_SKIP);
		fetch(1000 + i, versions[i], -1);
		sent(OTR_PARSE_MSG);
	}
}

static void too_many_requests_are_dropped_and_the_others_paired(void **state)
{
	uint64_t streams[OTR_KAFKA_PENDING];

	(void)state;
	for (uint32_t i = 0; i < OTR_KAFKA_PENDING; i++) {
		produce(i, 1, 1, 1, false);
		sent(OTR_PARSE_MSG);
		streams[i] = req.stream;
	}
	produce(OTR_KAFKA_PENDING, 1, 1, 1, false);
	sent(OTR_PARSE_SKIP);
	assert_true(req.dropped);
	for (uint32_t i = 0; i < OTR_KAFKA_PENDING; i++) {
		produced(i, 0, 1);
		answered(OTR_PARSE_MSG);
		assert_int_equal(rsp.stream, streams[i]);
	}
	produced(OTR_KAFKA_PENDING, 0, 1);
	answered(OTR_PARSE_SKIP);
}

/* Of five requests the third is answered next: two have lost their answers. */
static void an_answer_passes_over_those_that_were_lost(void **state)
{
	uint64_t streams[5];

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		produce(i, 1, 1, 1, false);
		sent(OTR_PARSE_MSG);
		streams[i] = req.stream;
	}
	produced(2, 0, 1);
	answered(OTR_PARSE_MSG);
	assert_int_equal(rsp.stream, streams[2]);
	produced(1, 0, 1);
	answered(OTR_PARSE_SKIP);
	produced(4, 0, 1);
	answered(OTR_PARSE_MSG);
	assert_int_equal(rsp.stream, streams[4]);
	produced(1000000, 0, 1); /* of no request, also of none that was not seen */
	answered(OTR_PARSE_BAD);
}

static void after_a_hole_answers_are_found_again(void **state)
{
	char mess[600];
	size_t n;

	(void)state;
	for (uint32_t i = 3; i < 6; i++) {
		produce(i, 1, 1, 1, false);
		sent(OTR_PARSE_MSG);
	}
	produced(4, 0, 1);
	whole();
	memset(mess, 0, sizeof(mess));
	memcpy(mess, "\0\0\0\x20\0\0\0\5\0\0\0\1\0\0\0\3", 16); /* numbers of a body */
	memmove(mess + 1, mess, 16);
	memcpy(mess + 100, out, len);
	n = otr_kafka.resync(&kf, OTR_DIR_IN, (struct otr_slice){mess, sizeof(mess)});
	assert_int_equal(n, 100);
	n = otr_kafka.resync(&kf, OTR_DIR_OUT, (struct otr_slice){mess, sizeof(mess)});
	assert_int_equal(n, sizeof(mess));
}

/* An agent that comes late may see an answer first: it is no request. */
static void answers_are_not_sniffed(void **state)
{
	struct otr_slice in;

	(void)state;
	for (uint32_t id = 0; id < 70000; id++) {
		produced(id, 0, 1);
		in = otr_slice_sub(whole(), 0, OTR_SNIFF_MAX);
		if (otr_kafka.sniff(OTR_DIR_IN, in))
			fail_msg("an answer to Produce with id %u", id);
		fetched(id, 0, 1);
		partition("orders", 0);
		records(1, 1, true);
		in = otr_slice_sub(whole(), 0, OTR_SNIFF_MAX);
		if (otr_kafka.sniff(OTR_DIR_IN, in))
			fail_msg("an answer to Fetch with id %u", id);
	}
	produce(70000, -1, 1, 1, true);
	in = otr_slice_sub(whole(), 0, OTR_SNIFF_MAX);
	assert_true(otr_kafka.sniff(OTR_DIR_IN, in));
	fetch(7, 11, -1);
	in = otr_slice_sub(whole(), 0, OTR_SNIFF_MAX);
	assert_true(otr_kafka.sniff(OTR_DIR_OUT, in));
}

static void lengths_near_the_bounds(void **state)
{
	static const uint32_t sizes[] = {0,	      3,	   9,
					 0x7ffffffcu, 0x7ffffffbu, 0x7fffffffu,
					 0x80000000u, 0xfffffffcu, 0xffffffffu};
	struct otr_msg msg;
	uint64_t used;
	enum otr_parse rc;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(sizes); i++) {
		anew(NULL);
		produce(1, 1, 1, 1, false);
		sent(OTR_PARSE_MSG);
		produce(2, 1, 1, 1, false);
		len = 0;
		put(4, sizes[i]);
		for (int dir = 0; dir < 2; dir++) {
			memset(&msg, 0, sizeof(msg));
			used = 0;
			if (dir == OTR_DIR_IN)
				memcpy(out + 4, "\0\0\0\1", 4);
			rc = otr_kafka.parse(&kf, dir, (struct otr_slice){out, 100}, OTR_IN_CUT,
					     &used, &msg);
			if (sizes[i] < 4 || sizes[i] > 0x7ffffffbu)
				assert_int_equal(rc, OTR_PARSE_BAD);
			else if (rc != OTR_PARSE_BAD)
				assert_int_equal(used, (uint64_t)sizes[i] + 4);
		}
	}
}

/* Every number of a body may be any: each four bytes of it are replaced. */
static void numbers_of_a_body_may_be_any(void **state)
{
	static const uint32_t values[] = {0, 1, 0x7fffffffu, 0x80000000u, 0xffffffffu, 0xfffffff3u};
	size_t end;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(values); i++)
		for (size_t at = 18; at < 300; at++) {
			produce(7, 1, 2, 2, true);
			end = len;
			if (at + 4 > end)
				break;
			len = at;
			put(4, values[i]);
			len = end;
			anew(NULL);
			assert_int_not_equal(parse(OTR_DIR_OUT, 0, len, &req), OTR_PARSE_MORE);
			fetch(8, 11, -1);
			sent(OTR_PARSE_MSG);
			fetched(8, 0, 2);
			partition("a", 0);
			records(1, 2, true);
			partition("b", 0);
			records(1, 2, true);
			end = len;
			if (at + 4 > end)
				break;
			len = at;
			put(4, values[i]);
			len = end;
			answered(OTR_PARSE_MSG);
		}
}

/* SaslHandshake v0: what follows has no headers, until the login is over. */
static void a_login_without_headers(void **state)
{
	(void)state;
	request(17, 0, 1);
	text("PLAIN");
	sent(OTR_PARSE_SKIP);
	answer(1);
	put(2, 0);
	put(4, 0);
	answered(OTR_PARSE_SKIP);
	len = 4;
	raw("\0joe\0secret", 11);
	sent(OTR_PARSE_SKIP);
	assert_false(req.dropped);
	len = 4;
	answered(OTR_PARSE_SKIP);
	produce(2, 1, 1, 1, false);
	sent(OTR_PARSE_MSG);
	produced(2, 0, 1);
	answered(OTR_PARSE_MSG);
	assert_int_equal(rsp.stream, req.stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_send_without_acks_has_no_answer, anew),
		cmocka_unit_test_setup(copies_between_brokers_are_no_spans, anew),
		cmocka_unit_test_setup(too_many_requests_are_dropped_and_the_others_paired, anew),
		cmocka_unit_test_setup(an_answer_passes_over_those_that_were_lost, anew),
		cmocka_unit_test_setup(after_a_hole_answers_are_found_again, anew),
		cmocka_unit_test_setup(answers_are_not_sniffed, anew),
		cmocka_unit_test_setup(lengths_near_the_bounds, anew),
		cmocka_unit_test_setup(numbers_of_a_body_may_be_any, anew),
		cmocka_unit_test_setup(a_login_without_headers, anew),
	};
	int rc = cmocka_run_group_tests_name("kafka", tests, NULL, NULL);

	otr_proto_memory_fini(&memory);
	return rc;
}
