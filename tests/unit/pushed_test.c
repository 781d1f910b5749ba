/* SPDX-License-Identifier: Apache-2.0 */
/* pushed_test.c - messages that a broker sends to consumers unasked. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/proto/proto.h"
#include "agent/proto/side.h"
#include "agent/span/span.h"
#include "agent/span/span_builder.h"
#include "agent/stitch/stitch.h"

#define MS 1000000ull

#define HEADER "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static const uint8_t trace_id[16] = {0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd,
				     0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c};
static const uint8_t producer[8] = {0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31};

static enum otr_role described_as;

static int describe(const struct otr_side *side, const struct otr_msg *req,
		    const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	described_as = side->role;
	otr_sb_name(sb, req->target);
	if (rsp && rsp->failed)
		otr_sb_error(sb, OTR_SLICE("rejected"));
	return 0;
}

static const struct otr_proto_ops queue = {
	.name = "queue", .scope = "otrace/queue", .client_only = true, .describe = describe};

static struct otr_stitch *st;
static struct otr_span *spans[8];
static size_t n_spans;

static void on_span(void *arg, struct otr_span *sp)
{
	(void)arg;
	assert_true(n_spans < 8);
	spans[n_spans++] = otr_span_ref(sp);
}

static int begin(void **state)
{
	const struct otr_stitch_config cfg = {.seed = 1, .hold_ns = 10 * MS, .max_exchanges = 100};

	(void)state;
	return otr_stitch_new(&st, &cfg, on_span, NULL, NULL);
}

static int end(void **state)
{
	(void)state;
	while (n_spans)
		otr_span_unref(&spans[--n_spans]);
	otr_stitch_free(&st);
	return 0;
}

/* One message of `conn`, whole, at `at_ms`. */
static void moves(uint64_t conn, enum otr_dir dir, uint64_t pos, uint64_t at_ms,
		  const struct otr_msg *msg)
{
	struct otr_ev_conn facts = {.hdr.conn = conn};
	struct otr_side side = {
		.ref = {.conn = conn, .pos = pos, .dir = (uint8_t)dir},
		.conn = &facts,
		.tgid = 7,
		.start_ns = at_ms * MS,
		.proto = &queue,
		.role = OTR_ROLE_CLIENT,
	};

	assert_int_equal(otr_stitch_msg(st, &side, msg), 0);
	otr_stitch_done(st, &side.ref, pos + 10, at_ms * MS + 1000, 0, false);
}

static void push(uint64_t conn, enum otr_dir dir, uint64_t pos, uint64_t at_ms, uint64_t tag)
{
	struct otr_msg msg = {.kind = tag ? OTR_MSG_REQUEST : OTR_MSG_ONEWAY,
			      .pushed = true,
			      .stream = tag,
			      .target = OTR_SLICE("process jobs"),
			      .trace_ctx = OTR_SLICE(HEADER)};

	moves(conn, dir, pos, at_ms, &msg);
}

static void confirm(uint64_t conn, enum otr_dir dir, uint64_t pos, uint64_t at_ms, uint64_t tag,
		    bool failed)
{
	struct otr_msg msg = {
		.kind = OTR_MSG_RESPONSE, .pushed = true, .stream = tag, .failed = failed};

	moves(conn, dir, pos, at_ms, &msg);
}

/* Two messages, confirmed out of order, one by a refusal. */
static void a_pushed_message_lasts_to_its_confirmation(void **state)
{
	(void)state;
	push(1, OTR_DIR_IN, 0, 100, 1);
	push(1, OTR_DIR_IN, 10, 110, 2);
	confirm(1, OTR_DIR_OUT, 0, 120, 2, true);
	confirm(1, OTR_DIR_OUT, 10, 150, 1, false);
	otr_stitch_tick(st, 1000 * MS);
	assert_int_equal(n_spans, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct otr_span *sp = spans[i];
		bool second = sp->end_ns - sp->start_ns < 20 * MS;

		assert_int_equal(sp->kind, OTR_SPAN_CONSUMER);
		assert_int_equal(sp->failed, second);
		assert_int_equal(sp->end_ns - sp->start_ns, (second ? 10 : 50) * MS + 1000);
		assert_memory_equal(sp->trace_id, trace_id, 16);
		assert_memory_equal(sp->parent_id, producer, 8);
		assert_int_equal(sp->n_links, 1);
		assert_memory_equal(sp->links[0].span_id, producer, 8);
		assert_memory_equal(sp->links[0].trace_id, trace_id, 16);
	}
	assert_int_equal(described_as, OTR_ROLE_CLIENT); /* its connection is that of a client */
}

