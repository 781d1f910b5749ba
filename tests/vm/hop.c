/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hop.c - the services of a guest that has no others: static, HTTP/1.1 over loopback.
 *
 *	hop serve PORT [NEXT]		answers; first asks the server at NEXT, if any,
 *					over one connection kept open
 *	hop ask PORT PATH..		one GET each, on one connection; with a PATH
 *					`-` it says so and waits for a line on stdin
 *	hop chain PORT			two servers, one behind the other, and three
 *					requests: all there is to trace, in one command
 *	hop crowd N			so many processes at once, each with a request of
 *					its own: how many there could be
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_in place(int port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};

	sin.sin_port = htons((uint16_t)port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sin;
}

static int listen_at(int port)
{
	struct sockaddr_in sin = place(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) || listen(fd, 16))
		die("listen");
	return fd;
}

static int connect_to(int port)
{
	struct sockaddr_in sin = place(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)))
		die("connect");
	return fd;
}

/* Requests and answers are short and come whole: one read each. */
static void get(int fd, const char *path)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);

	if (write(fd, text, (size_t)n) != n || read(fd, text, sizeof(text)) <= 0)
		die("get");
}

static void converse(int fd, int next)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
	char text[1024];

	while (read(fd, text, sizeof(text)) > 0) {
		if (next >= 0)
			get(next, "/behind");
		if (write(fd, answer, sizeof(answer) - 1) < 0)
			die("answer");
	}
	close(fd);
}

static _Noreturn void serve(int listener, int next_port)
{
	int next = next_port ? connect_to(next_port) : -1;

	for (;;)
		converse(accept(listener, NULL, NULL), next);
}

static void ask(int port, char **path)
{
	int fd = connect_to(port);

	for (; *path; path++) {
		if (**path != '-') {
			get(fd, *path);
			continue;
		}
		puts("waits");
		fflush(stdout);
		getchar();
	}
	close(fd);
}

static pid_t server(int port, int next)
{
	int listener = listen_at(port);
	pid_t pid = fork();

	if (!pid)
		serve(listener, next);
	close(listener);
	return pid;
}

static void chain(int port)
{
	char path[] = "/chain", *paths[] = {path, path, path, NULL};
	pid_t behind = server(port + 1, 0);
	pid_t front = server(port, port + 1);

	ask(port, paths);
	kill(front, SIGTERM);
	kill(behind, SIGTERM);
	while (wait(NULL) > 0)
		;
}

/* A server that goes on, and a client of it: both ends in one process. */
static void alone(int port, int ready)
{
	int listener = listen_at(port), fd = connect_to(port);
	char text[1024];

	if (write(fd, "GET / HTTP/1.1\r\n\r\n", 18) != 18 ||
	    read(accept(listener, NULL, NULL), text, sizeof(text)) <= 0)
		die("alone");
	if (write(ready, "x", 1) == 1)
		pause();
}

static void crowd(int want)
{
	int ready[2], n = 0, there = 0;
	pid_t pid[256];
	char byte;

	if (want > 256 || pipe(ready))
		die("crowd");
	for (int i = 0; i < want; i++) {
		pid[i] = fork();
		if (!pid[i])
			alone(7200 + i, ready[1]);
		there += pid[i] > 0;
	}
	close(ready[1]);
	alarm(60); /* one that has failed says nothing */
	while (n < there && read(ready[0], &byte, 1) == 1)
		n++;
	printf("at once %d of %d\n", n, want);
	for (int i = 0; i < want; i++)
		if (pid[i] > 0)
			kill(pid[i], SIGTERM);
	while (wait(NULL) > 0)
		;
}

int main(int argc, char **argv)
{
	int port = argc > 2 ? atoi(argv[2]) : 0;

	if (argc > 2 && !strcmp(argv[1], "serve"))
		serve(listen_at(port), argc > 3 ? atoi(argv[3]) : 0);
	else if (argc > 3 && !strcmp(argv[1], "ask"))
		ask(port, argv + 3);
	else if (argc > 2 && !strcmp(argv[1], "chain"))
		chain(port);
	else if (argc > 2 && !strcmp(argv[1], "crowd"))
		crowd(port);
	else
		return 2;
	return 0;
}
