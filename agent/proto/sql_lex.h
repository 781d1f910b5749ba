/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SQL_LEX_H
#define OTR_SQL_LEX_H

/* sql_lex.h - the tokens of a statement, for sql.c and sql_summary.c. */

#include "agent/base/slice.h"

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
struct otr_sql_token otr_sql_next(struct otr_slice in, size_t *at);

#endif /* OTR_SQL_LEX_H */
