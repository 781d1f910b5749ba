/* SPDX-License-Identifier: Apache-2.0 */
/* host_rules_test.c - the rules of --rule: how they are read, and which processes they fit. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/rules.h"

#define ID "4f5a0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"

static struct otr_rules rules;

static void parse(const char *a, const char *b)
{
	char *texts[] = {(char *)(uintptr_t)a, (char *)(uintptr_t)b, NULL};
	struct otr_err err = {.text = ""};

	assert_int_equal(otr_rules_parse(&rules, texts, &err), 0);
}

/* This process: its user and environment are read from /proc. */
static struct otr_candidate candidate(void)
{
	return (struct otr_candidate){
		.tgid = (uint32_t)getpid(),
		.port = 3000,
		.exe = "/usr/bin/python3.11",
		.cmd = "python3 app.py",
		.cgroup = "/kubepods.slice/cri-containerd-" ID ".scope",
	};
}

static bool fits(const char *rule)
{
	const struct otr_candidate who = candidate();

	parse(rule, NULL);
	return otr_rules_judge(&rules, &who).is == OTR_VERDICT_TRACE;
}

static void fits_containers(void **state)
{
	struct otr_candidate who = candidate();

	(void)state;
	assert_true(fits("container=" ID));
	assert_true(fits("container=4f5a0c1d2e3f"));
	assert_true(fits("container=4f5a*"));
	assert_true(fits("container=*"));
	assert_false(fits("container=4f5a"));
	assert_false(fits("container=5f5a0c1d2e3f"));
	assert_false(fits("container="));
	strcpy(who.cgroup, "/system.slice/nginx.service");
	parse("container=", NULL);
	assert_int_equal(otr_rules_judge(&rules, &who).is, OTR_VERDICT_TRACE);
	parse("container=*", NULL);
	assert_int_equal(otr_rules_judge(&rules, &who).is, OTR_VERDICT_NONE);
}

static void fits_users(void **state)
{
	char rule[64];

	(void)state;
	snprintf(rule, sizeof(rule), "user=%u", geteuid());
	assert_true(fits(rule));
	snprintf(rule, sizeof(rule), "user=%u", geteuid() + 1);
	assert_false(fits(rule));
	if (!geteuid())
		assert_true(fits("user=root"));
}

static void fits_languages(void **state)
{
	(void)state;
	assert_true(fits("language=python"));
	assert_false(fits("language=java"));
	assert_false(fits("language=go"));
}

/* The environment with which this process was executed. */
static void fits_environments(void **state)
{
	const char *path = getenv("PATH");
	char rule[600];

	(void)state;
	assert_non_null(path);
	assert_true(fits("env=PATH=*"));
	snprintf(rule, sizeof(rule), "env=PATH=%.*s*", 4, path);
	assert_true(fits(rule));
	assert_false(fits("env=PATH=nowhere"));
	assert_false(fits("env=NO_SUCH_NAME=*"));
	assert_false(fits("env=PATH=*,env=NO_SUCH_NAME=*"));
}

static void decodes_commas(void **state)
{
	struct otr_candidate who = candidate();

	(void)state;
	strcpy(who.cmd, "app a,b");
	parse("cmd=app a%2cb", NULL);
	assert_int_equal(otr_rules_judge(&rules, &who).is, OTR_VERDICT_TRACE);
}

static void names_services(void **state)
{
	const struct otr_candidate who = candidate();

	(void)state;
	parse("port=3000,service=shop", "cmd=*app.py*,sample=5%");
	assert_string_equal(otr_rules_judge(&rules, &who).service, "shop");
	assert_string_equal(otr_rules_judge(&rules, &who).sample, "5%");
	/* Neither selects: processes that listen are traced as without rules. */
	assert_false(rules.names_wanted);
	assert_true(otr_rules_select_none(&rules));
	parse("port=3000,service=shop", "port=3001,mode=off");
	assert_false(otr_rules_select_none(&rules));
	parse("port=3000,service=shop,mode=trace", "sample=5%");
	assert_false(otr_rules_select_none(&rules));
	parse("port=3000,service=shop", "port=3000,service=store");
	assert_string_equal(otr_rules_judge(&rules, &who).service, "store");
	parse("port=3001,service=shop", NULL);
	assert_null(otr_rules_judge(&rules, &who).service);
}

/* How many times this process has read. */
static unsigned long reads(void)
{
	FILE *f = fopen("/proc/self/io", "re");
	unsigned long n = 0;
	char line[128];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) && sscanf(line, "syscr: %lu", &n) != 1)
		;
	fclose(f);
	return n;
}

static unsigned long reads_to_judge(size_t n)
{
	static char rule[64], *texts[OTR_RULES_MAX + 1];
	const struct otr_candidate who = candidate();
	struct otr_err err = {.text = ""};
	unsigned long before;

	snprintf(rule, sizeof(rule), "env=NO_SUCH=1,user=%u,language=python", geteuid());
	for (size_t i = 0; i < OTR_RULES_MAX; i++)
		texts[i] = i < n ? rule : NULL;
	assert_int_equal(otr_rules_parse(&rules, texts, &err), 0);
	before = reads();
	otr_rules_judge(&rules, &who);
	return reads() - before;
}

/* However many rules ask for user, environment and language, each is read once. */
static void reads_once(void **state)
{
	(void)state;
	reads_to_judge(1); /* the thread that reads foreign files begins */
	assert_true(reads_to_judge(1) > reads_to_judge(0));
	assert_int_equal(reads_to_judge(OTR_RULES_MAX), reads_to_judge(1));
}

static void refuses_wrong_ones(void **state)
{
	static const char *const rows[][2] = {
		{"pory=80", "R pory=80: pory is no key; did you mean port?"},
		{"exe", "R exe: exe is no key; did you mean exe?"},
		{"user=no such one", "R user=no such one: user=no such one: no such user"},
		{"user=", "R user=: user=: no such user"},
		{"user=-1", "R user=-1: user=-1: no such user"},
		{"language=perl", "R language=perl: language=perl: not a language"},
		{"env=PATH", "R env=PATH: env=PATH: no NAME=VALUE"},
		{"env==x", "R env==x: env==x: no NAME=VALUE"},
		{"service=", "R service=: service=: there is no name; right: service=cart"},
		{"env=A=1,env=B=1,env=C=1,env=D=1,env=E=1",
		 "R env=A=1,env=B=1,env=C=1,env=D=1,env=E=1: more than 4 env= in one rule"},
	};
	struct otr_err err;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++) {
		assert_int_equal(otr_rule_check(rows[i][0], "R", &err), -EINVAL);
		err.text[strcspn(err.text, "\n")] = 0;
		assert_string_equal(err.text, rows[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fits_containers),    cmocka_unit_test(fits_users),
		cmocka_unit_test(fits_languages),     cmocka_unit_test(fits_environments),
		cmocka_unit_test(decodes_commas),     cmocka_unit_test(names_services),
		cmocka_unit_test(refuses_wrong_ones), cmocka_unit_test(reads_once),
	};

	return cmocka_run_group_tests_name("host_rules", tests, NULL, NULL);
}
