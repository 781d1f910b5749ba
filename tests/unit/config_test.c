/* SPDX-License-Identifier: Apache-2.0 */
// needs: tests/unit/fake_cmds.c
/* config_test.c - options: how they are read, and the messages on wrong ones; help, man page and
 * completions list the same options. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/cmd.h"
#include "agent/cmd_help.h"
#include "agent/config/settings.h"
#include "exporters/exporter.h"

/* The help of --export is made from the rows of exporters. */
static const struct otr_option toy_options[] = {
	{.name = "wait", .value = "D", .env = "TOY_TRACES_WAIT TOY_WAIT", .help = "How long."},
	{.name = NULL},
};
static const struct otr_exporter_ops toy = {
	.name = "toy",
	.schemes = (const char *const[]){"toy", "toy+http", NULL},
	.help = "To a toy.",
	.options = toy_options,
};
const struct otr_exporter_ops *const otr_exporters[] = {&toy, NULL};

struct bench {
	struct otr_options opts;
	struct otr_settings cfg;
	struct otr_err err;
};

static int begin(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_int_equal(otr_options_init(&b->opts, otr_option_table, &b->cfg), 0);
	b->opts.command = OTR_CMD_RUN;
	b->opts.name = "run";
	*state = b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;

	otr_options_fini(&b->opts);
	free(b);
	return 0;
}

static int args(struct bench *b, char **argv)
{
	return otr_options_args(&b->opts, argv, true, &b->err);
}

#define ARGV(...) ((char *[]){__VA_ARGS__, NULL})
#define W(s)	  ((char *)(uintptr_t)(s))

static void has_good_defaults(void **state)
{
	struct bench *b = *state;
	const struct otr_option *o;

	for (o = otr_option_table; o->name; o++)
		if (o->fallback)
			assert_int_equal(otr_options_set(&b->opts, o->name, o->fallback,
							 OTR_ORIGIN_DEFAULT, &b->err),
					 0);
	assert_int_equal(b->cfg.hold_ns, 1000000000);
	assert_int_equal(b->cfg.rows, 30);
	assert_int_equal(b->cfg.print_rate, 10);
	assert_string_equal(b->cfg.propagators, "tracecontext,baggage");
	assert_int_equal(b->cfg.format, OTR_FORMAT_TEXT);
	assert_null(b->cfg.ignore);
}

static void ends_options_at_the_command(void **state)
{
	struct bench *b = *state;
	char **argv = ARGV(W("--slow=250ms"), W("-oout.txt"), W("-vq"), W("--rows"), W("7"),
			   W("ls"), W("-l"), W("--rows=1"));

	assert_int_equal(args(b, argv), 0);
	assert_string_equal(argv[0], "ls");
	assert_string_equal(argv[1], "-l");
	assert_string_equal(argv[2], "--rows=1");
	assert_null(argv[3]);
	assert_int_equal(b->cfg.slow_ns, 250000000);
	assert_string_equal(b->cfg.output, "out.txt");
	assert_true(b->cfg.verbose && b->cfg.quiet);
	assert_int_equal(b->cfg.rows, 7);
}

static void takes_two_dashes_as_the_end(void **state)
{
	struct bench *b = *state;
	char **argv = ARGV(W("--errors"), W("--"), W("--odd"), W("x"));

	assert_int_equal(args(b, argv), 0);
	assert_true(b->cfg.errors);
	assert_string_equal(argv[0], "--odd");
}

static void mixes_words_and_options_elsewhere(void **state)
{
	struct bench *b = *state;
	char **argv = ARGV(W("a.otr"), W("--spans"), W("b.otr"), W("--print"), W("5/s"));

	assert_int_equal(otr_options_args(&b->opts, argv, false, &b->err), 0);
	assert_string_equal(argv[1], "b.otr");
	assert_null(argv[2]);
	assert_true(b->cfg.spans);
	assert_int_equal(b->cfg.print_rate, 5);
}

