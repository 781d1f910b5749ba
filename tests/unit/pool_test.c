/* SPDX-License-Identifier: Apache-2.0 */
/* pool_test.c - memory of the right size comes back, and what is spare for long is freed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/pool.h"

#ifdef OTR_SPARES_OFF
#define KEEPS 0 /* each object is the heap's, so that its misuse is seen */
#else
#define KEEPS 1
#endif

static size_t spare(const struct otr_pool *pool)
{
	size_t n = 0;

	for (size_t i = 0; i < OTR_POOL_ROWS; i++)
		n += pool->rows[i].n;
	return n;
}

static void every_size_has_room(void **state)
{
	struct otr_pool pool = {0};
	void *at[1500];

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		for (size_t size = 0; size < 1500; size++) {
			at[size] = otr_pool_take(&pool, size);
			assert_non_null(at[size]);
			assert_int_equal((uintptr_t)at[size] % sizeof(void *), 0);
			memset(at[size], (int)size, size);
		}
		for (size_t size = 0; size < 1500; size++) {
			for (size_t i = 0; i < size; i++)
				assert_int_equal(((uint8_t *)at[size])[i], (uint8_t)size);
			otr_pool_put(&pool, at[size]);
		}
	}
	otr_pool_put(&pool, NULL);
	/* with its head, the largest that a row takes has 1 KiB */
	assert_true(!KEEPS || spare(&pool) >= 1024 - sizeof(struct otr_pool_head) + 1);
	otr_pool_fini(&pool);
}

static void what_is_spare_for_long_is_freed(void **state)
{
	struct otr_pool pool = {0};
	void *at[10];

	(void)state;
	for (size_t i = 0; i < 10; i++)
		at[i] = otr_pool_take(&pool, 200);
	for (size_t i = 0; i < 10; i++)
		otr_pool_put(&pool, at[i]);
	otr_pool_trim(&pool);
	assert_true(!KEEPS || spare(&pool) >= 10); /* they were in use since the last trim */
	otr_pool_trim(&pool);
	assert_int_equal(spare(&pool), 0);
	otr_pool_fini(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_has_room),
		cmocka_unit_test(what_is_spare_for_long_is_freed),
	};

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
