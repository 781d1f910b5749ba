/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_help.c - prints the table of options: for a terminal, and as mdoc(7).
 */

#include <string.h>

#include "agent/base/own.h"
#include "agent/config/config.h"

#define COLUMN 26 /* where the sentences of an option begin */
#define WIDTH  80

/* The headings of --help=all, in the order of the rows in the table. */
static const struct {
	const char *group, *title;
} titles[] = {
	{"what", "What is traced"},  {"how", "How it is read"},	   {"how much", "How much"},
	{"show", "What is shown"},   {"send", "Where it is sent"}, {"keep", "What is kept"},
	{"machine", "This machine"}, {"doctor", "The report"},
};

const char *otr_option_title(const char *group)
{
	for (size_t i = 0; i < OTR_ARRAY_SIZE(titles); i++)
		if (!strcmp(titles[i].group, group))
			return titles[i].title;
	return group;
}

static bool shown(const struct otr_options *opts, const struct otr_option *opt)
{
	return !opts->command || (opt->commands & opts->command);
}

/* Prints the words of `text` from column `at` on, in lines of WIDTH columns. */
static void wrap(const char *text, int at, FILE *out)
{
	int col = at, len;

	while (*text) {
		len = (int)strcspn(text, " ");
		if (col > COLUMN && col + 1 + len > WIDTH) {
			fprintf(out, "\n%*s", COLUMN, "");
			col = COLUMN;
		} else if (col > COLUMN) {
			fputc(' ', out);
			col++;
		}
		fprintf(out, "%.*s", len, text);
		col += len;
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static size_t sentence(const char *text)
{
	const char *end = strstr(text, ". ");

	return end ? (size_t)(end - text) + 1 : strlen(text);
}

static bool has_default(const struct otr_option *opt)
{
	return opt->fallback && strcmp(opt->fallback, "0");
}

static void print_detail(void *out, const char *text)
{
	fprintf(out, "%*s", COLUMN, "");
	wrap(text, COLUMN, out);
}

void otr_option_print(const struct otr_option *opt, bool whole, FILE *out)
{
	char name[64], text[512];
	int len;

	len = snprintf(name, sizeof(name), "  %c%c%s --%s%s%s", opt->letter ? '-' : ' ',
		       opt->letter ? opt->letter : ' ', opt->letter ? "," : " ", opt->name,
		       opt->value ? " " : "", opt->value ? opt->value : "");
	fprintf(out, "%-*s", COLUMN, name);
	if (len >= COLUMN)
		fprintf(out, "\n%*s", COLUMN, "");
	len = (int)(whole ? strlen(opt->help) : sentence(opt->help));
	snprintf(text, sizeof(text), "%.*s", len, opt->help);
	if (whole && has_default(opt)) {
		len = (int)strlen(text);
		snprintf(text + len, sizeof(text) - (size_t)len, " Default: %s.", opt->fallback);
	}
	wrap(text, COLUMN, out);
	if (whole && opt->details)
		opt->details(print_detail, out);
}

void otr_options_help(const struct otr_options *opts, FILE *out)
{
	const char *group = "";

	for (const struct otr_option *o = opts->table; o->name; o++) {
		if (!shown(opts, o))
			continue;
		if (strcmp(group, o->group))
			fprintf(out, "%s:\n", otr_option_title(o->group));
		group = o->group;
		otr_option_print(o, true, out);
	}
}

/* Does a line of mdoc end at this blank? Each sentence is on lines of its own, of 70 characters. A
 * line that begins with . or ' would be a request. */
static bool ends_line(const char *text, const char *blank, int col)
{
	if (blank > text && blank[-1] == '.')
		return true;
	return col + (int)strcspn(blank + 1, " ") > 70 && blank[1] != '.' && blank[1] != '\'';
}

/* Prints text in mdoc: backslashes and minus signs are escaped. */
static void roff(const char *text, FILE *out)
{
	int col = 0;

	for (const char *c = text; *c; c++, col++) {
		if (*c == ' ' && ends_line(text, c, col)) {
			fputc('\n', out);
			col = -1;
		} else if (*c == '\\' || *c == '-') {
			fputs(*c == '-' ? "\\-" : "\\e", out);
		} else {
			fputc(*c, out);
		}
	}
	fputc('\n', out);
}

static void mdoc_detail(void *out, const char *text)
{
	fputs(".Pp\n", out);
	roff(text, out);
}

static void mdoc_one(const struct otr_option *opt, FILE *out)
{
	char env[64];

	fputs(".It ", out);
	if (opt->letter)
		fprintf(out, "Fl %c , ", opt->letter);
	fprintf(out, "Fl \\-%s", opt->name);
	if (opt->value)
		fprintf(out, " Ar %s", opt->value);
	fputc('\n', out);
	roff(opt->help, out);
	if (opt->details)
		opt->details(mdoc_detail, out);
	if (has_default(opt)) {
		fputs("Default: ", out);
		roff(opt->fallback, out);
	}
	if (otr_option_key(opt, env))
		fprintf(out, "%sKey:\n.Ic %s .\n", opt->details ? ".Pp\n" : "", env);
	otr_option_env_name(opt, env);
	fprintf(out, "%sVariable:\n.Ev %s%s\n", opt->details ? ".Pp\n" : "", env,
		opt->env ? " ," : " .");
	if (opt->env)
		fprintf(out, ".Ev %s .\n", opt->env);
}

void otr_options_mdoc(const struct otr_options *opts, FILE *out)
{
	const char *group = "";

	for (const struct otr_option *o = opts->table; o->name; o++) {
		if (!shown(opts, o))
			continue;
		if (strcmp(group, o->group))
			fprintf(out, "%s.Ss %s\n.Bl -tag -width Ds\n", *group ? ".El\n" : "",
				otr_option_title(o->group));
		group = o->group;
		mdoc_one(o, out);
	}
	if (*group)
		fputs(".El\n", out);
}
