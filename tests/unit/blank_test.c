/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blank_test.c - logins of PostgreSQL and MySQL, cut into records in every way, leave no
 * secret in a recording; other bytes are unchanged.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/own.h"
#include "agent/proto/blank.h"
#include "bpf/event.h"

union slot {
	struct otr_ev_data data;
	struct otr_ev_run run;
	char bytes[sizeof(struct otr_ev_data) + 512];
};

/* The NUL that ends the literal ends the packet. */
static const char startup[] = "\0\0\0\x12\0\3\0\0user\0joe\0";
static const char password[] = "p\0\0\0\x0dSECRETpw\0";
static const char query[] = "Q\0\0\0\x0dSELECT 1";
static const char server[] = "R\0\0\0\x0c\0\0\0\5SALT"
			     "R\0\0\0\x14\0\0\0\x0bSECRETsasl12"
			     "R\0\0\0\x08\0\0\0\0"
			     "K\0\0\0\x0c"
			     "1234SECR"
			     "Z\0\0\0\5I"
			     "D\0\0\0\x0f"
			     "\0\1\0\0\0\5hello";

static void make(union slot *s, enum otr_dir dir, uint64_t pos, const char *data, uint32_t len)
{
	memset(s, 0, sizeof(*s));
	s->data.hdr.kind = OTR_EV_DATA;
	s->data.hdr.conn = 7;
	s->data.pos = pos;
	s->data.dir = (__u8)dir;
	s->data.first = 1;
	s->data.moved = s->data.cap = len;
	memcpy(s->data.data, data, len);
}

static struct otr_blanks *begin(void)
{
	struct otr_blanks *blanks;

	assert_int_equal(otr_blanks_new(&blanks), 0);
	return blanks;
}

static void give(struct otr_blanks *blanks, union slot *s)
{
	const struct otr_event *out;

	s->data.hdr.size = s->data.hdr.kind == OTR_EV_DATA ? sizeof(*s) : sizeof(struct otr_ev_run);
	out = otr_blanks_apply(blanks, &s->data.hdr);
	if (out != &s->data.hdr)
		memcpy(s, out, s->data.hdr.size);
}

/* Gives `data` in records of `step` bytes; joins what is left of it. */
static void in_pieces(struct otr_blanks *blanks, enum otr_dir dir, uint64_t pos, const char *data,
		      uint32_t len, uint32_t step, char *left)
{
	union slot s;
	uint32_t n;

	for (uint32_t i = 0; i < len; i += n) {
		n = len - i < step ? len - i : step;
		make(&s, dir, pos + i, data + i, n);
		give(blanks, &s);
		memcpy(left + i, s.data.data, n);
	}
}

static bool has(const char *in, size_t len, const char *what)
{
	return memmem(in, len, what, strlen(what));
}

static void every_cut(void **state)
{
	const uint32_t at = sizeof(startup);
	char left[256];
	union slot s;

	(void)state;
	for (uint32_t step = 1; step < 80; step++) {
		OTR_AUTO(otr_blanks_free) struct otr_blanks *blanks = begin();
		uint32_t n = sizeof(password) - 1, m = sizeof(server) - 1;

		make(&s, OTR_DIR_OUT, 0, startup, at);
		give(blanks, &s);
		assert_memory_equal(s.data.data, startup, at);
		in_pieces(blanks, OTR_DIR_OUT, at, password, n, step, left);
		assert_memory_equal(left, "p\0\0\0\x0d\0\0\0\0\0\0\0\0\0\0", n);
		in_pieces(blanks, OTR_DIR_IN, 1, server, m, step, left);
		assert_false(has(left, m, "SALT") || has(left, m, "SECR"));
		assert_true(has(left, m, "hello")); /* the login is over */
		in_pieces(blanks, OTR_DIR_OUT, at + n, query, sizeof(query), step, left);
		assert_memory_equal(left, query, sizeof(query));
	}
}

