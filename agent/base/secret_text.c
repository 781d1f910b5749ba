/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret_text.c - secrets within a text: pairs, userinfo, headers, options, tokens.
 *
 *	curl -u joe:PASSWORD -H "Authorization: Bearer TOKEN" http://joe:PASSWORD@h/
 *
 * A command line is a text whose arguments are parted by NUL, so that one of them may
 * hold blanks.
 */

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/secret.h"

#define TEXT_MAX     2048
#define USERINFO_MAX 256 /* looked at, so that a row of colons costs no square */

struct span {
	size_t begin, end;
	bool userinfo;
};

static bool is_space(char c)
{
	return !c || c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'' || c == '\\';
}

/* Of a key: what parts its words belongs to it. */
static bool in_key(char c)
{
	c = otr_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (unsigned char)c >= 0x80 || (c && strchr("_-.$%[]@~+", c));
}

static char at(struct otr_slice s, size_t i)
{
	return i < s.len ? s.data[i] : 0;
}

/* Where the first of `stops` is behind `i`, or an argument ends. */
static size_t until(struct otr_slice s, size_t i, const char *stops)
{
	while (i < s.len && s.data[i] && !strchr(stops, s.data[i]))
		i++;
	return i;
}

static size_t skip_blanks(struct otr_slice s, size_t i)
{
	while (at(s, i) == ' ' || at(s, i) == '\t')
		i++;
	return i;
}

static bool found(struct span *sp, size_t begin, size_t end)
{
	*sp = (struct span){begin, end, false};
	return end > begin;
}

/* What stands before '@' in what follows "//". */
static bool after_slashes(struct otr_slice s, size_t i, struct span *sp)
{
	size_t end = until(otr_slice_sub(s, 0, i + USERINFO_MAX), i,
			   "/?# \t\r\n\"'<>\\");
	const char *sign = end > i ? memrchr(s.data + i, '@', end - i) : NULL;

	if (!sign)
		return false;
	found(sp, i, (size_t)(sign - s.data));
	sp->userinfo = true;
	return sp->end > i;
}

/* joe:password@host, without slashes before it; an address of mail is none. */
static bool bare_userinfo(struct otr_slice s, size_t i, size_t colon, struct span *sp)
{
	struct otr_slice name = otr_slice_sub(s, i, colon - i);
	size_t end = until(otr_slice_sub(s, 0, colon + USERINFO_MAX), colon + 1,
			   "/?#&;, \t\r\n\"'<>\\");
	const char *sign = end > colon + 1
				   ? memrchr(s.data + colon + 1, '@', end - colon - 1)
				   : NULL;

	if (!sign || otr_slice_eq_nocase(name, OTR_SLICE("mailto")) ||
	    otr_slice_eq_nocase(name, OTR_SLICE("acct")) ||
	    otr_slice_eq_nocase(name, OTR_SLICE("sip")))
		return false;
	found(sp, i, (size_t)(sign - s.data));
	sp->userinfo = true;
	return true;
}

/* key=value, "key": "value", Key: value; `i` is where the key ends. */
static bool pair(struct otr_slice s, size_t from, size_t i, struct span *sp)
{
	struct otr_slice key = otr_slice_sub(s, from, i - from);
	bool whole = !from || !s.data[from - 1];
	char sign, quote;

	while (is_quote(at(s, i)))
		i++;
	i = skip_blanks(s, i);
	sign = at(s, i);
	if ((sign != '=' && sign != ':') || !otr_secret_key(key))
		return false;
	i = skip_blanks(s, i + 1);
	while (at(s, i) == '\\')
		i++;
	quote = at(s, i);
	if (quote == '"' || quote == '\'')
		return found(sp, i + 1, until(s, i + 1, quote == '"' ? "\"\\" : "'\\"));
	if (sign == ':')
		return found(sp, i, until(s, i, "\r\n\"'}"));
	return found(sp, i, until(s, i, whole ? "" : "&;, \t\r\n\"'}#"));
}

/* Bearer x, Basic x */
static bool credentials(struct otr_slice s, size_t from, size_t i, struct span *sp)
{
	struct otr_slice word = otr_slice_sub(s, from, i - from);
	size_t end;

	if ((!otr_slice_eq_nocase(word, OTR_SLICE("bearer")) &&
	     !otr_slice_eq_nocase(word, OTR_SLICE("basic"))) ||
	    at(s, i) != ' ')
		return false;
	i = skip_blanks(s, i);
	end = until(s, i, " \t\r\n\"',");
	return end - i >= 6 && found(sp, i, end);
}

/* Behind the option that ends at `i`: where its value begins, or 0. */
static size_t argument(struct otr_slice s, size_t i)
{
	if (at(s, i) == '=' || (i < s.len && !s.data[i]))
		return i + 1;
	return at(s, i) == ' ' ? skip_blanks(s, i) : 0;
}

/* Where the value at `begin` ends, of the option s[i..option_end). What is an argument
 * of its own, or the rest of one, may hold blanks. */
static size_t argument_end(struct otr_slice s, size_t begin, size_t i, size_t option_end)
{
	bool own = begin && !s.data[begin - 1];
	bool rest = (!i || !s.data[i - 1]) && at(s, option_end) != ' ';

	return until(s, begin, own || rest ? "" : " \t\r\n\"'");
}

/* Is one of `names` before `i`? A program decides what a short option is. */
static bool runs(struct otr_slice s, size_t i, const char *const names[])
{
	for (; *names; names++)
		if (memmem(s.data, i, *names, strlen(*names)))
			return true;
	return false;
}

