/* SPDX-License-Identifier: Apache-2.0 */
/* post_test.c - POSTs by libcurl, to a socket of the test. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exporters/post.h"

static char request[4096];

/* Takes one connection and one request, and answers it. */
static void *serve(void *arg)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
				     "Connection: close\r\n\r\n";
	int fd = accept(*(int *)arg, NULL, NULL);
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && !strstr(request, "\r\n\r\nbody")) {
		n = read(fd, request + len, sizeof(request) - 1 - len);
		len += n > 0 ? (size_t)n : 0;
		request[len] = '\0';
	}
	n = write(fd, answer, sizeof(answer) - 1);
	close(fd);
	return NULL;
}

static uint16_t listen_any(int *fd)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(*fd >= 0);
	assert_int_equal(bind(*fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(*fd, 4), 0);
	assert_int_equal(getsockname(*fd, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin_port);
}

static void post(struct otr_post *p, int fd)
{
	const _Atomic uint64_t deadline = UINT64_MAX;
	pthread_t server;
	CURLcode rc;

	request[0] = '\0';
	assert_int_equal(pthread_create(&server, NULL, serve, &fd), 0);
	assert_true(otr_post(p, OTR_SLICE("body"), UINT64_MAX, &deadline, &rc));
	pthread_join(server, NULL);
}

/* What stands in the memory of a header that was freed would be sent otherwise. */
static void a_first_header_is_taken_back(void **state)
{
	struct otr_post_target to = {.host = "127.0.0.1"};
	struct otr_post p = {.failed = false};
	char url[64];
	int fd;

	(void)state;
	to.port = listen_any(&fd);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", to.port);
	to.url = url;
	assert_true(otr_post_header(&to.headers, "X-Own: 1"));
	assert_int_equal(otr_post_open(&p, &to), 0);
	assert_true(otr_post_first_header(&p, "X-First: 2"));
	post(&p, fd);
	assert_non_null(strstr(request, "\r\nX-First: 2\r\nX-Own: 1\r\n"));
	assert_true(otr_post_first_header(&p, NULL));
	post(&p, fd);
	assert_null(strstr(request, "X-First"));
	assert_non_null(strstr(request, "\r\nX-Own: 1\r\n"));
	otr_post_fini(&p);
	curl_slist_free_all(to.headers);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_first_header_is_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
