/* SPDX-License-Identifier: Apache-2.0 */
/* half_stream_test.c - the memory of all half streams is bounded, and what does not fit is counted.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/loss.h"
#include "agent/stream/half_stream.h"
#include "agent/stream/stream.h"
#include "tests/unit/event_maker.h"

#define SEGMENT sizeof(struct otr_stream_segment)
#define KIB	1024u

/* Gives `h` a record of `len` bytes at `pos`. */
static int put(struct otr_half_stream *h, uint64_t pos, uint32_t len)
{
	struct {
		struct otr_ev_data ev;
		uint8_t room[OTR_DATA_MAX];
	} rec = {.ev = {.pos = pos, .pos_kind = OTR_POS_OFFSET, .moved = len, .cap = len}};

	int rc;

	assert_true(len <= OTR_DATA_MAX);
	rc = otr_half_stream_data(h, &rec.ev);
	otr_half_stream_keep(h);
	return rc;
}

/* What is read of a record where it is stays the same, in memory of its own, when the record is
 * gone. */
static void bytes_of_a_record_are_borrowed(void **state)
{
	struct {
		struct otr_ev_data ev;
		char text[8];
	} rec = {.ev = {.pos_kind = OTR_POS_OFFSET, .moved = 8, .cap = 8}, .text = "abcdefg"};
	struct otr_budget budget = {.max = KIB};
	struct otr_half_stream h;

	(void)state;
	otr_half_stream_init(&h, &budget);
	assert_int_equal(otr_half_stream_data(&h, &rec.ev), 0);
	assert_ptr_equal(otr_half_stream_bytes(&h).data, rec.ev.data);
	otr_half_stream_spend(&h, 2);
	otr_half_stream_keep(&h);
	memset(rec.text, 'x', sizeof(rec.text));
	assert_int_equal(otr_half_stream_bytes(&h).len, 6);
	assert_string_equal(otr_half_stream_bytes(&h).data, "cdefg");
	rec.ev.pos = 8;
	assert_int_equal(otr_half_stream_data(&h, &rec.ev), 0);
	assert_memory_equal(otr_half_stream_bytes(&h).data, "cdefg\0xxxxxxxx", 14);
	otr_half_stream_spend(&h, 14);
	otr_half_stream_retire(&h);
	assert_int_equal(budget.used, 0);
	otr_half_stream_fini(&h);
	otr_spares_fini(&budget.segments);
	otr_buf_fini(&budget.spare);
}

/* The next record comes while bytes of the one before it are still borrowed. */
static void borrowed_bytes_are_kept_for_the_next(void **state)
{
	struct {
		struct otr_ev_data ev;
		char text[4];
	} one = {.ev = {.pos_kind = OTR_POS_OFFSET, .moved = 4, .cap = 4}, .text = "abcd"};
	struct otr_budget budget = {.max = KIB};
	struct otr_half_stream h;

	(void)state;
	otr_half_stream_init(&h, &budget);
	otr_half_stream_data(&h, &one.ev);
	otr_half_stream_spend(&h, 1);
	one.ev.pos = 4;
	otr_half_stream_data(&h, &one.ev);
	assert_int_equal(otr_half_stream_bytes(&h).len, 7);
	assert_memory_equal(otr_half_stream_bytes(&h).data, "bcdabcd", 7);
	assert_memory_equal(one.text, "abcd", 4);
	otr_half_stream_fini(&h);
	otr_spares_fini(&budget.segments);
	otr_buf_fini(&budget.spare);
}

static void bytes_beyond_the_budget_are_a_gap(void **state)
{
	struct otr_budget budget = {.max = 2 * SEGMENT + 10};
	struct otr_half_stream h;

	(void)state;
	otr_half_stream_init(&h, &budget);
	otr_half_stream_begin(&h, 0, OTR_POS_OFFSET);
	assert_int_equal(put(&h, 0, 10), 0);
	assert_int_equal(put(&h, 10, 100), -ENOBUFS);
	assert_int_equal(otr_half_stream_bytes(&h).len, 10);
	assert_int_equal(otr_half_stream_follow(&h), OTR_FOLLOW_GAP);
	otr_half_stream_fini(&h);
	otr_spares_fini(&budget.segments);
	otr_buf_fini(&budget.spare);
}

