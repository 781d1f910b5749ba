/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SQL_CACHE_H
#define OTR_SQL_CACHE_H

/*
 * sql_cache.h - remembers the results of sql.h.
 *
 * Services send the same few statements again and again. A statement is remembered when it comes for
 * the second time, so that statements that never come again (those with literals in them) cost one
 * more hash and no memory. The table has a fixed number of slots; a newer statement replaces an older
 * one. One thread uses a cache. It changes no result: tests/unit/sql_cache_test.c compares it with
 * sql.h.
 */

#include "agent/base/slice.h"

#define OTR_SQL_CACHE_SLOTS 512
#define OTR_SQL_CACHE_TEXT  2048 /* bytes of a statement that is remembered, at most */

struct otr_sql_known {
	struct otr_slice text;	  /* sanitised, without blanks at its end */
	struct otr_slice summary; /* empty: nothing is known */
};

struct otr_sql_cache; /* opaque */

/* Gives an empty cache, or NULL without memory. */
struct otr_sql_cache *otr_sql_cache_new(void);

/* Frees *cp, which may be NULL, and sets it to NULL. */
void otr_sql_cache_free(struct otr_sql_cache **cp);

/* Gives the sanitised text and the summary of `sql`; the slices live until the next call.
 * Returns 0 or -ENOMEM; then `text` may be cut. */
int otr_sql_know(struct otr_sql_cache *cache, struct otr_sql_known *out, struct otr_slice sql);

#endif /* OTR_SQL_CACHE_H */
