/* SPDX-License-Identifier: Apache-2.0 */
// needs: tests/unit/make_spans.c
/* console_summary_test.c - losses while they happen, and the last lines. */

#include "tests/unit/console_bench.h"

static void reports_losses_at_most_every_ten_seconds(void **state)
{
	struct bench *b = *state;

	open_console(b, 120, false);
	give(b, 1, &(struct make){OTR_SPAN_SERVER, 0, 1, 0, "web", "GET /", 0, 1});
	otr_console_tick(b->con, SECOND);
	otr_loss_add(OTR_LOSS_RING, 312);
	otr_console_tick(b->con, 2 * SECOND);
	assert_non_null(strstr(written(b), "LOST     312 events (ring)"));
	forget(b);
	otr_loss_add(OTR_LOSS_RING, 5);
	otr_console_tick(b->con, 8 * SECOND);
	assert_string_equal(written(b), "");
	otr_console_tick(b->con, 12 * SECOND);
	assert_non_null(strstr(written(b), "LOST     5 events (ring)"));
}

static void reports_whose_loss_it_is(void **state)
{
	struct bench *b = *state;

	open_console(b, 160, false);
	otr_console_tick(b->con, SECOND);
	otr_console_losses_shown(&b->con->losses); /* forget the losses of other tests */
	forget(b);
	otr_loss_of(OTR_LOSS_HOLE, 12, OTR_SLICE("orders"));
	otr_loss_of(OTR_LOSS_HOLE, 300, OTR_SLICE("front\x1b[2J"));
	otr_loss_add(OTR_LOSS_HOLE, 1);
	otr_loss_of(OTR_LOSS_CUT, 7, OTR_SLICE("orders"));
	otr_console_tick(b->con, 12 * SECOND);
	assert_non_null(strstr(written(b), " LOST     313 holes (hole: front\\x1b[2J 300, orders "
					   "12); spans of this time may be missing\n"));
	forget(b);
	otr_loss_of(OTR_LOSS_QUEUE, 1, OTR_SLICE("a"));
	otr_loss_of(OTR_LOSS_QUEUE, 4, OTR_SLICE("d"));
	otr_loss_of(OTR_LOSS_QUEUE, 3, OTR_SLICE("c"));
	otr_loss_of(OTR_LOSS_QUEUE, 2, OTR_SLICE("b"));
	otr_loss_of(OTR_LOSS_HOLE, 1, OTR_SLICE("orders"));
	otr_console_tick(b->con, 13 * SECOND);
	assert_string_equal(written(b), "");
	otr_console_tick(b->con, 23 * SECOND);
	assert_non_null(strstr(written(b), " LOST     1 holes (hole: orders 1); "
					   "spans of this time"));
	assert_non_null(strstr(b->text, " LOST     10 spans (queue: d 4, c 3, b 2, "
					"..); no backend has them\n"));
}

/* Losses of services beyond OTR_LOSS_SHARES count in the sums. */
static void shares_are_bounded(void **state)
{
	struct otr_loss_share shares[OTR_LOSS_SHARES];
	uint64_t before = otr_loss_get(OTR_LOSS_EVICT);
	char name[80];

	(void)state;
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "%070d\xc3\xa4", i);
		otr_loss_of(OTR_LOSS_EVICT, 1, otr_slice_str(name + i % 50));
	}
	otr_loss_of(OTR_LOSS_EVICT, 1, OTR_SLICE_NONE);
	assert_int_equal(otr_loss_get(OTR_LOSS_EVICT), before + 201);
	assert_true(otr_loss_shares(shares) <= OTR_LOSS_SHARES);
}

static void sums_up(void **state)
{
	struct otr_stitch_stats stats = {16856, 1208, 15626, 22, 1208, 4, 0, 0};
	struct bench *b = *state;

	b->cfg.no_live = true;
	open_console(b, 80, false);
	for (uint32_t i = 1; i <= 1204; i++) {
		give(b, i,
		     &(struct make){OTR_SPAN_SERVER, 0, i, 0, "frontend",
				    i > 500 ? "GET /health" : "GET /", 0, 12.1 + i % 100, 200});
		finish_as(b, i, i > 500 ? OTR_TRACE_IGNORED : OTR_TRACE_KEPT);
	}
	checkout(b, 0x7f3c91d2);
	otr_console_summary(b->con,
			    &(struct otr_summary){.what = "python3 app.py: status 0",
						  .elapsed_ns = 42300000000,
						  .stats = &stats,
						  .cpu_ns = 310000000,
						  .inside_ns = 120000000,
						  .rss_bytes = 14 << 20,
						  .not_seen = "app (pid 4260): TLS by rustls\n"
							      "db (pid 1): \x1b[2J\n"});
	compare("summary", written(b));
}

/* 120,000 requests in a tenth of a second: counts and rates are longer than the columns' names. */
static void columns_keep_apart(void **state)
{
	struct bench *b = *state;

	b->cfg.no_live = true;
	open_console(b, 80, false);
	for (uint32_t i = 1; i <= 120000; i++) {
		give(b, i,
		     &(struct make){OTR_SPAN_SERVER, 0, i, 0, "127.0.0.1:18300", "GET /", 0, 1,
				    200});
		finish(b, i);
	}
	otr_console_summary(b->con, &(struct otr_summary){.what = "x", .elapsed_ns = 100000000});
	assert_non_null(strstr(written(b), "127.0.0.1:18300 120,000 1200000.0       0"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(sums_up), /* first: losses of other tests would be in it */
		T(columns_keep_apart),
		T(reports_losses_at_most_every_ten_seconds),
		T(reports_whose_loss_it_is),
		T(shares_are_bounded),
	};

	return cmocka_run_group_tests_name("console summary", tests, NULL, NULL);
}
