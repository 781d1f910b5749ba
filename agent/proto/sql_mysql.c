/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql_mysql.c - the tokens of a statement of MySQL and MariaDB: MySQL 8.4 Reference Manual, chapter
 * 11.
 *
 * '..' and ".." are strings in which a backslash escapes, `..` is a name, '#' begins a comment, and
 * so does "--" if a blank follows. Comments do not nest. The text of a comment that begins with '!'
 * (or M!) is read by some servers, by its version, and by others not.
 *
 * Departures, since no literal may leave the host:
 * - ".." is a string, even where ANSI_QUOTES makes it a name.
 * - If two readings of a statement differ, its rest is one literal: a quote behind a backslash behind a
 * byte above 0x7f, which may end a character of GBK, BIG5 or SJIS; a quote ` behind such a byte; a
 * comment with '!' in which a string or another comment goes on past its end; text between dollars,
 * which is a string for MySQL 9 alone.
 */

#include "agent/base/own.h"
#include "agent/proto/sql_lex.h"

/* In the unsure dialect, a backslash before a quote makes the end of the string uncertain. */
static size_t string_end(struct otr_slice in, size_t begin, char quote,
			 enum otr_sql_dialect dialect)
{
	return otr_sql_string_end(in, begin, quote, dialect == OTR_SQL_MYSQL);
}

/* Takes a name in `..`; in.len, as a literal, if its end is missing or not certain. */
static size_t take_quoted_name(struct otr_slice in, size_t i, enum otr_sql_kind *kind)
{
	*kind = OTR_SQL_LITERAL;
	if (i && (unsigned char)in.data[i - 1] >= 0x80)
		return in.len;
	for (i++; i < in.len; i++) {
		if (in.data[i] != '`')
			continue;
		if ((unsigned char)in.data[i - 1] >= 0x80)
			return in.len;
		if (otr_sql_at(in, i + 1) != '`') {
			*kind = OTR_SQL_QUOTED;
			return i + 1;
		}
		i++;
	}
	return in.len;
}

static size_t line_end(struct otr_slice in, size_t i)
{
	const char *lf = i < in.len ? memchr(in.data + i, '\n', in.len - i) : NULL;

	return lf ? (size_t)(lf - in.data) : in.len;
}

/* Returns where the mark that ends a comment begins, at `i` or behind it; in.len if there is none.
 */
static size_t comment_mark(struct otr_slice in, size_t i)
{
	const char *mark = i < in.len ? memmem(in.data + i, in.len - i, "*/", 2) : NULL;

	return mark ? (size_t)(mark - in.data) : in.len;
}

/* Is the text of a comment with '!' the same whether it is read or not? It is, if none of its
 * tokens goes on past its end, at `end`, and none is a comment. */
static bool reads_alike(struct otr_slice in, size_t i, size_t end, enum otr_sql_dialect dialect)
{
	enum otr_sql_kind kind = OTR_SQL_OTHER;
	struct otr_slice text = otr_slice_sub(in, 0, end);
	size_t to;

	if (end == in.len)
		return false;
	for (; i < end; i = to) {
		if (in.data[i] == '/' && otr_sql_at(in, i + 1) == '*')
			return false;
		to = otr_sql_lex_mysql(text, i, dialect, &kind);
		if (kind == OTR_SQL_COMMENT || (kind == OTR_SQL_LITERAL && to == end))
			return to == end && kind == OTR_SQL_LITERAL &&
			       otr_sql_lex_mysql(in, i, dialect, &kind) == end;
	}
	return true;
}

/* Takes a comment. Of one with '!', only the mark and the version that begin it, as its text may be
 * read; the mark that ends it is a comment of its own. */
static size_t take_comment(struct otr_slice in, size_t i, enum otr_sql_dialect dialect,
			   enum otr_sql_kind *kind)
{
	size_t mark = i + 2, end = comment_mark(in, i + 2);

	*kind = OTR_SQL_COMMENT;
	if (otr_lower(otr_sql_at(in, mark)) == 'm' && otr_sql_at(in, mark + 1) == '!')
		mark++;
	if (otr_sql_at(in, mark) != '!')
		return end < in.len ? end + 2 : in.len;
	for (mark++; mark < i + 10 && otr_sql_is_digit(otr_sql_at(in, mark)); mark++)
		;
	if (reads_alike(in, mark, end, dialect))
		return mark;
	*kind = OTR_SQL_LITERAL;
	return in.len;
}

/* Takes a word, or a string with one of the letters N, B, X before it. */
static size_t take_word(struct otr_slice in, size_t i, enum otr_sql_dialect dialect,
			enum otr_sql_kind *kind)
{
	struct otr_slice text = in;
	size_t from = i;

	while (otr_sql_in_word(otr_sql_at(in, i)) && i < in.len)
		i++;
	text = otr_slice_sub(in, from, i - from);
	*kind = OTR_SQL_LITERAL;
	if (text.len == 1 && memchr("nbx", otr_lower(text.data[0]), 3) &&
	    (otr_sql_at(in, i) == '\'' || otr_sql_at(in, i) == '"'))
		return string_end(in, i + 1, in.data[i], dialect);
	if (!otr_slice_eq_nocase(text, OTR_SLICE("true")) &&
	    !otr_slice_eq_nocase(text, OTR_SLICE("false")))
		*kind = OTR_SQL_WORD;
	return i;
}

/* MySQL 9 reads $tag$ .. $tag$ as a string, servers before it as names. */
static size_t take_dollar(struct otr_slice in, size_t i, enum otr_sql_kind *kind)
{
	size_t tag = i + 1;

	while (otr_sql_in_word(otr_sql_at(in, tag)) && in.data[tag] != '$')
		tag++;
	*kind = otr_sql_at(in, tag) == '$' ? OTR_SQL_LITERAL : OTR_SQL_OTHER;
	return *kind == OTR_SQL_LITERAL ? in.len : i + 1;
}

static bool begins_line_comment(struct otr_slice in, size_t i)
{
	if (in.data[i] == '#')
		return true;
	return in.data[i] == '-' && otr_sql_at(in, i + 1) == '-' &&
	       (unsigned char)otr_sql_at(in, i + 2) <= ' ';
}

size_t otr_sql_lex_mysql(struct otr_slice in, size_t i, enum otr_sql_dialect dialect,
			 enum otr_sql_kind *kind)
{
	char c = in.data[i], next = otr_sql_at(in, i + 1);

	*kind = OTR_SQL_SPACE;
	if (otr_sql_is_space(c))
		return i + 1;
	*kind = OTR_SQL_COMMENT;
	if (begins_line_comment(in, i))
		return line_end(in, i);
	if (c == '/' && next == '*')
		return take_comment(in, i, dialect, kind);
	if (c == '*' && next == '/' && otr_sql_at(in, i + 2) != '*')
		return i + 2;
	*kind = OTR_SQL_LITERAL;
	if (c == '*' && next == '/') /* the end of a comment, or '*' and the beginning of one */
		return in.len;
	if (otr_sql_begins_number(in, i) ||
	    ((c == '-' || c == '+') && otr_sql_begins_number(in, i + 1)))
		return otr_sql_number_end(in, i + (c == '-' || c == '+'));
	if (c == '\'' || c == '"')
		return string_end(in, i + 1, c, dialect);
	if (c == '`')
		return take_quoted_name(in, i, kind);
	if (c == '$')
		return take_dollar(in, i, kind);
	if (otr_sql_begins_word(c))
		return take_word(in, i, dialect, kind);
	*kind = OTR_SQL_OTHER;
	return i + 1;
}
