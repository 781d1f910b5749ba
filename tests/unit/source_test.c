/* SPDX-License-Identifier: Apache-2.0 */
/* source_test.c - checks of events, their order, and a session in a file. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/err.h"
#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/source/merge.h"
#include "agent/source/record.h"
#include "agent/source/source.h"

static struct otr_event tick(uint64_t time_ns, uint32_t tid)
{
	return (struct otr_event){.kind = OTR_EV_TICK,
				  .hook = OTR_HOOK_AGENT,
				  .size = sizeof(struct otr_event),
				  .time_ns = time_ns,
				  .tid = tid};
}

union big {
	struct otr_ev_data data;
	uint8_t bytes[sizeof(struct otr_ev_data) + 16];
	uint64_t align;
};

static union big data_of(uint32_t cap, uint64_t moved)
{
	union big b = {0};

	b.data.hdr = tick(5, 1);
	b.data.hdr.kind = OTR_EV_DATA;
	b.data.hdr.size = sizeof(struct otr_ev_data) + cap;
	b.data.hdr.conn = 7;
	b.data.cap = cap;
	b.data.moved = moved;
	return b;
}

static void door_refuses_what_lies(void **state)
{
	union big b = data_of(8, 100);

	(void)state;
	assert_non_null(otr_event_check(&b, sizeof(b)));
	assert_null(otr_event_check(&b, b.data.hdr.size - 1)); /* too long */
	b.data.cap = 9;					       /* its length exceeds the record */
	assert_null(otr_event_check(&b, sizeof(b)));
	b = data_of(8, 7); /* more bytes kept than moved */
	assert_null(otr_event_check(&b, sizeof(b)));
	b = data_of(8, 8);
	b.data.layer = OTR_LAYER_MAX;
	assert_null(otr_event_check(&b, sizeof(b)));
	b = data_of(8, 8);
	b.data.cause.parent.dir = 9;
	assert_null(otr_event_check(&b, sizeof(b)));
	b = data_of(8, 8);
	b.data.hdr.kind = OTR_EV_MAX;
	assert_null(otr_event_check(&b, sizeof(b)));
	b.data.hdr.kind = OTR_EV_NONE;
	assert_null(otr_event_check(&b, sizeof(b)));
	assert_null(otr_event_check(&b, 8));
}

struct seen {
	uint32_t tids[16];
	size_t n;
};

static int see(void *arg, const struct otr_event *ev)
{
	struct seen *seen = arg;

	assert_true(seen->n < OTR_ARRAY_SIZE(seen->tids));
	seen->tids[seen->n++] = ev->tid;
	return 0;
}

static void add(struct otr_merge *m, uint64_t time_ns, uint32_t tid)
{
	struct otr_event ev = tick(time_ns, tid);

	assert_int_equal(otr_merge_add(m, &ev), 0);
}

static void merge_orders_by_time_then_arrival(void **state)
{
	static const uint32_t want[] = {1, 2, 3, 4, 5, 6};
	OTR_AUTO(otr_merge_free) struct otr_merge *m = NULL;
	struct seen seen = {0};
	uint64_t late = otr_loss_get(OTR_LOSS_STRAGGLER);

	(void)state;
	assert_int_equal(otr_merge_new(&m, 1 << 20), 0);
	add(m, 30, 4);
	add(m, 10, 1);
	add(m, 20, 2);
	add(m, 20, 3);
	otr_merge_release(m, 30, see, &seen);
	assert_int_equal(seen.n, 3);
	otr_merge_release(m, 31, see, &seen);
	assert_int_equal(seen.n, 4);
	assert_int_equal(otr_loss_get(OTR_LOSS_STRAGGLER), late);
	add(m, 40, 6);
	add(m, 15, 5); /* events of its time were released already */
	assert_int_equal(otr_loss_get(OTR_LOSS_STRAGGLER), late + 1);
	otr_merge_release(m, UINT64_MAX, see, &seen);
	assert_int_equal(seen.n, 6);
	assert_memory_equal(seen.tids, want, sizeof(want));
}

static int check_sorted(void *arg, const struct otr_event *ev)
{
	struct otr_event *last = arg;

	assert_true(ev->time_ns > last->time_ns ||
		    (ev->time_ns == last->time_ns && ev->tid > last->tid));
	*last = *ev;
	return 0;
}

