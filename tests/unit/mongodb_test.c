/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mongodb_test.c - messages of MongoDB that are cut, lost or malformed; which request an answer is
 * paired with; what is recognised; spans. Whole conversations are in tests/golden/proto/mongodb.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "agent/base/own.h"
#include "agent/proto/memory.h"
#include "agent/proto/mongodb.h"
#include "agent/proto/msg.h"
#include "agent/proto/side.h"
#include "agent/span/span_builder.h"
#include "tests/unit/bson.h"

static struct otr_mongodb mg;
static struct otr_msg msg;
static struct made m;

static int setup(void **state)
{
	(void)state;
	memset(&mg, 0, sizeof(mg));
	memset(&m, 0, sizeof(m));
	return 0;
}

/* Parses the first `len` bytes of what was made. */
static enum otr_parse give_first(enum otr_dir dir, size_t len, unsigned int flags)
{
	uint64_t used;

	memset(&msg, 0, sizeof(msg));
	return otr_mongodb.parse(&mg, dir, otr_slice_sub(view(&m), 0, len), flags, &used, &msg);
}

/* Parses what was made, and begins anew. */
static enum otr_parse give(enum otr_dir dir)
{
	enum otr_parse rc = give_first(dir, m.len, 0);

	m.len = 0;
	return rc;
}

static void ask(uint32_t id)
{
	put_find(&m, id, "users");
	assert_int_equal(give(OTR_DIR_OUT), OTR_PARSE_MSG);
	assert_int_equal(msg.kind, OTR_MSG_REQUEST);
}

static void is_answer_to(uint32_t to, uint64_t stream)
{
	put_ok(&m, 1000 + to, to, 1);
	assert_int_equal(give(OTR_DIR_IN), stream ? OTR_PARSE_MSG : OTR_PARSE_SKIP);
	assert_int_equal(msg.stream, stream);
}

static void answers_find_their_requests(void **state)
{
	(void)state;
	ask(0xffffffff);
	is_answer_to(0xffffffff, 1);
	is_answer_to(0xffffffff, 0);
	ask(7);
	ask(8);
	ask(9);
	is_answer_to(5, 0);
	is_answer_to(8, 3);
	is_answer_to(7, 0); /* answers come in order */
	is_answer_to(9, 4);
}

static void the_oldest_of_many_is_forgotten(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < OTR_MONGODB_OPEN + 10; i++)
		ask(i + 1);
	is_answer_to(10, 0);
	is_answer_to(11, 11);
	is_answer_to(OTR_MONGODB_OPEN + 10, OTR_MONGODB_OPEN + 10);
}

/* Sizes in the header, of the document, and of a text in it. */
static void sizes_that_are_not_possible(void **state)
{
	static const uint32_t sizes[] = {
		0,	    1,		12,	    OTR_MONGODB_MAX + 1, 0x7ffffffe, 0x7fffffff,
		0x80000000, 0x80000001, 0xfffffffb, 0xfffffffe,		 0xffffffff,
	};

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(sizes); i++) {
		setup(NULL);
		put_find(&m, 1, "users");
		put_u32_at(&m, 0, sizes[i]);
		assert_int_equal(give_first(OTR_DIR_OUT, m.len, 0), OTR_PARSE_BAD);
		assert_int_equal(give_first(OTR_DIR_OUT, m.len, OTR_IN_CUT), OTR_PARSE_BAD);
		put_u32_at(&m, 0, (uint32_t)m.len);
		put_u32_at(&m, 21, sizes[i] < 5 ? sizes[i] : sizes[i] | 0x04000000);
		assert_int_equal(give_first(OTR_DIR_OUT, m.len, 0), OTR_PARSE_BAD);
		put_u32_at(&m, 21, (uint32_t)m.len - 21);
		put_u32_at(&m, 31, sizes[i]); /* of "users" */
		assert_int_equal(give_first(OTR_DIR_OUT, m.len, 0), OTR_PARSE_MSG);
		assert_true(msg.partial);
		assert_int_equal(otr_msg_text(&msg, OTR_KEY_DB_COLLECTION_NAME).len, 0);
	}
}

static void a_sequence_of_any_size(void **state)
{
	static const uint32_t sizes[] = {0, 4, 5, 0x7fffffff, 0x80000000, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(sizes); i++) {
		m.len = 0;
		put_find(&m, 1, "users");
		put(&m, "\1", 1);
		put_u32(&m, sizes[i]);
		put(&m, "documents\0\5\0\0\0", 14);
		put_u32_at(&m, 0, (uint32_t)m.len);
		assert_int_equal(give_first(OTR_DIR_OUT, m.len, 0), OTR_PARSE_MSG);
		assert_int_equal(otr_msg_int(&msg, OTR_KEY_DB_OPERATION_BATCH_SIZE, 0), 0);
	}
}

