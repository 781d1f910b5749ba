/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
#ifndef OTR_LEAK_MYSQL_H
#define OTR_LEAK_MYSQL_H

/* leak_mysql.h - MySQL's statements, literals and packets for leak_test.c. 'M' stands for a mark, '\1' for
 * the letter M, '%' for a literal, '#' for a bare word of SET, '_' for a gap. */

static const char *const mysql_strings[] = {
	"'M'", "\"M\"", "'it''s M'", "\"say \"\"M\"\"\"", "'it\"s M'", "\"it's M\"", "'M' 'M'", "\"M\"'M'",
	"_utf8'M'", "_utf8mb4\"M\"", "_latin1 'M'", "N'M'", "n\"M\"", "X'9876543'", "x\"9876543\"", "b'1', 'M'",
	"0x9876543", "0b1, 'M'", "9876543", "-9876543.5e-3", "5--9876543", "9876543e+9876543", ".9876543",
	"'a\\\\', 'M'", "'\\\\\\\\' , \"M\"", "'a\\n M'", "'\\x95\x95\\', 'M'", "'\x95\\\\', 'M'",
	"`n\x95`, 'M'", "x\x95`, 'M`'", "{d 'M'}", "DATE'M'", "'M' COLLATE utf8_bin", "a->'$.M'", "a->>\"$.M\"",
	"a AGAINST ('M' IN BOOLEAN)", "a RLIKE 'M'", "2*/*it's M*/'M'", "2*/*/ 'M*/ 'M'",
	"/*! 'M' */", "/*!99999 it's M */ 'M'", "/*!50000 '*/' M */", "/*\1!100100 \"M\" */", "/*! a /* 'M */ M */",
	"/*!50001 # it's M */\n'M'", "/*!999999 `*/'M`'*/", "/*!9876543 'M'*/", "$$ M $$", "$t$ it's M $t$", "$t$, 'a $t$ M'",
	"'a' # it's M\n, 'M'", "'a' -- it's M\n, 'M'", "'a' --'M'", "'a' -- it's M\r'M'\n, 'M'", "\"a\" #\"M\n, \"M\"",
	"'a\\'', 'M'", "\\N, 'M'", "@'v', 'M'", "@`v`, \"M\"", "true, 'M'", "1'M'", "a'M'", "'*/', 'M'", "'/*', 'M', '*/'",
};

/* In ESCAPES a backslash before a quote escapes it; in STANDARD, with NO_BACKSLASH_ESCAPES, not. */
static const char *const mysql_of_reading[2][5] = {
	{"'\\', 'M'", "'M\\'", "'\\' || 'M\\'", "\"\\\", 'M'", "'a' LIKE 'M' ESCAPE '\\'"},
	{"'a\\'M'", "'it\\'s M'", "\"a\\\"M\"", "N'a\\'M'", "'a\\'' , 'M'"},
};

static const char *const mysql_statements[] = {
	"SELECT_%", "SELECT_a,_%_FROM t1 WHERE b_=_%_AND c_IN_(%,_%)", "SELECT_%,_%_FROM `t1`",
	"INSERT_INTO_t1_VALUES_(%,_%),_(%,_%)", "INSERT IGNORE t1 SET a = %, b = %",
	"REPLACE_INTO_t1_VALUES_(%)", "INSERT INTO t1 VALUES (%) ON DUPLICATE KEY UPDATE a = %",
	"UPDATE_LOW_PRIORITY t1_SET_a_=_%,_b_=_%_WHERE_c_=_%_LIMIT_%", "DELETE_FROM_t1_WHERE_a_=_%",
	"LOAD DATA LOCAL INFILE % INTO TABLE t1 FIELDS TERMINATED BY % (a) SET b = %",
	"SELECT_%_INTO OUTFILE %_FROM t1", "SELECT % INTO @v", "SET @a := %, @b = #", "SET x = #, y = %",
	"SET SESSION x = #", "SET @@global.x = %", "SET NAMES % COLLATE %", "SET PASSWORD = %",
	"SET PASSWORD FOR %@% = PASSWORD(%)", "CREATE USER %@% IDENTIFIED BY %", "GRANT ALL ON a.* TO u@h IDENTIFIED BY %",
	"ALTER USER u IDENTIFIED WITH x AS %", "CHANGE MASTER TO MASTER_PASSWORD = %, MASTER_PORT = %",
	"CREATE TABLE t (a ENUM (%, %) DEFAULT % COMMENT %)", "ALTER TABLE t COMMENT = %", "KILL %",
	"CREATE TABLE t (a INT) PARTITION BY LIST (a) (PARTITION p VALUES IN (%, %))", "CALL_p(%,_%)",
	"PREPARE s FROM %", "EXECUTE s USING @a", "SELECT_*_FROM_%", "SELECT * FROM a, %", "SHOW TABLES LIKE %",
	"SIGNAL SQLSTATE % SET MESSAGE_TEXT = %", "DO SLEEP(%)", "HANDLER t READ i = (%)", "XA START %",
	"CREATE EVENT e ON SCHEDULE AT % DO SELECT %", "WITH_x_AS_(SELECT_%_a)_SELECT_*_FROM_x", "LOCK TABLES t READ",
	"CREATE PROCEDURE p() BEGIN DECLARE x INT DEFAULT %; SELECT %; END", "EXPLAIN_SELECT_%", "PURGE BINARY LOGS TO %",
};

static const char mysql_greeting[] =
	"\x0a" "10.11.6-MariaDB\0\1\0\0\0SECRETVA\0\xff\xf7\x21\2\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0"
	"SECRETVALabc\0mysql_native_password\0";
static const char mysql_login[] =
	"\x08\x82\x20\0\0\0\0\1\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	"SECRETVAL1\0\x0aSECRETVAL2shop\0mysql_native_password\0";
static const char mysql_failed[] = "\xff\x28\x04#42000near 'SECRETVAL' and 9876543";

#endif /* OTR_LEAK_MYSQL_H */
