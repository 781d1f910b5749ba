/* SPDX-License-Identifier: Apache-2.0 */
// needs: tests/fuzz/laws.c tests/fuzz/laws_describe.c tests/fuzz/conv.c
/*
 * proto_laws_test.c - each row of otr_protos[] keeps the rules of proto.h on its golden
 * conversations, and finds in them the known messages.
 *
 * OTR_GOLDEN=print prints the messages, as lines for the golden file.
 */

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/base/own.h"
#include "tests/fuzz/laws.h"

static void print(const char *path, const struct otr_buf *out)
{
	const char *line = out->data, *end = line + out->len, *lf;

	printf("%s\n", path);
	for (; line < end; line = lf + 1) {
		lf = memchr(line, '\n', (size_t)(end - line));
		printf("= %.*s\n", (int)(lf - line), line);
	}
}

static void check_golden(const struct otr_proto_ops *proto, const char *path)
{
	OTR_AUTO(otr_conv_fini) struct otr_conv cv = {0};
	OTR_AUTO(otr_buf_fini) struct otr_buf out = {0};

	assert_int_equal(otr_conv_load(&cv, path), 0);
	assert_true(cv.n > 0);
	otr_laws_run(proto, &cv, 0, &out);
	if (getenv("OTR_GOLDEN")) {
		print(path, &out);
	} else if (!otr_slice_eq(otr_buf_view(&out), otr_buf_view(&cv.expect))) {
		print(path, &out);
		fail_msg("%s: other messages than expected", path);
	}
	otr_laws_check(proto, &cv);
}

static void each_golden(void (*fn)(const struct otr_proto_ops *, const char *))
{
	char pattern[256];
	glob_t found;

	for (size_t i = 0; otr_protos[i]; i++) {
		snprintf(pattern, sizeof(pattern), "tests/golden/proto/%s/*.conv",
			 otr_protos[i]->name);
		assert_int_equal(glob(pattern, 0, NULL, &found), 0);
		for (size_t k = 0; k < found.gl_pathc; k++)
			fn(otr_protos[i], found.gl_pathv[k]);
		globfree(&found);
	}
}

static void goldens_say_what_is_known(void **state)
{
	(void)state;
	each_golden(check_golden);
}

static size_t n_recovered;

static void recover(const struct otr_proto_ops *proto, const char *path)
{
	const struct otr_slice garbage[] = {
		OTR_SLICE("\0\0\0\0\0\0\0\0\0\0"),
		OTR_SLICE("lorem ipsum\r\n"),
		OTR_SLICE("\xff\xfe\x80{\"a\": [1, 2, 3]}"),
		OTR_SLICE("0123456789abcdef0123456789abcdef\n"),
	};
	OTR_AUTO(otr_conv_fini) struct otr_conv cv = {0};

	assert_int_equal(otr_conv_load(&cv, path), 0);
	for (size_t i = 0; i < OTR_ARRAY_SIZE(garbage); i++)
		n_recovered += otr_laws_recover(proto, &cv, OTR_DIR_OUT, garbage[i]) +
			       otr_laws_recover(proto, &cv, OTR_DIR_IN, garbage[i]);
}

static void finds_messages_behind_garbage(void **state)
{
	(void)state;
	each_golden(recover);
	assert_true(n_recovered > 20);
}

/* The conversation of one protocol is that of no other. */
static void check_sniff(const struct otr_proto_ops *proto, const char *path)
{
	OTR_AUTO(otr_conv_fini) struct otr_conv cv = {0};
	struct otr_slice head;

	assert_int_equal(otr_conv_load(&cv, path), 0);
	head = otr_slice_sub(cv.pieces[0].data, 0, OTR_SNIFF_MAX);
	if (strstr(path, "mid_") || strstr(path, "bad_"))
		return;
	for (size_t i = 0; otr_protos[i]; i++)
		if (otr_protos[i]->sniff(cv.pieces[0].dir, head) != (otr_protos[i] == proto))
			fail_msg("%s: %s", path, otr_protos[i]->name);
}

static void each_is_sniffed_by_its_own(void **state)
{
	(void)state;
	each_golden(check_sniff);
}

static void others_are_not_sniffed(void **state)
{
	const struct otr_slice heads[] = {
		OTR_SLICE("*1\r\n$4\r\nnope\r\n"),
		OTR_SLICE("\0\0\0\4\0\0\0\0\0\0\0\x10\0\0\0\1zzzz"), /* lengths of 32 bits */
		OTR_SLICE("PING\r\n"),				     /* NATS */
		OTR_SLICE("-ERR 'Unknown Protocol'\r\n"),	     /* NATS, POP3 */
		OTR_SLICE("+OK POP3 ready\r\n"),
		OTR_SLICE("set key 0 0 value\r\n"),
		OTR_SLICE("get \x01key\r\n"),
		OTR_SLICE("incr key\r\n"), /* Redis, as a line, has it too */
		OTR_SLICE("stats key\n"),
		OTR_SLICE("watch default\r\n"), /* beanstalkd */
		OTR_SLICE("delete 17\r\n"),
		OTR_SLICE("stats\r\n"),
		OTR_SLICE("quit\r\n"),
		OTR_SLICE("get /lower HTTP/1."), /* the last digit makes it HTTP */
		OTR_SLICE("END\r\n"),
		OTR_SLICE("OK\r\n"),
		OTR_SLICE("42\r\n"),
		OTR_SLICE("TYPE I\r\n"),		       /* FTP */
		OTR_SLICE("Q\0\0\0\x16SELECT a FROM t WHERE"), /* MySQL, prepare */
		OTR_SLICE("\x16\3\1\2\0\1\0\1\xfc\3\3"),       /* TLS */
		OTR_SLICE("SSH-2.0-OpenSSH_9.2\r\n"),
		OTR_SLICE("OPTIONS * RTSP/1.0\r\n\r\n"),
		OTR_SLICE("GET key\r\n"),
	};

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(heads); i++)
		for (size_t k = 0; otr_protos[k]; k++)
			for (size_t n = 1; n <= heads[i].len; n++)
				if (otr_protos[k]->sniff(OTR_DIR_OUT,
							 otr_slice_sub(heads[i], 0, n)))
					fail_msg("%zu bytes of head %zu: %s", n, i,
						 otr_protos[k]->name);
}

/* A head that arrives byte by byte is not read again from its start each time. */
static void long_heads_cost_what_they_are_long(void **state)
{
	OTR_AUTO(otr_conv_fini) struct otr_conv cv = {0};
	OTR_AUTO(otr_buf_fini) struct otr_buf out = {0};
	static char head[60000];
	struct otr_conv_part piece = {OTR_DIR_OUT, {head, sizeof(head)}};

	(void)state;
	memset(head, 'a', sizeof(head));
	memcpy(head, "GET / HTTP/1.1\r\nX: ", 19);
	memcpy(head + sizeof(head) - 4, "\r\n\r\n", 4);
	cv = (struct otr_conv){.pieces = &piece, .n = 1};
	for (size_t i = 0; otr_protos[i]; i++)
		otr_laws_run(otr_protos[i], &cv, 64, &out);
	cv.pieces = NULL;
	assert_non_null(strstr(out.data, "GET"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goldens_say_what_is_known),
		cmocka_unit_test(finds_messages_behind_garbage),
		cmocka_unit_test(each_is_sniffed_by_its_own),
		cmocka_unit_test(others_are_not_sniffed),
		cmocka_unit_test(long_heads_cost_what_they_are_long),
	};

	return cmocka_run_group_tests_name("proto_laws", tests, NULL, NULL);
}
