/* SPDX-License-Identifier: Apache-2.0 */
/* sql_proto_test.c - the conventions' examples for query text and summary, and the
 * traps of PostgreSQL's dialect. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/proto/sql.h"

static const struct {
	const char *sql;
	const char *text; /* NULL: as it is */
	const char *summary;
} rows[] = {
	/* examples of the conventions */
	{"SELECT 12, -12, +12", "SELECT ?, ?, ?", "SELECT"},
	{"SELECT 99+100", "SELECT ??", "SELECT"},
	{"SELECT 12.34, -1.2, +1.2, .01", "SELECT ?, ?, ?, ?", "SELECT"},
	{"SELECT 12e3, 1.2E-3, -1e+10", "SELECT ?, ?, ?", "SELECT"},
	{"SELECT 0xDEADBEEF, 0XdeadBEEF", "SELECT ?, ?", "SELECT"},
	{"SELECT 'hello'", "SELECT ?", "SELECT"},
	{"SELECT 'My name''s not important'", "SELECT ?", "SELECT"},
	{"SELECT c3po, r2d2 FROM covid19 WHERE n1h1=1234",
	 "SELECT c3po, r2d2 FROM covid19 WHERE n1h1=?", "SELECT covid19"},
	{"SELECT a FROM dbo.Table JOIN dbo.AnotherTable", NULL,
	 "SELECT dbo.Table dbo.AnotherTable"},
	{"SELECT column -- end of line comment\nFROM /* block \n comment */ table",
	 "SELECT column \nFROM  table", "SELECT table"},
	{"SELECT/**/a/* b */FROM/**/t-/**/-1", "SELECT a FROM t- ?", "SELECT t"},
	{"INSERT INTO shipping_details (a, b) SELECT a, b FROM orders WHERE "
	 "order_id = 1",
	 "INSERT INTO shipping_details (a, b) SELECT a, b FROM orders WHERE "
	 "order_id = ?",
	 "INSERT shipping_details SELECT orders"},
	{"SELECT order_date FROM (SELECT * FROM orders o JOIN customers c ON "
	 "o.customer_id = c.customer_id)",
	 NULL, "SELECT SELECT orders customers"},
	{"SELEcT order_date FROM ORders", NULL, "SELEcT ORders"},
	{"SELECT * FROM Orders o, OrderDetails od", NULL, "SELECT Orders OrderDetails"},
	{"CREATE  TABLE MyTable ( ID NOT NULL IDENTITY(1,1) PRIMARY KEY )",
	 "CREATE  TABLE MyTable ( ID NOT NULL IDENTITY(?,?) PRIMARY KEY )", "CREATE TABLE MyTable"},
	{"ALTER TABLE MyTable ADD Name varchar(255)", "ALTER TABLE MyTable ADD Name varchar(?)",
	 "ALTER TABLE MyTable"},
	{"DROP TABLE MyTable", NULL, "DROP TABLE MyTable"},
	{"SELECT * FROM table WHERE value IN (123, 456, 'abc')",
	 "SELECT * FROM table WHERE value IN (?, ?, ?)", "SELECT table"},
	{"SELECT { guid '01234567-89ab-cdef-0123-456789abcdef' }", "SELECT { guid ? }", "SELECT"},
	{"SELECT * FROM a CROSS JOIN b", NULL, "SELECT a b"},
	{"SELECT *\nFROM\n  t\nWHERE x = 'a\nb'", "SELECT *\nFROM\n  t\nWHERE x = ?", "SELECT t"},
	{"SELECT * FROM \"song list\", 'artists'", "SELECT * FROM \"song list\", ?",
	 "SELECT \"song list\""},
	{"call proc(1)", "call proc(?)", "call proc"},
	{"select lower, UPPER from MixedCase", NULL, "select MixedCase"},

	/* PostgreSQL's strings */
	{"SELECT E'it\\'s', 1", "SELECT ?, ?", "SELECT"},
	{"SELECT U&'d\\0061t', N'x', B'01', X'ff'", "SELECT ?, ?, ?, ?", "SELECT"},
	{"SELECT $$it's$$, $tag$ $$ $tag$ FROM t", "SELECT ?, ? FROM t", "SELECT t"},
	{"SELECT '1'::int, a::text FROM t", "SELECT ?::int, a::text FROM t", "SELECT t"},
	{"SELECT * FROM t WHERE a = $1 AND b = $22", NULL, "SELECT t"},
	{"SELECT a FROM \"we\"\"ird\".\"t 1\"", NULL, "SELECT \"we\"\"ird\".\"t 1\""},
	{"SELECT /* a /* nested */ 'secret' */ b FROM t", "SELECT  b FROM t", "SELECT t"},
	{"SELECT true, FALSE, null, truely", "SELECT ?, ?, null, truely", "SELECT"},
	{"SELECT DATE '2024-01-31', INTERVAL '1 day'", "SELECT DATE ?, INTERVAL ?", "SELECT"},
	{"SELECT a->1, a->>'k', b[1:2] FROM t", "SELECT a->?, a->>?, b[?:?] FROM t", "SELECT t"},
	{"SELECT 1_000, 0b101, 0o17", "SELECT ?, ?, ?", "SELECT"},

	/* a literal without an end goes on to the end of the statement */
	{"SELECT 'secret", "SELECT ?", "SELECT"},
	{"SELECT 'secret''", "SELECT ?", "SELECT"},
	{"SELECT E'secret\\", "SELECT ?", "SELECT"},
	{"SELECT $x$secret $x", "SELECT ?", "SELECT"},
	{"SELECT \"secret", "SELECT ?", "SELECT"},
	{"SELECT a /* secret", "SELECT a ", "SELECT"},
	{"SELECT * FROM t, 'secret", "SELECT * FROM t, ?", "SELECT t"},

	/* what names tables, and what does not */
	{"SELECT EXTRACT(year FROM 'secret'), trim('x' FROM b) FROM t",
	 "SELECT EXTRACT(year FROM ?), trim(? FROM b) FROM t", "SELECT t"},
	{"SELECT a IS DISTINCT FROM b FROM t", NULL, "SELECT t"},
	{"SELECT * FROM t WHERE id IN (SELECT id FROM u) ORDER BY a, b", NULL, "SELECT t SELECT u"},
	{"SELECT * FROM a LEFT JOIN b USING (x), c", NULL, "SELECT a b c"},
	{"SELECT * FROM a, LATERAL (SELECT 1 FROM b) l",
	 "SELECT * FROM a, LATERAL (SELECT ? FROM b) l", "SELECT a SELECT b"},
	{"SELECT * FROM t FOR UPDATE", NULL, "SELECT t"},
	{"SELECT 1 FROM ONLY t", "SELECT ? FROM ONLY t", "SELECT t"},
	{"WITH x AS (SELECT a FROM b) SELECT c FROM x", NULL, "SELECT b SELECT x"},
	{"UPDATE t SET a = 1 FROM u WHERE t.x = u.x", "UPDATE t SET a = ? FROM u WHERE t.x = u.x",
	 "UPDATE t u"},
	{"DELETE FROM t WHERE a = 'x'", "DELETE FROM t WHERE a = ?", "DELETE t"},
	{"INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 2",
	 "INSERT INTO t VALUES (?) ON CONFLICT DO UPDATE SET a = ?", "INSERT t"},
	{"MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE", NULL, "MERGE t s"},
	{"BEGIN; UPDATE a SET b = 1; COMMIT", "BEGIN; UPDATE a SET b = ?; COMMIT",
	 "BEGIN UPDATE a COMMIT"},
	{"CREATE UNIQUE INDEX IF NOT EXISTS i ON t (a)", NULL, "CREATE INDEX i"},
	{"CREATE OR REPLACE FUNCTION f() RETURNS int AS $$ DELETE FROM x $$",
	 "CREATE OR REPLACE FUNCTION f() RETURNS int AS ?", "CREATE FUNCTION f"},
	{"DROP TABLE IF EXISTS a.b", NULL, "DROP TABLE a.b"},
	{"TRUNCATE t", NULL, "TRUNCATE t"},
	{"COPY t (a, b) FROM STDIN", NULL, "COPY t"},
	{"EXPLAIN ANALYZE SELECT * FROM t", NULL, "EXPLAIN SELECT t"},
	{"SET search_path TO x", "SET search_path TO ?", "SET"},
	{"set local my.token = secret, \"a b\", DEFAULT; SELECT a",
	 "set local my.token = ?, ?, DEFAULT; SELECT a", "set SELECT"},
	{"ALTER ROLE r SET my.token TO secret", "ALTER ROLE r SET my.token TO ?", "ALTER ROLE r"},
	{"SET TIME ZONE secret", "SET TIME ZONE ?", "SET"},
	{"SET ROLE r", NULL, "SET"},
	{"ALTER TABLE t SET SCHEMA s", NULL, "ALTER TABLE t"},
	{"UPDATE t SET a = b", NULL, "UPDATE t"},
	{"CREATE TABLE a PARTITION OF b FOR VALUES FROM ('secret') TO (x)",
	 "CREATE TABLE a PARTITION OF b FOR VALUES FROM (?) TO (x)", "CREATE TABLE a"},

	/* a backslash before a quote: two readings */
	{"SELECT 'a\\', b FROM t", "SELECT ?", "SELECT"},
	{"SELECT 'a\\'secret', b FROM t", "SELECT ?", "SELECT"},
	{"SELECT 'a\\\\', b FROM t", "SELECT ?, b FROM t", "SELECT t"},
	{"SELECT 'a\\b', b FROM t", "SELECT ?, b FROM t", "SELECT t"},
	{"SELECT '\\''secret', b FROM t", "SELECT ?", "SELECT"},
	{"SELECT E'a'\n 'b\\'secret', c", "SELECT ?\n ?", "SELECT"},
	{"SELECT E'a'\n 'b', c", "SELECT ?\n ?, c", "SELECT"},
	{"SELECT E'a\\\\\\'b', c", "SELECT ?, c", "SELECT"},
	{"SELECT E'\x95\\', 'secret'", "SELECT ?", "SELECT"},
	{"SELECT q'[it's secret]', a", "SELECT ?", "SELECT"},
	{"SELECT q'[secret]', a", "SELECT ?, a", "SELECT"},
	{"SELECT 1$$my secret$$, a", "SELECT ??, a", "SELECT"},
	{"secret words", NULL, ""},
	{"", NULL, ""},
};

