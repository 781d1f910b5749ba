/* SPDX-License-Identifier: Apache-2.0 */
/* Its tables of words and statements stay several a line. */
/* clang-format off */
/* leak_test.c - no literal of a statement gets out; see leak.h. */

#include "agent/proto/mysql.h"
#include "agent/proto/pgsql.h"
#include "tests/unit/leak.h"
#include "tests/unit/leak_mysql.h"

/* ---- statements ---- */

/* How the server reads a backslash in '..': the same in all of a statement. */
enum reading { STANDARD, ESCAPES };

static void mark(struct otr_buf *out)
{
	otr_buf_printf(out, "SECRETVAL%u", pick(1000));
}

static void gap(struct otr_buf *out)
{
	static const char *const gaps[] = {
		" ", " ", " ", "\n", "\t", " /* SECRETVAL */ ", "/* a /* 'SECRETVAL */ */",
		" -- it's SECRETVAL\n", "  ", "/**/ ", " --\n",
	};

	otr_buf_str(out, PICK(gaps));
}

/* 'M' stands for a mark, '\1' for M, '~' for a gap with a newline. */
static const char *const strings[] = {
	"'M'", "'it''s M'", "'M''M'", "''''", "E'it\\'s M'", "E'a\\\\','M'", "e'\\\\\\'M'",
	"'a'~'M'", "E'a'~'b\\'M'", "E'a'~'M'~'b\\'M'", "E'' ~'\\'M'",
	"E'a'~/* x */'b\\'M'", "U&'\\0441 M'", "U&'d!0061 M' UESCAPE '!'", "U&'a'~'M'",
	"N'M'", "X'9876543'~'9876543'", "B'1', X'9876543'", "$$M$$",
	"$t$ it's M $$ x $t$", "$t$M$ $t$", "1$$a M$$", "$1$$a M$$", "'M'::date",
	"date 'M'", "interval 'M'", "'{\"pw\":\"M\"}'::jsonb ->> 'M'", "ARRAY['M', 'M']",
	"q'[M]'", "q'[it's M]'", "nq'{it's M}'", "Q'!it's M!'", "_utf8'M'", "E'\\x95M'",
	"9876543", "-9876543.5e-3", "+9876543", "0x9876543", ".9876543", "9876543.",
	"9_876_543", "9876543e+9876543", "0o9876543", "5-9876543", "true", "'M' || 'M'",
};

/* In ESCAPES a backslash before a quote escapes it, in STANDARD it does not. */
static const char *const of_reading[2][5] = {
	{"'\\', 'M'", "'M\\'", "'\\' || 'M\\'", "U&'\\\\\\\\' , 'M'", "'a' LIKE 'M' ESCAPE '\\'"},
	{"'a\\'M'", "'it\\'s M'", "'\\\\\\'M'", "N'a\\'M'", "'a\\'' , 'M'"},
};

static void fill(struct otr_buf *out, const char *pattern)
{
	for (; *pattern; pattern++) {
		if (*pattern == 'M')
			mark(out);
		else if (*pattern == '\1')
			otr_buf_byte(out, 'M');
		else if (*pattern == '~')
			otr_buf_str(out, pick(2) ? "\n " : " -- it's SECRETVAL\n ");
		else
			otr_buf_byte(out, *pattern);
	}
}

static void literal(struct otr_buf *out, enum reading reading)
{
	if (!pick(4))
		fill(out, PICK(of_reading[reading]));
	else
		fill(out, PICK(strings));
}

