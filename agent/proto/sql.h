/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SQL_H
#define OTR_SQL_H

/*
 * sql.h - statements made fit to be shown, and summed up.
 *
 * A lexer, not a parser: it never fails, whatever it is given, and looks at each byte
 * a few times at most. Dialect: PostgreSQL, and what all have in common.
 */

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/slice.h"

struct otr_buf;

#define OTR_SQL_SUMMARY_MAX 255

/* Appends `sql` with every literal replaced by '?' and comments removed. A literal or
 * comment without an end goes on to the end of `sql`. Never longer than `sql`. */
void otr_sql_sanitize(struct otr_buf *out, struct otr_slice sql);

/* Writes the summary (db.query.summary): operations and what they work on, in order
 * of the text. Returns its length, no NUL at its end; 0: nothing is known. */
size_t otr_sql_summary(char out[OTR_SQL_SUMMARY_MAX], struct otr_slice sql);

/* Does it have a place for a parameter, as $1? Then its literals are its author's. */
bool otr_sql_has_parameters(struct otr_slice sql);

/* The traceparent that a comment of it holds, as sqlcommenter appends them; a none slice if
 * there is none, or more than one. It may be malformed. */
struct otr_slice otr_sql_context(struct otr_slice sql);

/* Appends `sql` as it is, but for comments with a traceparent: no two would be alike. */
void otr_sql_without_context(struct otr_buf *out, struct otr_slice sql);

#endif /* OTR_SQL_H */
