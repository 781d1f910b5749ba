/* SPDX-License-Identifier: Apache-2.0 */
/* settings_read.c - reads all settings of a command; see settings_read.h. */

#include "agent/settings_read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/cmd.h"
#include "agent/config/config_file.h"
#include "agent/parser_settings.h"
#include "agent/proto/proto.h"
#include "agent/rules.h"

/* Lists are checked as a whole, too: how many items they have. */
static int check_lists(const struct otr_settings *cfg, struct otr_err *err)
{
	struct otr_proto_settings unused = {0};
	struct otr_rules rules;
	int rc = otr_rules_parse(&rules, cfg->rules, err);

	return rc ? rc : otr_parser_settings_read(&unused, cfg, err);
}

int otr_settings_file(struct otr_options *opts, const char *path, bool must_exist,
		      struct otr_err *err)
{
	int rc = otr_options_file(opts, path, err);

	if (rc == -ENOENT && !must_exist)
		return 0;
	return rc ? rc : check_lists(opts->dst, err);
}

/* The default file need not be there, unless it was there before. */
static int read_file(struct otr_options *opts, struct otr_settings *cfg, bool was_there,
		     struct otr_err *err)
{
	bool is_named = otr_options_origin(opts, "config");

	return otr_settings_file(opts, cfg->config, is_named || was_there, err);
}

static void set_exports_from(const struct otr_options *opts, struct otr_settings *cfg)
{
	const char *from = otr_options_origin(opts, "export");

	cfg->exports_from = NULL;
	if (!from)
		return;
	snprintf(cfg->exports_from_text, sizeof(cfg->exports_from_text), "%s", from);
	cfg->exports_from = cfg->exports_from_text;
}

/* `was_there`: the file was read before, so a missing one is an error. */
static int read_all(struct otr_options *opts, struct otr_settings *cfg, const struct otr_cmd *cmd,
		    char **words, bool was_there, struct otr_err *err)
{
	int rc = otr_options_init(opts, otr_option_table, cfg);

	if (rc) {
		otr_err_set(err, "out of memory");
		return rc;
	}
	opts->command = cmd->bit;
	opts->name = cmd->name;
	rc = otr_options_args(opts, words, cmd->options_end_at_arg, err);
	if (rc || opts->help)
		return rc;
	rc = otr_options_env(opts, err);
	if (!rc && cmd->bit == OTR_CMD_AGENT)
		rc = read_file(opts, cfg, was_there, err);
	if (rc)
		return rc;
	if (cfg->quiet && cmd->bit != OTR_CMD_DOCTOR)
		cfg->no_live = cfg->no_summary = true;
	set_exports_from(opts, cfg);
	return 0;
}

int otr_settings_read(struct otr_options *opts, struct otr_settings *cfg, const struct otr_cmd *cmd,
		      char **words, struct otr_err *err)
{
	return read_all(opts, cfg, cmd, words, false, err);
}

static void add_key(char *list, size_t size, const struct otr_option *opt)
{
	size_t len = strlen(list);
	char key[64];

	otr_option_key(opt, key);
	snprintf(list + len, size - len, "%s%s", len ? ", " : "", key);
}

int otr_settings_again(struct otr_options *opts, struct otr_settings *fresh,
		       const struct otr_settings *cfg, const struct otr_cmd *cmd,
		       struct otr_err *err)
{
	char **words;
	size_t n = 0;
	int rc;

	while (cfg->words[n])
		n++;
	words = calloc(n + 1, sizeof(*words));
	if (!words) {
		otr_err_set(err, "out of memory");
		return -ENOMEM;
	}
	memcpy(words, cfg->words, n * sizeof(*words));
	rc = read_all(opts, fresh, cmd, words, cfg->opts->file, err);
	free(words);
	return rc;
}

void otr_settings_take(struct otr_options *opts, struct otr_options *fresh,
		       struct otr_settings_changes *out)
{
	const struct otr_settings *cfg = opts->dst;

	*out = (struct otr_settings_changes){.live = ""};
	if (fresh->file) /* it may be the first file; the path of `fresh` goes with `fresh` */
		opts->file = cfg->config;
	for (const struct otr_option *o = opts->table; o->name; o++) {
		if (!o->example || otr_options_equal(opts, fresh, o))
			continue;
		add_key(o->live ? out->live : out->restart,
			o->live ? sizeof(out->live) : sizeof(out->restart), o);
		if (o->live)
			otr_options_swap(opts, fresh, o);
	}
}
