/* SPDX-License-Identifier: Apache-2.0 */
// needs: tests/unit/shim_fakes.c
/* Its tables of words and statements stay several a line. */
/* clang-format off */
// needs: preload/trace/pq.c preload/trace/pq_emit.c preload/parse/pqwire.c preload/parse/comment.c
/*
 * pq_test.c - the library at calls of libpq, some of which are made inside others, or not seen:
 * each request is recorded once, and none is paired with the result of another.
 *
 * A record is checked as a line: '>' and the types of the messages that were sent, '<' and the
 * types of those that were received, '?' for bytes that were not copied.
 */

#include "tests/unit/pq_fakes.h"

static struct result rows = {2, "SELECT 1", NULL}, done = {1, "", NULL}, copying = {4, "", NULL},
		     bad = {7, "", "42P01"}, broken = {7, "", NULL}, one_row = {9, "", NULL},
		     chunk = {12, "", NULL}, last_chunk = {12, "SELECT 9", NULL}, end = {2, "", NULL},
		     synced = {10, "", NULL}, aborted = {11, "", NULL};

static int setup(void **state)
{
	(void)state;
	free(otr_shim.pqs);
	memset(&page, 0, sizeof(page));
	memset(&otr_shim, 0, sizeof(otr_shim));
	memset(&self, 0, sizeof(self));
	memset(counts, 0, sizeof(counts));
	otr_shim.off = &on;
	otr_shim.pid = 1;
	SOCKET.kind = OTR_FD_STREAM;
	SOCKET.inode = 100;
	assert_true(otr_pq_alloc(0));
	lib = (struct otr_pq_lib){(uintptr_t)code, (uintptr_t)code + sizeof(code), get_socket,
				  get_status, get_transaction, get_name, get_name, get_result,
				  get_tag, get_field, get_pipeline, 0};
	active = pipelined = status = 0;
	line[0] = 0;
	return 0;
}

static int teardown(void **state)
{
	setup(state);
	free(otr_shim.pqs);
	otr_shim.pqs = NULL;
	return 0;
}

static struct otr_pq_call call(enum otr_pq_kind kind, int waits)
{
	return (struct otr_pq_call){.kind = kind, .fn = code, .from = db, .conn = db,
				    .text = "SELECT 1", .name = "p", .waits = waits};
}

static void asks(enum otr_pq_kind kind, int ok)
{
	struct otr_pq_call c = call(kind, 0);

	otr_pq_begin(&c);
	otr_pq_asked(&c, ok);
}

static void gets(struct result *res)
{
	otr_pq_got(code, db, res);
}

/* A call by libpq itself, deeper in the stack than the call of the program. */
__attribute__((noinline)) static void asks_within(enum otr_pq_kind kind, int ok)
{
	struct otr_pq_call c = call(kind, 0);

	c.from = code + 1;
	otr_pq_begin(&c);
	otr_pq_asked(&c, ok);
}

static void is_line(const char *want)
{
	assert_string_equal(line, want);
	line[0] = 0;
}

static void a_statement_that_is_sent_and_read(void **state)
{
	(void)state;
	asks(OTR_PQ_QUERY, 1);
	gets(&rows);
	gets(NULL);
	is_line(">.Q<CZ");
	gets(NULL); /* and once more, as nothing is asked */
	is_line("");
	asks(OTR_PQ_PREPARE, 1);
	gets(&done);
	gets(NULL);
	asks(OTR_PQ_PREPARED, 1);
	gets(&one_row);
	gets(&one_row);
	gets(&rows);
	gets(NULL);
	asks(OTR_PQ_PARAMS, 1);
	gets(&bad);
	gets(NULL);
	is_line(">PS<1Z>BES<CZ>PBES<EZ");
	asks(OTR_PQ_QUERY, 0); /* refused */
	gets(NULL);
	is_line("");
	assert_false(SAID.has_cause);
	asks(OTR_PQ_QUERY, 1);
	gets(&copying);
	gets(&copying);
	gets(&rows);
	gets(NULL);
	is_line(">Q<CZ");
	asks(OTR_PQ_PARAMS, 1);
	gets(&chunk);
	gets(&last_chunk);
	gets(&end);
	gets(NULL);
	asks(OTR_PQ_PARAMS, 1);
	gets(&chunk);
	gets(&rows);
	gets(NULL);
	is_line(">PBES<CZ>PBES<CZ");
}

