/* SPDX-License-Identifier: Apache-2.0 */
/* scrape_test.c - the server of the page of metrics, and clients that read slowly. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "exporters/scrape.h"

#define SLOW	   10
#define PAGE_BYTES (24u << 20) /* more than the kernel takes from the server for a client */

static _Atomic int pages;

static int write_page(void *arg, struct otr_buf *out, enum otr_page format)
{
	int no = ++pages;
	char *to;

	(void)arg, (void)format;
	to = otr_buf_room(out, PAGE_BYTES);
	if (!to)
		return out->rc;
	memset(to, 'a' + no, PAGE_BYTES);
	out->len += PAGE_BYTES;
	return 0;
}

static uint16_t free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	close(fd);
	return ntohs(at.sin_port);
}

/* Asks for the page, and reads the first byte of the answer. */
static int ask(uint16_t port)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), small = 4096;
	char c = 0;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(write(fd, request, sizeof(request) - 1), (int)sizeof(request) - 1);
	assert_int_equal(read(fd, &c, 1), 1);
	assert_int_equal(c, 'H');
	return fd;
}

/* Reads the rest of an answer. Returns the byte that the page is made of. */
static char finish(int fd)
{
	static char text[1 << 16];
	size_t got = 0, from = 0;
	char *body;
	ssize_t n;

	while (!from || got < from + PAGE_BYTES) {
		n = read(fd, text, sizeof(text));
		assert_true(n > 0);
		body = from ? NULL : memmem(text, (size_t)n, "\r\n\r\n", 4);
		if (body)
			from = got + (size_t)(body + 4 - text);
		got += (size_t)n;
		assert_true(from);
		for (size_t i = body ? (size_t)(body + 4 - text) : 0; i < (size_t)n; i++)
			assert_int_equal(text[i], text[n - 1]);
	}
	close(fd);
	return text[0];
}

static void slow_clients_share_pages(void **state)
{
	struct otr_scrape *server = NULL;
	uint16_t port = free_port();
	struct otr_err err = {""};
	int fds[SLOW];

	(void)state;
	assert_int_equal(
		otr_scrape_open(&server, "127.0.0.1", port, "/metrics", write_page, NULL, &err), 0);
	for (int i = 0; i < SLOW; i++)
		fds[i] = ask(port);
	assert_int_equal(pages, 2);
	assert_int_equal(finish(fds[0]), 'b');
	for (int i = 1; i < SLOW; i++)
		assert_int_equal(finish(fds[i]), 'c');
	assert_int_equal(finish(ask(port)), 'd'); /* nobody reads slowly any more: a new page */
	fds[0] = ask(port);
	otr_scrape_close(&server); /* while a page is being sent */
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slow_clients_share_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
