/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SQL_DIALECT_H
#define OTR_SQL_DIALECT_H

/* sql_dialect.h - the dialects of SQL that are told apart. */

enum otr_sql_dialect {
	OTR_SQL_ANSI,	      /* PostgreSQL, and what all dialects have in common */
	OTR_SQL_MYSQL,	      /* a backslash in a string is an escape */
	OTR_SQL_MYSQL_UNSURE, /* it is not known to be one: NO_BACKSLASH_ESCAPES may be set */
};

#endif /* OTR_SQL_DIALECT_H */
