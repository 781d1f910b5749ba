/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret_text.c - secrets within a text: pairs, userinfo, headers, options, tokens.
 *
 *	curl -u joe:PASSWORD -H "Authorization: Bearer TOKEN" http://joe:PASSWORD@h/
 *
 * A command line is a text whose arguments are separated by NUL, since an argument may hold blanks.
 */

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/secret.h"

#define TEXT_MAX     2048
#define USERINFO_MAX 256 /* bytes that are searched: many colons take no quadratic time */

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

/* Can `c` be in a key? The characters that separate its words can. */
static bool in_key(char c)
{
	c = otr_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80 ||
	       (c && strchr("_-.$%[]@~+", c));
}

static char at(struct otr_slice s, size_t i)
{
	return i < s.len ? s.data[i] : 0;
}

/* Returns where the first of `stops` is behind `i`, or where the argument ends. */
static size_t find_end(struct otr_slice s, size_t i, const char *stops)
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

static bool set_span(struct span *sp, size_t begin, size_t end)
{
	*sp = (struct span){begin, end, false};
	return end > begin;
}

/* Finds userinfo: the text between "//" and '@'. */
static bool find_userinfo(struct otr_slice s, size_t i, struct span *sp)
{
	size_t end = find_end(otr_slice_sub(s, 0, i + USERINFO_MAX), i, "/?# \t\r\n\"'<>\\");
	const char *sign = end > i ? memrchr(s.data + i, '@', end - i) : NULL;

	if (!sign)
		return false;
	set_span(sp, i, (size_t)(sign - s.data));
	sp->userinfo = true;
	return sp->end > i;
}

/* Finds joe:password@host without "//" before it. An address of mail has no colon. */
static bool find_bare_userinfo(struct otr_slice s, size_t i, size_t colon, struct span *sp)
{
	struct otr_slice name = otr_slice_sub(s, i, colon - i);
	size_t end = find_end(otr_slice_sub(s, 0, colon + USERINFO_MAX), colon + 1,
			      "/?#&;, \t\r\n\"'<>\\");
	const char *sign =
		end > colon + 1 ? memrchr(s.data + colon + 1, '@', end - colon - 1) : NULL;

	if (!sign || otr_slice_eq_nocase(name, OTR_SLICE("mailto")) ||
	    otr_slice_eq_nocase(name, OTR_SLICE("acct")) ||
	    otr_slice_eq_nocase(name, OTR_SLICE("sip")))
		return false;
	set_span(sp, i, (size_t)(sign - s.data));
	sp->userinfo = true;
	return true;
}

/* Is it a JSON key with letters that are written as \u0061? The last of them begins at `from`. */
static bool is_escaped(struct otr_slice s, size_t from)
{
	struct otr_slice c = otr_slice_sub(s, from ? from - 1 : 0, 6);

	return from && c.len == 6 && c.data[0] == '\\' && !otr_secret_readable(c);
}

/* Finds the value of a key: key=value, "key": "value", Key: value; `i` is where the key ends. */
static bool find_pair(struct otr_slice s, size_t from, size_t i, struct span *sp)
{
	struct otr_slice key = otr_slice_sub(s, from, i - from);
	bool whole = !from || !s.data[from - 1];
	char sign, quote;

	while (is_quote(at(s, i)))
		i++;
	i = skip_blanks(s, i);
	sign = at(s, i);
	if ((sign != '=' && sign != ':') || !(is_escaped(s, from) || otr_secret_key(key)))
		return false;
	i = skip_blanks(s, i + 1);
	while (at(s, i) == '\\')
		i++;
	quote = at(s, i);
	if (quote == '"' || quote == '\'')
		return set_span(sp, i + 1, find_end(s, i + 1, quote == '"' ? "\"\\" : "'\\"));
	if (sign == ':')
		return set_span(sp, i, find_end(s, i, "\r\n\"'}"));
	return set_span(sp, i, find_end(s, i, whole ? "" : "&;, \t\r\n\"'}#"));
}

/* Finds what follows Bearer or Basic. */
static bool find_credentials(struct otr_slice s, size_t from, size_t i, struct span *sp)
{
	struct otr_slice word = otr_slice_sub(s, from, i - from);
	size_t end;

	if ((!otr_slice_eq_nocase(word, OTR_SLICE("bearer")) &&
	     !otr_slice_eq_nocase(word, OTR_SLICE("basic"))) ||
	    at(s, i) != ' ')
		return false;
	i = skip_blanks(s, i);
	end = find_end(s, i, " \t\r\n\"',");
	return end - i >= 6 && set_span(sp, i, end);
}

/* Returns where the value of the option that ends at `i` begins, or 0. */
static size_t value_start(struct otr_slice s, size_t i)
{
	if (at(s, i) == '=' || (i < s.len && !s.data[i]))
		return i + 1;
	return at(s, i) == ' ' ? skip_blanks(s, i) : 0;
}

