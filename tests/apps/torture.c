/* SPDX-License-Identifier: Apache-2.0 */
/*
 * torture.c - requests sent in every odd way, and a server that checks each byte.
 *
 *	torture serve PORT		one connection; prints what it found
 *	torture ask PORT REQUESTS SEED HOW
 *					buffers of 2 KB, in random pieces by random calls,
 *					a signal each millisecond; prints each error met.
 *					HOW: poll, edge (epoll, edge-triggered), block
 *
 * A request's body follows from its number, so the server knows what must come. Besides
 * that it allows a traceparent line, once, behind the request line.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#define BODY_MAX 6000

static unsigned long long state;

static unsigned int rnd(unsigned int below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(state >> 33) % below;
}

static char body_byte(unsigned int request, unsigned int at)
{
	return (char)('A' + (request * 31 + at * 7 + at / 251) % 58);
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int small(int fd)
{
	int size = 2048;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (!getenv("STINGY")) /* the kernel would drop many small segments, and wait before it sends them again */
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	return fd;
}

/* The server reads through a buffer. */
static char in[65536];
static size_t in_at, in_len;
static int in_fd;

static int next_byte(void)
{
	ssize_t n;

	if (in_at == in_len) {
		n = recv(in_fd, in, sizeof(in), 0);
		if (n <= 0)
			return -1;
		in_at = 0;
		in_len = (size_t)n;
	}
	return (unsigned char)in[in_at++];
}

static int next_line(char *out, size_t size)
{
	size_t len = 0;
	int c;

	while ((c = next_byte()) >= 0 && len + 1 < size) {
		out[len++] = (char)c;
		if (c == '\n')
			break;
	}
	out[len] = 0;
	return c < 0 ? -1 : 0;
}

static unsigned int injected, wrong;

static int answer(void)
{
	return send(in_fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 40, MSG_NOSIGNAL) == 40
		       ? 0
		       : -1;
}

static int serve_one(unsigned int request)
{
	unsigned int number, length;
	char line[512], want[64];
	int got;

	if (next_line(line, sizeof(line)))
		return -1;
	snprintf(want, sizeof(want), "POST /%u HTTP/1.1\r\n", request);
	wrong += strcmp(line, want) != 0;
	next_line(line, sizeof(line));
	if (!strncmp(line, "traceparent: 00-", 16) && strlen(line) == 70) {
		injected++;
		next_line(line, sizeof(line));
	}
	wrong += strcmp(line, "Host: torture\r\n") != 0;
	next_line(line, sizeof(line));
	if (sscanf(line, "Content-Length: %u", &length) != 1)
		return ++wrong, -1;
	next_line(line, sizeof(line));
	if (sscanf(line, "X-Number: %u", &number) != 1 || number != request)
		return ++wrong, -1;
	next_line(line, sizeof(line));
	wrong += strcmp(line, "\r\n") != 0;
	for (unsigned int i = 0; i < length; i++) {
		got = next_byte();
		if (got != (unsigned char)body_byte(request, i))
			return ++wrong, -1;
	}
	return answer();
}

