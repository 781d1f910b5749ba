/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/parse/environ.c preload/base/find.c
/* environ_test.c - traces in environments; and functions found without dlsym(). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dlfcn.h>

#include "preload/base/real.h"
#include "preload/parse/environ.h"

#define T "0af7651916cd43dd8448eb211c80319c"
#define S "b7ad6b7169203331"
#define O "00f067aa0ba902b7"
#define Z "0000000000000000"

static struct otr_started started(const char *const *env)
{
	struct otr_started st;

	otr_started_read(&st, (char *const *)env);
	return st;
}

static void only_a_sound_traceparent_is_followed(void **state)
{
	static const char *const bad[] = {
		"",
		"00",
		"00-" T "-" S "-0",
		"00-" T "-" S "-01-more",
		"ff-" T "-" S "-01",
		"00-" Z Z "-" S "-01",
		"00-" T "-" Z "-01",
		"00-" T "x" S "-01",
		"00-0AF7651916CD43DD8448EB211C80319C-" S "-01",
	};
	uint8_t trace[16], span[8], flags;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(otr_parent_read(bad[i], strlen(bad[i]), trace, span, &flags));
	assert_true(otr_parent_read("01-" T "-" S "-03-more", 60, trace, span, &flags));
	assert_int_equal(flags, 3);
	assert_int_equal(trace[0], 0x0a);
	assert_int_equal(span[7], 0x31);
}

static void a_process_reads_its_variables(void **state)
{
	const char *none[] = {"PATH=/bin", "XTRACEPARENT=00-" T "-" S "-01", NULL};
	const char *all[] = {"TRACEPARENT=00-" T "-" S "-01", "TRACESTATE=a=1",
			     "BAGGAGE=b=2\r\nX: y", NULL};
	struct otr_started st = started(none);

	(void)state;
	assert_false(st.known);
	st = started(all);
	assert_true(st.known);
	assert_false(st.by_run);
	assert_string_equal(st.parent, "00-" T "-" S "-01");
	assert_int_equal(st.state_len, 3);
	assert_int_equal(st.baggage_len, 0); /* it would end a header */
	assert_true(otr_started_holds(&st, 1, 1));
	assert_false(otr_run_is_over(&st, 1, 1));
}

static void the_span_of_run_expires(void **state)
{
	const char *alone[] = {"TRACEPARENT=00-" T "-" S "-01",
			       "OTRACE_RUN=" S "-" Z "-00000000000003e8", NULL};
	const char *below[] = {"TRACEPARENT=00-" T "-" S "-01",
			       "OTRACE_RUN=" S "-" O "-00000000000003e8", NULL};
	const char *other[] = {"TRACEPARENT=00-" T "-" O "-01",
			       "OTRACE_RUN=" S "-" Z "-00000000000003e8", NULL};
	struct otr_started st = started(alone);

	(void)state;
	assert_true(otr_started_holds(&st, 0, 1000));
	assert_false(otr_started_holds(&st, 0, 1001));
	assert_false(otr_started_holds(&st, 1, 1));
	st = started(below);
	assert_true(otr_run_is_over(&st, 1, 1));
	assert_true(otr_started_holds(&st, 1, 1)); /* the parent of the run stays */
	st = started(other);
	assert_false(otr_run_is_over(&st, 1, 5000)); /* an environment of the program itself */
}

static void a_copy_replaces_ours_and_nothing_else(void **state)
{
	const char *env[] = {"A=1",	    "TRACEPARENT=x",  "TRACEPARENTS=2",
			     "BAGGAGE=old", "TRACESTATE=old", "A=1",
			     NULL};
	char *copy[sizeof(env) / sizeof(env[0]) + 4];
	struct otr_carry carry = {.has_trace = 1};
	uint8_t trace[16] = {0x0a}, span[8] = {0xb7};

	(void)state;
	otr_carry_parent(&carry, trace, span, 1);
	otr_carry_lists(&carry, "s=1", 3, "", 0);
	assert_int_equal(otr_carry_room((char **)env), 11);
	otr_carry_copy(&carry, (char **)env, copy);
	assert_ptr_equal(copy[0], env[0]);
	assert_ptr_equal(copy[1], env[2]);
	assert_ptr_equal(copy[2], env[5]);
	assert_string_equal(copy[3], "TRACEPARENT=00-0a000000000000000000000000000000-"
				     "b700000000000000-01");
	assert_string_equal(copy[4], "TRACESTATE=s=1");
	assert_null(copy[5]);
}

