/* SPDX-License-Identifier: Apache-2.0 */
/* tcp_order_test.c - segments of a captured stream, whatever order they come in. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "agent/source/tcp_order.h"

#define STREAM 20000u

/* What was given of a stream that begins at `isn`. */
struct given {
	uint32_t isn, end; /* the offset behind the last byte */
	uint32_t holes;
	bool seen[STREAM]; /* captured */
};

static uint8_t byte_at(uint32_t offset)
{
	return (uint8_t)(offset * 7 + (offset >> 8));
}

static void on_bytes(void *arg, uint32_t seq, uint32_t len, struct otr_slice data)
{
	struct given *gv = arg;
	uint32_t at = seq - gv->isn;

	assert_true(len > 0 && at + len <= STREAM && data.len <= len);
	assert_true(at >= gv->end); /* in order, and nothing twice */
	gv->holes += at > gv->end;
	gv->end = at + len;
	for (uint32_t i = 0; i < data.len; i++) {
		assert_int_equal((uint8_t)data.data[i], byte_at(at + i));
		gv->seen[at + i] = true;
	}
}

static void take(struct otr_tcp_order * or, struct given *gv, uint32_t at, uint32_t len,
		 uint32_t captured)
{
	char bytes[4096];

	for (uint32_t i = 0; i < captured; i++)
		bytes[i] = (char)byte_at(at + i);
	assert_int_equal(otr_tcp_order_take(or, gv->isn + at, len,
					    (struct otr_slice){bytes, captured}, on_bytes, gv),
			 0);
}

static uint32_t below(uint32_t n)
{
	return (uint32_t)(random() % n);
}

/* Segments of random sizes, in an order that is a little random, some twice: all bytes come once,
 * in order, also where the sequence number wraps. */
static void any_order_gives_the_stream(void **state)
{
	(void)state;
	for (int round = 0; round < 500; round++) {
		struct given gv = {.isn = round % 2 ? 0xffffffffu - 5000 : (uint32_t)random()};
		struct otr_tcp_order or = {0};
		uint32_t at[STREAM], len[STREAM], n = 0;

		srandom((unsigned int)round);
		otr_tcp_order_begin(& or, gv.isn);
		for (uint32_t pos = 0; pos < STREAM; pos += len[n++]) {
			at[n] = pos;
			len[n] = 1 + below(STREAM - pos < 400 ? STREAM - pos : 400);
		}
		for (uint32_t i = 0; i < n; i++) { /* each goes at most 8 places */
			uint32_t j = i + below(n - i < 8 ? n - i : 8);
			uint32_t a = at[i], l = len[i];

			at[i] = at[j], len[i] = len[j];
			at[j] = a, len[j] = l;
		}
		for (uint32_t i = 0; i < n; i++) {
			uint32_t before = at[i] < 50 ? at[i] : below(50);

			take(& or, &gv, at[i], len[i], len[i]);
			if (!below(4)) /* again, together with bytes before it */
				take(& or, &gv, at[i] - before, len[i] + before, len[i] + before);
		}
		assert_int_equal(gv.end, STREAM);
		assert_int_equal(gv.holes, 0);
		for (uint32_t i = 0; i < STREAM; i++)
			assert_true(gv.seen[i]);
		assert_int_equal(or.n_held + or.held_bytes, 0);
		otr_tcp_order_fini(& or);
	}
}

/* What the receiver has acknowledged and the capture misses is not waited for. */
static void acknowledged_bytes_are_not_waited_for(void **state)
{
	struct given gv = {.isn = 77};
	struct otr_tcp_order or = {0};

	(void)state;
	otr_tcp_order_begin(& or, 77);
	take(& or, &gv, 0, 100, 100);
	take(& or, &gv, 200, 100, 100);
	otr_tcp_order_ack(& or, 77 + 100, on_bytes, &gv);
	assert_int_equal(gv.end, 100); /* the receiver lacks them as well */
	otr_tcp_order_ack(& or, 77 + 300, on_bytes, &gv);
	assert_int_equal(gv.end, 300);
	assert_int_equal(gv.holes, 1);
	take(& or, &gv, 100, 100, 100); /* too late */
	assert_int_equal(gv.end, 300);
	otr_tcp_order_fini(& or);
}

static void what_is_held_is_bounded(void **state)
{
	struct given gv = {.isn = 1};
	struct otr_tcp_order or = {0};

	(void)state;
	otr_tcp_order_begin(& or, 1);
	for (uint32_t i = 0; i < 2 * OTR_TCP_HELD_SEGMENTS; i++) {
		take(& or, &gv, 10 + 20 * i, 10, 10);
		assert_true(or.n_held <= OTR_TCP_HELD_SEGMENTS);
	}
	assert_true(gv.holes > 0);
	otr_tcp_order_flush(& or, on_bytes, &gv);
	assert_int_equal(gv.end, 10 + 20 * (2 * OTR_TCP_HELD_SEGMENTS - 1) + 10);
	otr_tcp_order_fini(& or);
}

/* A segment of which only the first bytes were captured. */
static void bytes_that_were_not_captured_are_no_hole(void **state)
{
	struct given gv = {.isn = 9};
	struct otr_tcp_order or = {0};

	(void)state;
	otr_tcp_order_begin(& or, 9);
	take(& or, &gv, 0, 1000, 60);
	take(& or, &gv, 900, 200, 150); /* its first 100 were moved before */
	assert_int_equal(gv.end, 1100);
	assert_int_equal(gv.holes, 0);
	assert_true(gv.seen[59] && !gv.seen[60] && !gv.seen[999] && gv.seen[1000] &&
		    gv.seen[1049] && !gv.seen[1050]);
	otr_tcp_order_fini(& or);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order_gives_the_stream),
		cmocka_unit_test(acknowledged_bytes_are_not_waited_for),
		cmocka_unit_test(what_is_held_is_bounded),
		cmocka_unit_test(bytes_that_were_not_captured_are_no_hole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
