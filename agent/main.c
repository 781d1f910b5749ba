/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - finds the command, reads its options, calls it.
 *
 * A command is one row below and one file; help, man page and completions are
 * made from the same rows.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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
#include "agent/settings_read.h"

const struct otr_cmd *const otr_cmds[] = {
	&otr_cmd_run,	     &otr_cmd_attach, &otr_cmd_agent,
	&otr_cmd_replay,     &otr_cmd_doctor, &otr_cmd_config,
	&otr_cmd_completion, &otr_cmd_help,   NULL,
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

static int usage_error(const struct otr_cmd *cmd, const struct otr_err *err)
{
	otr_err_print(err, cmd->name);
	return cmd->bit == OTR_CMD_RUN ? OTR_EXIT_RUN_FAILED : OTR_EXIT_USAGE;
}

/* `words`: a copy of `argv`. */
static int run_with(const struct otr_cmd *cmd, char **argv, char **words)
{
	OTR_AUTO(otr_options_fini) struct otr_options opts = {0};
	struct otr_settings cfg = {.opts = &opts, .words = words};
	struct otr_err err = {.text = ""};

	if (otr_settings_read(&opts, &cfg, cmd, argv, &err))
		return usage_error(cmd, &err);
	if (opts.help) {
		otr_help_command(cmd, opts.help == OTR_HELP_ALL, stdout);
		return OTR_EXIT_OK;
	}
	return cmd->run(&cfg, argv);
}

static int run(const struct otr_cmd *cmd, int argc, char **argv)
{
	char **words = calloc((size_t)argc + 1, sizeof(*words));
	struct otr_err err;
	int status;

	if (!words) {
		otr_err_set(&err, "out of memory");
		return usage_error(cmd, &err);
	}
	memcpy(words, argv, (size_t)argc * sizeof(*words));
	status = run_with(cmd, argv, words);
	free(words);
	return status;
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
		status = run(otr_cmd_find(name), argc - 2, argv + 2);
	else
		return unknown_command(name);
	/* A full disk or a closed pipe is not success. */
	if (fflush(stdout) && !status && errno != EPIPE)
		status = OTR_EXIT_FAILED;
	return status;
}