static int serve(int port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((unsigned short)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int door = small(socket(AF_INET, SOCK_STREAM, 0));
	unsigned int n = 0;

	setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (bind(door, (void *)&at, sizeof(at)) || listen(door, 1))
		die("listen");
	in_fd = accept(door, NULL, NULL);
	while (!serve_one(n))
		n++;
	printf("requests %u injected %u wrong %u\n", n, injected, wrong);
	return wrong != 0;
}

static void tick(int signo)
{
	int error = errno;

	(void)signo;
	if (write(-1, "x", 1) != -1)
		_exit(9);
	errno = error;
}

static int edges = -1; /* an edge-triggered epoll; -1: poll */
static unsigned int again, interrupted;

static void wait_for(int fd, short what)
{
	struct pollfd pf = {.fd = fd, .events = what};
	struct epoll_event ev;
	int n = 0;

	while (n <= 0) {
		n = edges < 0 ? poll(&pf, 1, -1) : epoll_wait(edges, &ev, 1, -1);
		if (n < 0 && errno != EINTR)
			die("poll");
		if (n > 0 && edges >= 0 && !(ev.events & (uint32_t)what))
			n = 0;
	}
}

/* Counts an error, unless it is one that goes away. */
static void meet(int fd, short what, const char *name)
{
	again += errno == EAGAIN;
	interrupted += errno == EINTR;
	if (errno == EAGAIN)
		wait_for(fd, what);
	else if (errno != EINTR)
		die(name);
}

/* Cuts `len` bytes into up to eight segments of random size. */
static int cut(struct iovec *iov, char *from, size_t len)
{
	int n = 0;
	size_t part;

	while (len && n < 8) {
		part = n == 7 ? len : 1 + rnd((unsigned int)len);
		iov[n++] = (struct iovec){from, part};
		from += part;
		len -= part;
	}
	return n;
}

static ssize_t send_some(int fd, char *from, size_t len)
{
	struct iovec iov[8];
	struct msghdr msg = {.msg_iov = iov};

	switch (rnd(5)) {
	case 0:
		return write(fd, from, len);
	case 1:
		return send(fd, from, len, MSG_NOSIGNAL);
	case 2:
		return sendto(fd, from, len, MSG_NOSIGNAL, NULL, 0);
	case 3:
		return writev(fd, iov, cut(iov, from, len));
	}
	msg.msg_iovlen = (size_t)cut(iov, from, len);
	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static void send_all(int fd, char *from, size_t len)
{
	ssize_t n;

	while (len) {
		/* Often all that is left, as programs do, or a part of it. */
		n = send_some(fd, from, rnd(4) ? len : 1 + rnd((unsigned int)len));
		if (n < 0)
			meet(fd, POLLOUT, "send");
		if (n == 0 || n > (ssize_t)len) {
			fprintf(stderr, "sent %zd of %zu\n", n, len);
			exit(1);
		}
		if (n > 0) {
			from += n;
			len -= (size_t)n;
		}
	}
}

static void ask_one(int fd, unsigned int request)
{
	static char text[BODY_MAX + 256];
	unsigned int length = rnd(3) ? rnd(200) : rnd(BODY_MAX);
	size_t head = (size_t)sprintf(text,
				      "POST /%u HTTP/1.1\r\nHost: torture\r\n"
				      "Content-Length: %u\r\nX-Number: %u\r\n\r\n",
				      request, length, request);
	size_t got = 0;
	ssize_t n;

	for (unsigned int i = 0; i < length; i++)
		text[head + i] = body_byte(request, i);
	if (rnd(2)) {
		send_all(fd, text, head + length);
	} else {
		send_all(fd, text, head);
		send_all(fd, text + head, length);
	}
	while (got < 40) {
		n = recv(fd, text, 40 - got, 0);
		if (n == 0)
			die("recv");
		if (n < 0)
			meet(fd, POLLIN, "recv");
		got += n > 0 ? (size_t)n : 0;
	}
}

static void watch_edges(int fd)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET};

	edges = epoll_create1(0);
	if (epoll_ctl(edges, EPOLL_CTL_ADD, fd, &ev))
		die("epoll_ctl");
}

static int ask(int port, unsigned int requests, const char *how)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((unsigned short)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct itimerval each = {{0, 1000}, {0, 1000}};
	struct sigaction on = {.sa_handler = tick};
	int fd = small(socket(AF_INET, SOCK_STREAM, 0));

	if (connect(fd, (void *)&to, sizeof(to)))
		die("connect");
	if (strcmp(how, "block") != 0)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	if (!strcmp(how, "edge"))
		watch_edges(fd);
	sigaction(SIGALRM, &on, NULL); /* no SA_RESTART */
	setitimer(ITIMER_REAL, &each, NULL);
	for (unsigned int i = 0; i < requests; i++)
		ask_one(fd, i);
	close(fd);
	printf("errors%s%s\n", again ? " EAGAIN" : "", interrupted ? " EINTR" : "");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(atoi(argv[2]));
	if (argc != 6 || strcmp(argv[1], "ask") != 0)
		return 2;
	state = strtoull(argv[4], NULL, 10) * 2 + 1;
	return ask(atoi(argv[2]), (unsigned int)strtoul(argv[3], NULL, 10), argv[5]);
}
