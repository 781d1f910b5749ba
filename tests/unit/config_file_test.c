/* SPDX-License-Identifier: Apache-2.0 */
// needs: tests/unit/fake_cmds.c
/* config_file_test.c - the file of configuration: what it sets, and what is said of a wrong one. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/cmd.h"
#include "agent/config/config_file.h"
#include "agent/config/settings.h"
#include "agent/settings_read.h"

struct bench {
	struct otr_options opts;
	struct otr_settings cfg;
	struct otr_err err;
};

static void bind(struct bench *b)
{
	assert_int_equal(otr_options_init(&b->opts, otr_option_table, &b->cfg), 0);
	b->opts.command = OTR_CMD_AGENT;
}

static int begin(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	bind(b);
	*state = b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;

	otr_options_fini(&b->opts);
	free(b);
	return 0;
}

static int yaml(struct bench *b, const char *text)
{
	return otr_options_yaml(&b->opts, "f", otr_slice_str(text), &b->err);
}

static void sets_values(void **state)
{
	struct bench *b = *state;

	assert_int_equal(yaml(b, "# comment\n"
				 "hold: 250ms\n"
				 "cpu_budget: 10%\n"
				 "no_shim: on\n"
				 "log_level: warn\n"
				 "ignore: [GET /a, 'POST /b: c']\n"
				 "redact: one\n"
				 "keep: error,first\n"),
			 0);
	assert_int_equal(b->cfg.hold_ns, 250000000);
	assert_true(b->cfg.cpu_budget > 0.099 && b->cfg.cpu_budget < 0.101);
	assert_true(b->cfg.no_shim);
	assert_int_equal(b->cfg.log_level, 1);
	assert_string_equal(b->cfg.ignore[1], "POST /b: c");
	assert_null(b->cfg.ignore[2]);
	assert_string_equal(b->cfg.redact[0], "one");
	assert_string_equal(b->cfg.keep, "error,first");
	assert_string_equal(otr_options_origin(&b->opts, "keep"), "f:8");
}

static void makes_rules_of_maps(void **state)
{
	struct bench *b = *state;

	assert_int_equal(yaml(b, "rules:\n"
				 "  - exe: /usr/bin/node\n"
				 "    port: 3000\n"
				 "  - {cmd: 'a,b*', mode: off}\n"
				 "  - port=80,sample=5%\n"
				 "export:\n"
				 "  - url: file:a,b.jsonl\n"
				 "  - file:c\n"),
			 0);
	assert_string_equal(b->cfg.rules[0], "exe=/usr/bin/node,port=3000");
	assert_string_equal(b->cfg.rules[1], "cmd=a%2Cb*,mode=off");
	assert_string_equal(b->cfg.rules[2], "port=80,sample=5%");
	assert_null(b->cfg.rules[3]);
	assert_string_equal(b->cfg.exports[0], "file:a%2Cb.jsonl");
	assert_string_equal(b->cfg.exports[1], "file:c");
}

static void is_weaker_than_all_but_the_default(void **state)
{
	struct bench *b = *state;

	assert_int_equal(otr_options_set(&b->opts, "sample", "1%", OTR_ORIGIN_OTEL, &b->err), 0);
	assert_int_equal(otr_options_set(&b->opts, "ignore", "GET /x", OTR_ORIGIN_FLAG, &b->err),
			 0);
	assert_int_equal(yaml(b, "sample: 2%\nignore: [GET /y]\nhold: 3s\n"), 0);
	assert_string_equal(b->cfg.sample, "1%");
	assert_string_equal(b->cfg.ignore[0], "GET /x");
	assert_null(b->cfg.ignore[1]);
	assert_int_equal(b->cfg.hold_ns, 3000000000);
}

/* A value that an option overrides is checked all the same. */
static void checks_what_is_overridden(void **state)
{
	struct bench *b = *state;

	assert_int_equal(otr_options_set(&b->opts, "sample", "1%", OTR_ORIGIN_FLAG, &b->err), 0);
	assert_int_equal(yaml(b, "sample: much\n"), -EINVAL);
	assert_string_equal(b->cfg.sample, "1%");
}

static void takes_an_empty_file(void **state)
{
	static const char *const files[] = {"", "# nothing\n", "---\n", "---\n...\n", "{}", "~"};

	for (size_t i = 0; i < OTR_ARRAY_SIZE(files); i++)
		assert_int_equal(yaml(*state, files[i]), 0);
}

