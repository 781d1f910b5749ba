/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_value.c - parses the value of an option, one function for each type.
 *
 * The error says what was read, where it stood, and what is right. The field changes only if all of
 * the text is right.
 */

#include "agent/config/config_value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/base/text.h"

const char *otr_value_meant(const char *const *words, const char *text)
{
	unsigned int best = OTR_VALUE_NEAR + 1, far;
	const char *meant = NULL;

	for (; *words; words++) {
		far = otr_text_distance(*words, text);
		if (far < best && far * 2 <= strlen(*words)) {
			best = far;
			meant = *words;
		}
	}
	return meant;
}

void otr_value_words(const char *const *words, char *out, size_t size)
{
	const char *gap = "";
	size_t len = 0;

	out[0] = '\0';
	for (; *words && len < size; words++) {
		len += (size_t)snprintf(out + len, size - len, "%s%s", gap, *words);
		gap = words[1] && words[2] ? ", " : " or ";
	}
}

static int wrong(struct otr_err *err, const char *from, const char *text, const char *what,
		 const char *right)
{
	otr_err_set(err, "%s: \"%s\" is not %s", from, text, what);
	otr_err_hint(err, "right: %s", right);
	return -EINVAL;
}

static int parse_bool(const char *text, const char *from, bool *field, struct otr_err *err)
{
	static const char *const words[] = {"on", "true", "1", "yes", "off", "false", "0", "no"};

	for (size_t i = 0; i < OTR_ARRAY_SIZE(words); i++) {
		if (strcmp(text, words[i]))
			continue;
		*field = i < OTR_ARRAY_SIZE(words) / 2;
		return 0;
	}
	return wrong(err, from, text, "on or off", "on, off, true, false, 1, 0");
}

static int in_range(const struct otr_option *opt, int64_t n, const char *text, const char *from,
		    struct otr_err *err)
{
	if ((!opt->min && !opt->max) || (n >= opt->min && n <= opt->max))
		return 0;
	otr_err_set(err, "%s: %s is out of range", from, text);
	otr_err_hint(err, "right: %lld to %lld", (long long)opt->min, (long long)opt->max);
	return -ERANGE;
}

/* Parses a whole number at the head of `text`; *end is the text behind it. */
static bool whole(const char *text, char **end, int64_t *n)
{
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*n = strtoll(text, end, 10);
	return !errno;
}

static int parse_int(const struct otr_option *opt, const char *text, const char *from,
		     int64_t *field, struct otr_err *err)
{
	bool rate = opt->type == OTR_OPTION_RATE;
	char *end;
	int64_t n;
	int rc;

	if (!whole(text, &end, &n) || (*end && !(rate && !strcmp(end, "/s"))))
		return rate ? wrong(err, from, text, "a rate", "10/s, 10")
			    : wrong(err, from, text, "a whole number", "30");
	rc = in_range(opt, n, text, from, err);
	if (!rc)
		*field = n;
	return rc;
}

static const struct {
	const char *name;
	double ns;
} units[] = {
	{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9},
};

/* Parses a decimal number with a point, in any locale; *end is the text behind it. */
static double decimal(const char *text, const char **end)
{
	double n = 0, part = 1;

	for (; *text >= '0' && *text <= '9'; text++)
		n = n * 10 + (*text - '0');
	if (text[0] == '.' && text[1] >= '0' && text[1] <= '9')
		for (text++; *text >= '0' && *text <= '9'; text++)
			n += (*text - '0') * (part /= 10);
	*end = text;
	return n;
}

static int parse_duration(const char *text, const char *from, uint64_t *field, struct otr_err *err)
{
	const char *unit;
	double n = decimal(text, &unit);

	if (unit != text && n == 0 && !*unit) {
		*field = 0;
		return 0;
	}
	for (size_t i = 0; unit != text && i < OTR_ARRAY_SIZE(units); i++) {
		if (strcmp(unit, units[i].name))
			continue;
		if (n * units[i].ns > 1e18) /* 31 years; 2^64 ns are 584 */
			break;
		*field = (uint64_t)(n * units[i].ns + 0.5);
		return 0;
	}
	return wrong(err, from, text, "a duration", "250ms, 1.5s, 5m (us ms s m h)");
}

