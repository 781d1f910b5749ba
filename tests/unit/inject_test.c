/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/parse/inject.c preload/parse/head_scan.c
/*
 * inject_test.c - a header is injected once, at the right position, or not at all; and the caller
 * learns how many of its own bytes were sent, whatever the kernel takes.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "preload/parse/inject.h"

#define LINE "GET /a HTTP/1.1\r\n"

static enum otr_head read_in_pieces(const char *text, size_t piece, struct otr_head_facts *facts)
{
	struct iovec iov[512];
	size_t len = strlen(text);
	int n = 0;

	for (size_t at = 0; at < len; at += piece) {
		iov[n].iov_base = (char *)text + at;
		iov[n++].iov_len = len - at < piece ? len - at : piece;
		iov[n++] = (struct iovec){0}; /* empty segments are allowed */
	}
	return otr_head_read(iov, n, facts);
}

struct vector {
	const char *head;
	enum otr_head is;
};

static const struct vector vectors[] = {
	{LINE "Host: x\r\n\r\n", OTR_HEAD_WHOLE},
	{LINE "Host: x\r\n\r\nbody GET / HTTP/1.1\r\n", OTR_HEAD_WHOLE},
	{"POST /p HTTP/1.0\r\n\r\n", OTR_HEAD_WHOLE},
	{LINE "traceparent: 00-1\r\n\r\n", OTR_HEAD_HAS_ONE},
	{LINE "TraceParent:00-1\r\n\r\n", OTR_HEAD_HAS_ONE},
	{LINE "Host: x\r\nTRACEPARENT : x\r\n\r\n", OTR_HEAD_HAS_ONE},
	{LINE "x-traceparent: 1\r\nHost: x\r\n\r\n", OTR_HEAD_WHOLE},
	{LINE "traceparents: 1\r\nhost:x\r\n\r\n", OTR_HEAD_WHOLE},
	/* heads that are valid by RFC 9110 and 9112, or not */
	{LINE "Host: x\r\nX: a\tb\x80\xff c\r\n\r\n", OTR_HEAD_WHOLE},
	{LINE "Host: x\r\nX:\r\nY!#$%&'*+-.^_`|~09: z\r\n\r\n", OTR_HEAD_WHOLE},
	{LINE "Host: x\r\nX: a\x01z\r\n\r\n", OTR_HEAD_ODD},
	{LINE "Host: x\r\nX: a\t\x08z\r\n\r\n", OTR_HEAD_ODD},
	{LINE "Host: x\r\nX: abcdefg\x7fh\r\n\r\n", OTR_HEAD_ODD},
	{LINE "Host: x\r\nX: a\rb\r\n\r\n", OTR_HEAD_ODD},
	{LINE "Host: x\r\nX: a\r\n folded\r\n\r\n", OTR_HEAD_ODD},
	{LINE "Host: x\r\nX : a\r\n\r\n", OTR_HEAD_ODD},
	{LINE "Host: x\r\n: a\r\n\r\n", OTR_HEAD_ODD},
	{LINE "Host: x\r\nno colon\r\n\r\n", OTR_HEAD_ODD},
	{LINE "Host: x\r\nX: a\n\r\n", OTR_HEAD_ODD},
	{LINE "X: no host\r\n\r\n", OTR_HEAD_ODD},
	{LINE "Host: x\r\nhOST: y\r\n\r\n", OTR_HEAD_ODD},
	{"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", OTR_HEAD_ODD},
	{"GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n", OTR_HEAD_ODD},
	{"GET  HTTP/1.1\r\nHost: x\r\n\r\n", OTR_HEAD_ODD},
	{"GET /\x02 HTTP/1.1\r\nHost: x\r\n\r\n", OTR_HEAD_ODD},
	{LINE "Host: x\r\n\r\ntraceparent: in the body\r\n", OTR_HEAD_WHOLE},
	{LINE "Host: x\r\n", OTR_HEAD_SPLIT},
	{LINE "Host: x", OTR_HEAD_SPLIT},
	{LINE, OTR_HEAD_SPLIT},
	{"GET /a HT", OTR_HEAD_SPLIT},
	{"GET /a HTTP/1.1\nHost: x\n\n", OTR_HEAD_ODD},
	{LINE "Host: x\n\nbody", OTR_HEAD_ODD},
	{"GET /a HTTP/2.0\r\n\r\n", OTR_HEAD_ODD},
	{"GET\r\n\r\n", OTR_HEAD_NONE},
	{"GET /\r\n\r\n", OTR_HEAD_ODD},
	{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", OTR_HEAD_NONE},
	{"CONNECT a:443 HTTP/1.1\r\n\r\n", OTR_HEAD_NONE},
	{"SSH-2.0-x\r\n", OTR_HEAD_NONE},
	{"G", OTR_HEAD_SPLIT},
	{"DELET", OTR_HEAD_SPLIT},
	{"GX", OTR_HEAD_NONE},
	{"", OTR_HEAD_NONE},
};

static void heads(void **state)
{
	struct otr_head_facts facts;

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		for (size_t piece = 1; piece < 90; piece++) {
			if (read_in_pieces(vectors[i].head, piece, &facts) != vectors[i].is)
				fail_msg("piece %zu of: %s", piece, vectors[i].head);
			if (vectors[i].is == OTR_HEAD_WHOLE)
				assert_memory_equal(vectors[i].head + facts.line_end - 2, "\r\n",
						    2);
		}
}

/* Each byte below a blank but the tab, and DEL, at each position of a value: none is accepted. */
/* A piece without a base stands for bytes that were not copied: the head ends before it. */
static void a_head_ends_where_bytes_were_not_copied(void **state)
{
	char text[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
	struct otr_head_facts facts;

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		struct iovec iov[] = {{text, n}, {NULL, 100}, {text, 8}};

		assert_int_equal(otr_head_begins(iov, 3), n >= 1);
		assert_int_not_equal(otr_head_read(iov, 3, &facts), OTR_HEAD_WHOLE);
	}
}

static void no_control_is_let_pass(void **state)
{
	char head[] = LINE "Host: x\r\nX: abcdefghijklmnopqrstuvwxyz\r\n\r\n";
	char *value = strstr(head, "abc"), was;
	struct otr_head_facts facts;

	(void)state;
	for (size_t at = 0; at < 26; at++)
		for (int c = 0; c < 256; c++) {
			struct iovec one = {head, sizeof(head) - 1};

			was = value[at];
			value[at] = (char)c;
			if (c != '\n' && c != '\r')
				assert_int_equal(otr_head_read(&one, 1, &facts),
						 (c < ' ' && c != '\t') || c == 0x7f
							 ? OTR_HEAD_ODD
							 : OTR_HEAD_WHOLE);
			value[at] = was;
		}
}

static void the_target(void **state)
{
	const char head[] = "POST http://h/x HTTP/1.1\r\nHost: h\r\n\r\n";
	const struct iovec two[] = {{(char *)head, 9}, {(char *)head + 9, sizeof(head) - 10}};
	char out[10];

	(void)state;
	assert_int_equal(otr_head_target(two, 2, out, sizeof(out)), 10);
	assert_memory_equal(out, "http://h/x", 10);
}

/* A head of `fields` fields and `len` bytes. */
static enum otr_head read_head_of(int fields, size_t len)
{
	char *text = calloc(1, len + 64);
	struct iovec one = {text, len};
	struct otr_head_facts facts;
	enum otr_head is;
	size_t at;

	at = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: x\r\n");
	for (int i = 1; i < fields - 1; i++)
		at += (size_t)sprintf(text + at, "a:\r\n");
	at += (size_t)sprintf(text + at, "b:");
	memset(text + at, 'x', len - 4 - at);
	memcpy(text + len - 4, "\r\n\r\n", 4);
	is = otr_head_read(&one, 1, &facts);
	free(text);
	return is;
}

/* A head that a server just accepts does not become one that it refuses. */
static void limits_of_servers(void **state)
{
	static const size_t limits[] = {4096, 8192, 16384};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(read_head_of(3, limits[i] - 70), OTR_HEAD_WHOLE);
		assert_int_equal(read_head_of(3, limits[i] - 69), OTR_HEAD_ODD);
		assert_int_equal(read_head_of(3, limits[i]), OTR_HEAD_ODD);
	}
	assert_int_equal(read_head_of(3, 4097), OTR_HEAD_WHOLE);
	assert_int_equal(read_head_of(97, 1000), OTR_HEAD_WHOLE);
	assert_int_equal(read_head_of(98, 1000), OTR_HEAD_ODD);
}

