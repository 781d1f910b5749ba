/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_completion.c - `otrace completion bash|zsh|fish`, from the tables of commands and options.
 *
 * The words are in the scripts themselves: to complete a line starts no process.
 */

#include <string.h>

#include "agent/base/err.h"
#include "agent/cmd.h"
#include "agent/cmd_help.h"
#include "agent/config/settings.h"

#define SHELLS "bash|zsh|fish"

static bool takes_file(const struct otr_option *opt)
{
	return opt->value && !strcmp(opt->value, "FILE");
}

/* Prints the first sentence of `text` for use between single quotes, in any of the three shells. */
static void print_quoted(const char *text, FILE *out)
{
	const char *end = strstr(text, ". ");
	size_t len = end ? (size_t)(end - text) : strlen(text);

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.' && i + 1 == len)
			continue;
		/* "[", "]" and ":" separate the fields of a zsh row; no help text needs them */
		fputc(strchr("'\\[]:", text[i]) ? ' ' : text[i], out);
	}
}

static void print_words(const char *const *words, FILE *out)
{
	for (const char *const *w = words; *w; w++)
		fprintf(out, "%s%s", w == words ? "" : " ", *w);
}

static void command_names(FILE *out)
{
	for (const struct otr_cmd *const *c = otr_cmds; *c; c++)
		fprintf(out, "%s%s", c == otr_cmds ? "" : " ", (*c)->name);
}

static void bash_options(const struct otr_cmd *cmd, FILE *out)
{
	fprintf(out, "\t%s) opts='--help", cmd->name);
	for (const struct otr_option *o = otr_option_table; o->name; o++)
		if (o->commands & cmd->bit)
			fprintf(out, " --%s", o->name);
	fputs("' ;;\n", out);
}

static void bash_values(FILE *out)
{
	fputs("\tcase $prev in\n", out);
	for (const struct otr_option *o = otr_option_table; o->name; o++) {
		if (!o->words && !takes_file(o))
			continue;
		fprintf(out, "\t--%s", o->name);
		if (o->letter)
			fprintf(out, "|-%c", o->letter);
		fputs(") COMPREPLY=($(compgen ", out);
		if (o->words) {
			fputs("-W '", out);
			print_words(o->words, out);
			fputs("'", out);
		} else {
			fputs("-f", out);
		}
		fputs(" -- \"$cur\")); return ;;\n", out);
	}
	fputs("\tesac\n", out);
}

/* The first argument of commands that know its words; others are files. */
static void bash_arguments(FILE *out)
{
	for (const struct otr_cmd *const *c = otr_cmds; *c; c++) {
		if (!(*c)->words)
			continue;
		fprintf(out, "\t%s:*) [ \"$COMP_CWORD\" -ne 2 ] || COMPREPLY=($(compgen -W '",
			(*c)->name);
		print_words((*c)->words, out);
		fprintf(out, "' -- \"$cur\"))\n"
			     "\t\t[ \"$COMP_CWORD\" -eq 2 ] || COMPREPLY=($(compgen -f -- "
			     "\"$cur\")) ;;\n");
	}
}

static void bash(FILE *out)
{
	fputs("# bash completion of otrace; made by: otrace completion bash\n"
	      "_otrace()\n{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]}\n"
	      "\tlocal prev=${COMP_WORDS[COMP_CWORD-1]} opts=\n"
	      "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W '",
	      out);
	command_names(out);
	fputs(" --help --version' -- \"$cur\")); return\n\tfi\n", out);
	bash_values(out);
	fputs("\tcase ${COMP_WORDS[1]} in\n", out);
	for (const struct otr_cmd *const *c = otr_cmds; *c; c++)
		bash_options(*c, out);
	fputs("\tesac\n"
	      "\tcase ${COMP_WORDS[1]}:$cur in\n"
	      "\t*:-*) COMPREPLY=($(compgen -W \"$opts\" -- \"$cur\")) ;;\n"
	      "\thelp:*) COMPREPLY=($(compgen -W '",
	      out);
	command_names(out);
	fputs("' -- \"$cur\")) ;;\n", out);
	bash_arguments(out);
	fputs("\t*) COMPREPLY=($(compgen -c -f -- \"$cur\")) ;;\n"
	      "\tesac\n}\n"
	      "complete -F _otrace otrace\n",
	      out);
}

static void zsh_option(const struct otr_option *opt, FILE *out)
{
	fprintf(out, " \\\n\t\t'%s--%s%s[", opt->type == OTR_OPTION_LIST ? "*" : "", opt->name,
		opt->value ? "=" : "");
	print_quoted(opt->help, out);
	fputc(']', out);
	if (opt->value)
		fprintf(out, ":%s:", opt->value);
	if (opt->words) {
		fputc('(', out);
		print_words(opt->words, out);
		fputc(')', out);
	} else if (takes_file(opt)) {
		fputs("_files", out);
	}
	fputc('\'', out);
}

