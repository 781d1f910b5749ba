/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql.c - sanitises statements, by OpenTelemetry's rules for db.query.text. Tokens are those of
 * PostgreSQL 17, section 4.1: E'..', U&'..', $tag$..$tag$, nested comments. A sign before a number
 * belongs to it, as in the examples of the rules.
 *
 * Departures, since no literal may leave the host:
 * - Whether a backslash escapes the quote behind it depends on what the lexer cannot know:
 * standard_conforming_strings, the string that this one continues, the dialect (MySQL), the encoding
 * (the second byte of a character in SJIS, GBK and BIG5 may be a backslash). If two readings differ,
 * the rest of the statement is one literal. The same holds for Oracle's q'[..]'.
 * - Words that SET gives to a setting are literals: SET my.token TO word.
 * - A statement with parameters loses its literals like any other.
 */

#include "agent/proto/sql.h"

#include "agent/base/buf.h"
#include "agent/proto/sql_lex.h"

/* Returns the end of the quoted name whose text begins at `i`, behind its quote. */
static size_t quoted_end(struct otr_slice in, size_t i, char quote)
{
	while (i < in.len)
		if (in.data[i++] == quote) {
			if (otr_sql_at(in, i) != quote)
				return i;
			i++;
		}
	return in.len;
}

/* What a sequence of backslashes does to the quote behind it. */
enum escape {
	NOT_ESCAPED,
	ESCAPED,
	UNCERTAIN, /* it depends on the dialect or the encoding */
};

/* The backslashes are in[from..quote), the text of the string begins at `begin`. `escapes`: the
 * string is E'..'. */
static enum escape escape_of(struct otr_slice in, size_t begin, size_t from, size_t quote,
			     bool escapes)
{
	bool odd = (quote - from) & 1;

	if (from > begin && (unsigned char)in.data[from - 1] >= 0x80)
		return UNCERTAIN; /* the first backslash may be the end of a character */
	if (!odd)
		return NOT_ESCAPED;
	return escapes ? ESCAPED : UNCERTAIN;
}

/* See sql_lex.h. */
size_t otr_sql_string_end(struct otr_slice in, size_t begin, char quote, bool escapes)
{
	enum escape escape;
	size_t i = begin, from;

	while (i < in.len) {
		if (in.data[i] != quote && in.data[i] != '\\') {
			i++;
			continue;
		}
		for (from = i; otr_sql_at(in, i) == '\\'; i++)
			;
		if (otr_sql_at(in, i) != quote)
			continue;
		escape = i > from ? escape_of(in, begin, from, i, escapes) : NOT_ESCAPED;
		if (escape == UNCERTAIN)
			return in.len;
		i++;
		if (escape == ESCAPED)
			continue;
		if (otr_sql_at(in, i) != quote)
			return i;
		i++;
	}
	return in.len;
}

static size_t string_end(struct otr_slice in, size_t begin, bool escapes)
{
	return otr_sql_string_end(in, begin, '\'', escapes);
}

/* Returns the end of Oracle's q'[it's]', which takes any delimiter, and brackets in pairs. `i`:
 * behind its quote. If read as a plain string it ended elsewhere, its end is not certain. */
static size_t q_string_end(struct otr_slice in, size_t i)
{
	static const char pairs[] = "[]{}()<>";
	const char *pair = otr_sql_at(in, i) ? strchr(pairs, otr_sql_at(in, i)) : NULL;
	char end[2] = {pair && (pair - pairs) % 2 == 0 ? pair[1] : otr_sql_at(in, i), '\''};
	const char *found = i + 1 < in.len ? memmem(in.data + i + 1, in.len - i - 1, end, 2) : NULL;
	size_t plain = string_end(in, i, false);

	return found && (size_t)(found - in.data) + 2 == plain ? plain : in.len;
}

static size_t line_comment_end(struct otr_slice in, size_t i)
{
	while (i < in.len && in.data[i] != '\n' && in.data[i] != '\r')
		i++;
	return i;
}