/* What is wrong, and the first line of the error. */
static const char *const wrong[][2] = {
	{"sample: '10 %'", "f:1:9: sample: \"10 %\" is not a rate"},
	{"hold: 1s\nsmaple: 1%", "f:2:1: smaple is no key; did you mean sample?"},
	{"cpu-budget: 5%", "f:1:1: cpu-budget is no key; did you mean cpu_budget?"},
	{"rule: []", "f:1:1: rule is no key; did you mean rules?"},
	{"format: text",
	 "f:1:1: format is no key of the file: --format is an option of the command line"},
	{"config: x", "f:1:1: config is no key of the file: --config is an option of the command "
		      "line"},
	{"rules:\n  - {exe: a, prot: 80}",
	 "f:2:20: rules prot=80: prot is no key; did you mean port?"},
	{"rules: [mode=on]", "f:1:9: rules mode=on: mode=on: right: trace or off"},
	{"rules: [{}]", "f:1:10: rules: the item is empty"},
	{"rules: [{a: {}}]", "f:1:13: rules: a map within an item"},
	{"rules: [{a: [[]]}]", "f:1:14: rules: a list or map within a list of values"},
	{"rules: [{port: 1, port: 2}]", "f:1:19: rules: the key is given twice"},
	{"rules: [{'a=b': 1}]", "f:1:10: rules: this is no key of an item"},
	{"rules: {port: 1}", "f:1:8: rules: a map where a list is due"},
	{"ignore: [{a: b}]", "f:1:10: ignore: an item is a map"},
	{"ignore: [[a]]", "f:1:10: ignore: a list within the list"},
	{"export: [{header: x}]", "f:1:20: export: the item lacks its first key"},
	{"hold: [1s]", "f:1:7: hold: it takes one value, no list or map"},
	{"hold:", "f:1:6: hold: there is no value"},
	{"hold: ~", "f:1:7: hold: there is no value"},
	{"hold: \"1s\\0\"", "f:1:7: hold: the value holds a NUL byte"},
	{"hold: 1s\nhold: 2s", "f:2:1: hold: given already in line 1"},
	{"hold: &a 1s", "f:1:7: anchors (&) and aliases (*) are not read"},
	{"hold: *a", "f:1:7: anchors (&) and aliases (*) are not read"},
	{"hold: !x 1s", "f:1:7: tags (!) are not read"},
	{"hold: 1s\n---\nhold: 1s", "f:2:1: a second document begins"},
	{"[a]", "f:1:1: the file is no map"},
	{"word", "f:1:1: the file is no map"},
	{"[a]: 1", "f:1:1: this is no key"},
	{"\thold: 1s", "f:1:1: no YAML: found character that cannot start any token, while "
		       "scanning for the next token"},
	{"hold: 1s\nx: \"\xff\"", "f:2:5: no YAML: invalid leading UTF-8 octet"},
};

static void says_what_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(wrong); i++) {
		struct bench b = {.err = {.text = ""}};

		bind(&b);
		assert_int_equal(yaml(&b, wrong[i][0]), -EINVAL);
		b.err.text[strcspn(b.err.text, "\n")] = 0;
		assert_string_equal(b.err.text, wrong[i][1]);
		otr_options_fini(&b.opts);
	}
}

static void shows_the_place(void **state)
{
	struct bench *b = *state;

	assert_int_equal(yaml(b, "# \xc3\xa4\nignore: [\xc3\xb6\xc3\xb6, {}]  # c\r\n"), -EINVAL);
	assert_non_null(strstr(b->err.text, "\n2 | ignore: [\xc3\xb6\xc3\xb6, >{<}]  # c"));
}

static void quotes_no_line_with_a_password(void **state)
{
	struct bench *b = *state;

	assert_int_equal(yaml(b, "export: [{url: 'http://u:hush@h', url: x}]"), -EINVAL);
	assert_null(strstr(b->err.text, "hush"));
}

/* A list of many items, a long item, many keys: refused, not cut. */
static void has_limits(void **state)
{
	struct bench *b = *state;
	char *text = calloc(1, 100000);
	size_t len = (size_t)sprintf(text, "ignore: [a");

	for (int i = 0; i < 1024; i++)
		len += (size_t)sprintf(text + len, ", a");
	sprintf(text + len, "]");
	assert_int_equal(yaml(b, text), -EINVAL);
	assert_non_null(strstr(b->err.text, "the list is too long"));
	for (int n = 64; n <= 65; n++) { /* the limit of rules is one of their option */
		len = (size_t)sprintf(text, "rules:\n");
		for (int i = 0; i < n; i++)
			len += (size_t)sprintf(text + len, "  - port=%d\n", i + 1);
		otr_options_fini(&b->opts);
		bind(b);
		assert_int_equal(yaml(b, text), n == 64 ? 0 : -EINVAL);
	}
	assert_memory_equal(b->err.text, "f:66:5: rules: the list is too long\n", 36);
	assert_non_null(strstr(b->err.text, "right: 64 items at most"));
	otr_options_fini(&b->opts);
	bind(b);
	len = (size_t)sprintf(text, "rules: [{exe: ");
	memset(text + len, 'x', 5000);
	sprintf(text + len + 5000, "}]");
	assert_int_equal(yaml(b, text), -EINVAL);
	assert_non_null(strstr(b->err.text, "the item is too long"));
	free(text);
}

static void takes_live_values_over(void **state)
{
	struct bench *b = *state, fresh = {.err = {.text = ""}};
	struct otr_settings_changes is;

	bind(&fresh);
	assert_int_equal(yaml(b, "sample: 1%\nignore: [a, b]\nhold: 2s\nkeep: error\n"), 0);
	assert_int_equal(yaml(&fresh, "sample: 2%\nignore: [a, b]\nhold: 3s\nstrict: on\n"), 0);
	otr_settings_take(&b->opts, &fresh.opts, &is);
	assert_string_equal(is.live, "sample, keep, strict");
	assert_string_equal(is.restart, "hold");
	assert_string_equal(b->cfg.sample, "2%");
	assert_null(b->cfg.keep);
	assert_true(b->cfg.strict);
	assert_int_equal(b->cfg.hold_ns, 2000000000);
	assert_string_equal(fresh.cfg.sample, "1%");
	otr_settings_take(&b->opts, &fresh.opts, &is);
	assert_string_equal(b->cfg.sample, "1%"); /* and back */
	otr_options_fini(&fresh.opts);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(sets_values),
		T(makes_rules_of_maps),
		T(is_weaker_than_all_but_the_default),
		T(checks_what_is_overridden),
		T(takes_an_empty_file),
		T(says_what_is_wrong),
		T(shows_the_place),
		T(quotes_no_line_with_a_password),
		T(has_limits),
		T(takes_live_values_over),
	};

	return cmocka_run_group_tests_name("config_file", tests, NULL, NULL);
}