/* MySQL's dialect */
static const struct {
	const char *sql;
	const char *text; /* NULL: as it is */
	const char *summary;
} mysql[] = {
	{"SELECT 'it\\'s', \"a\\\"b\", b FROM t", "SELECT ?, ?, b FROM t", "SELECT t"},
	{"SELECT 'a\\\\', \"it's\", 'say \"x\"' FROM t", "SELECT ?, ?, ? FROM t", "SELECT t"},
	{"SELECT 'a''b', \"a\"\"b\" FROM `t``1`.`b`", "SELECT ?, ? FROM `t``1`.`b`",
	 "SELECT `t``1`.`b`"},
	{"SELECT a # it's secret\n FROM t", "SELECT a \n FROM t", "SELECT t"},
	{"SELECT a -- it's secret\r'\n FROM t", "SELECT a \n FROM t", "SELECT t"},
	{"SELECT 5--1, a--b FROM t--", "SELECT ?-?, a--b FROM t", "SELECT t"},
	{"SELECT a /* x /* 'y */ FROM t", "SELECT a  FROM t", "SELECT t"},
	{"SELECT /*!40001 SQL_NO_CACHE */ a FROM t WHERE b = 'x'",
	 "SELECT  SQL_NO_CACHE  a FROM t WHERE b = ?", "SELECT t"},
	{"/*!40101 SET @x='secret' */;", " SET @x=? ;", "SET"},
	{"/*M!100100 SET NAMES utf8mb4*/", " SET NAMES utf8mb4", "SET"},
	{"SELECT /*!99999 it's */ 'secret'", "SELECT ?", "SELECT"},
	{"SELECT /*! '*/' secret */ a", "SELECT ?", "SELECT"},
	{"SELECT /*! a /* 'b */ c */ secret", "SELECT ?", "SELECT"},
	{"SELECT /*! a # b */ c", "SELECT ?", "SELECT"},
	{"SELECT 2*/*it's*/3, 'secret'", "SELECT ??", "SELECT"},
	{"SELECT _utf8'x', N'y', n\"y\", b'01', X'4D', 0x4D, 0b01, x\"4D\"",
	 "SELECT _utf8?, ?, ?, ?, ?, ?, ?, ?", "SELECT"},
	{"SELECT '\x95\\', b, 'secret'", "SELECT ?", "SELECT"},
	{"SELECT a FROM `t\x95`, 'secret`'", "SELECT a FROM ?", "SELECT"},
	{"SELECT $$ secret $$", "SELECT ?", "SELECT"},
	{"SELECT a$b, @v, @@global.x, @`w` FROM t$1", NULL, "SELECT t$1"},
	{"INSERT IGNORE INTO t VALUES (1, \"x\")", "INSERT IGNORE INTO t VALUES (?, ?)",
	 "INSERT t"},
	{"INSERT INTO t SET a = 'x' ON DUPLICATE KEY UPDATE a = b",
	 "INSERT INTO t SET a = ? ON DUPLICATE KEY UPDATE a = b", "INSERT t"},
	{"REPLACE INTO t VALUES (1)", "REPLACE INTO t VALUES (?)", "REPLACE t"},
	{"UPDATE LOW_PRIORITY t SET a = 1", "UPDATE LOW_PRIORITY t SET a = ?", "UPDATE t"},
	{"LOAD DATA LOCAL INFILE '/x' INTO TABLE t", "LOAD DATA LOCAL INFILE ? INTO TABLE t",
	 "LOAD t"},
	{"SELECT a INTO OUTFILE '/x' FROM t", "SELECT a INTO OUTFILE ? FROM t", "SELECT t"},
	{"SELECT a INTO @x FROM t", NULL, "SELECT t"},
	{"CREATE TABLE `t` (a INT)", NULL, "CREATE TABLE `t`"},
	{"RENAME TABLE a TO b", NULL, "RENAME TABLE a"},
	{"SET NAMES utf8", NULL, "SET"},
	{"SET PASSWORD FOR 'a'@'b' = 'secret'", "SET PASSWORD FOR ?@? = ?", "SET"},
	{"SET x = secret, y = `secret`", "SET x = ?, ? = ?", "SET"},
	{"SELECT 'secret", "SELECT ?", "SELECT"},
	{"SELECT \"secret\\\"", "SELECT ?", "SELECT"},
	{"SELECT `secret", "SELECT ?", "SELECT"},
	{"SELECT a /*! 'secret", "SELECT a ?", "SELECT"},
	{"DELETE t FROM t JOIN u ON t.a = u.a WHERE u.b IN (1, 2)",
	 "DELETE t FROM t JOIN u ON t.a = u.a WHERE u.b IN (?, ?)", "DELETE t u"},
};

