/* SPDX-License-Identifier: Apache-2.0 */
/* headend_test.c - the search for the end of a head by eight bytes at a time finds what one by
 * bytes finds. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/headend.h"

#define LONGEST 64

/* Does a blank line end within the `n` bytes of `text` from `from` on? */
static int by_bytes(const char *text, size_t from, size_t n)
{
	for (size_t i = from; i < n; i++)
		if (text[i] == '\n' && ((i >= 1 && text[i - 1] == '\n') ||
					(i >= 2 && text[i - 1] == '\r' && text[i - 2] == '\n')))
			return 1;
	return 0;
}

static int by_words(const char *text, size_t n)
{
	__u64 before = 0, word, found = 0;

	for (size_t at = 0; at < n; at += 8) {
		word = 0;
		memcpy(&word, text + at, n - at < 8 ? n - at : 8);
		found |= otr_blank_line(before, word);
		before = word;
	}
	return found != 0;
}

static void a_blank_line_is_found_wherever_it_lies(void **state)
{
	static const char letters[] = "\r\n\n\rab\x0b\x8a";
	char text[LONGEST];

	(void)state;
	srand(1);
	for (int round = 0; round < 200000; round++) {
		size_t n = (size_t)rand() % sizeof(text);

		for (size_t i = 0; i < n; i++)
			text[i] = rand() % 4 ? 'x' : letters[rand() % 8];
		assert_int_equal(by_words(text, n), by_bytes(text, 0, n));
	}
}

static void it_may_begin_with_the_last_two_bytes_of_what_came_before(void **state)
{
	(void)state;
	for (int first = 0; first < 3; first++)
		for (int second = 0; second < 3; second++)
			for (int third = 0; third < 3; third++) {
				const char c[] = "\r\nx";
				char text[] = {c[first], c[second], c[third]};
				__u16 last = (__u16)((__u8)text[0] | (__u8)text[1] << 8);
				__u64 word = (__u8)text[2];

				assert_int_equal(otr_blank_line((__u64)last << 48, word) != 0,
						 by_bytes(text, 2, 3));
			}
}

static int begins_request(const char *line)
{
	__u64 words[OTR_REQUEST_LINE / 8];

	memcpy(words, line, sizeof(words));
	return otr_begins_request(words[0], words[1]);
}

/* The same byte by byte. */
static int begins_by_bytes(const char *line)
{
	int i = 0;

	while (i < OTR_REQUEST_LINE - 1 &&
	       (line[i] == '-' || ((line[i] | 0x20) >= 'a' && (line[i] | 0x20) <= 'z')))
		i++;
	return i && i < OTR_REQUEST_LINE - 1 && line[i] == ' ' && line[i + 1] > ' ' &&
	       line[i + 1] < 0x7f;
}

static void a_request_line_is_known_by_words_as_by_bytes(void **state)
{
	static const char letters[] = "azAZ@[`{- \x1f\x21\x7f\xe1\xa0\0";
	char line[OTR_REQUEST_LINE];
	int found = 0;

	(void)state;
	srand(2);
	for (int round = 0; round < 400000; round++) {
		for (size_t i = 0; i < sizeof(line); i++)
			line[i] = rand() % 8 ? 'G' : letters[(size_t)rand() % sizeof(letters)];
		assert_int_equal(begins_request(line), begins_by_bytes(line));
		found += begins_by_bytes(line);
	}
	assert_in_range(found, 10000, 390000);
}

static void only_a_request_line_begins_a_request(void **state)
{
	static const char *const yes[] = {
		"GET / HTTP/1.1\r\n", "POST /a HTTP/1.1", "get /lower HTTP/", "PROPPATCH /x HTT",
		"CONNECT a:1 HTTP",   "M-SEARCH * HTTP/", "OPTIONS * HTTP/1",
	};
	static const char *const no[] = {
		"HTTP/1.1 200 OK\r",
		" / HTTP/1.1\r\nHo",
		"GET  / HTTP/1.1\r",
		"*1\r\n$4\r\nPING\r\n  ",
		"\x16\x03\x01\x02 0123456789a",
		"abcdefghijklmnopqr",
		"GET \r\n          ",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		assert_true(begins_request(yes[i]));
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		assert_false(begins_request(no[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_blank_line_is_found_wherever_it_lies),
		cmocka_unit_test(it_may_begin_with_the_last_two_bytes_of_what_came_before),
		cmocka_unit_test(a_request_line_is_known_by_words_as_by_bytes),
		cmocka_unit_test(only_a_request_line_begins_a_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
