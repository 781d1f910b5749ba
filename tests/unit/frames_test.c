/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frames_test.c - the walk over HTTP/2 frames, as the probes do it: what is copied does not depend
 * on how the bytes are cut into calls.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/frames.h"
#include "bpf/opening.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

struct wire {
	uint8_t bytes[4096];
	uint8_t kept[4096]; /* 1 for each byte that has to be copied */
	size_t n;
};

static void put(struct wire *w, const void *bytes, size_t n, int copy)
{
	assert_true(w->n + n <= sizeof(w->bytes));
	if (bytes)
		memcpy(w->bytes + w->n, bytes, n);
	else
		memset(w->bytes + w->n, 'x', n);
	memset(w->kept + w->n, copy, n);
	w->n += n;
}

static void frame(struct wire *w, int type, uint32_t len)
{
	const uint8_t head[OTR_FRAME_HEAD] = {(uint8_t)(len >> 16),
					      (uint8_t)(len >> 8),
					      (uint8_t)len,
					      (uint8_t)type,
					      0x4,
					      0,
					      0,
					      0,
					      1};

	put(w, head, sizeof(head), 1);
	put(w, NULL, len, type != 0);
}

/* Marks what a segment copies; returns where the next one begins. */
static size_t emit(struct otr_segment *seg, size_t at, uint8_t *copied)
{
	memset(copied + at, 1, seg->copy);
	at += seg->len;
	*seg = (struct otr_segment){0};
	return at;
}

/* Walks over one call. */
static void call(struct otr_frames *fr, const struct wire *w, size_t from, size_t to,
		 uint8_t *copied)
{
	struct otr_segment seg = {0};
	size_t at = from, begin = from;
	uint32_t n;
	int copy;

	while (at < to) {
		n = otr_frames_step(fr, w->bytes + at, (uint32_t)(to - at), &copy);
		assert_true(n > 0);
		if (!otr_segment_add(&seg, n, copy)) {
			begin = emit(&seg, begin, copied);
			assert_true(otr_segment_add(&seg, n, copy));
		}
		at += n;
	}
	assert_int_equal(emit(&seg, begin, copied), to); /* no byte is left out */
}

static struct wire conversation(void)
{
	struct wire w = {.n = 0};

	put(&w, PREFACE, OTR_PREFACE_BYTES, 1);
	frame(&w, 4, 18);  /* SETTINGS */
	frame(&w, 1, 120); /* HEADERS */
	frame(&w, 0, 700); /* DATA */
	frame(&w, 0, 0);
	frame(&w, 8, 4); /* WINDOW_UPDATE */
	frame(&w, 0, 300);
	frame(&w, 1, 30);
	return w;
}

static void any_cut(void **state)
{
	struct wire w = conversation();
	uint8_t copied[sizeof(w.bytes)];

	(void)state;
	for (size_t size = 1; size <= w.n; size++) {
		struct otr_frames fr = {.preface = OTR_PREFACE_BYTES};

		memset(copied, 0, sizeof(copied));
		for (size_t at = 0; at < w.n; at += size)
			call(&fr, &w, at, at + size < w.n ? at + size : w.n, copied);
		assert_memory_equal(copied, w.kept, w.n);
		assert_true(otr_frames_reads(&fr)); /* before a frame */
		assert_int_equal(fr.have, 0);
	}
}

static void longest_frame(void **state)
{
	const uint8_t head[OTR_FRAME_HEAD] = {0xff, 0xff, 0xff};
	struct otr_frames fr = {0};
	int copy;

	(void)state;
	assert_int_equal(otr_frames_step(&fr, head, 9, &copy), 9);
	assert_int_equal(fr.left, 0xffffff);
	assert_int_equal(otr_frames_step(&fr, NULL, 0x7fffffff, &copy), 0xffffff);
	assert_false(copy);
	assert_true(otr_frames_reads(&fr));
}

static void openings(void **state)
{
	(void)state;
	assert_int_equal(otr_opening_of((const uint8_t *)PREFACE), OTR_OPENING_HTTP2);
	assert_int_equal(otr_opening_of((const uint8_t *)"SSH-2.0-"), OTR_OPENING_SSH);
	assert_int_equal(otr_opening_of((const uint8_t *)"*3\r\n$3\r\n"), OTR_OPENING_REDIS);
	assert_int_equal(otr_opening_of((const uint8_t *)"*1000\r\n$"), OTR_OPENING_REDIS);
	assert_int_equal(otr_opening_of((const uint8_t *)"INFO {\"s"), OTR_OPENING_NATS);
	assert_int_equal(otr_opening_of((const uint8_t *)"\x10\x1a\0\4MQTT"), OTR_OPENING_MQTT);
	assert_int_equal(otr_opening_of((const uint8_t *)"\x10\x9a\1\0\4MQT"), OTR_OPENING_MQTT);
	assert_int_equal(otr_opening_of((const uint8_t *)"\x10\x1a\0\6MQIs"), OTR_OPENING_MQTT);
	assert_int_equal(otr_opening_of((const uint8_t *)"*3\r\n:1\r\n"), OTR_OPENING_OTHER);
	assert_int_equal(otr_opening_of((const uint8_t *)"\0\0\0;\0\x12\0\3"), OTR_OPENING_KAFKA);
	assert_int_equal(otr_opening_of((const uint8_t *)"\0\0\1\5\0\3\0\1"), OTR_OPENING_KAFKA);
	assert_int_equal(otr_opening_of((const uint8_t *)"\0\0\0T\0\3\0\0"), OTR_OPENING_OTHER);
	assert_int_equal(otr_opening_of((const uint8_t *)"\0\0\0T\0\3\0\2"), OTR_OPENING_OTHER);
	assert_int_equal(otr_opening_of((const uint8_t *)"\x38\1\0\0\7\0\0\0"),
			 OTR_OPENING_MONGODB);
	assert_int_equal(otr_opening_of((const uint8_t *)"R\0\0\0\x08\0\0\0"), OTR_OPENING_OTHER);
	assert_int_equal(otr_opening_of((const uint8_t *)"\x4a\0\0\0\n5.7"), OTR_OPENING_OTHER);
	assert_int_equal(otr_opening_of((const uint8_t *)"PRI * HX"), OTR_OPENING_OTHER);
	assert_int_equal(otr_opening_of((const uint8_t *)"GET / HT"), OTR_OPENING_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_cut),
		cmocka_unit_test(longest_frame),
		cmocka_unit_test(openings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
