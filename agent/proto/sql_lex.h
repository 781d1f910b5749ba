/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SQL_LEX_H
#define OTR_SQL_LEX_H

/* sql_lex.h - the tokens of a statement, for sql.c, sql_mysql.c and sql_summary.c. */

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/slice.h"
#include "agent/proto/sql_dialect.h"

enum otr_sql_kind {
	OTR_SQL_END,
	OTR_SQL_SPACE,
	OTR_SQL_COMMENT,
	OTR_SQL_LITERAL, /* string, number, true, false */
	OTR_SQL_WORD,	 /* keyword or name */
	OTR_SQL_QUOTED,	 /* a name in quotes */
	OTR_SQL_PARAM,	 /* $1 */
	OTR_SQL_OTHER,	 /* one character */
};

struct otr_sql_token {
	enum otr_sql_kind kind;
	struct otr_slice text;
};

/* Classes of characters. A byte above 0x7f belongs to a word. */
static inline bool otr_sql_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool otr_sql_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool otr_sql_begins_word(char c)
{
	c = otr_lower(c);
	return (c >= 'a' && c <= 'z') || c == '_' || (unsigned char)c >= 0x80;
}

static inline bool otr_sql_in_word(char c)
{
	return otr_sql_begins_word(c) || otr_sql_is_digit(c) || c == '$';
}

/* Returns the byte at `i`, or NUL behind the end. */
static inline char otr_sql_at(struct otr_slice in, size_t i)
{
	return i < in.len ? in.data[i] : 0;
}

static inline bool otr_sql_begins_number(struct otr_slice in, size_t i)
{
	return otr_sql_is_digit(otr_sql_at(in, i)) ||
	       (otr_sql_at(in, i) == '.' && otr_sql_is_digit(otr_sql_at(in, i + 1)));
}

/* Takes the token that begins at in[*at]. */
struct otr_sql_token otr_sql_next_as(struct otr_slice in, size_t *at, enum otr_sql_dialect dialect);

static inline struct otr_sql_token otr_sql_next(struct otr_slice in, size_t *at)
{
	return otr_sql_next_as(in, at, OTR_SQL_ANSI);
}

/* For lexers. Each returns where the token ends that begins at `i`. */
size_t otr_sql_lex_mysql(struct otr_slice in, size_t i, enum otr_sql_dialect dialect,
			 enum otr_sql_kind *kind);
size_t otr_sql_number_end(struct otr_slice in, size_t i);

/* Returns the end of the string whose text begins at `begin`, behind its quote; in.len also if its
 * end is not certain. `escapes`: a backslash escapes the quote behind it. */
size_t otr_sql_string_end(struct otr_slice in, size_t begin, char quote, bool escapes);

#endif /* OTR_SQL_LEX_H */