/* Returns where the value at `begin` of the option s[i..option_end) ends. A value that is an
 * argument, or the rest of one, may hold blanks. */
static size_t value_end(struct otr_slice s, size_t begin, size_t i, size_t option_end)
{
	bool own = begin && !s.data[begin - 1];
	bool rest = (!i || !s.data[i - 1]) && at(s, option_end) != ' ';

	return find_end(s, begin, own || rest ? "" : " \t\r\n\"'");
}

/* Does one of the programs `names` stand before `i`? The meaning of a one-letter option depends
 * on the program. */
static bool is_program_before(struct otr_slice s, size_t i, const char *const names[])
{
	for (; *names; names++)
		if (memmem(s.data, i, *names, strlen(*names)))
			return true;
	return false;
}

/* One-letter options whose value is a secret. */
static const struct {
	char letter;
	bool attached; /* only in the form -pSECRET: -p alone takes no value */
	const char *programs[4];
} short_options[] = {
	{'p', true, {"mysql", "mariadb", "sshpass"}},
	{'p', true, {"7z", "7za", "rar"}},
	{'p', false, {"sshpass", "docker login", "mongo"}},
	{'a', false, {"redis-cli", "valkey-cli"}},
	{'w', false, {"ldap"}},
	{'k', false, {"openssl"}},
	{'K', false, {"openssl"}},
	{'P', false, {"zip", "sqlcmd", "ipmitool"}},
};

static bool find_short_option(struct otr_slice s, size_t i, struct span *sp)
{
	size_t begin, end;

	for (size_t k = 0; k < OTR_ARRAY_SIZE(short_options); k++) {
		if (at(s, i + 1) != short_options[k].letter ||
		    !is_program_before(s, i, short_options[k].programs))
			continue;
		begin = i + 2;
		if (!short_options[k].attached || is_space(at(s, begin)))
			begin = short_options[k].attached ? 0 : value_start(s, i + 2);
		else
			return set_span(sp, begin, find_end(s, begin, " \t\r\n\"'"));
		end = value_end(s, begin, i, i + 2);
		if (begin && set_span(sp, begin, end))
			return true;
	}
	return false;
}

/* Returns where, in the one-letter options s[i..end) of curl, one takes USER:PASSWORD or
 * CERT:PASSWORD: -u, -sSu, -sujoe:password. 0: nowhere. */
static size_t curl_user_option(struct otr_slice s, size_t i, size_t end)
{
	static const char *const curl[] = {"curl", NULL};

	if (at(s, i + 1) == '-' || !is_program_before(s, i, curl))
		return 0;
	for (i++; i < end && !strchr("uUE", s.data[i]); i++)
		if (!strchr("0123456#afgGiIjJklLMnNOpqRsSvVZB:", s.data[i]))
			return 0;
	return i < end ? i : 0;
}

/* Options that take USER:PASSWORD, or for certificates CERT:PASSWORD. */
static bool is_user_option(struct otr_slice name)
{
	static const char *const all[] = {"--user", "--proxy-user", "--auth", "--cert",
					  "--proxy-cert"};

	for (size_t i = 0; i < OTR_ARRAY_SIZE(all); i++)
		if (otr_slice_eq(name, otr_slice_str(all[i])))
			return true;
	return false;
}

/* Finds the password in -u joe:password, --user joe:password. */
static bool find_user_option(struct otr_slice s, size_t i, size_t end, struct span *sp)
{
	struct otr_slice name = otr_slice_sub(s, i, end - i);
	bool is_long = is_user_option(name);
	size_t letter = is_long ? 0 : curl_user_option(s, i, end);
	char c = at(s, i + 1);
	size_t begin, stop, colon;

	if (!letter)
		letter = i + 1;
	if (!is_long && letter == i + 1 && c != 'u' && c != 'U' && c != 'a' &&
	    !(c == 'E' && curl_user_option(s, i, end)))
		return false;
	begin = is_long || end == letter + 1 ? value_start(s, end) : letter + 1;
	if (!begin)
		return false;
	stop = value_end(s, begin, i, end);
	begin += at(s, begin) == '"' || at(s, begin) == '\'';
	if (stop < begin)
		stop = find_end(s, begin, "\"'");
	for (colon = begin; colon < stop && s.data[colon] != ':'; colon++)
		;
	return colon < stop && !otr_slice_starts(otr_slice_sub(s, colon, 3), OTR_SLICE("://")) &&
	       set_span(sp, colon + 1, stop);
}

/* Finds the value of --password x, -passin x: it is an argument of its own. */
static bool find_long_option(struct otr_slice s, size_t i, size_t end, struct span *sp)
{
	size_t begin = value_start(s, end), name = i + 1 + (at(s, i + 1) == '-');

	if ((name == i + 1 && end < i + 3) || !begin || at(s, end) == '=' || at(s, begin) == '-' ||
	    !otr_secret_key(otr_slice_sub(s, name, end - name)))
		return false;
	return set_span(sp, begin, value_end(s, begin, i, end));
}