static int parse_share(const char *text, const char *from, double *field, struct otr_err *err)
{
	const char *unit;
	double n = decimal(text, &unit);

	if (!strcmp(text, "auto")) {
		*field = OTR_SHARE_AUTO;
		return 0;
	}
	if (unit != text && !strcmp(unit, "%"))
		n /= 100;
	else if (unit == text || *unit)
		return wrong(err, from, text, "a share", "auto, 10%, 0.1 (the same)");
	if (n > 1) {
		otr_err_set(err, "%s: %s is out of range", from, text);
		otr_err_hint(err, "right: 0 to 100%%");
		return -ERANGE;
	}
	*field = n;
	return 0;
}

static int parse_enum(const struct otr_option *opt, const char *text, const char *from, int *field,
		      struct otr_err *err)
{
	const char *meant;
	char all[128];

	for (int i = 0; opt->words[i]; i++) {
		if (strcmp(opt->words[i], text))
			continue;
		*field = i;
		return 0;
	}
	meant = otr_value_meant(opt->words, text);
	otr_value_words(opt->words, all, sizeof(all));
	otr_err_set(err, "%s: \"%s\" is not %s%s%s%s", from, text, all,
		    meant ? "; did you mean " : "", meant ? meant : "", meant ? "?" : "");
	return -EINVAL;
}

static int parse_string(const struct otr_option *opt, const char *text, const char *from,
			char **field, struct otr_err *err)
{
	char *copy;
	int rc;

	if (!*text)
		return wrong(err, from, text, "a value", "a text that is not empty");
	rc = opt->check ? opt->check(text, from, err) : 0;
	if (rc)
		return rc;
	copy = strdup(text);
	if (!copy) {
		otr_err_set(err, "%s: out of memory", from);
		return -ENOMEM;
	}
	free(*field);
	*field = copy;
	return 0;
}

static void release(char **text)
{
	free(*text);
}

static int parse_list(const struct otr_option *opt, const char *text, const char *from,
		      char ***field, struct otr_err *err)
{
	OTR_AUTO(release) char *item = NULL;
	size_t n = 0;
	char **list;
	int rc;

	rc = parse_string(opt, text, from, &item, err);
	if (rc)
		return rc;
	while (*field && (*field)[n])
		n++;
	if (opt->max && n >= (size_t)opt->max) {
		otr_err_set(err, "%s: the list is too long", from);
		otr_err_hint(err, "right: %lld items at most", (long long)opt->max);
		return -ERANGE;
	}
	list = realloc(*field, (n + 2) * sizeof(*list));
	if (!list) {
		otr_err_set(err, "%s: out of memory", from);
		return -ENOMEM;
	}
	list[n] = OTR_TAKE(item);
	list[n + 1] = NULL;
	*field = list;
	return 0;
}

int otr_value_parse(const struct otr_option *opt, const char *text, const char *from, void *field,
		    struct otr_err *err)
{
	switch (opt->type) {
	case OTR_OPTION_BOOL:
		return parse_bool(text, from, field, err);
	case OTR_OPTION_INT:
	case OTR_OPTION_RATE:
		return parse_int(opt, text, from, field, err);
	case OTR_OPTION_DURATION:
		return parse_duration(text, from, field, err);
	case OTR_OPTION_SHARE:
		return parse_share(text, from, field, err);
	case OTR_OPTION_ENUM:
		return parse_enum(opt, text, from, field, err);
	case OTR_OPTION_STRING:
		return parse_string(opt, text, from, field, err);
	case OTR_OPTION_LIST:
		return parse_list(opt, text, from, field, err);
	}
	return -EINVAL;
}

void otr_value_clear(const struct otr_option *opt, void *field)
{
	char ***list = field;

	if (opt->type == OTR_OPTION_STRING) {
		free(*(char **)field);
		*(char **)field = NULL;
	}
	if (opt->type != OTR_OPTION_LIST || !*list)
		return;
	for (char **item = *list; *item; item++)
		free(*item);
	free(*list);
	*list = NULL;
}
