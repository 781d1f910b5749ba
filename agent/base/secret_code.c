/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret_code.c - code in a command line.
 *
 * Code that an interpreter runs (`python3 -c CODE`, `perl -ne CODE`, `mysql -e SQL`) may hold
 * literals of any kind, so all of it is hidden. Code that a shell runs is a command line itself,
 * and useful to people: only quoted texts in it, and the text of a here-document, are hidden.
 *
 * An option that takes code is searched among the options of that program, which stand before its
 * first argument that is none: in `python3 app.py -c conf`, -c is an option of the script.
 */

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/secret.h"

struct runner {
	const char *name;     /* of the program, without a version */
	const char *code;     /* one-letter options that take code */
	const char *flags;    /* one-letter options that may precede `code` in one argument */
	const char *valued;   /* one-letter options that take the next argument */
	const char *words;    /* long options and arguments that take code, separated by blanks */
	bool shell, anywhere; /* `anywhere`: its options may stand behind arguments, too */
};

static const struct runner runners[] = {
	{"sh", "c", "abefhiklmnpqruvxstCEHBP", "oO", "--command", true, false},
	{"bash", "c", "abefhiklmnpqruvxstCEHBP", "oO", "--command", true, false},
	{"dash", "c", "abefhiklmnpqruvxstCEHBP", "oO", "", true, false},
	{"ash", "c", "abefhiklmnpqruvxstCEHBP", "oO", "", true, false},
	{"ksh", "c", "abefhiklmnpqruvxstCEHBP", "oO", "", true, false},
	{"zsh", "c", "abefhiklmnpqruvxstCEHBPdgowyz", "oO", "", true, false},
	{"fish", "cC", "ilnvPN", "dfo", "--command --init-command", true, false},
	{"su", "c", "lmp", "sgGwT", "--command", true, true},
	{"python", "c", "bBdEhiIOPqsSuvVx", "WX", "", false, false},
	{"pypy", "c", "bBdEhiIOPqsSuvVx", "WX", "", false, false},
	{"perl", "eE", "nplawsWtTuUcSfXg0123456789", "IMmxCD", "", false, false},
	{"ruby", "e", "nplawsWSc0123456789", "IrCEKTx", "", false, false},
	{"node", "ep", "ci", "rC", "--eval --print", false, false},
	{"nodejs", "ep", "ci", "rC", "--eval --print", false, false},
	{"bun", "ep", "bi", "rd", "--eval --print", false, false},
	{"deno", "", "", "", "eval", false, false},
	{"php", "rBRE", "nqwaHs", "cdztS", "--run --process-begin --process-code --process-end",
	 false, false},
	{"lua", "e", "iEvW", "l", "", false, false},
	{"luajit", "e", "iEvbj", "lO", "", false, false},
	{"Rscript", "e", "", "", "", false, true},
	{"R", "e", "", "", "", false, true},
	{"julia", "eE", "iqv", "LJtpC", "--eval --print", false, false},
	{"groovy", "e", "nipal", "cD", "", false, false},
	{"osascript", "e", "i", "ls", "", false, true},
	{"psql", "cv", "aAbeEHlnqsStwWxXz01", "dfhpUoLFPRT", "--command --set --variable", false,
	 true},
	{"mysql", "e", "ABbCcEfGHiLNnoqrstUvVwX", "DhPuS", "--execute --init-command", false, true},
	{"mariadb", "e", "ABbCcEfGHiLNnoqrstUvVwX", "DhPuS", "--execute --init-command", false,
	 true},
	{"mongosh", "", "", "", "--eval", false, true},
	{"mongo", "", "", "", "--eval", false, true},
	{"redis-cli", "", "", "", "eval EVAL", false, true},
	{"clickhouse-client", "q", "nmt", "uhd", "--query", false, true},
	{"sqlcmd", "qQ", "", "SUPdio", "", false, true},
	{"cqlsh", "e", "", "upkf", "--execute", false, true},
};

struct state {
	const struct runner *is; /* the program whose options these are; NULL: none */
	bool after_flag;	 /* the argument before is an option that takes no value */
	bool after_valued;
	bool next_is_code;
};

static const struct runner *runner_of(struct otr_slice arg)
{
	const char *slash = arg.len ? memrchr(arg.data, '/', arg.len) : NULL;
	struct otr_slice base = arg;
	size_t skip = slash ? (size_t)(slash - arg.data) + 1 : 0;

	base = otr_slice_sub(arg, skip + (skip < arg.len && arg.data[skip] == '-'), arg.len);
	while (base.len && strchr("0123456789.-", base.data[base.len - 1]))
		base.len--;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(runners); i++)
		if (otr_slice_eq(base, otr_slice_str(runners[i].name)))
			return &runners[i];
	return NULL;
}

static bool has_letter(const char *letters, char c)
{
	return c && strchr(letters, c);
}

