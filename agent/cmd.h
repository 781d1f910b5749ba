/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CMD_H
#define OTR_CMD_H

/*
 * cmd.h - a command is one file and one row.
 *
 * main.c finds the row, reads options and environment into a struct otr_settings by the
 * table in options.c, and calls run(). Help, man page and completions are made from the
 * same rows.
 */

#include <stdint.h>

struct otr_err;
struct otr_settings;

enum otr_cmd_bit { /* for otr_option.commands */
	OTR_CMD_RUN = 1,
	OTR_CMD_ATTACH = 2,
	OTR_CMD_AGENT = 4,
	OTR_CMD_REPLAY = 8,
	OTR_CMD_DOCTOR = 16,
	OTR_CMD_OTHER = 32, /* config, help, completion */
};

/* Exit statuses, all but run's own. */
enum otr_exit {
	OTR_EXIT_OK = 0,
	OTR_EXIT_FAILED = 1,
	OTR_EXIT_USAGE = 2,
	OTR_EXIT_LIMITED = 3,
	OTR_EXIT_NO_WAY = 4,
	OTR_EXIT_STRICT = 5,
	OTR_EXIT_RUN_FAILED = 125,  /* run: before CMD started */
	OTR_EXIT_RUN_CANNOT = 126,  /* CMD cannot be executed */
	OTR_EXIT_RUN_MISSING = 127, /* CMD not found */
};

struct otr_cmd {
	const char *name;
	uint32_t bit;
	const char *synopsis;	  /* "[OPTIONS] [--] CMD [ARG..]" */
	const char *summary;	  /* what it does, one line */
	const char *const *words; /* of the first argument, for completions; or NULL */
	const char *usual;	  /* options shown by -h, comma-separated */
	const char *examples[4];  /* "command\twhat it does" */
	const char *exit_status;  /* one line */
	int options_end_at_arg; /* of run: the words behind the options are CMD and its arguments */

	/* Runs the command. `args` are the words that are no option, NULL at the end. Returns
	 * the exit status; errors are printed. */
	int (*run)(const struct otr_settings *cfg, char **args);
};

/* Every command, in the order of the help; ends with NULL. In main.c. */
extern const struct otr_cmd *const otr_cmds[];

extern const struct otr_cmd otr_cmd_run, otr_cmd_attach, otr_cmd_agent, otr_cmd_replay,
	otr_cmd_doctor, otr_cmd_config, otr_cmd_completion, otr_cmd_help;

#endif /* OTR_CMD_H */