static size_t block_comment_end(struct otr_slice in, size_t i)
{
	size_t depth = 1;

	while (i < in.len && depth) {
		if (in.data[i] == '*' && otr_sql_at(in, i + 1) == '/') {
			depth--;
			i += 2;
		} else if (in.data[i] == '/' && otr_sql_at(in, i + 1) == '*') {
			depth++;
			i += 2;
		} else {
			i++;
		}
	}
	return i < in.len ? i : in.len;
}

/* Returns the end of $tag$ .. $tag$, which begins at `i`; 0: there is none. */
static size_t dollar_quoted_end(struct otr_slice in, size_t i)
{
	size_t tag = i + 1;
	const char *end;

	if (otr_sql_is_digit(otr_sql_at(in, tag)))
		return 0;
	while (otr_sql_in_word(otr_sql_at(in, tag)) && in.data[tag] != '$')
		tag++;
	if (otr_sql_at(in, tag) != '$')
		return 0;
	tag++;
	end = memmem(in.data + tag, in.len - tag, in.data + i, tag - i);
	return end ? (size_t)(end - in.data) + tag - i : in.len;
}

size_t otr_sql_number_end(struct otr_slice in, size_t i)
{
	bool hex = otr_sql_at(in, i) == '0' && otr_lower(otr_sql_at(in, i + 1)) == 'x';

	/* No number holds a '$': 1$$text$$ are two literals. */
	while (i < in.len && in.data[i] != '$' &&
	       (otr_sql_in_word(in.data[i]) || in.data[i] == '.')) {
		if (!hex && otr_lower(in.data[i]) == 'e' &&
		    (otr_sql_at(in, i + 1) == '-' || otr_sql_at(in, i + 1) == '+'))
			i++;
		i++;
	}
	return i;
}

/* Returns where the quote of E'..', B'..', X'..', N'..' or U&'..' is, or 0. */
static size_t prefixed_quote(struct otr_slice in, size_t i)
{
	char c = otr_lower(otr_sql_at(in, i));

	if (otr_sql_at(in, i + 1) == '\'' && c && strchr("ebxn", c))
		return i + 1;
	if (c == 'u' && otr_sql_at(in, i + 1) == '&' && otr_sql_at(in, i + 2) == '\'')
		return i + 2;
	return 0;
}

static size_t take_word(struct otr_slice in, size_t i, enum otr_sql_kind *kind)
{
	size_t quote = prefixed_quote(in, i), from = i;
	struct otr_slice text;

	if (quote) {
		*kind = OTR_SQL_LITERAL;
		return string_end(in, quote + 1, otr_lower(in.data[i]) == 'e');
	}
	while (i < in.len && otr_sql_in_word(in.data[i]))
		i++;
	text = otr_slice_sub(in, from, i - from);
	if (otr_sql_at(in, i) == '\'' && (otr_slice_eq_nocase(text, OTR_SLICE("q")) ||
					  otr_slice_eq_nocase(text, OTR_SLICE("nq")))) {
		*kind = OTR_SQL_LITERAL;
		return q_string_end(in, i + 1);
	}
	*kind = otr_slice_eq_nocase(text, OTR_SLICE("true")) ||
				otr_slice_eq_nocase(text, OTR_SLICE("false"))
			? OTR_SQL_LITERAL
			: OTR_SQL_WORD;
	return i;
}

/* Takes a name in quotes. One without an end may be a literal, so it becomes one. */
static size_t take_quoted_name(struct otr_slice in, size_t i, enum otr_sql_kind *kind)
{
	size_t end = quoted_end(in, i + 1, in.data[i]);

	*kind = end > i + 1 && in.data[end - 1] == in.data[i] ? OTR_SQL_QUOTED : OTR_SQL_LITERAL;
	return end;
}

