/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/parse/inject.c preload/parse/head_scan.c preload/parse/request_boundary.c
/* head_scan_test.c - a head that is read in one pass says what it says when it is read byte by
 * byte. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "preload/parse/inject.h"
#include "preload/parse/request_boundary.h"

static void facts_of_a_head(void **state)
{
	static const char head[] =
		"HEAD /a HTTP/1.0\r\nhost: x\r\nTraceParent: \t00-1 \r\nbaggage:a=1\r\n"
		"Content-length: 12\r\ntransfer-Encoding: chunked\r\n\r\nbody";
	struct otr_head_facts facts;

	(void)state;
	assert_true(otr_head_scan(head, sizeof(head) - 1, &facts));
	assert_int_equal(facts.len, sizeof(head) - 1 - 4);
	assert_int_equal(facts.line_end, 18);
	assert_int_equal(facts.fields, 5);
	assert_int_equal(facts.hosts, 1);
	assert_int_equal(facts.minor, 0);
	assert_int_equal(facts.length, 12);
	assert_true(facts.is_head && facts.chunks && !facts.is_unframed && !facts.is_twice);
	assert_int_equal(facts.parent.len, 4);
	assert_memory_equal(head + facts.parent.at, "00-1", 4);
	assert_memory_equal(head + facts.baggage.at, "a=1", facts.baggage.len);
	assert_int_equal(facts.state.at, 0);
}

static void nothing_is_said_of_others(void **state)
{
	static const char *const heads[] = {
		"",
		"GET / HTTP/1.1\r\n",
		"GET / HTTP/1.1\r\n\r",
		"GET / HTTP/1.1\r\nHost: x\r\n",
		"GET / HTTP/1.1\r\nHost: x\n\n",
		"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
		"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
		"CONNECT a HTTP/1.1\r\n\r\n",
	};
	struct otr_head_facts facts;

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		assert_false(otr_head_scan(heads[i], strlen(heads[i]), &facts));
		assert_int_equal(facts.len, 0);
	}
}

/* Each byte of a head becomes each of 256. */
#define HEAD                                                            \
	"POST /path?q=1 HTTP/1.1\r\nHost: example.org:80\r\n"           \
	"Content-Length: 5\r\nUpgrade-Insecure-Requests: 1\r\nX: y\r\n" \
	"traceparenx: 1\r\nTransfer-Encodin: chunked\r\n\r\nhelloGET "

static enum otr_head by_bytes(const char *text, size_t len, size_t step, struct otr_boundary *t)
{
	struct otr_head_facts facts;
	struct iovec iov[512];
	int n = 0;

	memset(t, 0, sizeof(*t));
	for (size_t at = 0; at < len; at += step, n++) {
		iov[n] = (struct iovec){(char *)text + at, len - at < step ? len - at : step};
		otr_boundary_sent(t, iov[n].iov_len, &iov[n], 1);
	}
	return otr_head_read(iov, n, &facts);
}

static void compare(const char *text, size_t len)
{
	struct otr_boundary t, want;
	enum otr_head is = by_bytes(text, len, len, &t), was = by_bytes(text, len, 1, &want);

	if (is != was || t.state != want.state || t.left != want.left ||
	    (t.state != OTR_BOUNDARY_UNKNOWN && t.is_head != want.is_head))
		fail_msg("%d, not %d; state %d, not %d: %.*s", is, was, t.state, want.state,
			 (int)len, text);
}

static void one_pass_agrees_with_bytes(void **state)
{
	char text[] = HEAD, was;
	size_t len = sizeof(text) - 1;

	(void)state;
	compare(text, len);
	for (size_t at = 0; at < len; at++)
		for (int c = 0; c < 256; c++) {
			was = text[at];
			text[at] = (char)c;
			compare(text, len);
			text[at] = was;
		}
}

/* Lines of all kinds in any order, now and then with a byte changed. */
static void random_heads_agree(void **state)
{
	static const char *const lines[] = {
		"Host: x\r\n",
		"hOST:y\r\n",
		"Content-Length: 5\r\n",
		"content-length:0\r\n",
		"Content-Length: 0000000000000000000000005\r\n",
		"Transfer-Encoding: chunked\r\n",
		"Upgrade: h2c\r\n",
		"traceparent: 00-1\r\n",
		"Traceparents: 00-1\r\n",
		"Abcdefghijklmnopqrstuvwxyz-abcdefghijk: 38\r\n",
		"Abcdefghijklmnopqrstuvwxyz-abcdefghijkl: 39\r\n",
		"Abcdefghijklmnopqrstuvwxyz-abcdefghijklm: 40\r\n",
		"X:\r\n",
		"X: a\tb\x80 c\r\n",
	};
	char text[512];
	size_t len;

	(void)state;
	srand(7);
	for (int i = 0; i < 100000; i++) {
		len = (size_t)sprintf(text, "%s /%d HTTP/1.%d\r\n", i & 1 ? "GET" : "HEAD", i,
				      i % 3);
		for (int n = rand() % 5; n; n--)
			len += (size_t)sprintf(
				text + len, "%s",
				lines[(size_t)rand() % (sizeof(lines) / sizeof(*lines))]);
		len += (size_t)sprintf(text + len, "\r\nhello GET / HTTP/1.1\r\n");
		if (i % 3 == 0)
			text[(size_t)rand() % len] = (char)rand();
		compare(text, len);
	}
}

/* No byte behind a head that is cut off is read: a page that cannot be read begins there. */
static void nothing_behind_the_end_is_read(void **state)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct otr_head_facts facts;
	const size_t whole = sizeof(HEAD) - 1 - strlen("helloGET ");

	(void)state;
	assert_ptr_not_equal(page, MAP_FAILED);
	assert_int_equal(mprotect(page + 4096, 4096, PROT_NONE), 0);
	for (size_t len = 0; len <= whole; len++) {
		memcpy(page + 4096 - len, HEAD, len);
		assert_int_equal(otr_head_scan(page + 4096 - len, len, &facts), len == whole);
	}
	munmap(page, 8192);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_of_a_head),
		cmocka_unit_test(nothing_is_said_of_others),
		cmocka_unit_test(one_pass_agrees_with_bytes),
		cmocka_unit_test(random_heads_agree),
		cmocka_unit_test(nothing_behind_the_end_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