/* '%' is a literal, '#' a bare word of SET, '_' a gap. */
static const char *const statements[] = {
	"SELECT_%", "SELECT_a,_%_FROM t1 WHERE b_=_%_AND c_IN_(%,_%)", "SELECT_%,_%_FROM t1",
	"SELECT_*_FROM t1_WHERE a_IS_DISTINCT_FROM_%", "SELECT_substring(%_FROM_%)_FROM t1",
	"SELECT_trim(both_%_FROM_%)", "SELECT_*_FROM_(VALUES_(%),_(%))_v(a)",
	"SELECT_*_FROM_unnest(ARRAY[%],_ARRAY[%])", "SELECT_*_FROM_%", "SELECT * FROM a, %",
	"SELECT_*_FROM_ROWS FROM_(unnest(%))", "SELECT_*_FROM_dblink(%,_%)_AS t(a int)",
	"SELECT_*_FROM_XMLTABLE(%_PASSING_%_COLUMNS_a_text)", "SELECT_1_FROM t1_JOIN_%",
	"INSERT_INTO_t1_VALUES_(%,_%),_(%,_%)", "INSERT INTO t1 SELECT_%_FROM_t2",
	"UPDATE_t1_SET_a_=_%,_b_=_%_WHERE_c_=_%", "DELETE_FROM_t1_WHERE_a_=_%",
	"MERGE_INTO_t1_USING_(VALUES_(%))_AS_s(a)_ON_t1.a=s.a_WHEN_MATCHED_THEN_DELETE",
	"WITH_x_AS_(SELECT_%_a)_SELECT_*_FROM_x", "EXPLAIN_SELECT_%", "CALL_p(%,_%)",
	"SET_my.token_TO_#", "SET_my.token_=_#", "SET_LOCAL_my.token_TO_#,_#", "SET x = \"#\"",
	"SET_SESSION_my.token_TO_%", "SET_TIME_ZONE_#", "SET TIME ZONE %", "SET @a := #",
	"ALTER_ROLE_r_SET_my.token_TO_#", "ALTER_DATABASE_d_SET_my.token_=_#",
	"ALTER_SYSTEM_SET_my.token_=_#", "ALTER SYSTEM SET a = %", "set_config(%,_%)",
	"CREATE FUNCTION f() RETURNS text SET my.token = # AS %",
	"CREATE_TABLE_p1_PARTITION_OF_p_FOR_VALUES_FROM_(%)_TO_(%)",
	"CREATE_TABLE_p1_PARTITION_OF_p_FOR_VALUES_IN_(%,_%)",
	"ALTER_TABLE_p_ATTACH_PARTITION_p1_FOR_VALUES_FROM_(%,_MINVALUE)_TO_(%,_%)",
	"COPY_t1_FROM_STDIN_WITH_(DELIMITER_%,_NULL_%)", "COPY_t1_FROM_%", "COPY t1 TO PROGRAM %",
	"DO_%", "DO_LANGUAGE_plpgsql_%", "CREATE_USER_u_PASSWORD_%", "ALTER_ROLE_u_PASSWORD_%",
	"CREATE_USER_u_IDENTIFIED_BY_%", "SET PASSWORD = #", "GRANT_a_ON_t1_TO_u_IDENTIFIED BY_%",
	"COMMENT_ON_TABLE_t1_IS_%", "SECURITY_LABEL_ON_TABLE_t1_IS_%", "NOTIFY_c,_%",
	"PREPARE_s_AS_SELECT_%", "EXECUTE_s(%)", "PREPARE_TRANSACTION_%", "COMMIT PREPARED_%",
	"DECLARE_c_CURSOR_FOR_SELECT_%", "CREATE_TABLE_t_AS_SELECT_%_a", "VALUES_(%)",
	"ALTER_TABLE_t_ALTER_a_SET_DEFAULT_%", "ALTER_TABLE_t_ADD_CHECK_(a_<>_%)",
	"CREATE_SUBSCRIPTION_s_CONNECTION_%_PUBLICATION_p", "CREATE SERVER s OPTIONS (a %)",
	"CREATE_FUNCTION_f()_RETURNS_text_LANGUAGE_sql_AS_%", "SELECT_now()_AT_TIME_ZONE_%",
	"CREATE TYPE e AS ENUM (%, %)", "ALTER TYPE e ADD VALUE %", "LOAD %",
	"IMPORT FOREIGN SCHEMA s FROM SERVER v INTO t OPTIONS (a %)",
};

static void statement(struct otr_buf *out, enum reading reading)
{
	for (const char *p = PICK(statements); *p; p++) {
		if (*p == '%')
			literal(out, reading);
		else if (*p == '#')
			mark(out);
		else if (*p == '_')
			gap(out);
		else
			otr_buf_byte(out, *p);
	}
	if (!pick(4))
		otr_buf_str(out, " + $1");
}

static void statements_in_a_row(struct otr_buf *out)
{
	static const char *const open[] = {"'M", "E'M\\'", "$x$ M $x", "\"M", "/* M", "-- M",
					   "U&'M", "q'[M"};
	enum reading reading = (enum reading)pick(2);

	for (uint32_t n = 1 + pick(3); n; n--) {
		statement(out, reading);
		if (n > 1)
			otr_buf_str(out, pick(2) ? ";" : ";\n");
	}
	if (!pick(8)) {
		otr_buf_str(out, "; SELECT ");
		fill(out, PICK(open));
	}
}

static void message(struct otr_buf *out, char type, const struct otr_buf *body)
{
	uint32_t len = (uint32_t)body->len + 4;
	const char head[5] = {type, (char)(len >> 24), (char)(len >> 16), (char)(len >> 8),
			      (char)len};

	otr_buf_add(out, head, sizeof(head));
	otr_buf_slice(out, otr_buf_view(body));
}