/* Records from several sources, each nearly in order, and some from anywhere. */
static void merge_orders_whatever_comes(void **state)
{
	OTR_AUTO(otr_merge_free) struct otr_merge *m = NULL;
	uint64_t base[6] = {0};
	struct otr_event last = {0};
	uint32_t n = 0;

	(void)state;
	srandom(1);
	assert_int_equal(otr_merge_new(&m, 64 << 20), 0);
	for (uint64_t now = 1000; now < 200000; now += 1000) {
		for (int i = 0; i < 40; i++) {
			uint64_t *at = &base[random() % 6];

			*at = *at < now ? now : *at + (uint64_t)(random() % 3);
			add(m, random() % 20 ? *at : now + (uint64_t)(random() % 900), ++n);
		}
		otr_merge_release(m, now + (uint64_t)(random() % 1000), check_sorted, &last);
		last.time_ns = 0; /* what comes now may be earlier */
	}
	otr_merge_release(m, UINT64_MAX, check_sorted, &last);
	for (uint32_t i = 0; i < 3000; i++) /* falling times: all but the first go into the heap */
		add(m, 1000000 - i, ++n);
	last = (struct otr_event){0};
	otr_merge_release(m, UINT64_MAX, check_sorted, &last);
	assert_int_equal(last.tid, n - 2999);
	add(m, 2000000, 1); /* some are left when it is freed */
	add(m, 1999999, 2);
}

static void merge_is_bounded(void **state)
{
	OTR_AUTO(otr_merge_free) struct otr_merge *m = NULL;
	struct seen seen = {0};

	(void)state;
	assert_int_equal(otr_merge_new(&m, 2 * sizeof(struct otr_event)), 0);
	for (uint32_t i = 1; i <= 5; i++)
		add(m, 100 + i, i);
	otr_merge_release(m, 0, see, &seen);
	assert_int_equal(seen.n, 3); /* the oldest was released early */
	assert_int_equal(seen.tids[0], 1);
}

static void write_session(const char *path)
{
	struct otr_record *rec = NULL;
	struct otr_err err = {0};
	union big b = data_of(3, 9);
	struct otr_event ev = tick(1, 1);

	assert_int_equal(otr_record_open(&rec, path, &err), 0);
	otr_record_put(rec, &ev);
	otr_record_put(rec, &b.data.hdr);
	ev.tid = 3;
	otr_record_put(rec, &ev);
	assert_int_equal(otr_record_close(&rec), 0);
	assert_null(rec);
}

static void a_session_reads_back(void **state)
{
	char path[] = "/tmp/otr-record-XXXXXX";
	struct seen seen = {0};
	struct otr_err err = {0};

	(void)state;
	close(mkstemp(path));
	write_session(path);
	assert_int_equal(otr_source_read(&otr_replay_source, path, see, &seen, &err), 0);
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.tids[2], 3);

	/* a file that was cut: the events before are given, and the offset is named */
	seen.n = 0;
	assert_int_equal(truncate(path, 16 + 40 + 136 + 8), 0);
	assert_int_equal(otr_source_read(&otr_replay_source, path, see, &seen, &err), -EINVAL);
	assert_int_equal(seen.n, 2);
	assert_non_null(strstr(err.text, "at byte 192"));

	assert_int_equal(truncate(path, 4), 0);
	assert_int_equal(otr_source_read(&otr_replay_source, path, see, &seen, &err), -EINVAL);
	unlink(path);
	assert_int_equal(otr_source_read(&otr_replay_source, path, see, &seen, &err), -ENOENT);
}

static int check_order(void *arg, const struct otr_event *ev)
{
	uint32_t *n = arg;

	assert_int_equal((uintptr_t)ev % 8, 0);
	assert_int_equal(ev->time_ns, ++*n);
	return 0;
}

/* More than is read at once, in records whose sizes divide nothing. */
static void a_long_recording_reads_back(void **state)
{
	char path[] = "/tmp/otr-record-XXXXXX";
	struct otr_record *rec = NULL;
	struct otr_err err = {0};
	uint32_t n = 0;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(otr_record_open(&rec, path, &err), 0);
	for (uint32_t i = 1; i <= 8000; i++) {
		union big b = data_of(i % 11, 1 + i % 11);

		b.data.hdr.time_ns = i;
		otr_record_put(rec, &b.data.hdr);
	}
	assert_int_equal(otr_record_close(&rec), 0);
	assert_int_equal(otr_source_read(&otr_replay_source, path, check_order, &n, &err), 0);
	assert_int_equal(n, 8000);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(door_refuses_what_lies),
		cmocka_unit_test(merge_orders_by_time_then_arrival),
		cmocka_unit_test(merge_orders_whatever_comes),
		cmocka_unit_test(merge_is_bounded),
		cmocka_unit_test(a_session_reads_back),
		cmocka_unit_test(a_long_recording_reads_back),
	};

	return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
