/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - a table of options, bound to the struct it fills.
 *
 * Flags, variables and the keys of a file are all set by otr_options_set_row(), where alone it is
 * decided which origin overrides which. config_value.c parses values, config_help.c prints,
 * config_file.c reads a file, agent/config_args.c a command line.
 */

#include "agent/config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/config/config_value.h"

static void *field_of(const struct otr_options *opts, const struct otr_option *opt)
{
	return (char *)opts->dst + opt->offset;
}

bool otr_option_belongs(const struct otr_options *opts, const struct otr_option *opt)
{
	return !opts->command || (opt->commands & opts->command);
}

static size_t count(const struct otr_option *table)
{
	size_t n = 0;

	while (table[n].name)
		n++;
	return n;
}

int otr_options_init(struct otr_options *opts, const struct otr_option *table, void *dst)
{
	struct otr_err err;

	memset(opts, 0, sizeof(*opts));
	opts->origin = calloc(count(table) + 1, sizeof(*opts->origin));
	opts->line = calloc(count(table) + 1, sizeof(*opts->line));
	opts->table = table;
	opts->dst = dst;
	if (!opts->origin || !opts->line) {
		otr_options_fini(opts);
		return -ENOMEM;
	}
	for (; table->name; table++) /* the unit test finds a bad fallback */
		if (table->fallback && otr_value_parse(table, table->fallback, table->name,
						       field_of(opts, table), &err) == -ENOMEM) {
			otr_options_fini(opts);
			return -ENOMEM;
		}
	return 0;
}

void otr_options_fini(struct otr_options *opts)
{
	const struct otr_option *opt = opts->table;

	for (; opt && opt->name; opt++)
		otr_value_clear(opt, field_of(opts, opt));
	free(opts->origin);
	free(opts->line);
	memset(opts, 0, sizeof(*opts));
}

const struct otr_option *otr_option_find(const struct otr_option *table, const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name))
			return table;
	return NULL;
}

bool otr_option_key(const struct otr_option *opt, char out[64])
{
	snprintf(out, 64, "%s", opt->key ? opt->key : opt->name);
	for (char *c = out; *c; c++)
		*c = *c == '-' ? '_' : *c;
	return opt->example;
}

const struct otr_option *otr_option_meant(const struct otr_options *opts, const char *name)
{
	const struct otr_option *opt = opts->table, *best = NULL;
	unsigned int least = OTR_VALUE_NEAR + 1, far;

	for (; opt->name; opt++) {
		far = otr_text_distance(opt->name, name);
		if (otr_option_belongs(opts, opt) && far < least && far * 2 <= strlen(opt->name)) {
			least = far;
			best = opt;
		}
	}
	return best;
}

void otr_option_env_name(const struct otr_option *opt, char out[64])
{
	size_t len = (size_t)snprintf(out, 64, "OTRACE_%s", opt->name);

	for (size_t i = 7; i < len && i < 63; i++) {
		if (out[i] == '-')
			out[i] = '_';
		else if (out[i] >= 'a' && out[i] <= 'z')
			out[i] = (char)(out[i] - 'a' + 'A');
	}
}

/* The value of the first variable in `opt->env` that is set, and its name in `name`; or NULL. */
static const char *standard_variable(const struct otr_option *opt, char name[64])
{
	const char *at = opt->env, *value;
	size_t len;

	while (at && *at) {
		len = strcspn(at, " ");
		snprintf(name, 64, "%.*s", (int)len, at);
		value = getenv(name);
		if (value && *value) /* the specification: an empty variable counts as unset */
			return value;
		at += len + strspn(at + len, " ");
	}
	return NULL;
}

/* "--a-b", "OTRACE_A_B", "OTEL_..": of all origins but the file. */
static void origin_name(const struct otr_option *opt, enum otr_option_origin origin, char out[64])
{
	if (origin == OTR_ORIGIN_FLAG)
		snprintf(out, 64, "--%s", opt->name);
	else if (origin == OTR_ORIGIN_ENV)
		otr_option_env_name(opt, out);
	else if (origin != OTR_ORIGIN_OTEL || !standard_variable(opt, out))
		snprintf(out, 64, "%s", opt->name);
}

