/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_config.c - `otrace config`: checks, shows and makes files of configuration. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/cmd.h"
#include "agent/config/config_value.h"
#include "agent/settings_read.h"

static const char *const words[] = {"check", "show", "example", NULL};

static int fail(const struct otr_err *err)
{
	otr_err_print(err, "config");
	return OTR_EXIT_USAGE;
}

/* A file of configuration, or the variables of this shell and it. */
struct reading {
	struct otr_options opts;
	struct otr_settings cfg;
	const char *path;
};

static void reading_fini(struct reading *rd)
{
	otr_options_fini(&rd->opts);
}

/* Reads the file `path`; NULL: the one that the agent would read. */
static int read_file(struct reading *rd, const char *path, bool variables, struct otr_err *err)
{
	const char *named = getenv("OTRACE_CONFIG");
	int rc = otr_options_init(&rd->opts, otr_option_table, &rd->cfg);

	if (rc) {
		otr_err_set(err, "out of memory");
		return rc;
	}
	rd->opts.command = OTR_CMD_AGENT;
	if (!path)
		path = named && *named ? named : NULL;
	rd->path = path ? path : OTR_CONFIG_DEFAULT;
	rc = variables ? otr_options_env(&rd->opts, err) : 0;
	return rc ? rc : otr_settings_file(&rd->opts, rd->path, path || !variables, err);
}

static size_t count_keys(const struct otr_options *opts)
{
	size_t n = 0;

	for (const struct otr_option *o = opts->table; o->name; o++)
		n += opts->line[o - opts->table] > 0;
	return n;
}

static int check(const char *path)
{
	OTR_AUTO(reading_fini) struct reading rd = {.path = NULL};
	struct otr_err err = {.text = ""};
	size_t n;

	if (read_file(&rd, path, false, &err))
		return fail(&err);
	n = count_keys(&rd.opts);
	printf("%s: ok, %zu key%s\n", rd.path, n, n == 1 ? "" : "s");
	return OTR_EXIT_OK;
}

static int show(const char *path)
{
	OTR_AUTO(reading_fini) struct reading rd = {.path = NULL};
	struct otr_err err = {.text = ""};

	if (read_file(&rd, path, true, &err))
		return fail(&err);
	printf("# What `otrace agent` takes from the variables of this shell and from\n# %s%s\n",
	       rd.path, rd.opts.file ? "" : " (which is not there)");
	otr_options_show(&rd.opts, stdout);
	return OTR_EXIT_OK;
}

static int example(const char *path)
{
	struct otr_options opts = {.table = otr_option_table, .command = OTR_CMD_AGENT};
	struct otr_err err;

	if (path) {
		otr_err_set(&err, "example: %s: it takes no file, it prints one", path);
		otr_err_hint(&err, "try  otrace config example >%s", path);
		return fail(&err);
	}
	printf("# otrace.yaml - configuration of `otrace agent`; made by: otrace config example\n"
	       "#\n"
	       "# A key is also an option (cpu_budget: --cpu-budget) and a variable\n"
	       "# (OTRACE_CPU_BUDGET); an option is stronger than a variable, a variable than "
	       "this\n"
	       "# file. Check it with `otrace config check`. The agent reads it again at SIGHUP\n"
	       "# (systemctl reload otrace).\n\n");
	otr_options_example(&opts, stdout);
	return OTR_EXIT_OK;
}

static int unknown(const char *word)
{
	struct otr_err err;
	const char *meant = word ? otr_value_meant(words, word) : NULL;

	otr_err_set(&err, "%s%s%s is not check, show or example%s%s%s", word ? "\"" : "",
		    word ? word : "nothing", word ? "\"" : "", meant ? "; did you mean " : "",
		    meant ? meant : "", meant ? "?" : "");
	return fail(&err);
}

static int run(const struct otr_settings *cfg, char **args)
{
	struct otr_err err;

	(void)cfg;
	if (args[0] && args[1] && args[2]) {
		otr_err_set(&err, "%s: config reads one file", args[2]);
		return fail(&err);
	}
	if (args[0] && !strcmp(args[0], "check"))
		return check(args[1]);
	if (args[0] && !strcmp(args[0], "show"))
		return show(args[1]);
	if (args[0] && !strcmp(args[0], "example"))
		return example(args[1]);
	return unknown(args[0]);
}

const struct otr_cmd otr_cmd_config = {
	.name = "config",
	.bit = OTR_CMD_OTHER,
	.synopsis = "check|show|example [FILE]",
	.summary = "check the file of `otrace agent`; show what holds; print an example",
	.words = words,
	.examples = {"otrace config check otrace.yaml\tline and column of what is wrong",
		     "otrace config show\teach value, and where it comes from",
		     "otrace config example >otrace.yaml\ta file to begin with"},
	.exit_status = "0; 2 the file is wrong, or cannot be read",
	.run = run,
};