static void a_beginning_not_seen(void **state)
{
	OTR_AUTO(otr_blanks_free) struct otr_blanks *blanks = begin();
	union slot s;

	(void)state;
	make(&s, OTR_DIR_OUT, 9, password, sizeof(password) - 1);
	give(blanks, &s);
	assert_false(has(s.bytes, sizeof(s), "SECRET"));
	make(&s, OTR_DIR_IN, 9, server, 13);
	give(blanks, &s);
	assert_false(has(s.bytes, sizeof(s), "SALT"));
	make(&s, OTR_DIR_OUT, 0,
	     "\0\0\0\x10\4\xd2\x16\x2e"
	     "1234KEY!",
	     16);
	give(blanks, &s);
	assert_false(has(s.bytes, sizeof(s), "KEY!"));
	make(&s, OTR_DIR_OUT, 9, "plain text that begins with a p", 31);
	give(blanks, &s);
	assert_true(has(s.bytes, sizeof(s), "plain text that begins with a p"));
}

static void tail_of_a_run(struct otr_blanks *blanks, uint64_t bytes, bool blank)
{
	union slot s = {.run = {.hdr = {.kind = OTR_EV_RUN, .conn = 7},
				.pos = 0,
				.bytes = bytes,
				.dir = OTR_DIR_OUT,
				.tail = {'S', 'E', 'C', 'R', 'E', 'T', 'p', 'w'}}};

	give(blanks, &s);
	assert_int_equal(has(s.bytes, sizeof(s.run), "SECRETpw"), !blank);
}

static void tails_of_runs(void **state)
{
	const uint32_t at = sizeof(startup), n = sizeof(password) - 1;
	OTR_AUTO(otr_blanks_free) struct otr_blanks *blanks = begin();
	char left[64];

	(void)state;
	tail_of_a_run(blanks, at + n, false);
	in_pieces(blanks, OTR_DIR_OUT, 0, startup, at, at, left);
	in_pieces(blanks, OTR_DIR_OUT, at, password, n, n, left);
	tail_of_a_run(blanks, at + n, true);
	tail_of_a_run(blanks, at + n + 100, false);
}

#define GREETING                                                                     \
	"\x4a\0\0\0\x0a"                                                             \
	"8.0.36\0\1\0\0\0SECRSALT\0\xff\xff\x21\2\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0" \
	"SECRETSALT12\0mysql_native_password\0"
#define LOGIN                                                                                \
	"\x49\0\0\1\x08\x82\x20\0\0\0\0\1\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
	"joe\0\x14"                                                                          \
	"SECRETSECRETSECRETSEshop\0SECRET_attr"
#define SWITCH "\x0c\0\0\2\xfeSECRETsalt!\x0a\0\0\3SECRETpw12\7\0\0\4\0\0\0\2\0\0\0"
#define CHANGE           \
	"\x20\0\0\0\x11" \
	"joe\0\x14"      \
	"SECRETSECRETSECRETSEother\0"
#define ASK "\x09\0\0\0\3SELECT 1"

/* The server greets, the client logs in, both agree on another way, the client asks, and changes
 * the user; the client's packet of SWITCH is the middle one. */
static void mysql_cuts(void **state)
{
	static const char greeting[] = GREETING, login[] = LOGIN ASK CHANGE, way[] = SWITCH;
	const uint32_t n_greeting = sizeof(greeting) - 1, n_login = sizeof(LOGIN) - 1;
	char left[512];

	(void)state;
	for (uint32_t step = 4; step < 80; step++) {
		OTR_AUTO(otr_blanks_free) struct otr_blanks *blanks = begin();
		uint64_t out = n_login;

		in_pieces(blanks, OTR_DIR_IN, 0, greeting, n_greeting, step, left);
		assert_false(has(left, n_greeting, "SALT"));
		assert_true(has(left, n_greeting, "8.0.36"));
		in_pieces(blanks, OTR_DIR_OUT, 0, login, n_login, step, left);
		assert_false(has(left, n_login, "SECR"));
		assert_true(has(left, n_login, "joe") && has(left, n_login, "shop"));
		in_pieces(blanks, OTR_DIR_IN, n_greeting, way, 16, step, left);
		assert_memory_equal(left, "\x0c\0\0\2\xfe\0\0\0\0", 9);
		in_pieces(blanks, OTR_DIR_OUT, out, way + 16, 14, step, left);
		assert_memory_equal(left, "\x0a\0\0\3\0\0\0\0\0\0\0\0\0\0", 14);
		in_pieces(blanks, OTR_DIR_IN, n_greeting + 16, way + 30, 11, step, left);
		assert_memory_equal(left, way + 30, 11);
		out += 14;
		in_pieces(blanks, OTR_DIR_OUT, out, login + n_login, sizeof(login) - n_login, step,
			  left);
		assert_true(has(left, sizeof(login) - n_login, "SELECT 1"));
		assert_false(has(left, sizeof(login) - n_login, "SECRET"));
		assert_true(has(left, sizeof(login) - n_login, "other"));
	}
}