static bool short_option(struct otr_slice s, size_t i, struct span *sp)
{
	static const char *const glued[] = {"mysql", "mariadb", "sshpass", NULL};
	static const char *const a[] = {"redis-cli", "valkey-cli", NULL};
	static const char *const w[] = {"ldap", NULL};
	static const char *const p[] = {"sshpass", NULL};
	size_t begin = i + 2, end;
	char c = at(s, i + 1);

	if (c == 'p' && !is_space(at(s, begin)) && runs(s, i, glued))
		return found(sp, begin, until(s, begin, " \t\r\n\"'"));
	if (!((c == 'a' && runs(s, i, a)) || (c == 'w' && runs(s, i, w)) ||
	      (c == 'p' && runs(s, i, p))))
		return false;
	begin = argument(s, i + 2);
	end = argument_end(s, begin, i, i + 2);
	return begin && found(sp, begin, end);
}

/* -u joe:password, --user joe:password */
static bool user_option(struct otr_slice s, size_t i, size_t end, struct span *sp)
{
	struct otr_slice name = otr_slice_sub(s, i, end - i);
	bool is_long = otr_slice_eq(name, OTR_SLICE("--user")) ||
		       otr_slice_eq(name, OTR_SLICE("--proxy-user")) ||
		       otr_slice_eq(name, OTR_SLICE("--auth"));
	char c = at(s, i + 1);
	size_t begin, stop, colon;

	if (!is_long && c != 'u' && c != 'U' && c != 'a')
		return false;
	begin = is_long || end == i + 2 ? argument(s, end) : i + 2;
	if (!begin)
		return false;
	stop = argument_end(s, begin, i, end);
	begin += at(s, begin) == '"' || at(s, begin) == '\'';
	if (stop < begin)
		stop = until(s, begin, "\"'");
	for (colon = begin; colon < stop && s.data[colon] != ':'; colon++)
		;
	return colon < stop && !otr_slice_starts(otr_slice_sub(s, colon, 3),
						 OTR_SLICE("://")) &&
	       found(sp, colon + 1, stop);
}

/* --password x: its value is an argument of its own. */
static bool long_option(struct otr_slice s, size_t i, size_t end, struct span *sp)
{
	size_t begin = argument(s, end);

	if (at(s, i + 1) != '-' || !begin || at(s, end) == '=' ||
	    at(s, begin) == '-' ||
	    !otr_secret_key(otr_slice_sub(s, i + 2, end - i - 2)))
		return false;
	return found(sp, begin, argument_end(s, begin, i, end));
}

static bool option(struct otr_slice s, size_t i, struct span *sp)
{
	size_t end = i;

	if (at(s, i) != '-' ||
	    (i && !is_space(s.data[i - 1]) && !is_quote(s.data[i - 1])))
		return false;
	while (in_key(at(s, end)))
		end++;
	return user_option(s, i, end, sp) || long_option(s, i, end, sp) ||
	       short_option(s, i, sp);
}

/* bot123456:TOKEN, a segment of a path at Telegram's. */
static bool bot(struct otr_slice s, size_t from, size_t i, struct span *sp)
{
	size_t digits = from + 3;

	if (!otr_slice_starts(otr_slice_sub(s, from, i - from), OTR_SLICE("bot")) ||
	    at(s, i) != ':')
		return false;
	while (digits < i && s.data[digits] >= '0' && s.data[digits] <= '9')
		digits++;
	return digits == i && i > from + 3 && found(sp, i + 1, until(s, i + 1, "/?# "));
}

/* What begins at `i`, where a run of a key's characters begins. */
static bool run(struct otr_slice s, size_t i, size_t end, struct span *sp)
{
	struct otr_slice word = otr_slice_sub(s, i, end - i);

	if (pair(s, i, end, sp) || credentials(s, i, end, sp) || bot(s, i, end, sp))
		return true;
	if (at(s, end) == ':' && bare_userinfo(s, i, end, sp))
		return true;
	return otr_secret_shape(word) && found(sp, i, end);
}

/* The next secret at or behind `i`. */
static bool next(struct otr_slice s, size_t i, bool command, struct span *sp)
{
	size_t end;

	while (i < s.len) {
		if (s.data[i] == '/' && at(s, i + 1) == '/' &&
		    after_slashes(s, i + 2, sp))
			return true;
		if (command && option(s, i, sp))
			return true;
		for (end = i; end < s.len && in_key(s.data[end]); end++)
			;
		if (end > i && run(s, i, end, sp))
			return true;
		i = end > i ? end : i + 1;
	}
	return false;
}

bool otr_secret_within(struct otr_slice text)
{
	char decoded[TEXT_MAX];
	struct span sp;

	text = otr_secret_decode(decoded, sizeof(decoded), text);
	return !text.data || otr_secret_shape(text) || next(text, 0, false, &sp);
}

static void hide(struct otr_buf *out, struct otr_slice text, bool command)
{
	struct span sp;
	size_t i = 0;

	while (next(text, i, command, &sp)) {
		otr_buf_slice(out, otr_slice_sub(text, i, sp.begin - i));
		otr_buf_str(out, sp.userinfo ? OTR_SECRET_HIDDEN ":" OTR_SECRET_HIDDEN
					     : OTR_SECRET_HIDDEN);
		i = sp.end;
	}
	otr_buf_slice(out, otr_slice_sub(text, i, text.len));
}

void otr_secret_hide(struct otr_buf *out, struct otr_slice text)
{
	hide(out, text, false);
}

void otr_secret_hide_args(struct otr_buf *out, struct otr_slice args)
{
	size_t from = out->len;

	while (args.len && !args.data[args.len - 1])
		args.len--;
	hide(out, args, true);
	for (; from < out->len; from++)
		if (!out->data[from])
			out->data[from] = ' ';
}