static void a_long_head_is_left_alone(void **state)
{
	char *text = malloc(OTR_HEAD_MAX + 4096);
	size_t len = (size_t)sprintf(text, LINE);
	struct otr_head_facts facts;
	const struct iovec one = {text, OTR_HEAD_MAX + 2000};

	(void)state;
	while (len < OTR_HEAD_MAX + 1000)
		len += (size_t)sprintf(text + len, "X: %0100d\r\n", 1);
	len += (size_t)sprintf(text + len, "traceparent: x\r\n\r\n");
	assert_int_equal(otr_head_read(&one, 1, &facts), OTR_HEAD_ODD);
	free(text);
}

static void values(void **state)
{
	const char head[] = LINE "Host: x\r\nBaggage:  a=1,b=2 \r\nEvil: a\r\n"
				 "Tracestate: x=1\ry\r\n\r\nbaggage: body";
	const struct iovec two[] = {{(char *)head, 25}, {(char *)head + 25, sizeof(head) - 26}};
	char out[64];
	int whole;

	(void)state;
	assert_int_equal(otr_head_value(two, 2, "baggage", out, sizeof(out), &whole), 7);
	assert_memory_equal(out, "a=1,b=2", 7);
	assert_true(whole);
	assert_int_equal(otr_head_value(two, 2, "baggage", out, 4, &whole), 0);
	/* A bare CR would end a line for some readers. */
	assert_int_equal(otr_head_value(two, 2, "tracestate", out, sizeof(out), &whole), 0);
	assert_int_equal(otr_head_value(two, 1, "baggage", out, sizeof(out), &whole), 0);
	assert_false(whole);
	assert_true(otr_head_has(two, 2, "tracestate"));
	assert_false(otr_head_has(two, 2, "traceparent"));
}

