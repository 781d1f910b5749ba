/* SPDX-License-Identifier: Apache-2.0 */
/* launch_test.c - the environment that `run` gives the program it starts. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/launch.h"

#define OUTER	    "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
#define TOGETHER_NS (30 * OTR_NS_PER_S)

/* To attach the probes may take long: the time of the run begins when the program is started. */
static void the_run_begins_when_the_program_starts(void **state)
{
	struct otr_launch_root root;
	uint64_t between;

	(void)state;
	unsetenv("TRACEPARENT");
	otr_launch_root(&root, 0);
	between = otr_now();
	otr_launch_named(&root);
	assert_string_equal(getenv("TRACEPARENT"), root.parent);
	assert_int_equal(strlen(getenv("OTRACE_RUN")), 50);
	assert_memory_equal(getenv("OTRACE_RUN"), root.parent + 36, 16);
	assert_memory_equal(getenv("OTRACE_RUN") + 16, "-0000000000000000-", 18);
	assert_true(strtoull(getenv("OTRACE_RUN") + 34, NULL, 16) >= between + TOGETHER_NS);
}

static void the_outer_trace_is_named(void **state)
{
	struct otr_launch_root root;

	(void)state;
	setenv("TRACEPARENT", OUTER, 1);
	otr_launch_root(&root, 0);
	otr_launch_named(&root);
	assert_memory_equal(getenv("TRACEPARENT"), OUTER, 36); /* the same trace */
	assert_memory_not_equal(getenv("TRACEPARENT") + 36, OUTER + 36, 16);
	assert_memory_equal(getenv("OTRACE_RUN") + 17, OUTER + 36, 16);
	assert_string_equal(root.names + 56, OUTER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_run_begins_when_the_program_starts),
		cmocka_unit_test(the_outer_trace_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
