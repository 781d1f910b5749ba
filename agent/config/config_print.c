/* SPDX-License-Identifier: Apache-2.0 */
/* config_print.c - the value of an option as text, and whether two values are the same. */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/config/config_value.h"

size_t otr_value_size(const struct otr_option *opt)
{
	switch (opt->type) {
	case OTR_OPTION_BOOL:
		return sizeof(bool);
	case OTR_OPTION_ENUM:
		return sizeof(int);
	case OTR_OPTION_STRING:
	case OTR_OPTION_LIST:
		return sizeof(char *);
	case OTR_OPTION_INT:
	case OTR_OPTION_RATE:
	case OTR_OPTION_DURATION:
	case OTR_OPTION_SHARE:
		break;
	}
	return sizeof(int64_t);
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool is_same_list(char *const *a, char *const *b)
{
	if (!a || !b)
		return a == b;
	while (*a && is_same_text(*a, *b)) {
		a++;
		b++;
	}
	return !*a && !*b;
}

bool otr_value_equal(const struct otr_option *opt, const void *a, const void *b)
{
	if (opt->type == OTR_OPTION_STRING)
		return is_same_text(*(char *const *)a, *(char *const *)b);
	if (opt->type == OTR_OPTION_LIST)
		return is_same_list(*(char **const *)a, *(char **const *)b);
	return !memcmp(a, b, otr_value_size(opt));
}

/* In the largest unit that leaves a whole number. */
static void print_duration(uint64_t ns, struct otr_buf *out)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {{"h", 3600000000000}, {"m", 60000000000}, {"s", 1000000000},
		     {"ms", 1000000},	   {"us", 1000},       {"ns", 1}};

	for (size_t i = 0; ns && i < OTR_ARRAY_SIZE(units); i++) {
		if (ns % units[i].ns)
			continue;
		otr_buf_printf(out, "%llu%s", (unsigned long long)(ns / units[i].ns),
			       units[i].name);
		return;
	}
	otr_buf_str(out, "0");
}

static void print_share(double share, struct otr_buf *out)
{
	char text[32];
	int len;

	if (share < 0) {
		otr_buf_str(out, "auto");
		return;
	}
	len = snprintf(text, sizeof(text), "%.9f", share * 100);
	while (len && text[len - 1] == '0')
		len--;
	len -= len && text[len - 1] == '.';
	otr_buf_printf(out, "%.*s%%", len, text);
}

void otr_value_print(const struct otr_option *opt, const void *field, size_t i, struct otr_buf *out)
{
	char *const *texts = opt->type == OTR_OPTION_LIST ? *(char **const *)field : field;

	switch (opt->type) {
	case OTR_OPTION_BOOL:
		otr_buf_str(out, *(const bool *)field ? "on" : "off");
		break;
	case OTR_OPTION_INT:
		otr_buf_printf(out, "%lld", (long long)*(const int64_t *)field);
		break;
	case OTR_OPTION_RATE:
		otr_buf_printf(out, "%lld/s", (long long)*(const int64_t *)field);
		break;
	case OTR_OPTION_DURATION:
		print_duration(*(const uint64_t *)field, out);
		break;
	case OTR_OPTION_SHARE:
		print_share(*(const double *)field, out);
		break;
	case OTR_OPTION_ENUM:
		otr_buf_str(out, opt->words[*(const int *)field]);
		break;
	case OTR_OPTION_STRING:
	case OTR_OPTION_LIST:
		if (texts && texts[i])
			otr_buf_str(out, texts[i]);
		break;
	}
}
