/* SPDX-License-Identifier: Apache-2.0 */
/* blank_kafka_test.c - passwords in logins of Kafka are blanked in a recording, other bytes are
 * not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/own.h"
#include "agent/proto/blank.h"
#include "agent/proto/kafka.h"
#include "bpf/event.h"

#define HANDSHAKE(version) OTR_SLICE("\0\0\0\x17\0\x11\0" version "\0\0\0\2\0\4shop\0\5PLAIN")
#define LOGIN		   OTR_SLICE("\0\0\0\x20\0\x24\0\0\0\0\0\3\0\4shop\0\0\0\x0e\0joe\0SECRETabc")
#define PRODUCE                                                                                    \
	OTR_SLICE("\0\0\0\x2a\0\0\0\7\0\0\0\4\0\4shop\xff\xff\0\1\0\0\3\xe8\0\0\0\1\0\4KEEP\0\0\0" \
		  "\0\0\0\0\0")
#define RAW    OTR_SLICE("\0\0\0\x0b\0joe\0SECRET")
#define ANSWER OTR_SLICE("\0\0\0\x13\0\0\0\3\0\0\xff\xffr=SECRET,s=")

union slot {
	struct otr_ev_data data;
	char bytes[sizeof(struct otr_ev_data) + 512];
};

static struct otr_blanks *blanks;

static int anew(void **state)
{
	(void)state;
	otr_blanks_free(&blanks);
	return otr_blanks_new(&blanks);
}

/* Returns what is recorded of `bytes`. */
static struct otr_slice recorded(enum otr_dir dir, uint64_t conn, struct otr_slice bytes)
{
	static union slot s;
	const struct otr_ev_data *out;

	memset(&s, 0, sizeof(s));
	s.data.hdr.kind = OTR_EV_DATA;
	s.data.hdr.conn = conn;
	s.data.hdr.size = sizeof(s);
	s.data.dir = (uint8_t)dir;
	s.data.moved = bytes.len;
	s.data.cap = (uint32_t)bytes.len;
	memcpy(s.data.data, bytes.data, bytes.len);
	out = (const void *)otr_blanks_apply(blanks, &s.data.hdr);
	return (struct otr_slice){(const char *)out->data, out->cap};
}

static void stays(enum otr_dir dir, uint64_t conn, struct otr_slice bytes)
{
	assert_true(otr_slice_eq(recorded(dir, conn, bytes), bytes));
}

/* The first `n` bytes stay, the others are zeros. */
static void is_blanked(enum otr_dir dir, uint64_t conn, struct otr_slice bytes, size_t n)
{
	struct otr_slice got = recorded(dir, conn, bytes);

	assert_int_equal(got.len, bytes.len);
	assert_memory_equal(got.data, bytes.data, n);
	for (size_t i = n; i < got.len; i++)
		assert_int_equal(got.data[i], 0);
}

static void a_login_in_requests(void **state)
{
	(void)state;
	stays(OTR_DIR_OUT, 1, HANDSHAKE("\1"));
	is_blanked(OTR_DIR_OUT, 1, LOGIN, 18);
	is_blanked(OTR_DIR_IN, 1, ANSWER, 8);
	stays(OTR_DIR_OUT, 2, PRODUCE);
	stays(OTR_DIR_OUT, 1, PRODUCE);
	stays(OTR_DIR_IN, 1, ANSWER);
	stays(OTR_DIR_OUT, 1, RAW); /* the login is over: these are no such bytes */
}

/* A server in Java reads the length by itself. */
static void a_login_that_is_read_in_parts(void **state)
{
	(void)state;
	stays(OTR_DIR_IN, 1, otr_slice_sub(LOGIN, 0, 4));
	is_blanked(OTR_DIR_IN, 1, otr_slice_sub(LOGIN, 4, LOGIN.len), 14);
	is_blanked(OTR_DIR_OUT, 1, ANSWER, 8);
}

static void a_login_without_headers(void **state)
{
	(void)state;
	stays(OTR_DIR_OUT, 1, HANDSHAKE("\0"));
	is_blanked(OTR_DIR_OUT, 1, RAW, 4);
	stays(OTR_DIR_OUT, 1, PRODUCE);
}

static void a_login_is_forgotten_when_it_closes(void **state)
{
	struct otr_ev_conn close = {
		.hdr = {.kind = OTR_EV_CONN_CLOSE, .conn = 1, .size = sizeof(close)}};

	(void)state;
	stays(OTR_DIR_OUT, 1, HANDSHAKE("\0"));
	assert_ptr_equal(otr_blanks_apply(blanks, &close.hdr), &close.hdr);
	stays(OTR_DIR_OUT, 1, RAW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_login_in_requests, anew),
		cmocka_unit_test_setup(a_login_that_is_read_in_parts, anew),
		cmocka_unit_test_setup(a_login_without_headers, anew),
		cmocka_unit_test_setup(a_login_is_forgotten_when_it_closes, anew),
	};
	int rc = cmocka_run_group_tests_name("blank_kafka", tests, NULL, NULL);

	otr_blanks_free(&blanks);
	return rc;
}
