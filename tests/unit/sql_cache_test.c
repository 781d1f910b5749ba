/* SPDX-License-Identifier: Apache-2.0 */
/* sql_cache_test.c - the cache of statements changes no result, in whatever order statements
 * come. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/proto/sql.h"
#include "agent/proto/sql_cache.h"

static void check(struct otr_sql_cache *cache, struct otr_slice sql)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	char summary[OTR_SQL_SUMMARY_MAX];
	struct otr_sql_known known;
	size_t len = otr_sql_summary(summary, sql);

	otr_sql_sanitize(&text, sql);
	while (text.len && text.data[text.len - 1] == ' ')
		text.len--;
	assert_int_equal(otr_sql_know(cache, &known, sql), 0);
	assert_true(otr_slice_eq(known.text, otr_buf_view(&text)));
	assert_true(otr_slice_eq(known.summary, (struct otr_slice){summary, len}));
}

static void fill(char *to, size_t size, const char *text, unsigned int n)
{
	const char *at = strstr(text, "%u");

	if (at)
		snprintf(to, size, "%.*s%u%s", (int)(at - text), text, n, at + 2);
	else
		snprintf(to, size, "%s", text);
}

static void gives_what_sql_h_gives(void **state)
{
	static const char *const texts[] = {
		"SELECT * FROM orders WHERE id = %u",
		"SELECT name FROM t WHERE secret = 'SECRETVAL%u' -- x",
		"INSERT INTO a%u SELECT x FROM b",
		"UPDATE t SET a = E'it\\'s %u",
		"COMMIT",
		"",
	};
	OTR_AUTO(otr_sql_cache_free) struct otr_sql_cache *cache = otr_sql_cache_new();
	char sql[200];

	(void)state;
	assert_non_null(cache);
	for (unsigned int i = 0; i < 40000; i++) {
		/* A few come again and again, many once. */
		fill(sql, sizeof(sql), texts[i % OTR_ARRAY_SIZE(texts)], i % 3 ? i % 60 : i);
		check(cache, otr_slice_str(sql));
	}
}

static void is_not_asked_to_keep_what_is_long(void **state)
{
	OTR_AUTO(otr_sql_cache_free) struct otr_sql_cache *cache = otr_sql_cache_new();
	static char sql[2 * OTR_SQL_CACHE_TEXT];

	(void)state;
	assert_non_null(cache);
	for (size_t len = OTR_SQL_CACHE_TEXT - 2; len < OTR_SQL_CACHE_TEXT + 3; len++)
		for (int i = 0; i < 3; i++) {
			memset(sql, 'x', len);
			memcpy(sql, "SELECT '", 8);
			sql[len - 1] = '\'';
			check(cache, (struct otr_slice){sql, len});
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_what_sql_h_gives),
		cmocka_unit_test(is_not_asked_to_keep_what_is_long),
	};

	return cmocka_run_group_tests_name("sql_cache", tests, NULL, NULL);
}
