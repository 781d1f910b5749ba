/* SPDX-License-Identifier: Apache-2.0 */
/* queue_test.c - a queue and its thread, with an exporter that the test controls. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/span/span_builder.h"
#include "exporters/exporter.h"
#include "exporters/queue.h"

#define MS 1000000ull

static _Atomic int outcome, stuck, pushes, taken, order_ok, closed;
static _Atomic uint64_t next_id;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int fake_open(void *state, const struct otr_destination *dest, struct otr_err *err)
{
	(void)state;
	if (strcmp(dest->url, "fake:bad"))
		return 0;
	otr_err_set(err, "bad");
	return -22;
}

static const char *fake_where(const void *state)
{
	(void)state;
	return "fake:";
}

static enum otr_push fake_push(void *state, const struct otr_span *const *spans, size_t n,
			       const _Atomic uint64_t *deadline_ns, struct otr_push_result *res)
{
	(void)state;
	pushes++;
	while (stuck && now_ns() < *deadline_ns)
		usleep(1000);
	if (stuck || outcome == OTR_PUSH_RETRY)
		return OTR_PUSH_RETRY;
	for (size_t i = 0; i < n; i++)
		if (spans[i]->start_ns != next_id++)
			order_ok = 0;
	res->rejected = outcome == OTR_PUSH_OK && n > 1 ? 1 : 0;
	taken += (int)n;
	return (enum otr_push)outcome;
}

static void fake_close(void *state)
{
	(void)state;
	closed++;
}

static const struct otr_exporter_ops fake = {
	.name = "fake",
	.schemes = (const char *const[]){"fake", NULL},
	.state_size = 1,
	.open = fake_open,
	.where = fake_where,
	.push = fake_push,
	.close = fake_close,
};
const struct otr_exporter_ops *const otr_exporters[] = {&fake, NULL};

static struct otr_queue *begin(void)
{
	struct otr_queue *q = NULL;
	struct otr_err err;

	outcome = OTR_PUSH_OK;
	stuck = pushes = taken = closed = 0;
	order_ok = 1;
	next_id = 0;
	setenv("OTEL_BSP_MAX_QUEUE_SIZE", "100", 1);
	setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10", 1);
	assert_int_equal(otr_queue_open(&q, "fake:x", "--export", &err), 0);
	return q;
}

static void push(struct otr_queue *q, uint64_t from, uint64_t n)
{
	OTR_AUTO(otr_sb_fini) struct otr_span_builder sb = {0};
	struct otr_span *sp;

	for (uint64_t i = from; i < from + n; i++) {
		otr_sb_reset(&sb);
		sb.span.start_ns = i;
		otr_sb_name(&sb, OTR_SLICE("x"));
		sp = otr_sb_finish(&sb);
		otr_queue_push(q, sp);
		otr_span_unref(&sp);
	}
}

static uint64_t lost(void)
{
	return otr_loss_get(OTR_LOSS_QUEUE) + otr_loss_get(OTR_LOSS_REFUSED) +
	       otr_loss_get(OTR_LOSS_EXPORT);
}

static void sends_full_batches_at_once_in_order(void **state)
{
	struct otr_queue *q = begin();
	struct otr_queue_stats st;

	(void)state;
	push(q, 0, 25);
	for (int i = 0; i < 500 && taken < 20; i++)
		usleep(1000);
	assert_int_equal(taken, 20); /* 5 spans wait until the batch is full, or old enough */
	otr_queue_stats(q, &st);
	assert_int_equal(st.accepted + st.refused, 20);
	otr_queue_close(&q, now_ns() + 1000 * MS);
	assert_null(q);
	assert_int_equal(taken, 25);
	assert_int_equal(pushes, 3);
	assert_true(order_ok);
	assert_int_equal(closed, 1);
}

