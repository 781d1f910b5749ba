/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SQL_LEX_H
#define OTR_SQL_LEX_H

/* sql_lex.h - the tokens of a statement, for sql.c and sql_summary.c. */

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