static size_t take_dollar(struct otr_slice in, size_t i, enum otr_sql_kind *kind)
{
	size_t end = dollar_quoted_end(in, i);

	if (end) {
		*kind = OTR_SQL_LITERAL;
		return end;
	}
	*kind = otr_sql_is_digit(otr_sql_at(in, i + 1)) ? OTR_SQL_PARAM : OTR_SQL_OTHER;
	for (i++; *kind == OTR_SQL_PARAM && otr_sql_is_digit(otr_sql_at(in, i)); i++)
		;
	return i;
}

static size_t lex(struct otr_slice in, size_t i, enum otr_sql_kind *kind)
{
	char c = in.data[i], next = otr_sql_at(in, i + 1);

	if (otr_sql_is_space(c)) {
		*kind = OTR_SQL_SPACE;
		return i + 1;
	}
	if ((c == '-' && next == '-') || (c == '/' && next == '*')) {
		*kind = OTR_SQL_COMMENT;
		return c == '-' ? line_comment_end(in, i) : block_comment_end(in, i + 2);
	}
	if (otr_sql_begins_number(in, i) ||
	    ((c == '-' || c == '+') && otr_sql_begins_number(in, i + 1))) {
		*kind = OTR_SQL_LITERAL;
		return otr_sql_number_end(in, i + (c == '-' || c == '+'));
	}
	if (c == '\'') {
		*kind = OTR_SQL_LITERAL;
		return string_end(in, i + 1, false);
	}
	if (c == '"' || c == '`')
		return take_quoted_name(in, i, kind);
	if (c == '$')
		return take_dollar(in, i, kind);
	if (otr_sql_begins_word(c))
		return take_word(in, i, kind);
	*kind = OTR_SQL_OTHER;
	return i + 1;
}

struct otr_sql_token otr_sql_next_as(struct otr_slice in, size_t *from,
				     enum otr_sql_dialect dialect)
{
	struct otr_sql_token tok = {OTR_SQL_END, OTR_SLICE_NONE};
	size_t end;

	if (*from >= in.len)
		return tok;
	end = dialect == OTR_SQL_ANSI ? lex(in, *from, &tok.kind)
				      : otr_sql_lex_mysql(in, *from, dialect, &tok.kind);
	tok.text = otr_slice_sub(in, *from, end - *from);
	*from = end;
	return tok;
}

/* Puts a blank in place of a comment, unless there was one: SELECT, a comment and a name must
 * not become one word. */
static void put_blank(struct otr_buf *out, enum otr_sql_kind next)
{
	if (out->len && next != OTR_SQL_SPACE && !otr_sql_is_space(out->data[out->len - 1]))
		otr_buf_byte(out, ' ');
}

/* Where a token stands in its statement: words may be values of a setting. */
enum place {
	START,	    /* the first word of a statement comes next */
	BEFORE_SET, /* behind ALTER, CREATE: SET may follow */
	SETTING,    /* behind SET and the name of a setting: '=' or TO follows */
	VALUES,	    /* words are values, to the end of the statement */
	ELSEWHERE,
};

static enum place first_word(struct otr_slice word)
{
	if (otr_slice_eq_nocase(word, OTR_SLICE("set")))
		return SETTING;
	if (otr_slice_eq_nocase(word, OTR_SLICE("alter")) ||
	    otr_slice_eq_nocase(word, OTR_SLICE("create")))
		return BEFORE_SET;
	return ELSEWHERE;
}

/* Follows SET x TO y, SET x = y, SET TIME ZONE y; ALTER ROLE r SET x TO y. */
static enum place next_place(enum place place, const struct otr_sql_token *tok)
{
	if (place == ELSEWHERE && tok->kind == OTR_SQL_WORD)
		return place;
	if (tok->kind == OTR_SQL_OTHER && tok->text.data[0] == ';')
		return START;
	if (place == SETTING && tok->kind == OTR_SQL_OTHER)
		return tok->text.data[0] == '=' ? VALUES : SETTING;
	if (tok->kind != OTR_SQL_WORD)
		return place;
	if (place == START)
		return first_word(tok->text);
	if (place == BEFORE_SET && otr_slice_eq_nocase(tok->text, OTR_SLICE("set")))
		return SETTING;
	if (place == SETTING && (otr_slice_eq_nocase(tok->text, OTR_SLICE("to")) ||
				 otr_slice_eq_nocase(tok->text, OTR_SLICE("zone"))))
		return VALUES;
	return place;
}

