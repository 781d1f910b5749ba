/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SQL_H
#define OTR_SQL_H

/*
 * sql.h - sanitises and summarises SQL statements.
 *
 * It is a lexer, not a parser: it takes any bytes, never fails, and reads each byte a few times at
 * most. A dialect in which '"' or '[' quote strings, '#' begins a comment, or comments do not nest
 * needs a lexer of its own, as MySQL has (sql_mysql.c).
 */

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/slice.h"
#include "agent/proto/sql_dialect.h"

struct otr_buf;

#define OTR_SQL_SUMMARY_MAX 255

/* Appends `sql` with every literal replaced by '?' and comments removed. A literal or
 * comment without an end, or whose end is not certain, goes on to the end of `sql`.
 * Never longer than `sql`. */
void otr_sql_sanitize(struct otr_buf *out, struct otr_slice sql);

/* Writes the summary (db.query.summary): operations and what they work on, in order of the text,
 * without literals. Returns its length; there is no NUL at its end. 0: nothing is known. */
size_t otr_sql_summary(char out[OTR_SQL_SUMMARY_MAX], struct otr_slice sql);

/* Returns the traceparent in a comment of `sql`, as sqlcommenter appends it; a none slice if
 * there is none, or more than one. It may be malformed. */
struct otr_slice otr_sql_context(struct otr_slice sql);

/* The same by the rules of a dialect; those above take ANSI's. */
void otr_sql_sanitize_as(struct otr_buf *out, struct otr_slice sql, enum otr_sql_dialect dialect);
size_t otr_sql_summary_as(char out[OTR_SQL_SUMMARY_MAX], struct otr_slice sql,
			  enum otr_sql_dialect dialect);
struct otr_slice otr_sql_context_as(struct otr_slice sql, enum otr_sql_dialect dialect);

#endif /* OTR_SQL_H */
