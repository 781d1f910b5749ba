/* SPDX-License-Identifier: Apache-2.0 */
// needs: tests/unit/make_spans.c
/*
 * keyed_test.c - ids that were chosen to collide cost no more than others. The tests count how many
 * entries a look-up may visit, not how long it takes.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "agent/base/keyed.h"
#include "agent/console/pending.h"
#include "agent/span/span.h"
#include "tests/unit/make_spans.h"

#define IDS 3000

struct item {
	UT_hash_handle hh;
	uint64_t id;
};

/* The hash that uthash uses by default. */
static unsigned int old_hash(uint64_t id)
{
	unsigned int hash;

	HASH_JEN(&id, sizeof(id), hash);
	return hash;
}

/* Returns the next id of a fixed sequence that falls into bucket 0 of 2^`bits` by the default
 * hash. */
static uint64_t next_id(uint64_t *state, unsigned int bits)
{
	uint64_t id;

	do {
		*state = *state * 6364136223846793005u + 1442695040888963407u;
		id = *state ^ *state >> 29;
	} while (old_hash(id) & ((1u << bits) - 1));
	return id;
}

/* Returns the longest chain of a table of IDS ids. */
static unsigned int longest(unsigned int bits)
{
	struct item *items = calloc(IDS, sizeof(*items)), *table = NULL;
	unsigned int most = 0;
	uint64_t state = 1;

	for (size_t i = 0; i < IDS; i++) {
		items[i].id = next_id(&state, bits);
		HASH_ADD(hh, table, id, sizeof(items[i].id), &items[i]);
	}
	for (unsigned int i = 0; i < table->hh.tbl->num_buckets; i++)
		if (table->hh.tbl->buckets[i].count > most)
			most = table->hh.tbl->buckets[i].count;
	assert_int_equal(HASH_COUNT(table), IDS);
	assert_int_equal(table->hh.tbl->noexpand, 0);
	HASH_CLEAR(hh, table);
	free(items);
	return most;
}

static void colliding_ids_are_as_others(void **state)
{
	(void)state;
	/* Buckets are doubled when one holds 10 on average; by chance one may have twice that. */
	assert_true(longest(0) <= 20);
	assert_true(longest(12) <= 20);
}

/* Trace ids that the hash of before put into one of the console's 1,024 buckets. */
static void colliding_traces_are_as_others(void **state)
{
	const uint64_t golden = 0x9e3779b97f4a7c15u;
	struct otr_pendings ps = {0};
	uint64_t inverse = golden, half;
	size_t most = 0;

	(void)state;
	for (int i = 0; i < 6; i++) /* modulo 2^64, by Newton */
		inverse *= 2 - golden * inverse;
	assert_true(inverse * golden == 1);
	for (uint64_t i = 0; i < IDS; i++) {
		struct otr_span *sp =
			make_span(1, &(struct make){.id = (uint32_t)i + 1, .service = "s"});

		half = inverse * i; /* its product's upper bits are all 0 */
		memcpy(sp->trace_id + 8, &half, sizeof(half));
		otr_pending_add(&ps, sp, 0);
		otr_span_unref(&sp);
	}
	assert_int_equal(ps.traces, IDS);
	for (size_t i = 0; i < 1024; i++) {
		size_t n = 0;

		for (const struct otr_pending *p = ps.bucket[i]; p; p = p->next)
			n++;
		if (n > most)
			most = n;
	}
	assert_true(most <= 16); /* 3 on average */
	while (ps.oldest) {
		struct otr_pending *p = otr_pending_take(&ps, ps.oldest->trace_id);

		otr_pending_free(&p);
	}
}

/* As CPython's hash() of bytes, which is SipHash-1-3 with a key of zeros under
 * PYTHONHASHSEED=0: python3 -c "print(hash(b'a'))". */
static void it_is_siphash(void **state)
{
	static const uint64_t zeros[2], other[2] = {1, 2};

	(void)state;
	otr_keyed_set(zeros);
	assert_true(otr_keyed_bytes("a", 1) == 4644417185603328019u);
	assert_true(otr_keyed_bytes("abcdefg", 7) == 7904145750247929094u);
	assert_true(otr_keyed_bytes("abcdefgh", 8) == 4574395652268504554u);
	assert_true(otr_keyed_bytes("hello world, this is otrace", 27) == 5826835882886629799u);
	otr_keyed_set(other);
	assert_true(otr_keyed_bytes("a", 1) != 4644417185603328019u);
}

/* Keys that a simple hash would put next to each other, or into one bucket: multiples of a power
 * of two, and keys that differ in one word alone. Over 64 secrets, no bucket of 1,024 has much
 * more than its share. */
static void regular_keys_are_spread(void **state)
{
	static unsigned int n[1024];

	(void)state;
	for (uint64_t secret = 0; secret < 64; secret++) {
		for (unsigned int shift = 0; shift < 52; shift += 4) {
			unsigned int most = 0;

			otr_keyed_set((uint64_t[2]){secret, shift});
			memset(n, 0, sizeof(n));
			for (uint64_t i = 0; i < 4096; i++) {
				uint64_t key[3] = {shift, i << shift, secret};
				unsigned int *at = &n[otr_keyed_hash(key, sizeof(key)) >> 54];

				if (++*at > most)
					most = *at;
			}
			assert_true(most <= 32); /* 4 on average */
		}
	}
}

/* 8 zeros and 16 zeros are two keys. */
static void length_counts(void **state)
{
	static const char zeros[64];

	(void)state;
	for (size_t len = 8; len < sizeof(zeros); len += 8)
		assert_true(otr_keyed_hash(zeros, len) != otr_keyed_hash(zeros, len + 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(colliding_ids_are_as_others),
		cmocka_unit_test(colliding_traces_are_as_others),
		cmocka_unit_test(it_is_siphash),
		cmocka_unit_test(regular_keys_are_spread),
		cmocka_unit_test(length_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
