/* SPDX-License-Identifier: Apache-2.0 */
/* Its tables of words and statements stay several a line. */
/* clang-format off */
/*
 * leak_test.c - no literal of a statement or secret of a request gets out.
 *
 * Statements and requests come from a seeded grammar, and every literal in them holds a mark. No output
 * of their spans may hold a mark: name, attributes, status, OTLP, and the console's text in each format
 * (a replay prints the same). SEED=n repeats one run, RUNS=n says how many are made.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/proto/http1.h"
#include "agent/proto/mysql.h"
#include "agent/proto/pgsql.h"
#include "agent/resource/resource.h"
#include "agent/config/settings.h"
#include "agent/console/console.h"
#include "agent/proto/memory.h"
#include "agent/proto/side.h"
#include "agent/span/span_builder.h"
#include "exporters/otlp_json.h"
#include "tests/unit/leak_mysql.h"

#define RUNS 4000

/* Each literal holds one of these, in upper or lower case, as words or digits. */
static const char *const marks[] = {"SECRETVAL", "9876543", "9_876_543"};

static uint64_t random_state;

static uint32_t pick(uint32_t n)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random_state >> 33) % n;
}

#define PICK(list) ((list)[pick(OTR_ARRAY_SIZE(list))])

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static bool has_mark(struct otr_slice s)
{
	for (size_t i = 0; i < OTR_ARRAY_SIZE(marks); i++)
		if (s.len && memmem(s.data, s.len, marks[i], strlen(marks[i])))
			return true;
	return false;
}

/* Appends what the console writes of one span. */
static void console_text(struct otr_buf *out, struct otr_span *sp, int format)
{
	struct otr_settings cfg = {.rows = 30, .print_rate = 10, .format = format,
				   .verbose = true};
	int fd = memfd_create("console", 0);
	struct otr_console_config console = {.cfg = &cfg, .fd = fd, .width = 4000};
	struct otr_console *con = NULL;
	char text[65536];
	ssize_t n;

	assert_int_equal(otr_console_new(&con, &console), 0);
	otr_console_span(con, sp);
	otr_console_trace(con, sp->trace_id, OTR_TRACE_KEPT);
	otr_console_open(con, sp, NULL);
	otr_console_free(&con);
	n = pread(fd, text, sizeof(text), 0);
	otr_buf_add(out, text, n > 0 ? (size_t)n : 0);
	close(fd);
}

/* Appends all outputs of a span. */
static void outputs(struct otr_buf *out, struct otr_span *sp)
{
	const struct otr_span *one = sp;
	const struct otr_attr *at;

	otr_buf_slice(out, sp->name);
	otr_buf_byte(out, '\n');
	otr_buf_slice(out, sp->status_text);
	for (size_t i = 0; (at = otr_span_attr(sp, i)); i++)
		if (at->type == OTR_ATTR_STRING) {
			otr_buf_str(out, "\n");
			otr_buf_slice(out, at->string);
		}
	otr_buf_byte(out, '\n');
	assert_int_equal(otr_otlp_json_line(out, &one, 1), 0);
	for (int format = OTR_FORMAT_TEXT; format <= OTR_FORMAT_JSONL; format++)
		console_text(out, sp, format);
}

static bool leaks(struct otr_span *sp, struct otr_buf *out)
{
	otr_buf_reset(out);
	outputs(out, sp);
	return has_mark(otr_buf_view(out));
}

static struct otr_proto_memory memory;

static struct otr_span *span_of(const struct otr_proto_ops *proto, enum otr_role role,
				const struct otr_msg *req, const struct otr_msg *rsp)
{
	static const struct otr_ev_conn conn = {
		.local = {.family = AF_INET, .port = 8080, .ip = {10, 0, 0, 1}},
		.remote = {.family = AF_INET, .port = 5432, .ip = {10, 0, 0, 2}},
	};
	static struct otr_resource res = {.refs = 1, .service = {"shop", 4}};
	OTR_AUTO(otr_sb_fini) struct otr_span_builder sb = {0};
	const struct otr_side side = {
		.conn = &conn, .role = role, .proto = proto, .resource = &res,
		.service = res.service, .memory = &memory};

	otr_sb_reset(&sb);
	sb.span.resource = &res;
	sb.span.trace_id[0] = sb.span.span_id[0] = 1;
	sb.span.end_ns = 1000000;
	sb.span.scope = proto->scope;
	assert_int_equal(proto->describe(&side, req, rsp, &sb), 0);
	return otr_sb_finish(&sb);
}

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

