/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_test.c - which request an answer of Redis is paired with, where bytes are missing; what is
 * recognised; what of a request is shown. Conversations without losses are in
 * tests/golden/proto/redis.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/base/own.h"
#include "agent/proto/redis.h"

static struct otr_redis rd;
static struct otr_msg msg;

static int setup(void **state)
{
	(void)state;
	memset(&rd, 0, sizeof(rd));
	return 0;
}

/* Parses one message off `text`; `*used` as parse() gives it. */
static enum otr_parse give(enum otr_dir dir, const char *text, unsigned int flags, uint64_t *used)
{
	struct otr_slice in = otr_slice_str(text);

	memset(&msg, 0, sizeof(msg));
	return otr_redis.parse(&rd, dir, in, flags, used, &msg);
}

/* Parses all of `text`. Returns the number of messages. */
static int all(enum otr_dir dir, const char *text, unsigned int flags, uint64_t streams[8])
{
	size_t len = strlen(text);
	uint64_t used;
	int n = 0;

	while (len) {
		switch (give(dir, text, flags, &used)) {
		case OTR_PARSE_MSG:
			if (n < 8)
				streams[n] = msg.stream;
			n++;
			break;
		case OTR_PARSE_SKIP:
			break;
		default:
			return -1;
		}
		used = used < len ? used : len;
		text += used;
		len -= used;
	}
	return n;
}

static int ask(const char *text)
{
	uint64_t streams[8];

	return all(OTR_DIR_OUT, text, 0, streams);
}

/* The request that the one answer in `text` is for; 0: none. */
static uint64_t answered(const char *text, unsigned int flags)
{
	uint64_t streams[8] = {0};

	assert_in_range(all(OTR_DIR_IN, text, flags, streams), 0, 1);
	return streams[0];
}

static void lose(enum otr_dir dir, const char *next)
{
	assert_int_equal(otr_redis.resync(&rd, dir, otr_slice_str(next)), 0);
}

#define GET    "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
#define INCR   "*2\r\n$4\r\nINCR\r\n$1\r\nk\r\n"
#define LRANGE "*4\r\n$6\r\nLRANGE\r\n$1\r\nl\r\n$1\r\n0\r\n$2\r\n-1\r\n"

static void a_cut_list_ends_with_its_run(void **state)
{
	(void)state;
	assert_int_equal(ask(LRANGE), 1);
	assert_int_equal(answered("*3\r\n$1\r\na\r\n", OTR_IN_CUT), 1);
	assert_int_equal(ask(GET), 1);
	lose(OTR_DIR_IN, "$1\r\nv\r\n");
	assert_int_equal(answered("$1\r\nv\r\n", 0), 2);
}

/* Two of three answers are in what is missing. The client has waited for them. */
static void a_cut_pipeline_is_over_at_the_next_request(void **state)
{
	(void)state;
	assert_int_equal(ask(LRANGE INCR INCR), 3);
	assert_int_equal(answered("*3\r\n$1\r\na\r\n", OTR_IN_CUT), 1);
	assert_int_equal(ask(GET), 1);
	lose(OTR_DIR_IN, "$1\r\nv\r\n");
	assert_int_equal(answered("$1\r\nv\r\n", 0), 4);
	assert_int_equal(ask(INCR), 1);
	assert_int_equal(answered(":1\r\n", 0), 5);
}

/* How many answers of a batch are missing is not known: none of the rest is given away. */
static void the_rest_of_a_batch_is_left_alone(void **state)
{
	(void)state;
	assert_int_equal(ask(INCR INCR INCR INCR), 4);
	assert_int_equal(answered(":1\r\n", 0), 1);
	lose(OTR_DIR_IN, ":3\r\n");
	assert_int_equal(answered(":3\r\n", 0), 0);
	assert_int_equal(answered(":4\r\n", 0), 0);
	assert_int_equal(ask(GET), 1);
	assert_int_equal(answered("$-1\r\n", 0), 5);
}

static void a_client_that_does_not_wait_is_not_read_behind_a_loss(void **state)
{
	uint64_t used;

	(void)state;
	assert_int_equal(ask(INCR INCR), 2);
	assert_int_equal(answered(":1\r\n", 0), 1);
	assert_int_equal(ask(INCR), 1);
	assert_int_equal(answered(":2\r\n", 0), 2);
	assert_int_equal(answered(":3\r\n", 0), 3);
	assert_int_equal(ask(INCR INCR), 2);
	otr_redis.resync(&rd, OTR_DIR_IN, OTR_SLICE(":5\r\n"));
	assert_int_equal(give(OTR_DIR_IN, ":5\r\n", 0, &used), OTR_PARSE_SWITCH);
	assert_null(msg.next);
}

