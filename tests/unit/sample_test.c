/* SPDX-License-Identifier: Apache-2.0 */
/* sample_test.c - thresholds of shares, as the specification of OpenTelemetry has them, and how
 * many random ids reach them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "bpf/sample.h"

static uint64_t of(const char *text)
{
	uint64_t threshold = 42;

	return otr_sample_share(text, strlen(text), &threshold) ? threshold : UINT64_MAX;
}

static const char *state_of(const char *text)
{
	static char out[OTR_SAMPLE_STATE + 1];

	out[otr_sample_state(of(text), out)] = '\0';
	return out;
}

/* The examples of the specification. */
static void shares_have_the_specified_thresholds(void **state)
{
	(void)state;
	assert_string_equal(state_of("100%"), "ot=th:0");
	assert_string_equal(state_of("1"), "ot=th:0");
	assert_string_equal(state_of("1.000"), "ot=th:0");
	assert_string_equal(state_of("50%"), "ot=th:8");
	assert_string_equal(state_of("0.25"), "ot=th:c");
	assert_string_equal(state_of("10%"), "ot=th:e6666");
	assert_string_equal(state_of("0.01"), "ot=th:fd70a4");
	assert_string_equal(state_of("1%"), "ot=th:fd70a4");
	assert_string_equal(state_of(".001"), "ot=th:ffbe76d");
	assert_true(of("0") == OTR_SAMPLE_NEVER);
	assert_true(of("0%") == OTR_SAMPLE_NEVER);
}

static void what_is_no_share_is_refused(void **state)
{
	static const char *const bad[] = {"",	  "%",	  ".",	  "1.1",   "101%",
					  "-1",	  "1e-3", "10 %", "0,1",   "5/s",
					  "1..0", "0x1",  "nan",  "0.1%%", "0000000000000000001"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (of(bad[i]) != UINT64_MAX)
			fail_msg("\"%s\" was taken as a share", bad[i]);
}

/* A share of 10 % of 100,000 random ids: 10,000, with a standard deviation of 95. A fixed stream
 * of ids makes the count repeat; five deviations leave no room for a wrong formula. */
static void a_tenth_of_random_ids_is_sampled(void **state)
{
	uint64_t x = 88172645463325252u, n = 0, low;
	uint8_t id[16] = {0};

	(void)state;
	for (int i = 0; i < 100000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(id + 8, &x, sizeof(x));
		low = otr_sample_low(id);
		assert_true(low < OTR_SAMPLE_NEVER);
		n += low >= of("10%");
	}
	assert_in_range(n, 10000 - 475, 10000 + 475);
}

/* Byte 8 of an id is no part of its randomness. */
static void seven_bytes_are_random(void **state)
{
	uint8_t id[16] = {[8] = 0xff, [9] = 1, [15] = 2};

	(void)state;
	assert_true(otr_sample_low(id) == ((1ull << 48) + 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_have_the_specified_thresholds),
		cmocka_unit_test(what_is_no_share_is_refused),
		cmocka_unit_test(a_tenth_of_random_ids_is_sampled),
		cmocka_unit_test(seven_bytes_are_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