/* A simple query, or Parse, Bind (a value is marked), Execute, Sync. */
static void question(struct otr_buf *out, const struct otr_buf *sql)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf body = {0};

	if (pick(2)) {
		otr_buf_slice(&body, otr_buf_view(sql));
		otr_buf_byte(&body, 0);
		message(out, 'Q', &body);
		return;
	}
	otr_buf_byte(&body, 0);
	otr_buf_slice(&body, otr_buf_view(sql));
	otr_buf_add(&body, "\0\0\0", 3);
	message(out, 'P', &body);
	otr_buf_reset(&body);
	otr_buf_add(&body, "\0\0\0\0\0\1\0\0\0\x9SECRETVAL\0\0", 21);
	message(out, 'B', &body);
	otr_buf_reset(&body);
	otr_buf_add(&body, "\0\0\0\0\0", 5);
	message(out, 'E', &body);
}

static const char failed[] = "E\0\0\0\x30SERROR\0C42601\0Mat \"SECRETVAL\"\0DSECRETVAL 1\0\0"
			     "Z\0\0\0\5I";
static const char done[] = "C\0\0\0\x0dSELECT 1\0Z\0\0\0\5I";

static struct otr_span *sql_span(const struct otr_buf *sql)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf bytes = {0};
	struct otr_pgsql *pg = calloc(1, sizeof(*pg));
	struct otr_msg req = {0}, rsp = {0};
	struct otr_span *sp;

	question(&bytes, sql);
	parse_all(&otr_pgsql, pg, OTR_DIR_OUT, otr_buf_view(&bytes), &req);
	parse_all(&otr_pgsql, pg, OTR_DIR_IN,
		  pick(2) ? (struct otr_slice){failed, sizeof(failed) - 1}
			  : (struct otr_slice){done, sizeof(done) - 1},
		  &rsp);
	sp = span_of(&otr_pgsql, OTR_ROLE_CLIENT, &req, &rsp);
	free(pg);
	return sp;
}

static void no_literal_of_a_statement_leaves(void **state)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf sql = {0}, out = {0};
	uint64_t seed = number_of("SEED", 1), last = seed + number_of("RUNS", RUNS);

	(void)state;
	for (; seed < last; seed++) {
		struct otr_span *sp;

		random_state = seed * 0x9e3779b97f4a7c15ULL;
		otr_buf_reset(&sql);
		statements_in_a_row(&sql);
		sp = sql_span(&sql);
		assert_true(otr_span_string(sp, OTR_KEY_DB_QUERY_TEXT).len > 0);
		if (leaks(sp, &out))
			fail_msg("SEED=%llu RUNS=1: %.*s\nshows %.*s",
				 (unsigned long long)seed, OTR_SLICE_ARG(sql),
				 OTR_SLICE_ARG(out));
		otr_span_unref(&sp);
	}
}

/* ---- statements of MySQL ---- */

static void mysql_statement(struct otr_buf *out, enum reading reading)
{
	static const char *const gaps[] = {" ", "\n", " /* it's SECRETVAL */ ", " -- it's SECRETVAL\n",
					   " # \"SECRETVAL\n", "/* a /* 'SECRETVAL */ ", " --\n", " /*! */ "};

	for (const char *p = PICK(mysql_statements); *p; p++) {
		if (*p == '%')
			fill(out, pick(4) ? PICK(mysql_strings) : PICK(mysql_of_reading[reading]));
		else if (*p == '#')
			mark(out);
		else if (*p == '_')
			otr_buf_str(out, pick(3) ? " " : PICK(gaps));
		else
			otr_buf_byte(out, *p);
	}
}

static void mysql_text(struct otr_buf *out, enum reading reading)
{
	static const char *const open[] = {"'M", "\"M", "`M", "/* M", "# M", "-- M", "/*! 'M", "'M\\'"};

	for (uint32_t n = 1 + pick(3); n; n--) {
		mysql_statement(out, reading);
		if (n > 1)
			otr_buf_str(out, pick(2) ? ";" : ";\n");
	}
	if (!pick(8)) {
		otr_buf_str(out, "; SELECT ");
		fill(out, PICK(open));
	}
}

static void packet(struct otr_buf *out, char seq, const void *body, size_t len)
{
	const char head[4] = {(char)len, (char)(len >> 8), (char)(len >> 16), seq};

	otr_buf_add(out, head, sizeof(head));
	otr_buf_add(out, body, len);
}

#define PACKET(out, seq, text) packet(out, seq, text, sizeof(text) - 1)

/* Asks by COM_QUERY or by COM_STMT_PREPARE and COM_STMT_EXECUTE. */
static void mysql_requests(struct otr_buf *out, const struct otr_buf *sql)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf body = {0};

	otr_buf_byte(&body, pick(2) ? 0x03 : 0x16);
	otr_buf_slice(&body, otr_buf_view(sql));
	packet(out, 0, body.data, body.len);
	if (body.data[0] == 0x16)
		PACKET(out, 0, "\x17\xff\xff\xff\xff\0\1\0\0\0\0\1\xfe\0\x09SECRETVAL");
}

