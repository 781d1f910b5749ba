/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/parse/response_boundary.c preload/parse/inject.c preload/parse/head_scan.c preload/parse/request_boundary.c
/* request_boundary_test.c - where in its requests a client is, however its bytes are cut. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "preload/parse/request_boundary.h"

static void say(struct otr_boundary *t, const char *text)
{
	const struct iovec one = {(void *)text, strlen(text)};

	otr_boundary_sent(t, one.iov_len, &one, 1);
}

/* Returns the state behind `text`, which is given in parts of `step` bytes. */
static int after(const char *text, size_t step)
{
	struct otr_boundary t = {.left = 0};
	size_t len = strlen(text);

	for (size_t at = 0; at < len; at += step) {
		const struct iovec one = {(void *)(text + at), len - at < step ? len - at : step};

		otr_boundary_sent(&t, one.iov_len, &one, 1);
	}
	return t.state;
}

#define POST "POST /p HTTP/1.1\r\nHost: x\r\n"

static const struct {
	const char *text;
	int state; /* after all of the text */
} boundary_rows[] = {
	{"", OTR_BOUNDARY_START},
	{"GE", OTR_BOUNDARY_HEAD},
	{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", OTR_BOUNDARY_START},
	{"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nhost:y\r\n\r\n", OTR_BOUNDARY_START},
	{"GET / HTTP/1.1\r\nHost: x\r\n", OTR_BOUNDARY_HEAD},
	{POST "Content-Length: 5\r\n\r\n", OTR_BOUNDARY_BODY},
	{POST "Content-Length: 5\r\n\r\nGET ", OTR_BOUNDARY_BODY},
	{POST "cONTENT-lENGTH:5\r\n\r\nGET /", OTR_BOUNDARY_START},
	{POST "Content-Length: 0\r\n\r\n", OTR_BOUNDARY_START},
	{POST "Content-Length: 5\r\n\r\nhelloGET", OTR_BOUNDARY_HEAD},
	{POST "Content-Length: 5\r\n\r\nhello\x16", OTR_BOUNDARY_UNKNOWN},
	{POST "Content-Length: 5, 5\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{POST "Content-Length: x\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{POST "Content-Length: \r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{POST "Content-Length : 5\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{POST "Content-Length: 99999999999999999999\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{POST "Transfer-Encoding: chunked\r\n\r\n", OTR_BOUNDARY_CHUNKS},
	{POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", OTR_BOUNDARY_CHUNKS},
	{POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello", OTR_BOUNDARY_CHUNK},
	/* The data of a chunk looks like the end of all chunks. */
	{POST "Transfer-Encoding: chunked\r\n\r\n25\r\n\r\n0\r\n\r\n", OTR_BOUNDARY_CHUNK},
	{POST "Transfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n", OTR_BOUNDARY_CHUNK},
	{POST "Transfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\n", OTR_BOUNDARY_CHUNKS},
	{POST "Transfer-Encoding: chunked\r\n\r\n5 ;a=b\r\nhello\r\n00\r\nX: y\r\n",
	 OTR_BOUNDARY_CHUNKS},
	{POST "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n00\r\nX: y\r\n\r\n",
	 OTR_BOUNDARY_START},
	{POST "Transfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\nG", OTR_BOUNDARY_HEAD},
	{POST "Transfer-Encoding: chunked\r\n\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{POST "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n", OTR_BOUNDARY_UNKNOWN},
	{POST "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff0\r\n", OTR_BOUNDARY_UNKNOWN},
	{POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", OTR_BOUNDARY_START},
	{POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{"GET / HTTP/1.1\r\nHost: x\r\nUpgrade-Insecure-Requests: 1\r\n\r\n", OTR_BOUNDARY_START},
	{"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{"GET / HTTP/1.0\r\n\r\n", OTR_BOUNDARY_START},
	/* Not valid: any bytes may follow. */
	{"GET / HTTP/1.1\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{"GET / HTTP/2.0\r\nHost: x\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{"GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{"GET / HTTP/1.1\nHost: x\n\n", OTR_BOUNDARY_HEAD},
	{"GET / HTTP/1.1\r\nHost: x\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{"GET / HTTP/1.1\r\nHost: x\r\nA: b\x01\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{"PRI * HTTP/2.0\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	{"EHLO x\r\n", OTR_BOUNDARY_UNKNOWN},
	{"\x16\x03\x01", OTR_BOUNDARY_UNKNOWN},
};

static void the_state_does_not_depend_on_how_the_bytes_are_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(boundary_rows) / sizeof(boundary_rows[0]); i++)
		for (size_t step = 1; step < 90; step++)
			assert_int_equal(after(boundary_rows[i].text, step),
					 boundary_rows[i].state);
}

static void a_long_line_is_no_trouble(void **state)
{
	struct otr_boundary t = {.left = 0};
	char text[9000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "GET /", 5);
	text[sizeof(text) - 1] = 0;
	say(&t, text);
	say(&t, " HTTP/1.1\r\nHost: x\r\nCookie: ");
	memset(text, 'y', 8);
	say(&t, text);
	say(&t, "\r\n\r\n");
	assert_int_equal(t.state, OTR_BOUNDARY_START);
}

static void bytes_not_seen_may_be_a_body_and_nothing_else(void **state)
{
	struct otr_boundary t = {.left = 0}, other = {.left = 0};

	(void)state;
	say(&t, POST "Content-Length: 100000\r\n\r\n");
	otr_boundary_sent(&t, 60000, NULL, 0);
	assert_int_equal(t.state, OTR_BOUNDARY_BODY);
	otr_boundary_sent(&t, 40000, NULL, 0);
	assert_int_equal(t.state, OTR_BOUNDARY_START);
	otr_boundary_sent(&t, 1, NULL, 0);
	assert_int_equal(t.state, OTR_BOUNDARY_UNKNOWN);
	t = (struct otr_boundary){.left = 0};
	say(&t, POST "Transfer-Encoding: chunked\r\n\r\n64\r\n");
	otr_boundary_sent(&t, 102, NULL, 0);
	assert_int_equal(t.state, OTR_BOUNDARY_CHUNKS);
	say(&t, "64\r\n");
	otr_boundary_sent(&t, 103, NULL, 0);
	assert_int_equal(t.state, OTR_BOUNDARY_UNKNOWN);
	otr_boundary_sent(&other, 0, NULL, 0);
	assert_int_equal(other.state, OTR_BOUNDARY_START);
}

static void an_injected_header_is_not_counted(void **state)
{
	static char text[] = "POST / HTTP/1.1\r\n"
			     "X: ours\r\n"
			     "Content-Length: 12\r\n\r\nhello world!";
	const size_t at = 17, added = 9, all = sizeof(text) - 1;
	const struct otr_head_facts facts = {.line_end = at};

	(void)state;
	for (size_t cut = 1; cut < all; cut++)
		for (size_t gone = at + added; gone <= all; gone++) {
			struct otr_boundary t = {.left = 0}, want = {.left = 0};
			const struct iovec iov[] = {{text, cut}, {text + cut, gone - cut}};

			if (cut > gone)
				continue;
			otr_boundary_sent_with(&t, gone - added, iov, 2, &facts, added);
			otr_boundary_sent(&want, at, &(struct iovec){text, at}, 1);
			otr_boundary_sent(&want, gone - at - added,
					  &(struct iovec){text + at + added, gone - at - added}, 1);
			assert_int_equal(t.state, want.state);
			assert_int_equal(t.left, want.left);
			assert_int_equal(t.len, want.len);
		}
}

static void segments_that_were_not_copied(void **state)
{
	struct otr_boundary t = {.left = 0};
	static char head[] = POST "Content-Length: 100\r\n\r\n";
	const struct iovec iov[] = {{head, sizeof(head) - 1}, {NULL, 92}, {head, 8}};

	(void)state;
	otr_boundary_sent(&t, sizeof(head) - 1 + 100, iov, 3);
	assert_int_equal(t.state, OTR_BOUNDARY_START);
	otr_boundary_sent(&t, 92, iov + 1, 1);
	assert_int_equal(t.state, OTR_BOUNDARY_UNKNOWN);
}

/* Returns the state that an answer leaves behind `request`, in parts of `step` bytes. */
static int answered(const char *request, const char *text, size_t step)
{
	struct otr_boundary t = {.left = 0};
	size_t len = strlen(text), n;

	say(&t, request);
	for (size_t at = 0; at < len; at += n) {
		struct iovec one = {(void *)(text + at), len - at};

		n = len - at < step ? len - at : step;
		otr_boundary_answered(&t, !at, n, &one, 1);
	}
	return t.state;
}

#define GET "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

static void no_request_follows_what_is_no_http_any_more(void **state)
{
	static const struct {
		const char *request, *answer;
		int state;
	} rows[] = {
		{GET, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", OTR_BOUNDARY_START},
		{GET, "HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: chunked\r\n\r\n", OTR_BOUNDARY_START},
		{GET, "HTTP/1.1 304 Not Modified\r\n\r\n", OTR_BOUNDARY_START},
		{GET, "HTTP/1.1 204 No Content\r\n\r\n", OTR_BOUNDARY_START},
		{GET, "HTTP/1.1 100 Continue\r\n\r\n", OTR_BOUNDARY_START},
		{GET, "HTTP/1.1 200 OK\r\nServer: x\r\n", OTR_BOUNDARY_START},
		{"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
		 OTR_BOUNDARY_START},
		{GET, "HTTP/1.1 200 OK\r\nContent-Type: raw\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
		{GET, "HTTP/1.0 200 OK\r\n\r\nContent-Length: 5\r\n", OTR_BOUNDARY_UNKNOWN},
		{GET, "HTTP/1.1 101 UPGRADED\r\nContent-Length: 0\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
		{GET, "+OK\r\n", OTR_BOUNDARY_UNKNOWN},
		{GET, "HTTP/2 200\r\n\r\n", OTR_BOUNDARY_UNKNOWN},
		{GET, "HTTP/1.1 2x0 \r\n\r\n", OTR_BOUNDARY_UNKNOWN},
	};
	struct otr_boundary t = {.left = 0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(answered(rows[i].request, rows[i].answer, 1000), rows[i].state);
	for (size_t step = 1; step < 12; step++) {
		assert_int_equal(answered(GET, "HTTP/1.1 101 x\r\n\r\n", step),
				 OTR_BOUNDARY_UNKNOWN);
		assert_int_equal(answered(GET, "HTTP/1.1 200 x\r\n\r\n", step), OTR_BOUNDARY_START);
		assert_int_equal(answered(GET, "HTTPS", step), OTR_BOUNDARY_UNKNOWN);
	}
	say(&t, GET); /* what follows a status that was read shows nothing */
	otr_boundary_answered(&t, 1, 12, &(struct iovec){(void *)"HTTP/1.1 200", 12}, 1);
	otr_boundary_answered(&t, 0, 100, NULL, 0);
	otr_boundary_answered(&t, 0, 3, &(struct iovec){(void *)"xyz", 3}, 1);
	assert_int_equal(t.state, OTR_BOUNDARY_START);
}

/* splice(), or recv() with MSG_TRUNC: the status is not read, or a part of it. */
static void an_answer_that_is_not_read_may_be_no_http(void **state)
{
	struct otr_boundary t = {.left = 0}, part = {.left = 0};

	(void)state;
	say(&t, GET);
	otr_boundary_answered(&t, 1, 100, NULL, 0);
	assert_int_equal(t.state, OTR_BOUNDARY_UNKNOWN);
	say(&part, GET);
	otr_boundary_answered(&part, 1, 5, &(struct iovec){(void *)"HTTP/", 5}, 1);
	otr_boundary_answered(&part, 0, 100, NULL, 0);
	assert_int_equal(part.state, OTR_BOUNDARY_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_state_does_not_depend_on_how_the_bytes_are_split),
		cmocka_unit_test(a_long_line_is_no_trouble),
		cmocka_unit_test(bytes_not_seen_may_be_a_body_and_nothing_else),
		cmocka_unit_test(an_injected_header_is_not_counted),
		cmocka_unit_test(segments_that_were_not_copied),
		cmocka_unit_test(no_request_follows_what_is_no_http_any_more),
		cmocka_unit_test(an_answer_that_is_not_read_may_be_no_http),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
