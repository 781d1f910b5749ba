/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/parse/env_lists.c
/* env_lists_test.c - lists in the environment: hosts that get no header, programs that are not
 * traced. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "preload/parse/env_lists.h"

static void hosts(void **state)
{
	static const struct {
		const char *host;
		unsigned int port;
		int is;
	} rows[] = {
		{"a.example", 80, 1},
		{"A.Example", 443, 1},
		{"a.example:8080", 80, 1},
		{"xa.example", 80, 0},
		{"a.example.", 80, 1},
		{"b.example:81", 80, 1},
		{"b.example", 81, 1},
		{"b.example", 80, 0},
		{"x.suffix", 80, 1},
		{"x.y.SUFFIX:9", 80, 1},
		{"suffix", 80, 0},
		{".suffix", 80, 0},
		{"[::1]", 80, 1},
		{"[::1]:8", 80, 1},
		{"[::2]", 80, 0},
		{"x.one:7", 80, 1},
		{"x.one", 80, 0},
		{"", 80, 0},
		{":80", 80, 0},
		{"b.example:", 81, 1},
		{"b.example:4294967377", 80, 0}, /* 81, if it overflowed */
	};
	struct otr_ring_hosts list = {0};

	(void)state;
	otr_hosts_read(&list, "a.example;b.example:81;;*.suffix;[::1];*.one:7");
	assert_int_equal(list.n, 5);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (otr_hosts_have(&list, rows[i].host, strlen(rows[i].host), rows[i].port) !=
		    rows[i].is)
			fail_msg("%s", rows[i].host);
}

/* A list that anybody may have written is read only within its memory. */
static void hosts_that_cannot_be(void **state)
{
	struct otr_ring_hosts list = {0};
	char longest[OTR_RING_HOST + 1], many[64];

	(void)state;
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	otr_hosts_read(&list, longest);
	assert_int_equal(list.n, 0);
	memset(many, ';', sizeof(many));
	for (size_t i = 0; i < sizeof(many); i += 2)
		many[i] = 'x';
	many[sizeof(many) - 1] = 0;
	otr_hosts_read(&list, many);
	assert_int_equal(list.n, OTR_RING_HOSTS);
	memset(&list, 'x', sizeof(list)); /* no NUL anywhere, and a wrong number of hosts */
	assert_false(otr_hosts_have(&list, "y", 1, 80));
	otr_hosts_read(NULL, NULL);
}

static void rules(void **state)
{
	static const struct {
		const char *rules, *exe, *cmd;
		int off;
	} rows[] = {
		{"exe=*/curl,mode=off", "/usr/bin/curl", "curl x", 1},
		{"exe=*/curl,mode=off", "/usr/bin/wget", "wget x", 0},
		{"exe=*/curl,mode=trace", "/usr/bin/curl", "curl x", 0},
		{"exe=*/curl", "/usr/bin/curl", "curl x", 0},
		{"exe=*/curl,mode=off;cmd=* y,mode=trace", "/b/curl", "curl y", 0},
		{"exe=*/curl,mode=off;cmd=* y,mode=trace", "/b/curl", "curl z", 1},
		{"mode=off", "/b/any", "any", 1},
		/* rules that the agent judges, and text that is no rule */
		{"exe=*,port=80,mode=off", "/b/any", "any", 0},
		{"mode=off;cgroup=/x,mode=trace", "/b/any", "any", 1},
		{";;,,", "/b/any", "any", 0},
		{"exe=,mode=off", "/b/any", "any", 0},
		{"mode=off,mode", "/b/any", "any", 0},
		/* a rate alone selects nothing */
		{"mode=off;exe=*,sample=10%", "/b/any", "any", 1},
		{"mode=off;exe=*,sample=10%,mode=trace", "/b/any", "any", 0},
	};
	uint64_t t = 1;
	char text[400];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (otr_rules_refuse(rows[i].rules, rows[i].exe, rows[i].cmd, &t) != rows[i].off)
			fail_msg("%s", rows[i].rules);
	assert_true(otr_rules_refuse("sample=1;sample=50%;exe=/c/*,sample=0;sample=9/s", "/b/any",
				     "", &t) == 0);
	assert_true(t == 1ull << 55);
	memset(text, '*', sizeof(text) - 1);
	memcpy(text, "exe=", 4);
	memcpy(text + sizeof(text) - 10, ",mode=off", 10);
	assert_false(otr_rules_refuse(text, "/b/any", "", &t));
	assert_false(otr_rules_refuse(NULL, "/b/any", "", &t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts),
		cmocka_unit_test(hosts_that_cannot_be),
		cmocka_unit_test(rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