/* Requests that were not copied are answered behind those that were. */
static void answers_to_unseen_requests_are_stepped_over(void **state)
{
	(void)state;
	assert_int_equal(ask(INCR INCR), 2);
	lose(OTR_DIR_OUT, INCR);
	assert_int_equal(ask(INCR), 1);
	assert_int_equal(answered(":1\r\n", 0), 1);
	assert_int_equal(answered(":2\r\n", 0), 2);
	assert_int_equal(answered(":3\r\n", 0), 0);
	assert_int_equal(answered(":4\r\n", 0), 0);
	assert_int_equal(ask(GET), 1);
	assert_int_equal(answered("$-1\r\n", 0), 4);
}

static void an_answer_of_a_wrong_type_is_not_paired(void **state)
{
	(void)state;
	assert_int_equal(ask(INCR), 1);
	assert_int_equal(answered("$3\r\nold\r\n", 0), 0);
	assert_int_equal(ask(INCR), 1);
	assert_int_equal(answered(":2\r\n", 0), 2);
}

static void a_cut_request_keeps_its_answer(void **state)
{
	uint64_t used;

	(void)state;
	assert_int_equal(give(OTR_DIR_OUT, "*5\r\n$4\r\nMSET\r\n$1\r\na\r\n$1\r\n1\r\n$1",
			      OTR_IN_CUT, &used),
			 OTR_PARSE_MSG);
	assert_true(msg.partial && msg.end == OTR_END_RUN);
	assert_true(otr_slice_eq(msg.target, OTR_SLICE("MSET a ?")));
	lose(OTR_DIR_OUT, GET);
	assert_int_equal(answered("+OK\r\n", 0), 1);
	assert_int_equal(ask(GET), 1);
	assert_int_equal(answered("$-1\r\n", 0), 2);
}

/* What a client reads may be a list of words that are commands, too. */
static void lists_are_not_taken_for_requests(void **state)
{
	static const char *const lists[] = {
		"*2\r\n$4\r\ntype\r\n$5\r\nadmin\r\n",
		"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n",
		"*2\r\n$5\r\nhello\r\n$5\r\nworld\r\n",
		"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n",
	};

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(lists); i++)
		assert_false(otr_redis.sniff(OTR_DIR_IN, otr_slice_str(lists[i])));
	assert_true(otr_redis.sniff(OTR_DIR_IN, OTR_SLICE("*1\r\n$4\r\nping\r\n")));
	assert_true(otr_redis.sniff(OTR_DIR_OUT, OTR_SLICE("*2\r\n$4\r\ntype\r\n$1\r\nk\r\n")));
}

/* A list was taken for a request; then its side answers as a server does. */
static void sides_are_swapped_when_a_server_shows(void **state)
{
	(void)state;
	assert_int_equal(ask("*2\r\n$3\r\nGET\r\n$1\r\nx\r\n"), 1);
	assert_int_equal(ask(":1\r\n"), 0);
	assert_int_equal(rd.client, 1 + OTR_DIR_IN);
}

static void lengths_near_the_limits_are_refused(void **state)
{
	static const char *const bad[] = {"*2\r\n$3\r\nGET\r\n$2147483648\r\n", "*4294967296\r\n",
					  "*2\r\n$3\r\nGET\r\n$-2\r\n", "*99999999999999999999\r\n",
					  "*2\r\n$3\r\nGET\r\n$99999999999999999999\r\n"};
	uint64_t used, streams[8];

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(bad); i++) {
		memset(&rd, 0, sizeof(rd));
		rd.client = 1 + OTR_DIR_OUT;
		assert_int_equal(all(OTR_DIR_OUT, bad[i], 0, streams), -1);
	}
	rd.confirmed = true;
	assert_int_equal(give(OTR_DIR_IN, "*2147483648\r\n", 0, &used), OTR_PARSE_BAD);
	assert_int_equal(give(OTR_DIR_IN, "$4294967296\r\n", 0, &used), OTR_PARSE_BAD);
}

/* The rest of an error may hold values. */
static void errors_are_named_by_their_first_word(void **state)
{
	static const char *const rows[][2] = {
		{"-MOVED 3999 127.0.0.1:6381\r\n", "MOVED"},
		{"-ASK 3999 127.0.0.1:6381\r\n", "ASK"},
		{"-WRONGTYPE Operation against a key\r\n", "WRONGTYPE"},
		{"-ERR unknown command 'secret'\r\n", "ERR"},
		{"-secret words of a script\r\n", "ERR"},
		{"-SECRET17 words\r\n", "ERR"},
		{"-CLUSTERDOWN\r\n", "CLUSTERDOWN"},
		{"-\r\n", "ERR"},
		{"!21\r\nSYNTAX invalid syntax\r\n", "SYNTAX"},
	};
	uint64_t used;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++) {
		assert_int_equal(ask(GET), 1);
		assert_int_equal(give(OTR_DIR_IN, rows[i][0], 0, &used), OTR_PARSE_MSG);
		assert_true(msg.failed);
		assert_string_equal(otr_key_name((enum otr_key)msg.attrs[0].key),
				    "db.response.status_code");
		if (!otr_slice_eq(msg.attrs[0].string, otr_slice_str(rows[i][1])))
			fail_msg("%s is %.*s", rows[i][0], OTR_SLICE_ARG(msg.attrs[0].string));
	}
}

struct shown {
	const char *line, *text;
};

