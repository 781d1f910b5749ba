/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_man.c - otrace(1), from the table of commands and the table of options.
 *
 * It is mdoc(7) that `mandoc -T lint` accepts; `make` calls `otrace help man-page`.
 */

#include <string.h>

#include "agent/cmd.h"
#include "agent/cmd_help.h"
#include "agent/config/settings.h"

/* Prints the text of a row in mdoc: a dash becomes a minus, a backslash is escaped. */
static void print_text(const char *s, size_t len, FILE *out)
{
	for (size_t i = 0; i < len && s[i]; i++) {
		if (s[i] == '\\')
			fputs("\\e", out);
		else if (s[i] == '-')
			fputs("\\-", out);
		else if (s[i] == '\'' && !i)
			fputs("\\(aq", out);
		else
			fputc(s[i], out);
	}
}

/* Prints one line of mdoc, below 80 columns. */
static void print_line(const char *s, FILE *out)
{
	size_t col = 0, len;

	for (; *s; s += strspn(s, " ")) {
		len = strcspn(s, " ");
		if (col)
			fputc(col + len > 70 ? '\n' : ' ', out);
		col = col + len > 70 ? 0 : col;
		print_text(s, len, out);
		col += len + 1;
		s += len;
	}
	fputc('\n', out);
}

static void print_synopsis(FILE *out)
{
	fputs(".Sh SYNOPSIS\n", out);
	for (const struct otr_cmd *const *c = otr_cmds; *c; c++) {
		fprintf(out, ".Nm\n.Cm %s\n", (*c)->name);
		print_line((*c)->synopsis, out);
	}
	fputs(".Nm\n.Fl \\-version\n", out);
}

static void print_command(const struct otr_cmd *cmd, FILE *out)
{
	const char *gap = "Options: ";

	fprintf(out, ".It Cm %s ", cmd->name);
	print_line(cmd->synopsis, out);
	print_line(cmd->summary, out);
	for (const struct otr_option *o = otr_option_table; o->name; o++) {
		if (!(o->commands & cmd->bit))
			continue;
		fprintf(out, "%s.Fl \\-%s", *gap == 'O' ? ".Pp\nOptions:\n" : " ,\n", o->name);
		gap = "";
	}
	if (!*gap)
		fputs(" .\n", out);
	if (cmd->exit_status) {
		fputs(".Pp\nExit status:\n", out);
		print_line(cmd->exit_status, out);
	}
}

static void print_commands(FILE *out)
{
	fputs(".Sh COMMANDS\n.Bl -tag -width Ds\n", out);
	for (const struct otr_cmd *const *c = otr_cmds; *c; c++)
		print_command(*c, out);
	fputs(".El\n", out);
}

static void print_options(FILE *out)
{
	struct otr_options opts = {.table = otr_option_table};

	fputs(".Sh OPTIONS\n"
	      "A flag wins over its\n"
	      ".Ev OTRACE_*\n"
	      "variable, that over an\n"
	      ".Ev OTEL_*\n"
	      "one, that over the key in the file of\n"
	      ".Cm agent ,\n"
	      "and that over the default.\n"
	      "Durations end in us, ms, s, m or h.\n"
	      "A variable that holds several values parts them by semicolons.\n"
	      ".Bl -tag -width Ds\n"
	      ".It Fl h , Fl \\-help Ns Op = Ns Cm all\n"
	      "The usual options of a command; all of them.\n"
	      ".El\n",
	      out);
	otr_options_mdoc(&opts, out);
}

static void print_examples(FILE *out)
{
	size_t len;

	fputs(".Sh EXAMPLES\n.Bl -tag -width Ds\n", out);
	for (const struct otr_cmd *const *c = otr_cmds; *c; c++) {
		for (size_t i = 0; i < 4 && (*c)->examples[i]; i++) {
			len = strcspn((*c)->examples[i], "\t");
			fputs(".It Li ", out);
			print_text((*c)->examples[i], len, out);
			fputc('\n', out);
			if ((*c)->examples[i][len])
				print_line((*c)->examples[i] + len + 1, out);
		}
	}
	fputs(".El\n", out);
}

static void print_environment(FILE *out)
{
	fputs(".Sh ENVIRONMENT\n"
	      ".Bl -tag -width Ds\n"
	      ".It Ev NO_COLOR , TERM , COLUMNS , LC_ALL , LC_CTYPE , LANG\n"
	      "As usual: no colour; the width; UTF\\-8 or ASCII.\n"
	      ".It Ev OTRACE_DISABLED\n"
	      "1: a program with it is not traced.\n"
	      ".It Ev OTRACE_WAIT\n"
	      "1, of a program that has libotrace.so in\n"
	      ".Ev LD_PRELOAD :\n"
	      "the library waits, asleep, until\n"
	      ".Cm attach\n"
	      "or\n"
	      ".Cm agent\n"
	      "has it.\n"
	      ".El\n",
	      out);
}

static void print_files(FILE *out)
{
	fputs(".Sh FILES\n"
	      ".Bl -tag -width Ds\n"
	      ".It Pa " OTR_CONFIG_DEFAULT "\n"
	      "Configuration of\n"
	      ".Cm agent ,\n"
	      "in YAML.\n"
	      "It need not exist.\n"
	      "A key is the name of an option with _ for \\-.\n"
	      "An option that may be repeated takes a list;\n"
	      "a rule or an exporter may be a map.\n"
	      "If root runs the agent, root alone may be able to write the file.\n"
	      "At SIGHUP it is read again: a wrong file changes nothing.\n"
	      ".El\n",
	      out);
}

void otr_help_man(FILE *out)
{
	fputs(".\\\" Made by otrace help man-page from agent/options.c.\n"
	      ".Dd November 22, 2026\n"
	      ".Dt OTRACE 1\n"
	      ".Os\n"
	      ".Sh NAME\n"
	      ".Nm otrace\n"
	      ".Nd distributed traces of running programs\n",
	      out);
	print_synopsis(out);
	fputs(".Sh DESCRIPTION\n"
	      ".Nm\n"
	      "watches what programs send and receive, by eBPF, and prints "
	      "the\n"
	      "requests as trees of spans: who asked whom, and how long it "
	      "took.\n"
	      "The programs stay as they are.\n"
	      ".Pp\n"
	      "A parent that is not proved is marked with ~; what was cut by "
	      "loss\n"
	      "with ?; an error with !; a request without an answer with "
	      "\\-.\n",
	      out);
	print_commands(out);
	print_options(out);
	print_environment(out);
	print_files(out);
	fputs(".Sh EXIT STATUS\n"
	      ".Cm run\n"
	      "leaves with the status of CMD; 125 if\n"
	      ".Nm\n"
	      "failed before CMD started, 126 if CMD cannot be executed, 127 "
	      "if it\n"
	      "is not found.\n"
	      "The others: 0 done, 1 failed, 2 wrong usage, 3 limited, 4 no "
	      "way to\n"
	      "trace here, 5 ended because of\n"
	      ".Fl \\-strict .\n",
	      out);
	print_examples(out);
}
