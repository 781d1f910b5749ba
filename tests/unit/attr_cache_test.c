/* SPDX-License-Identifier: Apache-2.0 */
/* attr_cache_test.c - what is remembered is what was put, and is bounded whatever comes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "agent/base/own.h"
#include "agent/proto/attr_cache.h"
#include "agent/span/attr_block.h"

static void key_of(struct otr_attr_key *key, uint32_t n, size_t len)
{
	static const char filler[2 * OTR_ATTR_KEY_MAX];

	otr_attr_key_begin(key, &n, sizeof(n)); /* of a kind that changes with each key */
	otr_attr_key_add(key, (struct otr_slice){filler, len});
}

/* A block that says for which key it was made; its text has `len` bytes more. */
static struct otr_attr_block *block_of(uint32_t n, size_t len)
{
	static const char filler[1 << 16] = "x";
	const struct otr_attr attrs[] = {
		{.key = OTR_KEY_SERVER_PORT, .type = OTR_ATTR_INT, .integer = n},
		{.key = OTR_KEY_URL_PATH, .type = OTR_ATTR_STRING, .string = {filler, len}},
	};

	return otr_attr_block_new(attrs, OTR_ARRAY_SIZE(attrs), OTR_SLICE_NONE);
}

/* Asks for a key as describe() does. Returns whether it was known. */
static bool ask(struct otr_attr_cache *cache, uint32_t n, size_t key_len, size_t block_len)
{
	const struct otr_attr_known *known;
	struct otr_attr_key key;

	key_of(&key, n, key_len);
	known = otr_attr_cache_find(cache, &key);
	if (known) {
		assert_int_equal(known->block->attrs[0].integer, n);
		assert_int_equal(*(const uint32_t *)known->note, ~n);
		return true;
	}
	if (otr_attr_cache_wants(cache, &key))
		otr_attr_cache_put(cache, &key, block_of(n, block_len), &(uint32_t){~n}, 4);
	assert_true(otr_attr_cache_bytes(cache) <= OTR_ATTR_CACHE_BYTES);
	return false;
}

static void remembers_at_the_second_time(void **state)
{
	OTR_AUTO(otr_attr_cache_free) struct otr_attr_cache *cache = otr_attr_cache_new();

	(void)state;
	assert_non_null(cache);
	assert_false(ask(cache, 1, 10, 10));
	assert_int_equal(otr_attr_cache_bytes(cache), 0);
	assert_false(ask(cache, 1, 10, 10));
	assert_true(ask(cache, 1, 10, 10));
	assert_false(ask(cache, 1, 11, 10)); /* the key is compared to its end */
	otr_attr_cache_clear(cache);
	assert_int_equal(otr_attr_cache_bytes(cache), 0);
	assert_false(ask(cache, 1, 10, 10));
}

static void knows_nothing_of_what_is_too_long(void **state)
{
	OTR_AUTO(otr_attr_cache_free) struct otr_attr_cache *cache = otr_attr_cache_new();

	(void)state;
	assert_non_null(cache);
	for (int i = 0; i < 4; i++) {
		assert_false(ask(cache, 1, OTR_ATTR_KEY_MAX - OTR_ATTR_KEY_FIXED + 1, 10));
		assert_false(ask(cache, 2, 10, 60000));
	}
	ask(cache, 3, OTR_ATTR_KEY_MAX - OTR_ATTR_KEY_FIXED, 10);
	ask(cache, 3, OTR_ATTR_KEY_MAX - OTR_ATTR_KEY_FIXED, 10);
	assert_true(ask(cache, 3, OTR_ATTR_KEY_MAX - OTR_ATTR_KEY_FIXED, 10));
}

/* Every key comes twice and is long, every block is large: as many bytes as a sender can cause. */
static void is_bounded_in_rows_and_bytes(void **state)
{
	OTR_AUTO(otr_attr_cache_free) struct otr_attr_cache *cache = otr_attr_cache_new();

	(void)state;
	assert_non_null(cache);
	for (uint32_t n = 0; n < 20000; n++)
		for (int i = 0; i < 2; i++)
			ask(cache, n, n % 2000, (n * 7) % 9000);
	otr_attr_cache_clear(cache);
	for (uint32_t n = 0; n < 20000; n++) /* small ones: rows are the bound */
		for (int i = 0; i < 2; i++)
			ask(cache, 30000 + n, 0, 1);
	assert_true(otr_attr_cache_bytes(cache) > 0);
	assert_true(otr_attr_cache_bytes(cache) < OTR_ATTR_CACHE_ROWS * 1024);
}

/* A few more than there is room for, in turn: most of what is remembered is used. */
static void is_not_emptied_by_a_round(void **state)
{
	OTR_AUTO(otr_attr_cache_free) struct otr_attr_cache *cache = otr_attr_cache_new();
	unsigned int hits = 0;

	(void)state;
	assert_non_null(cache);
	for (uint32_t i = 0; i < 40; i++)
		for (uint32_t n = 0; n < 2 * OTR_ATTR_CACHE_ROWS; n++)
			hits += ask(cache, n, 20, 20);
	assert_true(hits > 40 * OTR_ATTR_CACHE_ROWS / 4);
}

/* A few that come all the time stay, whatever comes once or twice in between. */
static void keeps_what_is_used(void **state)
{
	OTR_AUTO(otr_attr_cache_free) struct otr_attr_cache *cache = otr_attr_cache_new();
	unsigned int hits = 0;

	(void)state;
	assert_non_null(cache);
	for (uint32_t n = 0; n < 4000; n++) {
		for (uint32_t hot = 1; hot <= 4; hot++)
			hits += ask(cache, hot, 20, 20);
		ask(cache, 1000 + n, 20, 20);
		ask(cache, 1000 + n, 20, 20);
	}
	assert_true(hits > 15900);
}

/* A span that has a block keeps it when the cache forgets it. */
static void a_reference_outlives_the_cache(void **state)
{
	struct otr_attr_cache *cache = otr_attr_cache_new();
	struct otr_attr_block *mine;
	struct otr_attr_key key;

	(void)state;
	ask(cache, 7, 1, 1);
	ask(cache, 7, 1, 1);
	key_of(&key, 7, 1);
	mine = otr_attr_block_ref(otr_attr_cache_find(cache, &key)->block);
	otr_attr_cache_free(&cache);
	assert_int_equal(mine->attrs[0].integer, 7);
	otr_attr_block_unref(&mine);
	assert_null(mine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remembers_at_the_second_time),
		cmocka_unit_test(knows_nothing_of_what_is_too_long),
		cmocka_unit_test(is_bounded_in_rows_and_bytes),
		cmocka_unit_test(keeps_what_is_used),
		cmocka_unit_test(is_not_emptied_by_a_round),
		cmocka_unit_test(a_reference_outlives_the_cache),
	};

	return cmocka_run_group_tests_name("attr_cache", tests, NULL, NULL);
}