/* {insert: "users", documents: [{text: ..}], $db: "shop"}, of which the end was not copied. */
static void a_request_that_is_cut(void **state)
{
	(void)state;
	begin_msg(&m, 1, 0, 0);
	put_text(&m, "insert", "users");
	begin_doc(&m, 4, "documents");
	begin_doc(&m, 3, "0");
	put_text(&m, "text", "SECRET SECRET");
	end_doc(&m);
	end_doc(&m);
	put_text(&m, "$db", "shop");
	end_msg(&m);
	for (size_t len = 26; len < m.len; len++) {
		assert_int_equal(give_first(OTR_DIR_OUT, len, OTR_IN_CUT), OTR_PARSE_MSG);
		assert_int_equal(msg.kind, OTR_MSG_REQUEST);
		assert_true(msg.partial == (len < m.len - 1));
		assert_true(!msg.op.len || otr_slice_eq(msg.op, OTR_SLICE("insert")));
		assert_int_equal(give_first(OTR_DIR_OUT, len, 0), OTR_PARSE_MORE);
	}
	for (size_t len = 1; len < 16; len++) {
		assert_int_equal(give_first(OTR_DIR_OUT, len, OTR_IN_CUT), OTR_PARSE_SKIP);
		assert_true(msg.dropped);
		assert_int_equal(give_first(OTR_DIR_OUT, len, OTR_IN_EOF), OTR_PARSE_BAD);
		assert_int_equal(give_first(OTR_DIR_IN, len, OTR_IN_CUT), OTR_PARSE_BAD);
	}
}

static void fill(const char *name, size_t n)
{
	begin_doc(&m, 4, name);
	while (n--)
		put_text(&m, "0", "SECRET SECRET SECRET");
	end_doc(&m);
}

/* A long result is no error; where an error may follow what is there, that is said. */
static void an_answer_that_is_cut(void **state)
{
	(void)state;
	ask(1);
	begin_msg(&m, 2, 1, 0);
	fill("cursor", 2000);
	put_int(&m, "ok", 1);
	end_msg(&m);
	assert_int_equal(give_first(OTR_DIR_IN, 4096, OTR_IN_CUT), OTR_PARSE_MSG);
	assert_false(msg.failed || msg.partial);
	m.len = 0;
	ask(3);
	begin_msg(&m, 4, 3, 0);
	put_int(&m, "n", 1);
	fill("upserted", 2000);
	end_msg(&m);
	assert_int_equal(give_first(OTR_DIR_IN, 4096, OTR_IN_CUT), OTR_PARSE_MSG);
	assert_true(!msg.failed && msg.partial);
	m.len = 0;
	ask(5);
	begin_msg(&m, 6, 5, 0);
	put_int(&m, "n", 0);
	begin_doc(&m, 4, "writeErrors");
	begin_doc(&m, 3, "0");
	put_int(&m, "code", 11000);
	end_doc(&m);
	for (int i = 0; i < 2000; i++)
		put_text(&m, "1", "SECRET SECRET");
	end_doc(&m);
	end_msg(&m);
	assert_int_equal(give_first(OTR_DIR_IN, 4096, OTR_IN_CUT), OTR_PARSE_MSG);
	assert_true(msg.failed && !msg.partial);
}

/* The header of an answer, read by a call of its own, ends what is there. */
static void a_place_is_found_behind_a_hole(void **state)
{
	struct otr_slice in;

	(void)state;
	ask(1);
	put(&m, "rest of a document \xdd\7\0\0 of 20 ..", 31);
	put_ok(&m, 2, 1, 1);
	in = view(&m);
	assert_int_equal(otr_mongodb.resync(&mg, OTR_DIR_IN, in), 31);
	assert_int_equal(otr_mongodb.resync(&mg, OTR_DIR_IN, otr_slice_sub(in, 0, 31 + 16)), 31);
	assert_int_equal(otr_mongodb.resync(&mg, OTR_DIR_IN, otr_slice_sub(in, 0, 31 + 15)), 46);
}

/* Answers that stream, of which one was lost. */
static void a_stream_that_is_lost(void **state)
{
	(void)state;
	ask(1);
	begin_msg(&m, 100, 1, OTR_MONGODB_MORE);
	put_int(&m, "ok", 1);
	end_msg(&m);
	assert_int_equal(give(OTR_DIR_IN), OTR_PARSE_MSG);
	assert_int_equal(msg.end, OTR_END_LATER);
	otr_mongodb.resync(&mg, OTR_DIR_IN, OTR_SLICE(""));
	is_answer_to(101, 0);
	assert_false(msg.over);
	ask(2);
	is_answer_to(2, 2);
}