static void a_copy_without_the_library_is_the_same_for_the_rest(void **state)
{
	const char *env[] = {"LD_PRELOADED=1", "LD_PRELOAD=/l.so", "BAGGAGE=old", NULL};
	const struct otr_carry carry = {.parent = "TRACEPARENT=x", .unloaded = 1};
	char *copy[sizeof(env) / sizeof(env[0]) + 4];

	(void)state;
	otr_carry_copy(&carry, (char **)env, copy);
	assert_ptr_equal(copy[0], env[0]);
	assert_ptr_equal(copy[1], env[2]);
	assert_null(copy[2]);
}

static void some_variables_go_to_the_agent(void **state)
{
	static const char parent[] = "TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-"
				     "b7ad6b7169203331-01";
	static const char all[] = "TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-"
				  "b7ad6b7169203331-01\0OTEL_SERVICE_NAME=s\0"
				  "OTEL_RESOURCE_ATTRIBUTES=team=a,b=c%20d";
	static char wide[OTR_EMITTED_MAX + 32] = "OTEL_RESOURCE_ATTRIBUTES=a=";
	const char *env[] = {"OTEL_RESOURCE_ATTRIBUTES=team=a,b=c%20d", "SECRET=x", parent,
			     "OTEL_SERVICE_NAME=s", NULL};
	struct otr_started st;

	(void)state;
	otr_started_read(&st, (char **)env);
	assert_int_equal(st.emitted_len, sizeof(all) - 1);
	assert_memory_equal(st.emitted, all, sizeof(all) - 1);
	memset(wide + strlen(wide), 'x', OTR_EMITTED_MAX);
	env[0] = wide;
	env[2] = "TRACEPARENT=none";
	otr_started_read(&st, (char **)env);
	assert_int_equal(st.emitted_len, strlen("OTEL_SERVICE_NAME=s"));
	otr_started_read(&st, (char **)env + 4);
	assert_int_equal(st.emitted_len, 0);
}

static void only_our_library_is_taken_out(void **state)
{
	static const char *const rows[][2] = {
		{"/a/libotrace.so", ""},
		{"/j.so:/a/libotrace.so", "LD_PRELOAD=/j.so"},
		{"/a/libotrace.so /j.so", "LD_PRELOAD=/j.so"},
		{" /j.so: /a/libotrace.so::/k.so /b/libotrace.so", "LD_PRELOAD=/j.so:/k.so"},
	};
	static const char *const without[] = {"", "/j.so", "/a/libotrace.so.1", "libotrace.so"};
	struct otr_carry carry;
	char wide[OTR_PRELOAD_MAX + 32];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(otr_carry_unload(&carry, rows[i][0]), 1);
		assert_string_equal(carry.preload, rows[i][1]);
	}
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		assert_int_equal(otr_carry_unload(&carry, without[i]), 0);
	assert_int_equal(otr_carry_unload(&carry, NULL), 0);
	assert_ptr_equal(otr_preload_path(rows[1][0], &len), rows[1][0] + 6);
	assert_int_equal(len, 15);
	memset(wide, 'x', sizeof(wide));
	strcpy(wide + OTR_PRELOAD_MAX - 12, ":/libotrace.so");
	assert_int_equal(otr_carry_unload(&carry, wide), 0); /* the environment stays as it is */
	assert_int_equal(otr_carry_unload(&carry, wide + 1), 1);
}

static void too_many_entries_are_not_copied(void **state)
{
	char **env = calloc(OTR_ENTRIES_MAX + 1, sizeof(*env));

	(void)state;
	assert_non_null(env);
	for (size_t i = 0; i < OTR_ENTRIES_MAX; i++)
		env[i] = (char *)"A=1";
	assert_int_equal(otr_carry_room(env), 0);
	env[OTR_ENTRIES_MAX - 1] = NULL;
	assert_int_equal(otr_carry_room(env), OTR_ENTRIES_MAX + 4);
	free(env);
}

static void functions_are_found_as_dlsym_finds_them(void **state)
{
	static const char *const names[] = {"posix_spawn", "posix_spawnp", "execvpe",
					    "execve",	   "read",	   "close"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_ptr_equal(otr_find(names[i]),
				 dlsym(dlopen("libc.so.6", RTLD_LAZY), names[i]));
	assert_null(otr_find("otr_no_such_function"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_sound_traceparent_is_followed),
		cmocka_unit_test(a_process_reads_its_variables),
		cmocka_unit_test(the_span_of_run_expires),
		cmocka_unit_test(a_copy_replaces_ours_and_nothing_else),
		cmocka_unit_test(a_copy_without_the_library_is_the_same_for_the_rest),
		cmocka_unit_test(some_variables_go_to_the_agent),
		cmocka_unit_test(only_our_library_is_taken_out),
		cmocka_unit_test(too_many_entries_are_not_copied),
		cmocka_unit_test(functions_are_found_as_dlsym_finds_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
