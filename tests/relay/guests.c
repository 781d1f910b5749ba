/* SPDX-License-Identifier: Apache-2.0 */
/* guests.c - the server of conversations.c: it writes down what each connection brings. */

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conversations.h"

void die(const char *what)
{
	perror(what);
	exit(2);
}

int listening(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	memset(at, 0, sizeof(*at));
	at->sin_family = AF_INET;
	at->sin_addr.s_addr = htonl(INADDR_ANY); /* in a network namespace of its own */
	if (bind(fd, (struct sockaddr *)at, len) || listen(fd, 64) ||
	    getsockname(fd, (struct sockaddr *)at, &len))
		die("listen");
	return fd;
}

int dial(uint32_t host, int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(host)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	return fd;
}

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

struct guest {
	int fd, number;
};
static FILE *file;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void write_down(int number, const char *bytes, size_t len)
{
	pthread_mutex_lock(&lock);
	fprintf(file, "%d %zu\n", number, len);
	fwrite(bytes, 1, len, file);
	fputc('\n', file);
	fflush(file);
	pthread_mutex_unlock(&lock);
}

/* Answers whenever nothing more comes for a moment. */
static void *attend(void *arg)
{
	struct guest g = *(struct guest *)arg;
	struct pollfd one = {.fd = g.fd, .events = POLLIN};
	size_t len = 0, size = 1 << 20;
	char *bytes = malloc(size);
	int owes = 0;
	ssize_t n;

	free(arg);
	for (;;) {
		if (!poll(&one, 1, owes ? 3 : -1)) {
			send(g.fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
			owes = 0;
			continue;
		}
		n = read(g.fd, bytes + len, size - len);
		if (n <= 0)
			break;
		len += (size_t)n;
		owes = 1;
	}
	close(g.fd);
	write_down(g.number, bytes, len);
	free(bytes);
	return NULL;
}

static void receive(int fd, int number)
{
	struct guest *g = malloc(sizeof(*g));
	pthread_t t;

	*g = (struct guest){fd, number};
	if (pthread_create(&t, NULL, attend, g))
		die("pthread_create");
	pthread_detach(t);
}

/* A line with a port: what is heard there is what counts. */
static int call_back(int fd)
{
	char line[16] = "";

	if (read(fd, line, sizeof(line) - 1) <= 0)
		die("call_back");
	close(fd);
	return dial(HOST, atoi(line));
}

int serve(const char *path)
{
	static const char greeting[] = "220 hello\r\n", other[] = "* OK ready\r\n";
	struct pollfd doors[PORTS];
	struct sockaddr_in at;
	int number = 0, fd;

	file = fopen(path, "w");
	if (!file)
		die(path);
	for (int i = 0; i < PORTS; i++) {
		doors[i] = (struct pollfd){.fd = listening(&at), .events = POLLIN};
		printf("%d%c", ntohs(at.sin_port), i + 1 < PORTS ? ',' : '\n');
	}
	fflush(stdout);
	while (poll(doors, PORTS, -1) > 0)
		for (int i = 0; i < PORTS; i++) {
			if (!doors[i].revents)
				continue;
			fd = accept(doors[i].fd, NULL, NULL);
			if (i == GREETS_220)
				send(fd, greeting, sizeof(greeting) - 1, 0);
			else if (i == GREETS)
				send(fd, other, sizeof(other) - 1, 0);
			else if (i == CALLS_BACK)
				fd = call_back(fd);
			receive(fd, number++);
		}
	return 0;
}
