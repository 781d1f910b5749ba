/* SPDX-License-Identifier: Apache-2.0 */
/* ring_rest_test.c - the rings of the library are read before they are full. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/clock.h"
#include "agent/source/ring_rest.h"
#include "bpf/ring.h"

#define BEGAN 1000000000ull

static int after(uint64_t took_ms, uint64_t bytes)
{
	struct otr_ring_rest rest = {.read_ns = BEGAN};

	otr_ring_rest_read(&rest, BEGAN + took_ms * OTR_NS_PER_MS, bytes);
	assert_int_equal(rest.read_ns, BEGAN + took_ms * OTR_NS_PER_MS);
	return rest.ms;
}

static void an_eighth_of_the_ring_at_the_rate_before(void **state)
{
	(void)state;
	assert_int_equal(after(20, 0), OTR_RING_REST_MAX_MS);
	assert_int_equal(after(20, 1000), OTR_RING_REST_MAX_MS);
	assert_int_equal(after(10, OTR_RING_BYTES / 8), 10);
	assert_int_equal(after(20, OTR_RING_BYTES / 4), 10);
	assert_int_equal(after(5, OTR_RING_BYTES / 16), 10);
}

static void a_full_ring_is_read_soon(void **state)
{
	(void)state;
	assert_int_equal(after(20, OTR_RING_BYTES), OTR_RING_REST_MIN_MS);
	assert_int_equal(after(2, OTR_RING_BYTES), OTR_RING_REST_MIN_MS);
	assert_int_equal(after(0, 1), OTR_RING_REST_MIN_MS);
}

/* The first reading, and the first after the agent was halted, know no rate. */
static void without_a_rate_it_is_read_soon(void **state)
{
	struct otr_ring_rest rest = {0};

	(void)state;
	otr_ring_rest_read(&rest, BEGAN, 1);
	assert_int_equal(rest.ms, OTR_RING_REST_MIN_MS);
	assert_int_equal(after(5000, 1), OTR_RING_REST_MIN_MS);
	assert_int_equal(after(5000, 0), OTR_RING_REST_MAX_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_eighth_of_the_ring_at_the_rate_before),
		cmocka_unit_test(a_full_ring_is_read_soon),
		cmocka_unit_test(without_a_rate_it_is_read_soon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