/* Parses all of `in`; the last message is in *msg. */
static void parse_all(const struct otr_proto_ops *proto, void *state, enum otr_dir dir,
		      struct otr_slice in, struct otr_msg *msg)
{
	struct otr_msg one;
	uint64_t used;

	while (in.len) {
		memset(&one, 0, sizeof(one));
		switch (proto->parse(state, dir, in, 0, &used, &one)) {
		case OTR_PARSE_MSG:
			*msg = one;
			break;
		case OTR_PARSE_SKIP:
			break;
		default:
			fail_msg("not parsed: %.*s", OTR_SLICE_ARG(in));
		}
		in = otr_slice_sub(in, (size_t)used, in.len);
	}
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

/* ---- requests ---- */

static const char *const keys[] = {
	"key", "jwt", "auth", "sid", "otp", "accessToken", "private_token", "credential",
	"code", "code_verifier", "SAMLResponse", "x-api-key", "user[password]", "token[]",
	"token", "ACCESS_TOKEN", "X-Amz-Signature", "AWSAccessKeyId", "Signature", "sig",
	"session", "sessionid", "client_secret", "passwd", "pwd", "id_token", "state", "",
	"\uff54\uff4f\uff4b\uff45\uff4e", "\uff30assword", "t\u043eken", "\u043f\u0430\u0440\u043e\u043b\u044c", "\u5bc6\u7801",
	"contrase\u00f1a", "Mot-de-passe",
};

#define FIRST_WITHOUT_A_KEY 27

/* Appends a word that announces a secret, and the secret, in one value. */
static void announced(struct otr_buf *out)
{
	static const char *const words[] = {"token", "my password is", "Secret", "\uff54oken", "api key 1"};
	static const char *const gaps[] = {" ", "+", "%20", "%2520", "%3D", ": ", ",", "%E3%80%80"};
	const char *word = PICK(words);

	otr_buf_str(out, "q=");
	for (; *word; word++)
		otr_buf_byte(out, *word == ' ' ? '+' : *word);
	for (word = PICK(gaps); *word; word++)
		otr_buf_str(out, *word == ' ' ? "%20" : (char[]){*word, 0});
	otr_buf_str(out, "SECRETVAL1");
}

static void escaped(struct otr_buf *out, char c, int rounds)
{
	otr_buf_str(out, "%");
	for (; rounds > 1; rounds--)
		otr_buf_str(out, "25");
	otr_buf_printf(out, "%02X", (unsigned char)c);
}

/* Appends a text of which some characters, or all signs, are percent-encoded. */
static void encoded(struct otr_buf *out, const char *text, bool signs, uint32_t odds)
{
	int rounds = 1 + (int)pick(2);

	for (; *text; text++)
		if ((signs && strchr(":/?#[]@&=%;", *text)) || (odds && !pick(odds)))
			escaped(out, *text, rounds);
		else
			otr_buf_byte(out, *text);
}

/* Writes a token with a mark: a value whose key says nothing must have the shape of a token. */
static void token(char *out, size_t size)
{
	static const char *const shapes[] = {
		"eyJhbGciOiJIUzI1NiJ9.SECRETVAL!!.c2VjcmV0c2lnbmF0dXJl",
		"a1b2c3d4e5f6a1b2c3d4e5f9876543f6a1b2c!!", "ghp_SECRETVAL!!abcdef",
		"q3Z9f1K7x2T5b8W4m6N-SECRETVAL!!c0R", "xoxb-9876543-!!-SECRETVAL",
	};

	snprintf(out, size, "%s", PICK(shapes));
	for (; *out; out++)
		*out = *out == '!' ? (char)('0' + pick(10)) : *out;
}

static void pair(struct otr_buf *out, const char *key, bool plain)
{
	encoded(out, key, false, plain ? 0 : 4);
	otr_buf_str(out, "=SECRETVAL1");
}

static void query(struct otr_buf *out)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf inner = {0};
	char text[128];