static bool sniffs(size_t len)
{
	return otr_mongodb.sniff(OTR_DIR_OUT, otr_slice_sub(view(&m), 0, len));
}

static void what_is_recognised(void **state)
{
	/* opcode, flags, section, type of the first field, a byte of its name */
	static const struct {
		size_t at;
		char byte;
	} wrong[] = {{12, 1}, {13, 8}, {16, 4}, {18, 2}, {20, 2}, {24, 1}, {25, 20}, {26, 7}};

	(void)state;
	put_find(&m, 1, "users");
	for (size_t len = 1; len <= 64 && len <= m.len; len++)
		assert_true(sniffs(len) == (len >= 25));
	for (size_t i = 0; i < OTR_ARRAY_SIZE(wrong); i++) {
		char was = m.bytes[wrong[i].at];

		m.bytes[wrong[i].at] = wrong[i].byte;
		if (sniffs(m.len))
			fail_msg("recognised with another byte at %zu", wrong[i].at);
		m.bytes[wrong[i].at] = was;
	}
}

static const struct otr_ev_conn conn = {
	.local = {.family = AF_INET, .port = 40000, .ip = {10, 0, 0, 1}},
	.remote = {.family = AF_INET, .port = 27018, .ip = {10, 0, 0, 2}},
};

static struct otr_span *span_of(const struct otr_msg *req, const struct otr_msg *rsp)
{
	OTR_AUTO(otr_sb_fini) struct otr_span_builder sb = {0};
	const struct otr_side side = {
		.conn = &conn, .role = OTR_ROLE_CLIENT, .proto = &otr_mongodb};

	otr_sb_reset(&sb);
	assert_int_equal(otr_mongodb.describe(&side, req, rsp, &sb), 0);
	return otr_sb_finish(&sb);
}

static void text_is(const struct otr_span *sp, enum otr_key key, const char *want)
{
	struct otr_slice got = otr_span_string(sp, key);

	if (!otr_slice_eq(got, otr_slice_str(want)))
		fail_msg("%s is %.*s, not %s", otr_key_name(key), OTR_SLICE_ARG(got), want);
}

static void name_is(const struct otr_span *sp, const char *want)
{
	if (!otr_slice_eq(sp->name, otr_slice_str(want)))
		fail_msg("name is %.*s, not %s", OTR_SLICE_ARG(sp->name), want);
}

static void a_span_of_an_error(void **state)
{
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;
	struct otr_msg rsp = {.kind = OTR_MSG_RESPONSE, .failed = true};

	(void)state;
	ask(1);
	otr_msg_add_text(&rsp, OTR_KEY_DB_RESPONSE_STATUS_CODE, OTR_SLICE("11000"));
	/* the request lies where the next one is made */
	put_find(&m, 1, "users");
	sp = span_of(&msg, &rsp);
	name_is(sp, "find users");
	text_is(sp, OTR_KEY_DB_SYSTEM_NAME, "mongodb");
	text_is(sp, OTR_KEY_DB_NAMESPACE, "shop");
	text_is(sp, OTR_KEY_DB_COLLECTION_NAME, "users");
	text_is(sp, OTR_KEY_DB_OPERATION_NAME, "find");
	text_is(sp, OTR_KEY_DB_QUERY_SUMMARY, "find users");
	text_is(sp, OTR_KEY_DB_RESPONSE_STATUS_CODE, "11000");
	text_is(sp, OTR_KEY_ERROR_TYPE, "11000");
	text_is(sp, OTR_KEY_SERVER_ADDRESS, "10.0.0.2");
	assert_int_equal(otr_span_int(sp, OTR_KEY_SERVER_PORT, 0), 27018);
	assert_true(sp->failed && sp->kind == OTR_SPAN_CLIENT);
}

static void an_error_without_a_code(void **state)
{
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;
	struct otr_msg req = {.op = OTR_SLICE("ping")};
	struct otr_msg rsp = {.kind = OTR_MSG_RESPONSE, .failed = true};

	(void)state;
	sp = span_of(&req, &rsp);
	name_is(sp, "ping");
	text_is(sp, OTR_KEY_ERROR_TYPE, "_OTHER");
	text_is(sp, OTR_KEY_DB_RESPONSE_STATUS_CODE, "");
}

