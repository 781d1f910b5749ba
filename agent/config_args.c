/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_args.c - parses a command line into options.
 *
 * getopt() does not serve: the options of `run` end at CMD, a wrong option is answered with the
 * one that was probably meant, and no option may be shortened, since scripts with short forms
 * break when another option is added.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/cmd.h"
#include "agent/config/config.h"

struct args {
	struct otr_options *opts;
	char **argv; /* the next word */
	struct otr_err *err;
};

/* "all options: otrace run --help=all". */
#define WHERE "      all options: otrace%s%s --help=all"

static int unknown_option(const struct args *in, const char *dashes, const char *name)
{
	const struct otr_option *opt = otr_option_meant(in->opts, name);
	const char *gap = in->opts->name ? " " : "";
	const char *cmd = in->opts->name ? in->opts->name : "";

	if (opt)
		otr_err_set(in->err, "unknown option %s%s; did you mean --%s%s%s?" WHERE, dashes,
			    name, opt->name, opt->value ? " " : "", opt->value ? opt->value : "",
			    gap, cmd);
	else
		otr_err_set(in->err, "unknown option %s%s" WHERE, dashes, name, gap, cmd);
	return -ENOENT;
}

/* The option belongs to other commands. */
static int wrong_command(const struct args *in, const struct otr_option *opt)
{
	const char *gap = " it is one of ";

	otr_err_set(in->err, "--%s is no option of %s:", opt->name, in->opts->name);
	for (const struct otr_cmd *const *c = otr_cmds; *c; c++) {
		if (!((*c)->bit & opt->commands))
			continue;
		strncat(in->err->text, gap, sizeof(in->err->text) - strlen(in->err->text) - 1);
		strncat(in->err->text, (*c)->name,
			sizeof(in->err->text) - strlen(in->err->text) - 1);
		gap = ", ";
	}
	return -ENOENT;
}

static int set(struct args *in, const struct otr_option *opt, const char *text)
{
	if (!otr_option_belongs(in->opts, opt))
		return wrong_command(in, opt);
	if (!text && opt->type == OTR_OPTION_BOOL)
		text = "on";
	if (!text)
		text = *in->argv ? *in->argv++ : NULL;
	if (text)
		return otr_options_set(in->opts, opt->name, text, OTR_ORIGIN_FLAG, in->err);
	otr_err_set(in->err, "--%s has no value: --%s %s", opt->name, opt->name, opt->value);
	return -EINVAL;
}

static int help(struct args *in, const char *how)
{
	if (how && strcmp(how, "all")) {
		otr_err_set(in->err, "--help: \"%s\" is not all", how);
		return -EINVAL;
	}
	in->opts->help = how ? OTR_HELP_ALL : OTR_HELP_USUAL;
	return 0;
}

/* --name or --name=text; `word` begins after the dashes. */
static int long_option(struct args *in, const char *word)
{
	size_t len = strcspn(word, "=");
	const char *text = word[len] ? word + len + 1 : NULL;
	const struct otr_option *opt;
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)(len < 60 ? len : 60), word);
	if (!strcmp(name, "help"))
		return help(in, text);
	opt = otr_option_find(in->opts->table, name);
	return opt ? set(in, opt, text) : unknown_option(in, "--", name);
}

static const struct otr_option *by_letter(const struct otr_option *opt, char c)
{
	for (; opt->name; opt++)
		if (opt->letter == c)
			return opt;
	return NULL;
}

/* -v, -qv, -oFILE, -o FILE; `word` begins after the dash. */
static int short_options(struct args *in, const char *word)
{
	const struct otr_option *opt;
	int rc = 0;

	for (; *word && !rc && !in->opts->help; word++) {
		opt = by_letter(in->opts->table, *word);
		if (*word == 'h')
			rc = help(in, NULL);
		else if (!opt)
			return unknown_option(in, "-", word);
		else if (opt->type == OTR_OPTION_BOOL)
			rc = set(in, opt, NULL);
		else
			return set(in, opt, word[1] ? word + 1 : NULL);
	}
	return rc;
}

int otr_options_args(struct otr_options *opts, char **argv, bool end_at_arg, struct otr_err *err)
{
	struct args in = {opts, argv, err};
	char **out = argv, *word;
	int rc = 0;

	while (!rc && !opts->help && (word = *in.argv)) {
		if (word[0] != '-' || !word[1]) {
			if (end_at_arg)
				break;
			*out++ = word;
			in.argv++;
			continue;
		}
		in.argv++;
		if (!strcmp(word, "--"))
			break;
		rc = word[1] == '-' ? long_option(&in, word + 2) : short_options(&in, word + 1);
	}
	if (rc)
		return rc;
	while (*in.argv)
		*out++ = *in.argv++;
	*out = NULL;
	return 0;
}