	token(text, sizeof(text));
	switch (pick(7)) {
	case 6:
		announced(out);
		break;
	case 0:
		otr_buf_printf(out, "q=%s", text);
		break;
	case 1:
		encoded(out, text, true, 3);
		break;
	case 2:
		otr_buf_str(out, "next=");
		encoded(out, "http://me:SECRETVAL@h.example/x", pick(2), 0);
		break;
	case 3:
		otr_buf_str(&inner, "http://h.example/x?a=1&");
		pair(&inner, keys[pick(FIRST_WITHOUT_A_KEY)], true);
		otr_buf_byte(&inner, 0);
		otr_buf_str(out, "next=");
		encoded(out, inner.data, true, 0);
		break;
	default:
		pair(out, PICK(keys), pick(2));
	}
}

static void segment(struct otr_buf *out)
{
	char text[128];

	token(text, sizeof(text));
	switch (pick(6)) {
	case 0:
		otr_buf_printf(out, "/%s", text);
		break;
	case 1:
		otr_buf_byte(out, '/');
		encoded(out, text, true, 4);
		break;
	case 2:
		otr_buf_printf(out, "/bot123456:AA%s", text);
		break;
	case 3:
		otr_buf_str(out, "/a;jsessionid=SECRETVAL");
		break;
	case 4:
		otr_buf_str(out, "//me:SECRETVAL@h");
		break;
	default:
		otr_buf_str(out, "/users");
	}
}

static void request(struct otr_buf *out)
{
	char text[128];

	otr_buf_str(out, "GET ");
	if (!pick(4))
		otr_buf_str(out, "http://me:SECRETVAL@h.example");
	for (uint32_t n = 1 + pick(3); n; n--)
		segment(out);
	for (uint32_t i = 0, n = pick(4); i < n; i++) {
		otr_buf_byte(out, i ? "&;"[pick(2)] : '?');
		query(out);
	}
	token(text, sizeof(text));
	otr_buf_printf(out, "%s HTTP/1.1\r\nHost: me:SECRETVAL@h.example\r\n"
			    "User-Agent: x/1 (token=SECRETVAL; %s)\r\n"
			    "Authorization: Bearer SECRETVAL\r\nCookie: a=SECRETVAL\r\n\r\n",
		       pick(4) ? "" : "#access_token=SECRETVAL", text);
}

static void no_secret_of_a_request_leaves(void **state)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0}, out = {0};
	uint64_t seed = number_of("SEED", 1), last = seed + number_of("RUNS", RUNS);

	(void)state;
	for (; seed < last; seed++) {
		enum otr_role role = seed & 1 ? OTR_ROLE_CLIENT : OTR_ROLE_SERVER;
		struct otr_msg req = {0}, rsp = {.kind = OTR_MSG_RESPONSE, .status = 200};
		struct otr_http1 http = {0};
		struct otr_span *sp;

		random_state = seed * 0x9e3779b97f4a7c15ULL;
		otr_buf_reset(&text);
		request(&text);
		parse_all(&otr_http1, &http,
			  role == OTR_ROLE_CLIENT ? OTR_DIR_OUT : OTR_DIR_IN,
			  otr_buf_view(&text), &req);
		sp = span_of(&otr_http1, role, &req, &rsp);
		if (leaks(sp, &out))
			fail_msg("SEED=%llu RUNS=1: %.*s\nshows %.*s",
				 (unsigned long long)seed, OTR_SLICE_ARG(text),
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
		cmocka_unit_test(no_secret_of_a_request_leaves),
	};
	int rc;

	setenv("LC_ALL", "C.UTF-8", 1);
	if (otr_proto_memory_init(&memory))
		return 1;
	rc = cmocka_run_group_tests_name("leak", tests, NULL, NULL);
	otr_proto_memory_fini(&memory);
	return rc;
}
