/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_pipeline_test.c - one connection of Kafka: which exchanges become spans, how long they last,
 * and how the source is asked to copy it. */

#include "tests/unit/story.h"

#include "tests/unit/kafka_maker.h"

static struct {
	enum otr_capture capture;
	uint32_t head_bytes;
} asked[2];

static void note_policy(void *arg, uint64_t conn, enum otr_dir dir, enum otr_capture capture,
			uint32_t head_bytes)
{
	(void)arg;
	(void)conn;
	asked[dir].capture = capture;
	asked[dir].head_bytes = head_bytes;
}

static void start(struct story *s, struct end *e)
{
	begin(s);
	s->feedback.policy = note_policy;
	s->mk.head = OTR_KAFKA_HEAD;
	opens(&s->mk, e);
}

/* Moves the message that was written last. */
static void moves(struct story *s, struct end *e, int dir)
{
	struct otr_slice msg = whole();

	move(&s->mk, e, dir, msg.data, msg.len, msg.len);
}

static bool is_named(const struct otr_span *sp, const char *name)
{
	return otr_slice_eq(sp->name, otr_slice_str(name));
}

static void sends_are_spans_and_polls_in_vain_are_not(void **state)
{
	struct story s;
	struct end cl = tcp_client(100, 10, 1);

	(void)state;
	start(&s, &cl);
	for (uint32_t i = 0; i < 6; i += 2) {
		fetch(i, 11, -1);
		moves(&s, &cl, OTR_DIR_OUT);
		fetched(i, 0, 0);
		moves(&s, &cl, OTR_DIR_IN);
		produce(i + 1, 1, 1, 1, false);
		moves(&s, &cl, OTR_DIR_OUT);
		produced(i + 1, 0, i);
		moves(&s, &cl, OTR_DIR_IN);
	}
	fetch(7, 11, -1); /* the client closes the connection while this one waits */
	moves(&s, &cl, OTR_DIR_OUT);
	closes(&s.mk, &cl, 0);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.traces, 3);
	for (size_t i = 0; i < s.n; i++) {
		assert_true(is_named(s.spans[i], "send a"));
		assert_false(s.spans[i]->failed);
		assert_int_equal(s.spans[i]->end_ns - s.spans[i]->start_ns, MS / 10);
	}
	end(&s);
}

static void requests_are_copied_by_call_and_answers_by_run(void **state)
{
	struct story s;
	struct end cl = tcp_client(100, 10, 1);

	(void)state;
	start(&s, &cl);
	produce(1, 1, 1, 1, false);
	moves(&s, &cl, OTR_DIR_OUT);
	assert_int_equal(asked[OTR_DIR_OUT].capture, OTR_CAPTURE_CALLS);
	assert_int_equal(asked[OTR_DIR_OUT].head_bytes, OTR_KAFKA_HEAD);
	assert_int_equal(asked[OTR_DIR_IN].capture, OTR_CAPTURE_HEAD);
	assert_int_equal(asked[OTR_DIR_IN].head_bytes, otr_kafka.answer_bytes);
	end(&s);
}

/* Of an answer of a megabyte, in pieces, the first ones are copied: the span lasts to the last. */
static void a_large_answer(void **state)
{
	struct story s;
	struct end cl = tcp_client(100, 10, 1);
	uint64_t sent_ns, got_ns;

	(void)state;
	start(&s, &cl);
	fetch(1, 11, -1);
	moves(&s, &cl, OTR_DIR_OUT);
	sent_ns = s.mk.now_ns;
	fetched(1, 0, 1);
	partition("a", 0);
	records(4, 1000, false);
	put(4, 0);
	len = 0;
	put(4, 1000000 - 4);
	move(&s.mk, &cl, OTR_DIR_IN, out, OTR_KAFKA_HEAD, OTR_KAFKA_HEAD);
	for (int i = 1; i < 10; i++)
		pours(&s.mk, &cl, OTR_DIR_IN, i < 9 ? 100000 : 200000 - OTR_KAFKA_HEAD);
	got_ns = s.mk.now_ns;
	run_ends(&s.mk, &cl, OTR_DIR_IN, "........");
	produce(2, 1, 1, 1, false);
	moves(&s, &cl, OTR_DIR_OUT);
	produced(2, 0, 3);
	moves(&s, &cl, OTR_DIR_IN);
	closes(&s.mk, &cl, 0);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 2);
	assert_true(is_named(s.spans[0], "poll a"));
	assert_int_equal(s.spans[0]->end_ns - s.spans[0]->start_ns, got_ns - sent_ns);
	assert_false(s.spans[0]->cut);
	assert_true(is_named(s.spans[1], "send a"));
	assert_int_equal(otr_span_int(s.spans[1], OTR_KEY_MESSAGING_KAFKA_OFFSET, 0), 3);
	end(&s);
}

/* The broker's end of a traced connection is the other end of the wire, and no span. */
static void both_ends_are_one_span(void **state)
{
	struct story s;
	struct end cl = tcp_client(100, 10, 1), sv = tcp_server(200, 20, 1);

	(void)state;
	start(&s, &cl);
	opens(&s.mk, &sv);
	produce(1, 1, 1, 1, true);
	moves(&s, &cl, OTR_DIR_OUT);
	move(&s.mk, &sv, OTR_DIR_IN, out, 4, 4); /* a broker reads the length by itself */
	move(&s.mk, &sv, OTR_DIR_IN, out + 4, len - 4, len - 4);
	produced(1, 0, 3);
	moves(&s, &sv, OTR_DIR_OUT);
	moves(&s, &cl, OTR_DIR_IN);
	ticks(&s.mk, 2000 * MS);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.spans[0]->kind, OTR_SPAN_PRODUCER);
	assert_int_equal(s.spans[0]->parent_id[7], 1);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_are_spans_and_polls_in_vain_are_not),
		cmocka_unit_test(requests_are_copied_by_call_and_answers_by_run),
		cmocka_unit_test(a_large_answer),
		cmocka_unit_test(both_ends_are_one_span),
	};

	return cmocka_run_group_tests_name("kafka_pipeline", tests, NULL, NULL);
}
