/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blank_mongodb_test.c - logins and new users of MongoDB, cut into records in every way, leave no
 * secret in a recording; other bytes are unchanged.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/own.h"
#include "agent/proto/blank.h"
#include "bpf/event.h"
#include "tests/unit/bson.h"

union slot {
	struct otr_ev_data data;
	struct otr_ev_run run;
	char bytes[sizeof(struct otr_ev_data) + 1024];
};

static struct made m;
static struct otr_blanks *blanks;
static union slot s;

static int setup(void **state)
{
	(void)state;
	memset(&m, 0, sizeof(m));
	return otr_blanks_new(&blanks);
}

static int teardown(void **state)
{
	(void)state;
	otr_blanks_free(&blanks);
	return 0;
}

static void apply(uint16_t kind, uint32_t size)
{
	const struct otr_event *out;

	s.data.hdr.kind = kind;
	s.data.hdr.conn = 7;
	s.data.hdr.size = size;
	out = otr_blanks_apply(blanks, &s.data.hdr);
	if (out != &s.data.hdr)
		memcpy(&s, out, size);
}

/* Gives `len` bytes at `from` in a record, of which `cap` were copied; takes back what is left. */
static void give(enum otr_dir dir, uint64_t pos, char *from, uint32_t len, uint32_t cap)
{
	memset(&s, 0, sizeof(s));
	s.data.pos = pos;
	s.data.dir = (__u8)dir;
	s.data.moved = len;
	s.data.cap = cap;
	memcpy(s.data.data, from, cap);
	apply(OTR_EV_DATA, sizeof(s));
	memcpy(from, s.data.data, cap);
}

static bool holds(const struct made *made, const char *word)
{
	return memmem(made->bytes, made->len, word, strlen(word)) != NULL;
}

static void put_login(void)
{
	begin_msg(&m, 1, 0, 0);
	put_int(&m, "saslStart", 1);
	put_text(&m, "mechanism", "PLAIN");
	put_bytes(&m, "payload", "joe SECRET SECRET SECRET");
	put_text(&m, "$db", "KEEP");
	end_msg(&m);
}

static void put_user(void)
{
	begin_msg(&m, 2, 0, 0);
	put_text(&m, "createUser", "KEEP");
	put_text(&m, "pwd", "SECRET SECRET SECRET");
	begin_doc(&m, 3, "speculativeAuthenticate");
	put_text(&m, "payload", "SECRET SECRET SECRET");
	end_doc(&m);
	put_text(&m, "$db", "KEEP");
	end_msg(&m);
}

/* The first record has to begin with the header of a message. */
static void every_cut(void **state)
{
	struct made was;
	size_t first;

	(void)state;
	for (uint32_t step = 1; step < 120; step++) {
		teardown(NULL);
		setup(NULL);
		put_find(&m, 9, "KEEP");
		first = m.len;
		put_login();
		put_user();
		was = m;
		give(OTR_DIR_OUT, 0, m.bytes, (uint32_t)first, (uint32_t)first);
		for (uint32_t at = (uint32_t)first, n; at < m.len; at += n) {
			n = m.len - at < step ? (uint32_t)m.len - at : step;
			give(OTR_DIR_OUT, at, m.bytes + at, n, n);
		}
		assert_false(holds(&m, "SEC") || holds(&m, "RET"));
		assert_memory_equal(m.bytes, was.bytes, first + 60);
		assert_memory_equal(m.bytes + m.len - 15, was.bytes + m.len - 15, 15);
	}
}

/* The server's side, of which the header is read by a call of its own. */
static void answers_are_blanked(void **state)
{
	(void)state;
	begin_msg(&m, 3, 1, 0);
	put_bytes(&m, "payload", "r=SECRET,s=SECRET");
	put_int(&m, "ok", 1);
	end_msg(&m);
	give(OTR_DIR_IN, 100, m.bytes, 16, 16);
	give(OTR_DIR_IN, 116, m.bytes + 16, (uint32_t)m.len - 16, (uint32_t)m.len - 16);
	assert_false(holds(&m, "SECRET"));
	assert_true(holds(&m, "payload"));
}

/* Bytes of a secret that were not copied. */
static void a_secret_that_is_cut(void **state)
{
	uint32_t at;

	(void)state;
	put_login();
	at = (uint32_t)((char *)memmem(m.bytes, m.len, "SECRET", 6) - m.bytes);
	give(OTR_DIR_OUT, 0, m.bytes, at + 9, at + 3);
	memcpy(m.bytes + at + 3, "xxxxxx", 6);
	give(OTR_DIR_OUT, at + 9, m.bytes + at + 9, (uint32_t)m.len - at - 9,
	     (uint32_t)m.len - at - 9);
	assert_false(holds(&m, "SEC") || holds(&m, "RET"));
	assert_true(holds(&m, "KEEP"));
}

static void the_tail_of_a_run(void **state)
{
	uint32_t end;

	(void)state;
	put_login();
	end = (uint32_t)((char *)memmem(m.bytes, m.len, " SECRET", 7) - m.bytes) + 20;
	give(OTR_DIR_OUT, 0, m.bytes, end, end);
	memset(&s, 0, sizeof(s));
	s.run.dir = OTR_DIR_OUT;
	s.run.bytes = end;
	memcpy(s.run.tail, "T SECRET", 8);
	apply(OTR_EV_RUN, sizeof(s.run));
	assert_memory_equal(s.run.tail, "\0\0\0\0\0\0\0\0", 8);
}

static void other_connections_are_unchanged(void **state)
{
	char text[] = "\5payload\0\6\0\0\0\0SECRET of another protocol", was[sizeof(text)];

	(void)state;
	memcpy(was, text, sizeof(text));
	give(OTR_DIR_OUT, 0, text, sizeof(text), sizeof(text));
	assert_memory_equal(text, was, sizeof(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(answers_are_blanked, setup, teardown),
		cmocka_unit_test_setup_teardown(a_secret_that_is_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(the_tail_of_a_run, setup, teardown),
		cmocka_unit_test_setup_teardown(other_connections_are_unchanged, setup, teardown),
	};

	return cmocka_run_group_tests_name("blank_mongodb", tests, NULL, NULL);
}
