/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - finds the command, reads its options, calls it.
 *
 * A command is one row below and one file; help, man page and completions are
 * made from the same rows.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/base/version.h"
#include "agent/build_id.h" /* made by scripts/cli.mk */
#include "agent/cmd.h"
#include "agent/cmd_help.h"
#include "agent/config/config_value.h"
#include "agent/config/settings.h"

const struct otr_cmd *const otr_cmds[] = {
	&otr_cmd_run,	 &otr_cmd_attach,     &otr_cmd_agent, &otr_cmd_replay,
	&otr_cmd_doctor, &otr_cmd_completion, &otr_cmd_help,  NULL,
};

static int version(void)
{
	printf("otrace %s\n", OTR_VERSION);
	printf("git       %s\n", OTR_GIT);
	printf("probes    %s\n", OTR_BPF_HASH);
	printf("libbpf    %s\n", libbpf_version_string());
	printf("features  kernel probes, OTLP over HTTP and gRPC, Zipkin, Prometheus, replay\n");
	return OTR_EXIT_OK;
}

static int unknown_command(const char *name)
{
	const char *names[16] = {NULL};
	struct otr_err err;
	const char *meant;

	for (size_t i = 0; otr_cmds[i]; i++)
		names[i] = otr_cmds[i]->name;
	meant = otr_value_meant(names, name);
	otr_err_set(&err, "unknown %s %s%s%s%s      all commands: otrace help",
		    name[0] == '-' ? "option" : "command", name, meant ? "; did you mean " : "",
		    meant ? meant : "", meant ? "?" : "");
	otr_err_print(&err, NULL);
	return OTR_EXIT_USAGE;
}

/* Reads everything the command takes. 0, or the exit status in *status. */
static int read_settings(const struct otr_cmd *cmd, struct otr_options *opts,
			 struct otr_settings *cfg, char **argv, int *status)
{
	struct otr_err err = {.text = ""};
	int rc;

	rc = otr_options_init(opts, otr_option_table, cfg);
	if (rc) {
		otr_err_set(&err, "out of memory");
	} else {
		opts->command = cmd->bit;
		opts->name = cmd->name;
		rc = otr_options_args(opts, argv, cmd->options_end_at_arg, &err);
	}
	if (!rc && !opts->help)
		rc = otr_options_env(opts, &err);
	if (!rc)
		return 0;
	otr_err_print(&err, cmd->name);
	*status = cmd->bit == OTR_CMD_RUN ? OTR_EXIT_RUN_FAILED : OTR_EXIT_USAGE;
	return rc;
}

static int run(const struct otr_cmd *cmd, char **argv)
{
	OTR_AUTO(otr_options_fini) struct otr_options opts = {0};
	struct otr_settings cfg = {0};
	int status = 0;

	if (read_settings(cmd, &opts, &cfg, argv, &status))
		return status;
	if (opts.help) {
		otr_help_command(cmd, opts.help == OTR_HELP_ALL, stdout);
		return OTR_EXIT_OK;
	}
	if (cfg.quiet && cmd->bit != OTR_CMD_DOCTOR)
		cfg.no_live = cfg.no_summary = true;
	cfg.exports_from = otr_options_origin(&opts, "export");
	return cmd->run(&cfg, argv);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "--help";
	int status;

	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		status = otr_help_bare(stdout);
	else if (!strcmp(name, "--version"))
		status = version();
	else if (otr_cmd_find(name))
		status = run(otr_cmd_find(name), argv + 2);
	else
		return unknown_command(name);
	/* A full disk or a closed pipe is not success. */
	if (fflush(stdout) && !status && errno != EPIPE)
		status = OTR_EXIT_FAILED;
	return status;
}