const char *otr_options_origin(const struct otr_options *opts, const char *name)
{
	const struct otr_option *opt = otr_option_find(opts->table, name);
	static char out[512];
	enum otr_option_origin origin;

	if (!opt)
		return NULL;
	origin = opts->origin[opt - opts->table];
	if (origin == OTR_ORIGIN_DEFAULT)
		return NULL;
	if (origin == OTR_ORIGIN_FILE)
		snprintf(out, sizeof(out), "%.490s:%u", opts->file ? opts->file : "",
			 opts->line[opt - opts->table]);
	else
		origin_name(opt, origin, out);
	return out;
}

union any_field {
	bool truth;
	int64_t number;
	double share;
	char *text;
	char **list;
};

/* Parses a text that is not used. */
static int check(const struct otr_option *opt, const char *text, const char *from,
		 struct otr_err *err)
{
	union any_field unused = {.number = 0};
	int rc = otr_value_parse(opt, text, from, &unused, err);

	otr_value_clear(opt, &unused);
	return rc;
}

int otr_options_set_row(struct otr_options *opts, const struct otr_option *opt, const char *text,
			enum otr_option_origin origin, const char *from, struct otr_err *err)
{
	uint8_t *was = &opts->origin[opt - opts->table];
	char **fresh = NULL;
	int rc;

	if (*was > origin)
		return check(opt, text, from, err);
	if (opt->type != OTR_OPTION_LIST || *was == origin) {
		rc = otr_value_parse(opt, text, from, field_of(opts, opt), err);
		*was = rc ? *was : (uint8_t)origin;
		return rc;
	}
	/* A stronger origin replaces the list of a weaker one. */
	rc = otr_value_parse(opt, text, from, &fresh, err);
	if (rc)
		return rc;
	otr_value_clear(opt, field_of(opts, opt));
	*(char ***)field_of(opts, opt) = fresh;
	*was = (uint8_t)origin;
	return 0;
}

int otr_options_set(struct otr_options *opts, const char *name, const char *text,
		    enum otr_option_origin origin, struct otr_err *err)
{
	const struct otr_option *opt = otr_option_find(opts->table, name);
	char from[64];

	if (!opt)
		return -ENOENT;
	if (opts->origin[opt - opts->table] > origin)
		return 0;
	origin_name(opt, origin, from);
	return otr_options_set_row(opts, opt, text, origin, from, err);
}

/* Sets the option to the value of a variable; for a list, to each item between semicolons. */
static int set_variable(struct otr_options *opts, const struct otr_option *opt, const char *text,
			enum otr_option_origin origin, struct otr_err *err)
{
	char *copy, *item, *rest;
	int rc = 0;

	if (opt->type != OTR_OPTION_LIST)
		return otr_options_set(opts, opt->name, text, origin, err);
	copy = rest = strdup(text);
	if (!copy)
		return -ENOMEM;
	while (!rc && (item = strsep(&rest, ";")))
		if (*item)
			rc = otr_options_set(opts, opt->name, item, origin, err);
	free(copy);
	return rc;
}

int otr_options_env(struct otr_options *opts, struct otr_err *err)
{
	const struct otr_option *opt;
	const char *text;
	char name[64];
	int rc = 0;

	for (opt = opts->table; opt->name && !rc; opt++) {
		if (!otr_option_belongs(opts, opt))
			continue;
		text = standard_variable(opt, name);
		if (text)
			rc = set_variable(opts, opt, text, OTR_ORIGIN_OTEL, err);
		otr_option_env_name(opt, name);
		text = getenv(name);
		if (!rc && text && *text)
			rc = set_variable(opts, opt, text, OTR_ORIGIN_ENV, err);
	}
	return rc;
}

bool otr_options_equal(const struct otr_options *a, const struct otr_options *b,
		       const struct otr_option *opt)
{
	return otr_value_equal(opt, field_of(a, opt), field_of(b, opt));
}

void otr_options_swap(struct otr_options *a, struct otr_options *b, const struct otr_option *opt)
{
	size_t row = (size_t)(opt - a->table), size = otr_value_size(opt);
	uint32_t line = a->line[row];
	uint8_t origin = a->origin[row];
	union any_field kept;

	memcpy(&kept, field_of(a, opt), size);
	memcpy(field_of(a, opt), field_of(b, opt), size);
	memcpy(field_of(b, opt), &kept, size);
	a->origin[row] = b->origin[row];
	b->origin[row] = origin;
	a->line[row] = b->line[row];
	b->line[row] = line;
}