/* What the peer has received. */
struct peer {
	char got[128];
	size_t len;
};

static void kernel_takes(struct peer *peer, const char *a, size_t na, const char *b, size_t nb,
			 size_t k)
{
	char all[128];

	memcpy(all, a, na);
	memcpy(all + na, b, nb);
	assert_true(k <= na + nb);
	memcpy(peer->got + peer->len, all, k);
	peer->len += k;
}

/*
 * A caller writes `n` bytes until all are sent. The kernel takes `k` at first and then `step` at a
 * time; a header of `added` bytes is injected at `at`.
 */
static void story(size_t n, size_t at, size_t added, size_t k, size_t step)
{
	char bytes[64], head[32], wire[128];
	struct peer peer = {.len = 0};
	size_t rest, sent, take;
	ssize_t took;
	int whole;

	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)('a' + i % 26);
	memset(head, '#', sizeof(head));
	memcpy(wire, bytes, at);
	memcpy(wire + at, head, added);
	memcpy(wire + at + added, bytes + at, n - at);
	memcpy(peer.got, wire, k);
	peer.len = k;

	took = otr_account(at, added, (ssize_t)k, &rest, &whole);
	assert_true(took >= 0 && took <= (ssize_t)n);
	assert_true(took > 0 || !at);
	assert_int_equal(whole, k > at);
	sent = (size_t)took;
	while (sent < n) {
		/* The rest of the header is sent first, by itself. */
		take = rest ? rest : n - sent;
		take = take < step ? take : step;
		kernel_takes(&peer, head + added - rest, rest, bytes + sent, n - sent, take);
		if (rest)
			rest -= take;
		else
			sent += take;
	}
	assert_int_equal(rest, 0);
	if (whole)
		assert_memory_equal(peer.got, wire, n + added);
	else
		assert_memory_equal(peer.got, bytes, n);
	assert_int_equal(peer.len, whole ? n + added : n);
}

static void every_answer_of_a_kernel(void **state)
{
	(void)state;
	for (size_t n = 2; n <= 24; n++)
		for (size_t at = 1; at < n; at++)
			for (size_t added = 1; added <= 9; added++)
				for (size_t k = 1; k <= n + added; k++)
					for (size_t step = 1; step <= n + added; step++)
						story(n, at, added, k, step);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads),
		cmocka_unit_test(a_head_ends_where_bytes_were_not_copied),
		cmocka_unit_test(no_control_is_let_pass),
		cmocka_unit_test(the_target),
		cmocka_unit_test(limits_of_servers),
		cmocka_unit_test(a_long_head_is_left_alone),
		cmocka_unit_test(values),
		cmocka_unit_test(every_answer_of_a_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
