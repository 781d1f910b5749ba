/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SETTINGS_READ_H
#define OTR_SETTINGS_READ_H

/*
 * settings_read.h - reads all settings of a command: its options, the variables, and, for the
 * agent, the file of configuration.
 */

#include "agent/config/settings.h"

struct otr_cmd;
struct otr_err;

/* Binds `opts` to `cfg` and fills it. `words`: options and arguments, NULL at the end; those that
 * are no option move to its front. Stops where help is asked for (opts->help). Returns 0 or -errno
 * with the reason in `err`; otr_options_fini() is called in any case. */
int otr_settings_read(struct otr_options *opts, struct otr_settings *cfg, const struct otr_cmd *cmd,
		      char **words, struct otr_err *err);

/* Reads the file `path` into `opts`, and checks what only modules above agent/config can check.
 * `must_exist`: a file that is not there is an error. Returns 0 or -errno with the reason in
 * `err`. */
int otr_settings_file(struct otr_options *opts, const char *path, bool must_exist,
		      struct otr_err *err);

/* Values of the file that have changed. */
struct otr_settings_changes {
	char live[256];	   /* keys whose new value holds now: "rules, sample", or "" */
	char restart[256]; /* keys whose new value needs a restart */
};

/* Reads all settings of `cmd` once more into `fresh`, as cfg->words and the environment say.
 * A file that was read before and is gone is an error. Returns as otr_settings_read() does; `cfg`
 * stays as it is. */
int otr_settings_again(struct otr_options *opts, struct otr_settings *fresh,
		       const struct otr_settings *cfg, const struct otr_cmd *cmd,
		       struct otr_err *err);

/* Moves the values of all live options that differ from `fresh` to `opts`, those of before to
 * `fresh`. `opts->dst` is a struct otr_settings. */
void otr_settings_take(struct otr_options *opts, struct otr_options *fresh,
		       struct otr_settings_changes *out);

#endif /* OTR_SETTINGS_READ_H */