static void waits(int reaches, int sent, struct result *res)
{
	struct otr_pq_call c = call(OTR_PQ_QUERY, 1);

	otr_pq_begin(&c);
	if (reaches) {
		gets(NULL); /* what is left of the answer before */
		asks_within(OTR_PQ_QUERY, sent);
	}
	if (reaches && sent) {
		gets(res);
		if (res != &copying)
			gets(NULL);
	}
	otr_pq_waited(&c, res);
	assert_int_equal(self.pq_frame, 0);
	assert_null(self.pq_conn);
}

static void a_call_that_waits_for_the_result(void **state)
{
	(void)state;
	waits(1, 1, &rows);
	waits(1, 1, &bad);
	is_line(">.Q<CZ>Q<EZ");
	waits(1, 0, NULL);
	is_line("");
	assert_false(SAID.has_cause);
	waits(1, 1, &copying);
	gets(&rows);
	gets(NULL);
	is_line(">Q<CZ");
	assert_false(lib.is_silent);
}

static void a_libpq_whose_inner_calls_are_not_seen(void **state)
{
	struct otr_pq_call c = call(OTR_PQ_QUERY, 1);

	(void)state;
	waits(0, 1, NULL); /* the state is not known */
	is_line(">.");
	waits(0, 1, &rows);
	is_line(">Q<CZ");
	otr_pq_begin(&c);
	is_line(">Q"); /* from then on before it is made */
	otr_pq_waited(&c, &bad);
	is_line("<EZ");
	waits(0, 1, &copying);
	gets(&rows);
	gets(NULL);
	is_line(">Q<CZ");
	asks(OTR_PQ_QUERY, 1); /* read by the call that comes next */
	waits(0, 1, &rows);
	is_line(">Q<?>Q<CZ");
	waits(0, 1, &broken);
	is_line(">Q");
	waits(0, 1, &rows);
	is_line("<?>Q<CZ");
	for (int kind = OTR_PQ_QUERY; kind <= OTR_PQ_PREPARED; kind++) { /* libpq refuses it */
		c = call((enum otr_pq_kind)kind, 1);
		c.name = c.text = NULL;
		otr_pq_begin(&c);
		otr_pq_waited(&c, NULL);
		is_line("");
	}
}

static void a_pipeline(void **state)
{
	(void)state;
	asks(OTR_PQ_QUERY, 1);
	gets(&rows);
	gets(NULL);
	is_line(">.Q<CZ");
	pipelined = 1;
	asks(OTR_PQ_PARAMS, 1);
	asks(OTR_PQ_PARAMS, 1);
	asks(OTR_PQ_SYNC, 1);
	asks(OTR_PQ_PREPARED, 1);
	is_line(">PBEPBESBE");
	gets(&bad);
	gets(NULL);
	gets(&aborted);
	gets(NULL);
	gets(&synced);
	asks(OTR_PQ_SYNC, 1);
	gets(&rows);
	gets(NULL);
	gets(&synced);
	is_line("<EZ>S<CZ");
	pipelined = 0;
	gets(NULL);
	is_line("");
	asks(OTR_PQ_QUERY, 1);
	is_line(">Q");
}

static void a_statement_that_libpq_sends_itself(void **state)
{
	(void)state;
	asks_within(OTR_PQ_QUERY, 1);
	gets(&rows);
	gets(NULL);
	is_line("");
	assert_false(SOCKET.has_upper);
	waits(1, 1, &rows);
	is_line(">.Q<CZ");
	asks_within(OTR_PQ_QUERY, 1); /* recorded by the library now, as nothing else records it */
	gets(&rows);
	gets(NULL);
	is_line(">Q<CZ");
}