static struct otr_span *mysql_span(const struct otr_buf *sql, enum reading reading)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf bytes = {0};
	OTR_AUTO(otr_buf_fini) struct otr_buf asked = {0};
	struct otr_mysql *my = calloc(1, sizeof(*my));
	struct otr_msg req = {0}, rsp = {.kind = OTR_MSG_RESPONSE};
	struct otr_span *sp;

	PACKET(&bytes, 0, mysql_greeting);
	parse_all(&otr_mysql, my, OTR_DIR_IN, otr_buf_view(&bytes), &req);
	otr_buf_reset(&bytes);
	PACKET(&bytes, 1, mysql_login);
	parse_all(&otr_mysql, my, OTR_DIR_OUT, otr_buf_view(&bytes), &req);
	otr_buf_reset(&bytes);
	PACKET(&bytes, 2, "\0\0\0\2\0\0\0");
	if (reading == STANDARD)
		bytes.data[bytes.len - 3] = 2; /* NO_BACKSLASH_ESCAPES */
	parse_all(&otr_mysql, my, OTR_DIR_IN, otr_buf_view(&bytes), &req);
	mysql_requests(&asked, sql);
	parse_all(&otr_mysql, my, OTR_DIR_OUT, otr_buf_view(&asked), &req);
	otr_buf_reset(&bytes);
	PACKET(&bytes, 1, mysql_failed);
	if (pick(2))
		parse_all(&otr_mysql, my, OTR_DIR_IN, otr_buf_view(&bytes), &rsp);
	sp = span_of(&otr_mysql, OTR_ROLE_CLIENT, &req, &rsp);
	free(my);
	return sp;
}

static void no_literal_of_mysql_leaves(void **state)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf sql = {0}, out = {0};
	uint64_t seed = number_of("SEED", 1), last = seed + number_of("RUNS", RUNS);

	(void)state;
	for (; seed < last; seed++) {
		enum reading reading = (enum reading)(seed & 1);
		struct otr_span *sp;

		random_state = seed * 0x9e3779b97f4a7c15ULL;
		otr_buf_reset(&sql);
		mysql_text(&sql, reading);
		sp = mysql_span(&sql, reading);
		assert_true(otr_slice_eq(otr_span_string(sp, OTR_KEY_DB_SYSTEM_NAME),
					 OTR_SLICE("mariadb")));
		if (leaks(sp, &out))
			fail_msg("SEED=%llu RUNS=1: %.*s\nshows %.*s",
				 (unsigned long long)seed, OTR_SLICE_ARG(sql),
				 OTR_SLICE_ARG(out));
		otr_span_unref(&sp);
	}
}

/* The test itself: a mark that is put into each output is found. */
static void a_planted_leak_is_found(void **state)
{
	static struct otr_resource res = {.refs = 1, .service = {"shop", 4}};
	OTR_AUTO(otr_buf_fini) struct otr_buf out = {0};

	(void)state;
	for (int place = 0; place < 6; place++) {
		OTR_AUTO(otr_sb_fini) struct otr_span_builder sb = {0};
		struct otr_slice planted = OTR_SLICE("a SECRETVAL1 b");
		struct otr_span *sp;

		otr_sb_reset(&sb);
		sb.span.resource = &res;
		sb.span.trace_id[0] = sb.span.span_id[0] = 1;
		sb.span.scope = "otrace/test";
		otr_sb_name(&sb, place == 1 ? planted : OTR_SLICE("SELECT t"));
		if (place == 2)
			otr_sb_status(&sb, planted);
		if (place == 3)
			otr_sb_string(&sb, OTR_KEY_DB_QUERY_TEXT, planted);
		if (place == 4)
			otr_sb_string(&sb, OTR_KEY_OTRACE_ROUTE, OTR_SLICE("/x/9876543"));
		if (place == 5)
			otr_sb_custom(&sb, OTR_SLICE("x"), planted);
		sp = otr_sb_finish(&sb);
		assert_int_equal(leaks(sp, &out), place > 0);
		otr_span_unref(&sp);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_planted_leak_is_found),
		cmocka_unit_test(no_literal_of_a_statement_leaves),
		cmocka_unit_test(no_literal_of_mysql_leaves),
	};
	int rc;

	setenv("LC_ALL", "C.UTF-8", 1);
	if (otr_proto_memory_init(&memory))
		return 1;
	rc = cmocka_run_group_tests_name("leak", tests, NULL, NULL);
	otr_proto_memory_fini(&memory);
	return rc;
}
