/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink.c - an OTLP/HTTP backend that takes everything and says 200.
 *
 *	sink PORT
 *
 * Costs next to nothing, so that a benchmark measures who sends. A thread a connection.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"
			 "Content-Length: 0\r\n\r\n";

static size_t body_len(const char *head)
{
	const char *at = strcasestr(head, "\r\ncontent-length:");

	return at ? strtoul(at + 17, NULL, 10) : 0;
}

static void *serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	static __thread char buf[65536];
	size_t n = 0, want;
	ssize_t got = 1;
	char *end;

	while (got > 0) {
		got = read(fd, buf + n, sizeof(buf) - 1 - n);
		n += got > 0 ? (size_t)got : 0;
		buf[n] = 0;
		end = strstr(buf, "\r\n\r\n");
		if (!end)
			continue;
		want = (size_t)(end + 4 - buf) + body_len(buf);
		while (got > 0 && n < want) {
			got = read(fd, buf, sizeof(buf) - 1);
			n += got > 0 ? (size_t)got : 0;
		}
		n = 0;
		if (got > 0)
			got = write(fd, ok, sizeof(ok) - 1);
	}
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in name = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int door = socket(AF_INET, SOCK_STREAM, 0), one = 1, fd;
	pthread_t thread;

	if (argc != 2)
		return 2;
	name.sin_port = htons((uint16_t)atoi(argv[1]));
	setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(door, (struct sockaddr *)&name, sizeof(name)) || listen(door, 16))
		return 1;
	while ((fd = accept(door, NULL, NULL)) >= 0)
		if (!pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd))
			pthread_detach(thread);
	return 0;
}