/* The result of another call is never paired with this one. */
static void the_result_of_another_call_is_not_paired(void **state)
{
	(void)state;
	asks(OTR_PQ_QUERY, 1);
	otr_shim.off = &off;
	gets(&rows);
	gets(NULL);
	asks(OTR_PQ_QUERY, 1);
	otr_shim.off = &on;
	gets(&bad);
	is_line(">.Q");
	active = 1;
	asks(OTR_PQ_PARAMS, 1); /* between calls that were not seen */
	is_line("");
	active = 0;
	gets(NULL);
	asks(OTR_PQ_QUERY, 1);
	gets(&rows);
	gets(NULL);
	is_line("<?>Q<CZ");
	otr_shim.off = &off;
	waits(1, 1, &rows);
	otr_shim.off = &on;
	waits(1, 1, &rows);
	is_line("<?>Q<CZ");
}

static void a_new_socket_ends_the_statement(void **state)
{
	(void)state;
	asks(OTR_PQ_QUERY, 1);
	is_line(">.Q");
	memset(&SOCKET, 0, sizeof(struct otr_fd)); /* PQreset */
	SOCKET.kind = OTR_FD_STREAM;
	SOCKET.inode = 101;
	gets(&rows);
	gets(NULL);
	is_line("");
	status = 1; /* not connected */
	asks(OTR_PQ_QUERY, 0);
	is_line("");
	status = 0;
	asks(OTR_PQ_QUERY, 1);
	is_line(">.Q");
}

/* A call that was left by longjmp() is not an outer call any more. */
static void a_call_that_was_left_by_longjmp(void **state)
{
	struct otr_pq_call c = call(OTR_PQ_QUERY, 1);

	(void)state;
	asks(OTR_PQ_QUERY, 1);
	gets(NULL);
	is_line(">.Q<Z");
	otr_pq_begin(&c);
	self.pq_frame = 16; /* deeper in the stack than now */
	asks_within(OTR_PQ_QUERY, 1);
	assert_int_equal(self.pq_frame, 0);
	assert_false(self.pq_asked);
}

static void a_comment_is_added_once(void **state)
{
	static char text[OTR_PQ_TEXT];
	struct otr_pq_call c = call(OTR_PQ_QUERY, 0), inner;

	(void)state;
	free(otr_shim.pqs);
	assert_true(otr_pq_alloc(1));
	otr_pq_begin(&c);
	assert_string_equal(c.text, "SELECT 1 /*traceparent='" TP "'*/");
	inner = c; /* libpq hands it on */
	otr_pq_begin(&inner);
	assert_ptr_equal(inner.text, c.text);
	assert_int_equal(counts[OTR_SHIM_INJECTED], 1);
	for (enum otr_pq_kind kind = OTR_PQ_PARAMS; kind <= OTR_PQ_SYNC; kind++) {
		c = call(kind, 0);
		otr_pq_begin(&c);
		assert_int_equal(kind == OTR_PQ_PARAMS, strlen(c.text) > 8);
	}
	memset(text, '1', sizeof(text) - 1); /* no text of which a part alone would be recorded */
	for (size_t len = OTR_PQ_TEXT; len > 1000; len--) {
		text[len - 1] = 0;
		c = call(len % 2 ? OTR_PQ_QUERY : OTR_PQ_PARAMS, 0);
		c.text = text;
		otr_pq_begin(&c);
		assert_int_equal(c.text != text, len + OTR_COMMENT_LEN <=
							 (len % 2 ? OTR_PQ_TEXT : OTR_PQ_KEPT));
	}
	free(otr_shim.pq_texts);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_statement_that_is_sent_and_read), TEST(a_call_that_waits_for_the_result), TEST(a_libpq_whose_inner_calls_are_not_seen),
		TEST(a_pipeline), TEST(a_statement_that_libpq_sends_itself),
		TEST(the_result_of_another_call_is_not_paired), TEST(a_new_socket_ends_the_statement), TEST(a_call_that_was_left_by_longjmp), TEST(a_comment_is_added_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