static void lets_the_stronger_origin_win(void **state)
{
	struct bench *b = *state;

	setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel", 1);
	setenv("OTRACE_IGNORE", "GET /a;GET /b,c", 1);
	setenv("OTRACE_SERVICE", "env", 1);
	setenv("OTEL_SERVICE_NAME", "otel", 1);
	setenv("OTRACE_LOG_LEVEL", "none", 1); /* no option of run */
	assert_int_equal(args(b, ARGV(W("--service"), W("flag"), W("x"))), 0);
	assert_int_equal(otr_options_env(&b->opts, &b->err), 0);
	assert_string_equal(b->cfg.service, "flag");
	assert_string_equal(b->cfg.ignore[1], "GET /b,c");
	assert_null(b->cfg.ignore[2]);
	assert_string_equal(b->cfg.exports[0], "http://otel");
	assert_string_equal(otr_options_origin(&b->opts, "export"), "OTEL_EXPORTER_OTLP_ENDPOINT");
	assert_int_equal(args(b, ARGV(W("--ignore=GET /z"), W("x"))), 0);
	assert_string_equal(b->cfg.ignore[0], "GET /z");
	assert_null(b->cfg.ignore[1]);
	unsetenv("OTEL_EXPORTER_OTLP_ENDPOINT");
	unsetenv("OTRACE_IGNORE");
	unsetenv("OTRACE_SERVICE");
	unsetenv("OTEL_SERVICE_NAME");
	unsetenv("OTRACE_LOG_LEVEL");
}

static void reads_shares(void **state)
{
	static const struct {
		const char *word;
		double share;
	} rows[] = {
		{"--cpu-budget=10%", 0.1}, {"--cpu-budget=0.25", 0.25},	 {"--cpu-budget=0", 0},
		{"--cpu-budget=100%", 1},  {"--cpu-budget=0.5%", 0.005},
	};
	struct bench *b = *state;

	assert_true(b->cfg.cpu_budget < 0); /* auto */
	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++) {
		assert_int_equal(args(b, ARGV(W(rows[i].word), W("x"))), 0);
		assert_true(b->cfg.cpu_budget > rows[i].share - 1e-9 &&
			    b->cfg.cpu_budget < rows[i].share + 1e-9);
	}
}

static void quotes_what_is_wrong(void **state)
{
	static const struct {
		const char *word, *said;
		int rc;
	} rows[] = {
		{"--hold=10x",
		 "--hold: \"10x\" is not a duration\n"
		 "right: 250ms, 1.5s, 5m (us ms s m h)",
		 -EINVAL},
		{"--format=lines",
		 "--format: \"lines\" is not text, line or jsonl; did you "
		 "mean line?",
		 -EINVAL},
		{"--rows=1", "--rows: 1 is out of range\nright: 3 to 10000", -ERANGE},
		{"--rows=many", "--rows: \"many\" is not a whole number\nright: 30", -EINVAL},
		{"--cpu-budget=10 %",
		 "--cpu-budget: \"10 %\" is not a share\n"
		 "right: auto, 10%, 0.1 (the same)",
		 -EINVAL},
		{"--cpu-budget=101%", "--cpu-budget: 101% is out of range\nright: 0 to 100%",
		 -ERANGE},
		{"--slow", "--slow has no value: --slow D", -EINVAL},
		{"--errrors",
		 "unknown option --errrors; did you mean --errors?"
		 "      all options: otrace run --help=all",
		 -ENOENT},
		{"--fromat",
		 "unknown option --fromat; did you mean --format F?"
		 "      all options: otrace run --help=all",
		 -ENOENT},
		{"--log-level=info", "--log-level is no option of run: it is one of agent",
		 -ENOENT},
		{"-X", "unknown option -X      all options: otrace run --help=all", -ENOENT},
	};
	struct bench *b = *state;

	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++) {
		assert_int_equal(args(b, ARGV(W(rows[i].word))), rows[i].rc);
		assert_string_equal(b->err.text, rows[i].said);
	}
	setenv("OTRACE_SLOW", "fast", 1);
	assert_int_equal(otr_options_env(&b->opts, &b->err), -EINVAL);
	assert_memory_equal(b->err.text, "OTRACE_SLOW: \"fast\" is not", 26);
	unsetenv("OTRACE_SLOW");
}

/* Thirty typing errors. */
static void knows_what_was_meant(void **state)
{
	static const char *const slips[][2] = {
		{"no-folow", "no-follow"},
		{"nofollow", "no-follow"},
		{"sevice", "service"},
		{"service-name", ""},
		{"usr", "user"},
		{"ignor", "ignore"},
		{"ingore", "ignore"},
		{"propagator", "propagators"},
		{"redcat", "redact"},
		{"no-qery-text", "no-query-text"},
		{"holt", "hold"},
		{"ouput", "output"},
		{"outptu", "output"},
		{"fromat", "format"},
		{"formats", "format"},
		{"error", "errors"},
		{"slwo", "slow"},
		{"nolive", "no-live"},
		{"no-sumary", "no-summary"},
		{"quite", "quiet"},
		{"row", "rows"},
		{"span", "spans"},
		{"pint", "print"},
		{"colour", "color"},
		{"asci", "ascii"},
		{"verbos", "verbose"},
		{"exprot", "export"},
		{"recrod", "record"},
		{"bft", "btf"},
		{"stirct", "strict"},
	};
	struct bench *b = *state;
	char word[64], want[64];
	int right = 0;

	for (size_t i = 0; i < OTR_ARRAY_SIZE(slips); i++) {
		snprintf(word, sizeof(word), "--%s", slips[i][0]);
		snprintf(want, sizeof(want), "did you mean --%s", slips[i][1]);
		assert_int_equal(args(b, ARGV(word)), -ENOENT);
		right += strstr(b->err.text, want) && *slips[i][1];
	}
	assert_int_equal(OTR_ARRAY_SIZE(slips), 30);
	assert_true(right >= 27);
	assert_false(b->cfg.quiet || b->cfg.ascii || b->cfg.errors);
}

