/* SPDX-License-Identifier: Apache-2.0 */
/*
 * duplex.c - duplex N [upgrade]: two threads send N messages each and two receive them, on the
 * two ends of one connection, as programs that speak WebSocket do; with `upgrade` after an
 * HTTP request and its answer. Prints how many bytes came at each end and their sums.
 */

#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE 807

static char message[MESSAGE];
static long messages;

struct end {
	int fd;
	long got;
	uint64_t sum;
};

static void *send_all(void *arg)
{
	int fd = *(int *)arg;

	for (long i = 0; i < messages; i++)
		for (ssize_t at = 0, n; at < MESSAGE; at += n)
			if ((n = send(fd, message + at, (size_t)(MESSAGE - at), 0)) <= 0)
				exit(1);
	return NULL;
}

static void *receive_all(void *arg)
{
	struct end *e = arg;
	char buf[65536];

	while (e->got < messages * MESSAGE) {
		ssize_t n = recv(e->fd, buf, sizeof(buf), 0);

		if (n <= 0)
			exit(1);
		for (ssize_t i = 0; i < n; i++)
			e->sum += (uint64_t)(unsigned char)buf[i];
		e->got += n;
	}
	return NULL;
}

static void upgrade(struct end e[2])
{
	static const char ask[] = "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
				  "Connection: Upgrade\r\n\r\n";
	static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
				     "Connection: Upgrade\r\n\r\n";
	char buf[1024];

	if (send(e[0].fd, ask, sizeof(ask) - 1, 0) < 0 || recv(e[1].fd, buf, sizeof(buf), 0) <= 0 ||
	    send(e[1].fd, answer, sizeof(answer) - 1, 0) < 0 ||
	    recv(e[0].fd, buf, sizeof(answer) - 1, MSG_WAITALL) <= 0)
		exit(1);
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int door = socket(AF_INET, SOCK_STREAM, 0);
	struct end e[2] = {{.fd = socket(AF_INET, SOCK_STREAM, 0)}};
	pthread_t t[4];

	if (argc < 2 || bind(door, (void *)&at, len) || listen(door, 1) ||
	    getsockname(door, (void *)&at, &len) || connect(e[0].fd, (void *)&at, len))
		return 1;
	messages = atol(argv[1]);
	e[1].fd = accept(door, NULL, NULL);
	for (int i = 0; i < MESSAGE; i++)
		message[i] = (char)(i % 199 + 1);
	memcpy(message, "\x82\x7e", 2);
	if (argc > 2)
		upgrade(e);
	for (int i = 0; i < 2; i++) {
		pthread_create(&t[2 * i], NULL, send_all, &e[i].fd);
		pthread_create(&t[2 * i + 1], NULL, receive_all, &e[i]);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 2; i++)
		printf("%ld bytes, sum %llu\n", e[i].got, (unsigned long long)e[i].sum);
	return 0;
}
