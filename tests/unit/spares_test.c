/* SPDX-License-Identifier: Apache-2.0 */
/* spares_test.c - objects that are freed are given out again, and chunks go back to the heap. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/spares.h"

#define SIZE 120
#define MANY 10000

#ifdef OTR_SPARES_OFF
#define KEEPS 0 /* each object is the heap's, so that its misuse is seen */
#else
#define KEEPS 1
#endif

static void *at[MANY];

static void take(struct otr_spares *sp, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		at[i] = otr_spares_take(sp, SIZE);
		assert_non_null(at[i]);
		memset(at[i], (int)i, SIZE);
	}
	for (size_t i = 0; i < n; i++)
		for (size_t byte = 0; byte < SIZE; byte++)
			assert_int_equal(((uint8_t *)at[i])[byte], (uint8_t)i);
}

static void put(struct otr_spares *sp, size_t n)
{
	for (size_t i = 0; i < n; i++)
		otr_spares_put(sp, at[i]);
}

static void the_object_freed_last_comes_next(void **state)
{
	struct otr_spares sp = {0};
	void *first, *second;

	(void)state;
	first = otr_spares_get(&sp, SIZE);
	second = otr_spares_get(&sp, SIZE);
	assert_ptr_not_equal(first, second);
	memset(first, 1, SIZE);
	otr_spares_put(&sp, second);
	otr_spares_put(&sp, first);
	otr_spares_put(&sp, NULL);
	first = otr_spares_get(&sp, SIZE);
	for (size_t i = 0; i < SIZE; i++)
		assert_int_equal(((uint8_t *)first)[i], 0);
	otr_spares_put(&sp, first);
	otr_spares_fini(&sp);
}

static void what_is_spare_for_long_goes_back(void **state)
{
	struct otr_spares sp = {0};

	(void)state;
	take(&sp, 1000);
	put(&sp, 1000);
	otr_spares_trim(&sp); /* all were in use since the start */
	assert_true(!KEEPS || sp.n >= 1000);
	take(&sp, 10);
	put(&sp, 10);
	otr_spares_trim(&sp);
	assert_true(!KEEPS || (sp.n >= 10 && sp.n < 100));
	otr_spares_trim(&sp);
	assert_int_equal(sp.n, 0);
	assert_null(sp.chunks);
	take(&sp, 10);
	put(&sp, 10);
	otr_spares_fini(&sp);
}

static void a_chunk_in_use_stays(void **state)
{
	struct otr_spares sp = {0};

	(void)state;
	take(&sp, 100);
	put(&sp, 99);
	otr_spares_trim(&sp);
	otr_spares_trim(&sp);
	assert_int_equal(((uint8_t *)at[99])[0], 99);
	assert_true(!KEEPS || (sp.chunks && !sp.chunks->next));
	otr_spares_put(&sp, at[99]);
	otr_spares_fini(&sp);
}

static void a_burst_is_not_kept(void **state)
{
	struct otr_spares sp = {0};

	(void)state;
	take(&sp, MANY);
	put(&sp, MANY);
	assert_true(sp.n <= OTR_SPARES_MAX);
	assert_true(!KEEPS || sp.n >= OTR_SPARES_MAX - OTR_SPARES_CHUNK / SIZE);
	otr_spares_fini(&sp);
}

static void large_objects_have_a_chunk_each(void **state)
{
	struct otr_spares sp = {0};
	char *large = otr_spares_get(&sp, 3 * OTR_SPARES_CHUNK);

	(void)state;
	memset(large, 1, 3 * OTR_SPARES_CHUNK);
	assert_int_equal(sp.n, 0);
	otr_spares_put(&sp, large);
	assert_int_equal(sp.n, KEEPS * 1);
	otr_spares_fini(&sp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_object_freed_last_comes_next),
		cmocka_unit_test(what_is_spare_for_long_goes_back),
		cmocka_unit_test(a_chunk_in_use_stays),
		cmocka_unit_test(a_burst_is_not_kept),
		cmocka_unit_test(large_objects_have_a_chunk_each),
	};

	return cmocka_run_group_tests_name("spares", tests, NULL, NULL);
}