static char *printed(void (*print)(FILE *, const void *), const void *arg)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	print(f, arg);
	fclose(f);
	return text;
}

static void print_help(FILE *out, const void *cmd)
{
	otr_help_command(cmd, true, out);
}

static void print_usual(FILE *out, const void *cmd)
{
	otr_help_command(cmd, false, out);
}

static void print_man(FILE *out, const void *arg)
{
	(void)arg;
	otr_help_man(out);
}

static void print_shell(FILE *out, const void *shell)
{
	assert_true(otr_completion(shell, out));
}

/* Does `name` follow `lead` in `text`, as a whole word? */
static bool lists(const char *text, const char *lead, const char *name)
{
	char want[96];
	size_t len = (size_t)snprintf(want, sizeof(want), "%s%s", lead, name);

	for (; (text = strstr(text, want)); text += len)
		if (!text[len] || !strchr("abcdefghijklmnopqrstuvwxyz-", text[len]))
			return true;
	return false;
}

static void lists_each_option_everywhere(void **state)
{
	char *man = printed(print_man, NULL);
	char *bash = printed(print_shell, "bash");
	char *zsh = printed(print_shell, "zsh");
	char *fish = printed(print_shell, "fish");

	(void)state;
	for (const struct otr_cmd *const *c = otr_cmds; *c; c++) {
		char *help = printed(print_help, *c);

		assert_true(lists(bash, "\t", (*c)->name));
		for (const struct otr_option *o = otr_option_table; o->name; o++)
			assert_int_equal(lists(help, "--", o->name), !!(o->commands & (*c)->bit));
		free(help);
	}
	for (const struct otr_option *o = otr_option_table; o->name; o++) {
		assert_true(lists(man, "Fl \\-", o->name));
		assert_true(lists(bash, "--", o->name));
		assert_true(lists(zsh, "--", o->name));
		assert_true(lists(fish, "-l ", o->name));
	}
	free(man);
	free(bash);
	free(zsh);
	free(fish);
}

static void help_lists_exporters(void **state)
{
	char *help = printed(print_help, otr_cmds[0]);
	char *usual = printed(print_usual, otr_cmds[0]);
	char *man = printed(print_man, NULL);

	(void)state;
	assert_non_null(strstr(help, "toy:, toy+http: To a toy.\n"));
	assert_non_null(strstr(help, ",wait=D: How long. Variable: TOY_WAIT.\n"));
	assert_non_null(strstr(man, ".Pp\ntoy:, toy+http: To a toy.\n"));
	assert_non_null(strstr(man, ".Pp\n,wait=D: How long.\nVariable: TOY_WAIT.\n"));
	assert_null(strstr(usual, "toy"));
	free(help);
	free(usual);
	free(man);
}

static void fits_a_small_terminal(void **state)
{
	(void)state;
	for (const struct otr_cmd *const *c = otr_cmds; *c; c++) {
		char *text = printed(print_usual, *c), *line = text;
		int lines = 0;

		for (; *line; lines++) {
			assert_true(strcspn(line, "\n") <= 80);
			line += strcspn(line, "\n") + 1;
		}
		assert_true(lines <= 24);
		free(text);
	}
}

static void has_short_first_sentences(void **state)
{
	(void)state;
	for (const struct otr_option *o = otr_option_table; o->name; o++) {
		const char *stop = strstr(o->help, ". ");

		assert_true((stop ? (size_t)(stop - o->help) : strlen(o->help)) < 54);
		assert_non_null(o->group);
		assert_true(o->type == OTR_OPTION_BOOL || o->value);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(has_good_defaults),
		T(ends_options_at_the_command),
		T(takes_two_dashes_as_the_end),
		T(mixes_words_and_options_elsewhere),
		T(lets_the_stronger_origin_win),
		T(reads_shares),
		T(quotes_what_is_wrong),
		T(knows_what_was_meant),
		T(lists_each_option_everywhere),
		T(help_lists_exporters),
		T(fits_a_small_terminal),
		T(has_short_first_sentences),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
