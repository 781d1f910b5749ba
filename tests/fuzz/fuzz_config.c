/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_config.c - the file of configuration: an error has a text that begins with the file; what is
 * read, printed and read again is the same. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/config/config_file.h"
#include "tests/fuzz/exactly.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct values {
	bool truth;
	int64_t number, rate;
	uint64_t time_ns;
	double share;
	int word;
	char *text;
	char **list, **rules, **urls;
};

static int check_rule(const char *text, const char *from, struct otr_err *err)
{
	if (strchr(text, '='))
		return 0;
	otr_err_set(err, "%s: no =", from);
	return -22;
}

#define F(f) .offset = offsetof(struct values, f), .help = "A text. And more."

static const char *const words[] = {"error", "warn", "info", NULL};
static const struct otr_option table[] = {
	{.name = "truth", .type = OTR_OPTION_BOOL, F(truth), .group = "a", .example = "on"},
	{.name = "num-ber",
	 .type = OTR_OPTION_INT,
	 F(number),
	 .group = "a",
	 .example = "1",
	 .fallback = "1",
	 .min = 1,
	 .max = 9},
	{.name = "rate", .type = OTR_OPTION_RATE, F(rate), .group = "a", .example = "1/s"},
	{.name = "time", .type = OTR_OPTION_DURATION, F(time_ns), .group = "b", .example = "1s"},
	{.name = "share", .type = OTR_OPTION_SHARE, F(share), .group = "b", .example = "1%"},
	{.name = "word",
	 .type = OTR_OPTION_ENUM,
	 F(word),
	 .group = "b",
	 .example = "warn",
	 .words = words},
	{.name = "text", .type = OTR_OPTION_STRING, F(text), .group = "b", .example = "x"},
	{.name = "list", .type = OTR_OPTION_LIST, F(list), .group = "b", .example = "x"},
	{.name = "rule",
	 .key = "rules",
	 .type = OTR_OPTION_LIST,
	 F(rules),
	 .group = "b",
	 .example = "{a: b}",
	 .head = "",
	 .check = check_rule},
	{.name = "url",
	 .type = OTR_OPTION_LIST,
	 F(urls),
	 .group = "b",
	 .example = "x",
	 .head = "url"},
	{.name = NULL},
};

static void demand(bool ok)
{
	if (!ok)
		abort();
}

static void is_same(const struct otr_options *a, const struct otr_options *b)
{
	const struct values *va = a->dst, *vb = b->dst;

	for (const struct otr_option *o = table; o->name; o++)
		if (o->type != OTR_OPTION_SHARE && o->type != OTR_OPTION_DURATION)
			demand(otr_options_equal(a, b, o));
	demand(va->share - vb->share < 1e-9 && vb->share - va->share < 1e-9);
	demand(va->time_ns > 1u << 30 || va->time_ns == vb->time_ns);
}

static void print_and_read(const struct otr_options *opts)
{
	struct values v = {0};
	struct otr_options again;
	struct otr_err err = {.text = ""};
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	demand(out && !otr_options_init(&again, table, &v));
	otr_options_show(opts, out);
	fclose(out);
	demand(len > OTR_CONFIG_FILE_BYTES ||
	       !otr_options_yaml(&again, "f", (struct otr_slice){text, len}, &err));
	if (len <= OTR_CONFIG_FILE_BYTES)
		is_same(opts, &again);
	otr_options_fini(&again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct otr_slice text = exactly(data, size);
	struct otr_err err = {.text = ""};
	struct values v = {0};
	struct otr_options opts;

	demand(!otr_options_init(&opts, table, &v));
	if (!otr_options_yaml(&opts, "f", text, &err))
		print_and_read(&opts);
	else
		demand(!strncmp(err.text, "f:", 2) && strlen(err.text) < sizeof(err.text));
	otr_options_fini(&opts);
	free((char *)(uintptr_t)text.data);
	return 0;
}