static void a_compressed_request(void **state)
{
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;

	(void)state;
	begin_sized(&m);
	put_u32(&m, 1);
	put_u32(&m, 0);
	put_u32(&m, OTR_MONGODB_COMPRESSED);
	put_u32(&m, OTR_MONGODB_MSG);
	put_u32(&m, 100);
	put(&m, "\2zlib", 5);
	end_sized(&m);
	assert_int_equal(give(OTR_DIR_OUT), OTR_PARSE_MSG);
	sp = span_of(&msg, NULL);
	name_is(sp, "mongodb");
	text_is(sp, OTR_KEY_DB_OPERATION_NAME, "");
	text_is(sp, OTR_KEY_OTRACE_CUT, "compressed");
	is_answer_to(1, 1);
}

/* The value of a command is shown only where it is the name of a collection. */
static void other_values_are_not_shown(void **state)
{
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;

	(void)state;
	begin_msg(&m, 1, 0, 0);
	put_text(&m, "createUser", "SECRET");
	put_text(&m, "$db", "admin");
	end_msg(&m);
	assert_int_equal(give(OTR_DIR_OUT), OTR_PARSE_MSG);
	sp = span_of(&msg, NULL);
	name_is(sp, "createUser admin");
	text_is(sp, OTR_KEY_DB_COLLECTION_NAME, "");
}

static uint32_t pick(uint32_t n)
{
	static uint64_t random_state = 1;

	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random_state >> 33) % n;
}

/* Fields of all kinds, at any depth, whose every name or value that is of a user is marked. */
static void put_marked(int depth)
{
	static const char *const names[] = {"filter",	 "SECRET", "collection", "code",  "ok",
					    "documents", "q",	   "$query",	 "errmsg"};

	for (uint32_t n = pick(5); n; n--) {
		const char *name = names[pick(OTR_ARRAY_SIZE(names))];

		switch (depth < 4 ? pick(5) : pick(3)) {
		case 0:
			put_text(&m, name, "SECRET");
			break;
		case 1:
			put_bytes(&m, name, "SECRET");
			break;
		case 2:
			put_int(&m, name, pick(100));
			break;
		default:
			begin_doc(&m, (char)(3 + pick(2)), name);
			put_marked(depth + 1);
			end_doc(&m);
		}
	}
}

static bool is_marked(struct otr_slice text)
{
	return text.len && memmem(text.data, text.len, "SECRET", 6);
}

static void no_value_leaves(void **state)
{
	static const char *const commands[] = {"find", "insert", "ping", "bulkWrite", "explain"};

	for (int i = 0; i < 5000; i++) {
		OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;
		const char *command = commands[pick(OTR_ARRAY_SIZE(commands))];
		const struct otr_attr *at;

		setup(state);
		begin_msg(&m, 1, 0, 0);
		put_text(&m, command, strlen(command) < 7 && *command != 'p' ? "users" : "SECRET");
		put_marked(0);
		put_text(&m, "$db", "shop");
		end_msg(&m);
		assert_int_equal(give_first(OTR_DIR_OUT, m.len, 0), OTR_PARSE_MSG);
		sp = span_of(&msg, NULL);
		assert_false(is_marked(sp->name));
		for (size_t k = 0; (at = otr_span_attr(sp, k)); k++)
			assert_false(at->type == OTR_ATTR_STRING && is_marked(at->string));
		m.len = 0;
		begin_msg(&m, 2, 1, 0);
		put_marked(0);
		end_msg(&m);
		assert_int_equal(give_first(OTR_DIR_IN, m.len, 0), OTR_PARSE_MSG);
		assert_false(is_marked(otr_msg_text(&msg, OTR_KEY_DB_RESPONSE_STATUS_CODE)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(answers_find_their_requests, setup),
		cmocka_unit_test_setup(the_oldest_of_many_is_forgotten, setup),
		cmocka_unit_test_setup(sizes_that_are_not_possible, setup),
		cmocka_unit_test_setup(a_sequence_of_any_size, setup),
		cmocka_unit_test_setup(a_request_that_is_cut, setup),
		cmocka_unit_test_setup(an_answer_that_is_cut, setup),
		cmocka_unit_test_setup(a_place_is_found_behind_a_hole, setup),
		cmocka_unit_test_setup(a_stream_that_is_lost, setup),
		cmocka_unit_test_setup(what_is_recognised, setup),
		cmocka_unit_test_setup(a_span_of_an_error, setup),
		cmocka_unit_test_setup(an_error_without_a_code, setup),
		cmocka_unit_test_setup(a_compressed_request, setup),
		cmocka_unit_test_setup(other_values_are_not_shown, setup),
		cmocka_unit_test(no_value_leaves),
	};

	return cmocka_run_group_tests_name("mongodb", tests, NULL, NULL);
}