static bool find_option(struct otr_slice s, size_t i, struct span *sp)
{
	size_t end = i;

	if (at(s, i) != '-' || (i && !is_space(s.data[i - 1]) && !is_quote(s.data[i - 1])))
		return false;
	while (in_key(at(s, end)))
		end++;
	return find_user_option(s, i, end, sp) || find_short_option(s, i, sp) ||
	       find_long_option(s, i, end, sp);
}

/* Finds the token in bot123456:TOKEN, a segment in paths of Telegram. */
static bool find_bot_token(struct otr_slice s, size_t from, size_t i, struct span *sp)
{
	size_t digits = from + 3;

	if (!otr_slice_starts(otr_slice_sub(s, from, i - from), OTR_SLICE("bot")) ||
	    at(s, i) != ':')
		return false;
	while (digits < i && s.data[digits] >= '0' && s.data[digits] <= '9')
		digits++;
	return digits == i && i > from + 3 && set_span(sp, i + 1, find_end(s, i + 1, "/?# "));
}

/* Finds the secret that begins at `i`, which is the beginning of a run of key characters. */
static bool find_at(struct otr_slice s, size_t i, size_t end, struct span *sp)
{
	struct otr_slice word = otr_slice_sub(s, i, end - i);

	if (find_pair(s, i, end, sp) || find_credentials(s, i, end, sp) ||
	    find_bot_token(s, i, end, sp))
		return true;
	if (at(s, end) == ':' && find_bare_userinfo(s, i, end, sp))
		return true;
	return otr_secret_shape(word) && set_span(sp, i, end);
}

/* Finds the next secret at or behind `i`. */
static bool find_next(struct otr_slice s, size_t i, bool command, struct span *sp)
{
	size_t end;

	while (i < s.len) {
		if (s.data[i] == '/' && at(s, i + 1) == '/' && find_userinfo(s, i + 2, sp))
			return true;
		if (command && find_option(s, i, sp))
			return true;
		for (end = i; end < s.len && in_key(s.data[end]); end++)
			;
		if (end > i && find_at(s, i, end, sp))
			return true;
		i = end > i ? end : i + 1;
	}
	return false;
}

/* Takes the next word off a text, which blanks, '+' (a blank in a query) and punctuation
 * separate. */
static struct otr_slice next_word(struct otr_slice *text)
{
	static const char parts[] = "+,;\"'()<>|!";
	struct otr_slice s = *text;
	size_t from = 0, end;

	while (from < s.len && (is_space(s.data[from]) || strchr(parts, s.data[from])))
		from++;
	for (end = from; end < s.len && !is_space(s.data[end]) && !strchr(parts, s.data[end]);)
		end++;
	*text = otr_slice_sub(s, end, s.len);
	return otr_slice_sub(s, from, end - from);
}

static bool has_one_of(struct otr_slice word, char first, char last)
{
	for (size_t i = 0; i < word.len; i++)
		if (word.data[i] >= first && word.data[i] <= last)
			return true;
	return false;
}

static bool has_digit(struct otr_slice word)
{
	return has_one_of(word, '0', '9');
}

/* Does the text announce a secret in it: "token X", "my password is X", "key a1b2"? A word that
 * is also common in sentences (key, code, state) announces only the next word, and only if that
 * has a digit. */
static bool announces_secret(struct otr_slice text)
{
	bool announced = false, perhaps = false, telling;
	struct otr_slice word;

	for (word = next_word(&text); word.len; word = next_word(&text)) {
		telling = otr_secret_word(word);
		/* "id_token token" is a list of names, not a secret */
		if (announced && !(telling && !has_digit(word) && !has_one_of(word, 'A', 'Z')))
			return true;
		if (perhaps && has_digit(word))
			return true;
		announced |= telling;
		perhaps = otr_secret_readable(word) && otr_secret_key(word);
	}
	return false;
}

bool otr_secret_within(struct otr_slice text)
{
	char decoded[TEXT_MAX];
	struct span sp;

	text = otr_secret_decode(decoded, sizeof(decoded), text);
	if (!text.data || otr_secret_shape(text) || find_next(text, 0, false, &sp))
		return true;
	if (otr_secret_readable(text))
		return announces_secret(text);
	text.len = otr_secret_fold(decoded, text.len);
	return find_next(text, 0, false, &sp) || announces_secret(text);
}

static void hide(struct otr_buf *out, struct otr_slice text, bool command)
{
	struct span sp;
	size_t i = 0;

	while (find_next(text, i, command, &sp)) {
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
	OTR_AUTO(otr_buf_fini) struct otr_buf plain = {0};
	size_t from = out->len;

	while (args.len && !args.data[args.len - 1])
		args.len--;
	otr_secret_hide_code(&plain, args);
	if (plain.rc) {
		otr_buf_str(out, OTR_SECRET_HIDDEN);
		return;
	}
	hide(out, otr_buf_view(&plain), true);
	for (; from < out->len; from++)
		if (!out->data[from])
			out->data[from] = ' ';
}