static void zsh_arguments(const struct otr_cmd *cmd, FILE *out)
{
	if (!cmd->words)
		return;
	fputs(" \\\n\t\t'1:word:(", out);
	print_words(cmd->words, out);
	fputs(")'", out);
}

static void zsh(FILE *out)
{
	fputs("#compdef otrace\n"
	      "# made by: otrace completion zsh\n"
	      "if (( CURRENT == 2 )); then\n\t_values command",
	      out);
	for (const struct otr_cmd *const *c = otr_cmds; *c; c++) {
		fprintf(out, " \\\n\t\t'%s[", (*c)->name);
		print_quoted((*c)->summary, out);
		fputs("]'", out);
	}
	fputs("\n\treturn\nfi\nlocal cmd=$words[2]\n"
	      "shift words; (( CURRENT-- ))\ncase $cmd in\n",
	      out);
	for (const struct otr_cmd *const *c = otr_cmds; *c; c++) {
		fprintf(out, "%s)\n\t_arguments '--help[all options]'", (*c)->name);
		for (const struct otr_option *o = otr_option_table; o->name; o++)
			if (o->commands & (*c)->bit)
				zsh_option(o, out);
		zsh_arguments(*c, out);
		fputs((*c)->options_end_at_arg ? " \\\n\t\t'*::CMD:_normal'\n"
					       : " \\\n\t\t'*:arg:_files'\n",
		      out);
		fputs("\t;;\n", out);
	}
	fputs("esac\n", out);
}

static void fish_option(const struct otr_cmd *cmd, const struct otr_option *opt, FILE *out)
{
	fprintf(out, "complete -c otrace -n '__fish_seen_subcommand_from %s'", cmd->name);
	fprintf(out, " -l %s", opt->name);
	if (opt->letter)
		fprintf(out, " -s %c", opt->letter);
	if (opt->value)
		fprintf(out, takes_file(opt) ? " -rF" : " -x");
	if (opt->words) {
		fputs(" -a '", out);
		print_words(opt->words, out);
		fputc('\'', out);
	}
	fputs(" -d '", out);
	print_quoted(opt->help, out);
	fputs("'\n", out);
}

static void fish_arguments(const struct otr_cmd *cmd, FILE *out)
{
	if (!cmd->words)
		return;
	fprintf(out,
		"complete -c otrace -n '__fish_seen_subcommand_from %s; "
		"and not __fish_seen_subcommand_from ",
		cmd->name);
	print_words(cmd->words, out);
	fputs("' -f -a '", out);
	print_words(cmd->words, out);
	fputs("'\n", out);
}

static void fish(FILE *out)
{
	fputs("# fish completion of otrace; made by: otrace completion fish\n", out);
	for (const struct otr_cmd *const *c = otr_cmds; *c; c++) {
		fprintf(out,
			"complete -c otrace -n __fish_use_subcommand -f -a %s "
			"-d '",
			(*c)->name);
		print_quoted((*c)->summary, out);
		fputs("'\n", out);
		fprintf(out,
			"complete -c otrace -n '__fish_seen_subcommand_from %s'"
			" -l help -d 'all options'\n",
			(*c)->name);
		for (const struct otr_option *o = otr_option_table; o->name; o++)
			if (o->commands & (*c)->bit)
				fish_option(*c, o, out);
		fish_arguments(*c, out);
	}
}

bool otr_completion(const char *shell, FILE *out)
{
	if (!strcmp(shell, "bash"))
		bash(out);
	else if (!strcmp(shell, "zsh"))
		zsh(out);
	else if (!strcmp(shell, "fish"))
		fish(out);
	else
		return false;
	return true;
}

static int run(const struct otr_settings *cfg, char **args)
{
	struct otr_err err;

	(void)cfg;
	if (args[0] && !args[1] && otr_completion(args[0], stdout))
		return OTR_EXIT_OK;
	otr_err_set(&err, "%s%s%s is not a known shell: " SHELLS, args[0] ? "\"" : "",
		    args[0] ? args[0] : "nothing", args[0] ? "\"" : "");
	otr_err_print(&err, "completion");
	return OTR_EXIT_USAGE;
}

const struct otr_cmd otr_cmd_completion = {
	.name = "completion",
	.bit = OTR_CMD_OTHER,
	.synopsis = SHELLS,
	.words = (const char *const[]){"bash", "zsh", "fish", NULL},
	.summary = "print what a shell needs to complete otrace's words",
	.examples = {"eval \"$(otrace completion bash)\"\tfor this shell"},
	.exit_status = "0; 2 another shell",
	.run = run,
};