static void never_waits_when_full(void **state)
{
	uint64_t before = otr_loss_get(OTR_LOSS_QUEUE), from;
	struct otr_queue *q = begin();
	struct otr_queue_stats st;

	(void)state;
	stuck = 1;
	from = now_ns();
	push(q, 0, 150);
	assert_true(now_ns() - from < 100 * MS);
	otr_queue_stats(q, &st);
	assert_int_equal(st.dropped, 50);
	assert_int_equal(st.waiting, 100);
	assert_int_equal(otr_loss_get(OTR_LOSS_QUEUE) - before, 50);
	otr_queue_close(&q, now_ns());
}

static void ends_in_time_and_counts(void **state)
{
	struct otr_queue *q = begin();
	uint64_t before = lost(), from;

	(void)state;
	stuck = 1;
	push(q, 0, 30);
	usleep(20000);
	from = now_ns();
	otr_queue_close(&q, from + 100 * MS);
	assert_true(now_ns() - from < 300 * MS);
	assert_int_equal(lost() - before, 30);
}

static void gives_up_soon_on_a_dead_end(void **state)
{
	struct otr_queue *q = begin();
	uint64_t before = lost(), from;

	(void)state;
	outcome = OTR_PUSH_RETRY;
	push(q, 0, 30);
	from = now_ns();
	otr_queue_close(&q, from + 10000 * MS);
	assert_true(now_ns() - from < 2000 * MS);
	assert_int_equal(lost() - before, 30);
	assert_in_range(pushes, 3, 4);
}

static void counts_refusals(void **state)
{
	uint64_t before = otr_loss_get(OTR_LOSS_REFUSED);
	struct otr_queue *q = begin();

	(void)state;
	outcome = OTR_PUSH_DROP;
	push(q, 0, 10);
	for (int i = 0; i < 500 && taken < 10; i++)
		usleep(1000);
	otr_queue_close(&q, now_ns() + 1000 * MS);
	assert_int_equal(otr_loss_get(OTR_LOSS_REFUSED) - before, 10);
}

static void what_this_host_cannot_send_is_no_refusal(void **state)
{
	uint64_t refused = otr_loss_get(OTR_LOSS_REFUSED), failed = otr_loss_get(OTR_LOSS_EXPORT);
	struct otr_queue *q = begin();

	(void)state;
	outcome = OTR_PUSH_FAIL;
	push(q, 0, 10);
	for (int i = 0; i < 500 && taken < 10; i++)
		usleep(1000);
	otr_queue_close(&q, now_ns() + 1000 * MS);
	assert_int_equal(otr_loss_get(OTR_LOSS_REFUSED), refused);
	assert_int_equal(otr_loss_get(OTR_LOSS_EXPORT) - failed, 10);
	assert_in_range(pushes, 1, 10);
}

static int notices;

static void on_notice(void *arg, const char *text)
{
	(void)arg;
	assert_non_null(strstr(text, "export to fake: (from --export)"));
	notices++;
}

static void reports_a_full_queue_once(void **state)
{
	struct otr_queue *q = begin();

	(void)state;
	stuck = 1;
	notices = 0;
	push(q, 0, 101);
	otr_queue_tick(q, on_notice, NULL);
	otr_queue_tick(q, on_notice, NULL);
	assert_int_equal(notices, 1);
	otr_queue_close(&q, now_ns());
}

static void refuses_what_cannot_be_opened(void **state)
{
	struct otr_queue *q = NULL;
	struct otr_err err;

	(void)state;
	assert_int_equal(otr_queue_open(&q, "fake:bad", "x", &err), -22);
	assert_int_equal(otr_queue_open(&q, "other:", "x", &err), -22);
	assert_null(q);
	otr_queue_close(&q, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_full_batches_at_once_in_order),
		cmocka_unit_test(never_waits_when_full),
		cmocka_unit_test(ends_in_time_and_counts),
		cmocka_unit_test(gives_up_soon_on_a_dead_end),
		cmocka_unit_test(counts_refusals),
		cmocka_unit_test(what_this_host_cannot_send_is_no_refusal),
		cmocka_unit_test(reports_a_full_queue_once),
		cmocka_unit_test(refuses_what_cannot_be_opened),
	};

	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