static bool is_value(enum place place, const struct otr_sql_token *tok)
{
	if (tok->kind == OTR_SQL_LITERAL)
		return true;
	return place == VALUES && (tok->kind == OTR_SQL_QUOTED ||
				   (tok->kind == OTR_SQL_WORD &&
				    !otr_slice_eq_nocase(tok->text, OTR_SLICE("default"))));
}

void otr_sql_sanitize(struct otr_buf *out, struct otr_slice sql)
{
	otr_sql_sanitize_as(out, sql, OTR_SQL_ANSI);
}

void otr_sql_sanitize_as(struct otr_buf *out, struct otr_slice sql, enum otr_sql_dialect dialect)
{
	enum place place = START;
	struct otr_sql_token tok;
	bool parted = false;
	size_t from = 0;

	while ((tok = otr_sql_next_as(sql, &from, dialect)).kind != OTR_SQL_END) {
		if (tok.kind == OTR_SQL_COMMENT) {
			parted = true;
			continue;
		}
		if (parted)
			put_blank(out, tok.kind);
		parted = false;
		if (is_value(place, &tok))
			otr_buf_byte(out, '?');
		else
			otr_buf_slice(out, tok.text);
		if (tok.kind == OTR_SQL_WORD || tok.kind == OTR_SQL_OTHER)
			place = next_place(place, &tok);
	}
}

/* Returns the value of traceparent='..' in a comment, as sqlcommenter writes it. The value has
 * no character that would be escaped. */
static struct otr_slice context_in(struct otr_slice comment)
{
	static const char key[] = "traceparent='";
	const char *end = comment.data + comment.len, *at, *quote;

	at = memmem(comment.data, comment.len, key, sizeof(key) - 1);
	if (!at || (at[-1] != '*' && at[-1] != ',' && !otr_sql_is_space(at[-1])))
		return OTR_SLICE_NONE;
	at += sizeof(key) - 1;
	quote = memchr(at, '\'', (size_t)(end - at));
	if (!quote)
		return OTR_SLICE_NONE;
	return (struct otr_slice){at, (size_t)(quote - at)};
}

/* Few statements have a quote, fewer one behind "traceparent=". */
static bool has_context(struct otr_slice sql)
{
	static const char key[] = "traceparent=";
	const char *at = sql.data, *const end = sql.data + sql.len;

	for (; sql.len && (at = memchr(at, '\'', (size_t)(end - at))); at++)
		if ((size_t)(at - sql.data) >= sizeof(key) - 1 &&
		    !memcmp(at - (sizeof(key) - 1), key, sizeof(key) - 1))
			return true;
	return false;
}

struct otr_slice otr_sql_context(struct otr_slice sql)
{
	return otr_sql_context_as(sql, OTR_SQL_ANSI);
}

struct otr_slice otr_sql_context_as(struct otr_slice sql, enum otr_sql_dialect dialect)
{
	struct otr_slice found = OTR_SLICE_NONE, one;
	struct otr_sql_token tok;
	size_t from = 0;

	if (!has_context(sql))
		return found;
	while ((tok = otr_sql_next_as(sql, &from, dialect)).kind != OTR_SQL_END) {
		one = tok.kind == OTR_SQL_COMMENT ? context_in(tok.text) : OTR_SLICE_NONE;
		if (one.len && found.len)
			return OTR_SLICE_NONE; /* there are several: none is certain */
		if (one.len)
			found = one;
	}
	return found;
}
