/* SPDX-License-Identifier: Apache-2.0 */
/* span_memory_test.c - spans that one thread makes and others free. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/own.h"
#include "agent/span/span.h"
#include "agent/span/span_memory.h"

#define THREADS 3
#define SPANS	1500

struct made {
	struct otr_span *sp[SPANS];
	size_t size[SPANS];
};

static void *free_all(void *arg)
{
	struct made *m = arg;

	for (size_t i = 0; i < SPANS; i++)
		otr_span_dealloc(m->sp[i], m->size[i]);
	return NULL;
}

static void make_all(struct made *m, int byte)
{
	for (size_t i = 0; i < SPANS; i++) {
		m->size[i] = 200 + i % 5 * 100; /* some are larger than a slot */
		m->sp[i] = otr_span_alloc(m->size[i]);
		assert_non_null(m->sp[i]);
		memset((void *)m->sp[i], byte, m->size[i]);
	}
}

static void are_whole(const struct made *m, int byte)
{
	for (size_t i = 0; i < SPANS; i++)
		for (size_t k = 0; k < m->size[i]; k++)
			assert_int_equal(((const unsigned char *)m->sp[i])[k], byte);
}

/* No two spans that are alive share memory, whichever thread frees the others meanwhile. */
static void memory_belongs_to_one_span(void **state)
{
	static struct made made[THREADS], last;
	pthread_t threads[THREADS];

	(void)state;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < THREADS; i++)
			make_all(&made[i], i + 1);
		for (int i = 0; i < THREADS; i++)
			are_whole(&made[i], i + 1);
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, free_all, &made[i]), 0);
		make_all(&last, 9);
		are_whole(&last, 9);
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		are_whole(&last, 9);
		free_all(&last);
		if (round % 3 == 0)
			otr_span_memory_trim();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_belongs_to_one_span),
	};

	return cmocka_run_group_tests_name("span_memory", tests, NULL, NULL);
}