/* Is `word` in the list, which blanks separate? */
static bool is_listed(const char *list, struct otr_slice word)
{
	size_t n;

	for (; *list; list += n + (list[n] == ' ')) {
		n = strcspn(list, " ");
		if (otr_slice_eq(word, (struct otr_slice){list, n}))
			return true;
	}
	return false;
}

/* Returns where code begins in this argument; 0: nowhere. In `--eval=CODE` and `-eCODE` the
 * option holds it; behind `-ne` the next argument is code. */
static size_t code_within(struct state *st, struct otr_slice arg)
{
	const char *sign = memchr(arg.data, '=', arg.len);
	size_t n = sign ? (size_t)(sign - arg.data) : arg.len;
	size_t i = 1;

	if (is_listed(st->is->words, otr_slice_sub(arg, 0, n))) {
		st->next_is_code = !sign;
		return sign ? n + 1 : 0;
	}
	if (arg.len < 2 || arg.data[0] != '-')
		return 0;
	st->after_flag = arg.len == 2 && arg.data[1] == '-'; /* a long option may take a value */
	if (arg.data[1] == '-')
		return 0;
	while (i < arg.len && has_letter(st->is->flags, arg.data[i]) &&
	       !has_letter(st->is->code, arg.data[i]))
		i++;
	st->after_flag = i == arg.len;
	st->after_valued = i + 1 == arg.len && has_letter(st->is->valued, arg.data[i]);
	if (i == arg.len || !has_letter(st->is->code, arg.data[i]))
		return 0;
	/* Flags of a shell may stand behind -c: sh -ce CODE. */
	st->next_is_code = i + 1 == arg.len || st->is->shell;
	return st->next_is_code ? 0 : i + 1;
}

/* Returns the position behind the quoted text at `i`, or the end of the text. */
static size_t unquote(struct otr_slice s, size_t i)
{
	char quote = s.data[i];

	for (i++; i < s.len && s.data[i] != quote; i++)
		if (quote != '\'' && s.data[i] == '\\')
			i++;
	return i < s.len ? i : s.len;
}

static void hide_quoted(struct otr_buf *out, struct otr_slice s)
{
	for (size_t i = 0, end; i < s.len; i++) {
		if (s.data[i] == '<' && i + 1 < s.len && s.data[i + 1] == '<') {
			otr_buf_str(out, "<<" OTR_SECRET_HIDDEN);
			return;
		}
		otr_buf_byte(out, s.data[i]);
		if (s.data[i] == '\\' && i + 1 < s.len) {
			otr_buf_byte(out, s.data[++i]);
			continue;
		}
		if (!has_letter("'\"`", s.data[i]))
			continue;
		end = unquote(s, i);
		if (end > i + 1)
			otr_buf_str(out, OTR_SECRET_HIDDEN);
		if (end < s.len)
			otr_buf_byte(out, s.data[end]);
		i = end;
	}
}

static void put_code(struct otr_buf *out, const struct state *st, struct otr_slice code)
{
	if (st->is->shell)
		hide_quoted(out, code);
	else
		otr_buf_str(out, OTR_SECRET_HIDDEN);
}

/* Takes an argument that is no option: a program, a value, or the first argument of a script. */
static void take_argument(struct state *st, struct otr_slice arg)
{
	const struct runner *is = runner_of(arg);
	bool ends = !st->is || (!st->is->anywhere && !st->after_valued && st->after_flag);

	if (is && ends)
		*st = (struct state){.is = is, .after_flag = true};
	else if (ends)
		*st = (struct state){.is = NULL};
	st->after_valued = false;
	st->after_flag = true;
}

static void put_arg(struct otr_buf *out, struct state *st, struct otr_slice arg, bool first)
{
	size_t at;

	if (st->is && st->next_is_code && !(st->is->shell && arg.len > 1 && arg.data[0] == '-')) {
		put_code(out, st, arg);
		st->next_is_code = false;
		st->after_flag = true;
		return;
	}
	at = st->is ? code_within(st, arg) : 0;
	if (at) {
		otr_buf_slice(out, otr_slice_sub(arg, 0, at));
		put_code(out, st, otr_slice_sub(arg, at, arg.len));
		return;
	}
	otr_buf_slice(out, arg);
	if (!st->next_is_code && (first || !arg.len || arg.data[0] != '-'))
		take_argument(st, arg);
}

void otr_secret_hide_code(struct otr_buf *out, struct otr_slice args)
{
	struct state st = {.is = NULL};
	bool first = true;

	while (args.len) {
		const char *nul = memchr(args.data, 0, args.len);
		size_t n = nul ? (size_t)(nul - args.data) : args.len;

		put_arg(out, &st, otr_slice_sub(args, 0, n), first);
		if (nul)
			otr_buf_byte(out, 0);
		args = otr_slice_sub(args, n + 1, args.len);
		first = false;
	}
}
