/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/parse/pqwire.c preload/parse/comment.c
/* pqwire_harm_test.c - records of libpq's calls that are cut or cannot be; where in a statement a comment may be added. */

#include "tests/unit/pqwire.h"

/* Of the first of two equal answers `cut` bytes are copied, though its run moved all. */
static void cut_at(enum otr_pq_kind kind, size_t cut, const char *rows, size_t n)
{
	struct end e = client(OTR_LAYER_SOCKET);
	struct story s;
	int64_t known;

	begin(&s);
	opens(&s.mk, &e);
	starts(&s, &e, "me", "shop");
	move(&s.mk, &e, OTR_DIR_IN, "R\0\0\0\x08\0\0\0\0Z\0\0\0\5I", 15, 15);
	for (int i = 0; i < 2; i++) {
		asks(&s, &e, kind, NULL, "SELECT * FROM x", 1);
		move(&s.mk, &e, OTR_DIR_IN, rows, i ? n : cut, n);
		if (!i)
			run_ends(&s.mk, &e, OTR_DIR_IN, rows + n - 8);
	}
	closes(&s.mk, &e, 0);
	ends(&s);
	assert_int_equal(s.n, 2);
	known = otr_span_int(s.spans[0], OTR_KEY_DB_RESPONSE_RETURNED_ROWS, -1);
	assert_true(known == 12 || known == -1);
	assert_false(s.spans[0]->failed);
	is(&s, 1, "SELECT x", 12, "");
	end(&s);
}

/* An answer ends with its run, wherever its copy ends: in a row, before one, in the tag. */
static void cut_anywhere(void **state)
{
	static const char over[] = "C\0\0\0\x0eSELECT 12\0Z\0\0\0\5I";
	char rows[512] = "T\0\0\0\x1a\0\1g\0\0\0\0\0\0\0\0\0\0\x17\0\4\xff\xff\xff\xff";
	size_t n = 27;

	(void)state;
	for (int i = 0; i < 12; i++, n += 12)
		memcpy(rows + n,
		       "D\0\0\0\x0b\0\1\0\0\0\1"
		       "1",
		       12);
	memcpy(rows + n, over, sizeof(over) - 1);
	n += sizeof(over) - 1;
	for (size_t cut = 27; cut < n; cut++) {
		cut_at(OTR_PQ_QUERY, cut, rows, n);
		cut_at(OTR_PQ_PARAMS, cut, rows, n);
	}
}

/* libpq may give anything. */
static void impossible_answers_of_libpq(void **state)
{
	static const char *const tags[] = {
		NULL,	    "",
		"select 1", "SELECT\n1",
		" X",	    "A TAG THAT IS LONGER THAN ANY THAT A SERVER OF ANY VERSION EVER SENT"};
	char out[OTR_PQ_ANSWER];

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(tags); i++)
		assert_int_equal(otr_pq_complete(out, tags[i]), 0);
	assert_int_equal(otr_pq_error(out, "ERROR", NULL), 0);
	assert_int_equal(otr_pq_error(out, "ERROR", "42P0"), 0);
	assert_int_equal(otr_pq_error(out, "ERROR", "42P012"), 0);
	assert_true(otr_pq_error(out, NULL, "42P01"));
	assert_true(otr_pq_error(out, "A SEVERITY THAT GOES ON AND ON AND ON", "42P01"));
}

/* Each text lies at the end of a page, so that ASan finds a read beyond it. */
static void where_a_comment_may_stand(void **state)
{
	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(texts); i++) {
		size_t len = strlen(texts[i].sql);
		char *copy = malloc(len + !len);
		enum otr_comment may;

		memcpy(copy, texts[i].sql, len);
		may = otr_comment_may(copy, len);
		free(copy);
		if (may != texts[i].may)
			fail_msg("%s: %d", texts[i].sql, may);
	}
}

static void a_comment(void **state)
{
	static const char tp[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	char out[8 + OTR_COMMENT_LEN + 1];

	(void)state;
	otr_comment_put(out, "SELECT 1, 2", 8, tp);
	assert_string_equal(out, "SELECT 1 /*traceparent='00-0af7651916cd43dd8448eb211c80319c-"
				 "b7ad6b7169203331-01'*/");
	assert_int_equal(strlen(out), sizeof(out) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(impossible_answers_of_libpq),
		cmocka_unit_test(where_a_comment_may_stand),
		cmocka_unit_test(a_comment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