static void without_confirmation_it_ends_as_it_is_read(void **state)
{
	(void)state;
	push(1, OTR_DIR_IN, 0, 100, 0);
	otr_stitch_tick(st, 1000 * MS);
	assert_int_equal(n_spans, 1);
	assert_int_equal(spans[0]->end_ns - spans[0]->start_ns, 1000);
}

/* The broker is traced, too: it reads what is published, and pushes it. */
static void the_end_of_the_broker_is_no_span(void **state)
{
	(void)state;
	push(2, OTR_DIR_OUT, 0, 99, 1);
	push(1, OTR_DIR_IN, 0, 100, 1);
	confirm(1, OTR_DIR_OUT, 0, 120, 1, false);
	confirm(2, OTR_DIR_IN, 0, 121, 1, false);
	otr_stitch_tick(st, 1000 * MS);
	assert_int_equal(n_spans, 1);
	assert_int_equal(spans[0]->kind, OTR_SPAN_CONSUMER);
	assert_false(spans[0]->failed);
}

/* A request with the same number, on the same connection, is another exchange. */
static void requests_and_pushed_messages_have_numbers_of_their_own(void **state)
{
	const struct otr_msg ask = {
		.kind = OTR_MSG_REQUEST, .stream = 1, .target = OTR_SLICE("receive jobs")};
	const struct otr_msg answer = {.kind = OTR_MSG_RESPONSE, .stream = 1};

	(void)state;
	push(1, OTR_DIR_IN, 0, 100, 1);
	moves(1, OTR_DIR_OUT, 0, 101, &ask);
	moves(1, OTR_DIR_IN, 10, 105, &answer);
	confirm(1, OTR_DIR_OUT, 10, 120, 1, false);
	otr_stitch_tick(st, 1000 * MS);
	assert_int_equal(n_spans, 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(spans[i]->end_ns - spans[i]->start_ns,
				 (spans[i]->kind == OTR_SPAN_CONSUMER ? 20 : 4) * MS + 1000);
	assert_true(spans[0]->kind != spans[1]->kind);
}

static void confirm_many(uint64_t conn, enum otr_dir dir, uint64_t pos, uint64_t at_ms, bool pushed,
			 uint64_t since, uint64_t to)
{
	struct otr_msg msg = {
		.kind = OTR_MSG_RESPONSE, .pushed = pushed, .since = since, .stream = to};

	moves(conn, dir, pos, at_ms, &msg);
}

static void ask(uint64_t conn, enum otr_dir dir, uint64_t pos, uint64_t at_ms, uint64_t number)
{
	struct otr_msg msg = {
		.kind = OTR_MSG_REQUEST, .stream = number, .target = OTR_SLICE("send jobs")};

	moves(conn, dir, pos, at_ms, &msg);
}

static void one_confirmation_may_be_for_a_range(void **state)
{
	(void)state;
	for (uint64_t tag = 1; tag <= 4; tag++) {
		push(1, OTR_DIR_IN, tag * 10, 100, tag);
		ask(1, OTR_DIR_OUT, tag * 10, 101, tag);
	}
	confirm_many(1, OTR_DIR_OUT, 100, 120, true, 1, 3);
	confirm_many(1, OTR_DIR_IN, 100, 130, false, 2, 4);
	otr_stitch_tick(st, 1000 * MS);
	assert_int_equal(n_spans, 6);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(spans[i]->end_ns - spans[i]->start_ns,
				 (spans[i]->kind == OTR_SPAN_CONSUMER ? 20 : 29) * MS);
}

static void an_end_may_be_for_a_range(void **state)
{
	const struct otr_msg over = {
		.kind = OTR_MSG_END, .since = 1, .stream = UINT64_MAX, .failed = true};

	(void)state;
	push(1, OTR_DIR_IN, 0, 100, 1);
	ask(1, OTR_DIR_OUT, 0, 100, 1);
	ask(2, OTR_DIR_OUT, 0, 100, 1);
	moves(1, OTR_DIR_IN, 10, 110, &over);
	otr_stitch_tick(st, 1000 * MS);
	assert_int_equal(n_spans, 2); /* that of the other connection is open */
	assert_true(spans[0]->failed && spans[1]->failed);
	assert_true(spans[0]->kind != spans[1]->kind);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_pushed_message_lasts_to_its_confirmation, begin,
						end),
		cmocka_unit_test_setup_teardown(without_confirmation_it_ends_as_it_is_read, begin,
						end),
		cmocka_unit_test_setup_teardown(the_end_of_the_broker_is_no_span, begin, end),
		cmocka_unit_test_setup_teardown(
			requests_and_pushed_messages_have_numbers_of_their_own, begin, end),
		cmocka_unit_test_setup_teardown(one_confirmation_may_be_for_a_range, begin, end),
		cmocka_unit_test_setup_teardown(an_end_may_be_for_a_range, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
