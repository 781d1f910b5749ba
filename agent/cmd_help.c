/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_help.c - `otrace help [CMD]`, and what bare `otrace` and `CMD -h` print. */

#include "agent/cmd_help.h"
#include "agent/base/privilege.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/version.h"
#include "agent/cmd.h"
#include "agent/config/settings.h"

const struct otr_cmd *otr_cmd_find(const char *name)
{
	for (const struct otr_cmd *const *c = otr_cmds; *c; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	return NULL;
}

/* Prints one line about this machine, by checks that load no program. */
static void print_machine(FILE *out)
{
	uint64_t caps = otr_capabilities();
	bool bpf = otr_capable(caps, OTR_CAP_SYS_ADMIN) ||
		   (otr_capable(caps, OTR_CAP_BPF) && otr_capable(caps, OTR_CAP_PERFMON));
	bool btf = !access("/sys/kernel/btf/vmlinux", R_OK);

	fprintf(out, "here: uid %u, ", (unsigned int)geteuid());
	if (!bpf)
		fputs(caps ? "without CAP_BPF and CAP_PERFMON" : "no capabilities", out);
	else
		fputs("may load probes", out);
	if (bpf && btf)
		fputs("; kernel with type information: all commands work\n", out);
	else if (bpf)
		fputs("; no kernel type information: needs --btf FILE\n", out);
	else
		fputs(": run, attach and agent need sudo\n", out);
}

int otr_help_bare(FILE *out)
{
	fprintf(out, "otrace " OTR_VERSION ": distributed traces of running "
		     "programs, their code unchanged\n"
		     "  sudo otrace run -- python3 app.py   start a program traced\n"
		     "  sudo otrace attach :8080            trace who serves a port "
		     "(or a PID, a NAME)\n"
		     "  otrace doctor                       what this machine "
		     "allows, and what to do\n"
		     "more: agent replay config completion help     man otrace, CMD "
		     "--help\n");
	print_machine(out);
	return OTR_EXIT_OK;
}

/* Prints the options that -h shows: those of `usual`, in its order. */
static void print_usual(const struct otr_cmd *cmd, FILE *out)
{
	const char *at = cmd->usual ? cmd->usual : "";
	const struct otr_option *opt;
	char name[64];
	size_t len;

	while (*at) {
		len = strcspn(at, ", ");
		snprintf(name, sizeof(name), "%.*s", (int)len, at);
		opt = otr_option_find(otr_option_table, name);
		if (opt && (opt->commands & cmd->bit))
			otr_option_print(opt, false, out);
		at += len;
		at += strspn(at, ", ");
	}
}

/* Prints "command<tab>what it does", on one line if there is room for it. */
static void print_example(const char *text, int column, FILE *out)
{
	int len = (int)strcspn(text, "\t");
	const char *what = text[len] ? text + len + 1 : "";

	fprintf(out, "  %.*s", len, text);
	len = len > column ? len : column;
	if (4 + len + strlen(what) > 80)
		fprintf(out, "\n      %s\n", what);
	else
		fprintf(out, "%*s  %s\n", len - (int)strcspn(text, "\t"), "", what);
}

static void print_examples(const struct otr_cmd *cmd, FILE *out)
{
	size_t max = sizeof(cmd->examples) / sizeof(cmd->examples[0]), n = 0;
	int column = 0, len;

	while (n < max && cmd->examples[n])
		n++;
	if (n)
		fputs("examples:\n", out);
	for (size_t i = 0; i < n; i++) {
		len = (int)strcspn(cmd->examples[i], "\t");
		column = len > column && len < 40 ? len : column;
	}
	for (size_t i = 0; i < n; i++)
		print_example(cmd->examples[i], column, out);
}

static void print_wrapped(const char *text, FILE *out)
{
	int col = fprintf(out, "exit status:"), len;

	for (; *text; text += strspn(text, " ")) {
		len = (int)strcspn(text, " ");
		if (col + 1 + len > 80)
			col = fprintf(out, "\n            ") - 1;
		col += fprintf(out, " %.*s", len, text);
		text += len;
	}
	fputc('\n', out);
}

void otr_help_command(const struct otr_cmd *cmd, bool all, FILE *out)
{
	struct otr_options opts = {.table = otr_option_table, .command = cmd->bit};

	fprintf(out, "otrace %s %s\n  %s\n", cmd->name, cmd->synopsis, cmd->summary);
	if (all)
		otr_options_help(&opts, out);
	else
		print_usual(cmd, out);
	fprintf(out, "%-26s%s\n", "  -h, --help[=all]",
		all ? "The usual options; all of them." : "This; all options.");
	print_examples(cmd, out);
	if (cmd->exit_status)
		print_wrapped(cmd->exit_status, out);
}

static int unknown_topic(const char *name)
{
	struct otr_err err;

	otr_err_set(&err, "%s is no command      all commands: otrace help", name);
	otr_err_print(&err, "help");
	return OTR_EXIT_USAGE;
}

static void print_commands(FILE *out)
{
	for (const struct otr_cmd *const *c = otr_cmds; *c; c++)
		fprintf(out, "  otrace %s %s\n      %s\n", (*c)->name, (*c)->synopsis,
			(*c)->summary);
}

static int run(const struct otr_settings *cfg, char **args)
{
	const struct otr_cmd *cmd = args[0] ? otr_cmd_find(args[0]) : NULL;

	(void)cfg;
	if (!args[0]) {
		otr_help_bare(stdout);
		print_commands(stdout);
	} else if (!strcmp(args[0], "man-page")) { /* for the Makefile */
		otr_help_man(stdout);
	} else if (cmd) {
		otr_help_command(cmd, true, stdout);
	} else {
		return unknown_topic(args[0]);
	}
	return OTR_EXIT_OK;
}

const struct otr_cmd otr_cmd_help = {
	.name = "help",
	.bit = OTR_CMD_OTHER,
	.synopsis = "[CMD]",
	.summary = "every command, or all options of one",
	.examples = {"otrace help run\tall options of run"},
	.exit_status = "0; 2 no such command",
	.run = run,
};