static void check(const char *sql, const char *text, const char *summary, enum otr_sql_dialect as)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf out = {0};
	char got[OTR_SQL_SUMMARY_MAX];
	size_t n = otr_sql_summary_as(got, otr_slice_str(sql), as);

	otr_sql_sanitize_as(&out, otr_slice_str(sql), as);
	if (!otr_slice_eq(otr_buf_view(&out), otr_slice_str(text)) ||
	    !otr_slice_eq((struct otr_slice){got, n}, otr_slice_str(summary)))
		fail_msg("%s\n  text    %.*s\n  wanted  %s\n  summary %.*s\n"
			 "  wanted  %s",
			 sql, OTR_SLICE_ARG(out), text, (int)n, got, summary);
}

static void every_example(void **state)
{
	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++)
		check(rows[i].sql, rows[i].text ? rows[i].text : rows[i].sql, rows[i].summary,
		      OTR_SQL_ANSI);
}

static void every_trap_of_mysql(void **state)
{
	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(mysql); i++)
		check(mysql[i].sql, mysql[i].text ? mysql[i].text : mysql[i].sql, mysql[i].summary,
		      OTR_SQL_MYSQL);
	check("SELECT 'a\\', secret", "SELECT ?", "SELECT", OTR_SQL_MYSQL_UNSURE);
	check("SELECT 'it\\'s', a", "SELECT ?", "SELECT", OTR_SQL_MYSQL_UNSURE);
	check("SELECT 'a\\\\', a", "SELECT ?, a", "SELECT", OTR_SQL_MYSQL_UNSURE);
}