static void dropped_bytes_use_no_budget(void **state)
{
	struct otr_budget budget = {.max = SEGMENT + 99};
	struct otr_half_stream h;

	(void)state;
	otr_half_stream_init(&h, &budget);
	otr_half_stream_begin(&h, 0, OTR_POS_OFFSET);
	assert_int_equal(put(&h, 0, 100), -ENOBUFS);
	assert_int_equal(budget.used, SEGMENT);
	otr_half_stream_restart(&h);
	assert_int_equal(budget.used, 0);
	assert_int_equal(put(&h, 0, 99), 0);
	assert_int_equal(budget.used, budget.max);
	otr_half_stream_fini(&h);
	otr_spares_fini(&budget.segments);
	otr_buf_fini(&budget.spare);
}

/* As many bytes are unread as a half stream takes, and nearly as many are spent and not yet moved
 * out of its memory: then a record of the largest size finds room. */
static void a_full_half_stream_takes_a_record(void **state)
{
	struct otr_budget budget = {.max = 64 * KIB * KIB};
	struct otr_half_stream h;
	uint64_t pos = 0;

	(void)state;
	otr_half_stream_init(&h, &budget);
	otr_half_stream_begin(&h, 0, OTR_POS_OFFSET);
	for (; pos < OTR_HALF_MAX; pos += OTR_DATA_MAX)
		assert_int_equal(put(&h, pos, OTR_DATA_MAX), 0);
	for (; pos < 2 * OTR_HALF_MAX - 2 * KIB; pos += KIB) {
		otr_half_stream_spend(&h, KIB);
		otr_half_stream_retire(&h);
		assert_int_equal(put(&h, pos, KIB), 0);
	}
	assert_int_equal(put(&h, pos, OTR_DATA_MAX), 0);
	assert_int_equal(otr_half_stream_bytes(&h).len, OTR_HALF_MAX + OTR_DATA_MAX);
	assert_int_equal(otr_half_stream_follow(&h), OTR_FOLLOW_NOTHING);
	otr_half_stream_fini(&h);
	otr_spares_fini(&budget.segments);
	otr_buf_fini(&budget.spare);
}

static void ignore_conn(void *arg, const struct otr_ev_conn *conn)
{
	(void)arg;
	(void)conn;
}

static void ignore_close(void *arg, const struct otr_ev_conn *conn, int error, uint64_t time_ns)
{
	(void)arg;
	(void)conn;
	(void)error;
	(void)time_ns;
}

static int to_streams(void *arg, const struct otr_event *ev)
{
	otr_streams_event(arg, ev);
	return 0;
}

static void dropped_bytes_are_counted(void **state)
{
	static const struct otr_stream_config cfg = {.max_conns = 4, .max_bytes = SEGMENT};
	static const struct otr_stream_ops ops = {.open = ignore_conn, .close = ignore_close};
	struct end sv = tcp_server(100, 10, 1);
	struct maker mk = {.sink = to_streams, .now_ns = MS};
	uint64_t before = otr_loss_get(OTR_LOSS_HOLE);
	struct otr_streams *ss = NULL;

	(void)state;
	assert_int_equal(otr_streams_new(&ss, &cfg, &ops, NULL, NULL), 0);
	mk.arg = ss;
	opens(&mk, &sv);
	gets(&mk, &sv, "GET");
	assert_int_equal(otr_loss_get(OTR_LOSS_HOLE), before + 1);
	otr_streams_flush(ss, mk.now_ns);
	otr_streams_free(&ss);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_of_a_record_are_borrowed),
		cmocka_unit_test(borrowed_bytes_are_kept_for_the_next),
		cmocka_unit_test(bytes_beyond_the_budget_are_a_gap),
		cmocka_unit_test(dropped_bytes_use_no_budget),
		cmocka_unit_test(a_full_half_stream_takes_a_record),
		cmocka_unit_test(dropped_bytes_are_counted),
	};

	return cmocka_run_group_tests_name("half_stream", tests, NULL, NULL);
}