static void values_are_hidden_and_keys_are_shown(void **state)
{
	static const struct shown rows[] = {
		{"SET user:1 V EX 10\r\n", "SET user:1 ? ? ?"},
		{"HSET cart f V g V\r\n", "HSET cart f ? g ?"},
		{"HINCRBY cart f 5\r\n", "HINCRBY cart f ?"},
		{"ZADD board 5 V 6 W\r\n", "ZADD board ? ? ? ?"},
		{"EVAL V 2 k1 k2 V V\r\n", "EVAL ? ? k1 k2 ? ?"},
		{"ZUNIONSTORE to 2 a b WEIGHTS 1 2\r\n", "ZUNIONSTORE to ? a b ? ? ?"},
		{"BLPOP a b 0\r\n", "BLPOP a b ?"},
		{"XREADGROUP GROUP V W COUNT 1 STREAMS s t > >\r\n",
		 "XREADGROUP ? ? ? ? ? STREAMS s t ? ?"},
		{"MIGRATE host 6379 k 0 5000 AUTH V\r\n", "MIGRATE ? ? k ? ? ? ?"},
		{"AUTH V\r\n", "AUTH ?"},
		{"ACL SETUSER V >V\r\n", "ACL SETUSER ? ?"},
		{"ACL V\r\n", "ACL ?"},
		{"CONFIG SET requirepass V\r\n", "CONFIG SET ? ?"},
		{"GET "
		 "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0."
		 "abcdefghijkl\r\n",
		 "GET ?"},
	};
	uint64_t used;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++) {
		memset(&rd, 0, sizeof(rd));
		rd.client = 1 + OTR_DIR_OUT;
		assert_int_equal(give(OTR_DIR_OUT, rows[i].line, 0, &used), OTR_PARSE_MSG);
		if (!otr_slice_eq(msg.target, otr_slice_str(rows[i].text)))
			fail_msg("%s is shown as %.*s", rows[i].line, OTR_SLICE_ARG(msg.target));
	}
}

/* The table is searched by halves, so it must be sorted. */
static void each_command_is_found(void **state)
{
	static const char *const some[] = {"ACL",	 "get",	  "Set",     "ZUNIONSTORE",
					   "XREADGROUP", "BLPOP", "hgetall", "RESTORE-ASKING",
					   "ZUNION",	 "PING",  "WAIT"};

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(some); i++)
		assert_non_null(otr_redis_command(otr_slice_str(some[i])));
	assert_null(otr_redis_command(OTR_SLICE("GETT")));
	assert_null(otr_redis_command(OTR_SLICE("GE")));
	assert_null(otr_redis_command(OTR_SLICE("")));
	assert_true(otr_redis_is_module(OTR_SLICE("json.set")));
	assert_false(otr_redis_is_module(OTR_SLICE("FT.")));
	assert_false(otr_redis_is_module(OTR_SLICE("secret.word")));
}

/* More requests than there are rows: those behind the last row get no answer, none gets a wrong
 * one. */
static void too_many_requests_are_not_mixed_up(void **state)
{
	char text[64];

	(void)state;
	for (int i = 0; i < OTR_REDIS_DEBTS + 10; i++)
		assert_int_equal(ask(i % 2 ? GET : INCR), 1);
	for (int i = 0; i < OTR_REDIS_DEBTS + 10; i++) {
		snprintf(text, sizeof(text), i % 2 ? "$-1\r\n" : ":%d\r\n", i);
		assert_int_equal(answered(text, 0), i < OTR_REDIS_DEBTS - 1 ? i + 1 : 0);
	}
	assert_int_equal(ask(GET), 1);
	assert_int_equal(answered("$-1\r\n", 0), OTR_REDIS_DEBTS + 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_cut_list_ends_with_its_run, setup),
		cmocka_unit_test_setup(a_cut_pipeline_is_over_at_the_next_request, setup),
		cmocka_unit_test_setup(the_rest_of_a_batch_is_left_alone, setup),
		cmocka_unit_test_setup(a_client_that_does_not_wait_is_not_read_behind_a_loss,
				       setup),
		cmocka_unit_test_setup(answers_to_unseen_requests_are_stepped_over, setup),
		cmocka_unit_test_setup(an_answer_of_a_wrong_type_is_not_paired, setup),
		cmocka_unit_test_setup(a_cut_request_keeps_its_answer, setup),
		cmocka_unit_test_setup(lists_are_not_taken_for_requests, setup),
		cmocka_unit_test_setup(sides_are_swapped_when_a_server_shows, setup),
		cmocka_unit_test_setup(lengths_near_the_limits_are_refused, setup),
		cmocka_unit_test_setup(errors_are_named_by_their_first_word, setup),
		cmocka_unit_test_setup(values_are_hidden_and_keys_are_shown, setup),
		cmocka_unit_test_setup(each_command_is_found, setup),
		cmocka_unit_test_setup(too_many_requests_are_not_mixed_up, setup),
	};

	return cmocka_run_group_tests_name("redis", tests, NULL, NULL);
}