static void summary_is_never_cut_in_a_token(void **state)
{
	char sql[2000] = "SELECT * FROM table0";
	char got[OTR_SQL_SUMMARY_MAX];
	size_t n;

	(void)state;
	for (int i = 1; i < 100; i++)
		snprintf(sql + strlen(sql), 20, ", table%d", i);
	n = otr_sql_summary(got, otr_slice_str(sql));
	assert_in_range(n, 240, 255);
	assert_true(got[n - 1] >= '0' && got[n - 1] <= '9');
	assert_memory_equal(got, "SELECT table0 table1 ", 21);
}

static void reads_a_context(void **state)
{
	static const struct {
		const char *sql, *context;
	} in[] = {
		{"SELECT $1", ""},
		{"SELECT $1 /*traceparent='00-ab'*/", "00-ab"},
		{"SELECT $1 /*a='b',traceparent='00-ab',z='x'*/ ", "00-ab"},
		{"/* traceparent='00-ab' */ SELECT $1", "00-ab"},
		{"SELECT $1 -- traceparent='x'\nFROM t", "x"},
		{"SELECT 'traceparent=''x'' ', $1 /* y */", ""},
		{"SELECT /*traceparent='x", ""},
		{"SELECT /*traceparent='", ""},
		{"SELECT /*xtraceparent='a'*/", ""},
		{"SELECT /*traceparent='a'*//*traceparent='b'*/", ""},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(in); i++) {
		struct otr_slice got = otr_sql_context(otr_slice_str(in[i].sql));

		if (!otr_slice_eq(got, otr_slice_str(in[i].context)))
			fail_msg("%s: %.*s", in[i].sql, OTR_SLICE_ARG(got));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_example),
		cmocka_unit_test(every_trap_of_mysql),
		cmocka_unit_test(summary_is_never_cut_in_a_token),
		cmocka_unit_test(reads_a_context),
	};

	return cmocka_run_group_tests_name("sql", tests, NULL, NULL);
}