/* Bytes that begin as a greeting could, and are none, stay as they are. */
static void not_mysql(void **state)
{
	static const char bytes[] =
		"\x30\0\0\0\x09 no greeting, with a NUL \0 and a SECRET behind it";
	OTR_AUTO(otr_blanks_free) struct otr_blanks *blanks = begin();
	char left[128];

	(void)state;
	in_pieces(blanks, OTR_DIR_IN, 0, bytes, sizeof(bytes), 4, left);
	assert_memory_equal(left, bytes, sizeof(bytes));
}

/* More connections than there are rows log in and close. */
static void short_connections(struct otr_blanks *blanks, enum otr_dir dir, const char *data,
			      uint32_t len)
{
	union slot s;

	for (uint64_t conn = 1000; conn < 1200; conn++) {
		make(&s, dir, 0, data, len);
		s.data.hdr.conn = conn;
		give(blanks, &s);
		memset(&s, 0, sizeof(s));
		s.data.hdr.kind = OTR_EV_CONN_CLOSE;
		s.data.hdr.conn = conn;
		give(blanks, &s);
	}
}

/* The rows of closed connections are used again before that of a login that goes on. */
static void short_connections_of_postgres(void **state)
{
	OTR_AUTO(otr_blanks_free) struct otr_blanks *blanks = begin();
	const uint32_t at = sizeof(startup), n = sizeof(password) - 1, m = sizeof(server) - 1;
	char left[256];

	(void)state;
	in_pieces(blanks, OTR_DIR_OUT, 0, startup, at, at, left);
	short_connections(blanks, OTR_DIR_OUT, startup, at);
	in_pieces(blanks, OTR_DIR_OUT, at, password, n, 4, left);
	assert_memory_equal(left, "p\0\0\0\x0d\0\0\0\0\0\0\0\0\0\0", n);
	in_pieces(blanks, OTR_DIR_IN, 0, server, m, 4, left);
	assert_false(has(left, m, "SALT") || has(left, m, "SECR"));
}

static void short_connections_of_mysql(void **state)
{
	static const char greeting[] = GREETING, login[] = LOGIN;
	OTR_AUTO(otr_blanks_free) struct otr_blanks *blanks = begin();
	const uint32_t n = sizeof(greeting) - 1, m = sizeof(login) - 1;
	char left[512];

	(void)state;
	in_pieces(blanks, OTR_DIR_IN, 0, greeting, n, n, left);
	short_connections(blanks, OTR_DIR_IN, greeting, n);
	in_pieces(blanks, OTR_DIR_OUT, 0, login, m, 4, left);
	assert_false(has(left, m, "SECR"));
	assert_true(has(left, m, "joe") && has(left, m, "shop"));
}

/* Where all connections stay open, the oldest row is used again, not the newest. */
static void too_many_connections(void **state)
{
	OTR_AUTO(otr_blanks_free) struct otr_blanks *blanks = begin();
	const uint32_t at = sizeof(startup), n = sizeof(password) - 1;
	union slot s;

	(void)state;
	for (uint64_t conn = 1000; conn < 1200; conn++) {
		make(&s, OTR_DIR_OUT, 0, startup, at);
		s.data.hdr.conn = conn;
		give(blanks, &s);
	}
	for (uint64_t conn = 1137; conn < 1200; conn++) {
		make(&s, OTR_DIR_OUT, at, password, n - 1);
		s.data.hdr.conn = conn;
		give(blanks, &s);
		assert_false(has(s.bytes, sizeof(s), "SECRET"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mysql_cuts),
		cmocka_unit_test(not_mysql),
		cmocka_unit_test(every_cut),
		cmocka_unit_test(a_beginning_not_seen),
		cmocka_unit_test(tails_of_runs),
		cmocka_unit_test(short_connections_of_postgres),
		cmocka_unit_test(short_connections_of_mysql),
		cmocka_unit_test(too_many_connections),
	};

	return cmocka_run_group_tests_name("blank", tests, NULL, NULL);
}
