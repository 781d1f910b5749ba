/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conversations.c - random conversations, the same for the same seed.
 *
 *	conversations serve FILE	prints its ports, then writes all that each connection brings
 *	conversations play PORTS SEED N	plays the client: prints what each call returned, and of each
 *				connection, in order, where a header may stand: behind the
 *				request line of a valid request that this very process sent on
 *				a connection of its own to a peer that waits to be asked
 *
 * A conversation is valid HTTP, or broken, or none; its bytes leave the process by every way
 * there is (ways.c), those that a preload library does not see among them; bodies look like requests.
 * judge.py compares what two runs have brought, one of them with the library.
 */

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conversations.h"

static uint64_t state;
static int ports[PORTS], connections;

uint32_t rnd(uint32_t below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 33) % below;
}

/* One connection as it goes. */
struct conversation {
	int fd;
	int number;
	size_t sent;
	size_t marks[64]; /* where a header may stand */
	int n_marks;
};

static void say(struct conversation *t, int way, const char *text, size_t len)
{
	ssize_t n;

	if (!len)
		return;
	n = send_by(way, t->fd, text, len);
	printf("%d: %d %zd of %zu\n", t->number, way, n, len);
	t->sent += len;
}

/* A header may stand `at` bytes behind where we are. */
static void mark(struct conversation *t, size_t at)
{
	if (t->n_marks < 64)
		t->marks[t->n_marks++] = t->sent + at;
}

static void listen_to(struct conversation *t)
{
	struct pollfd one = {.fd = t->fd, .events = POLLIN};
	char buf[4096];

	if (poll(&one, 1, 10000) == 1)
		(void)!recv(t->fd, buf, sizeof(buf), 0);
}

static int any_way(void)
{
	return (int)rnd(rnd(3) ? SEEN : WAYS);
}

static const char inner[] = "GET /inner HTTP/1.1\r\nHost: in.a.body\r\n\r\n";

/* Returns its length; the body of half of them is what looks like a request. */
static size_t make_body(char *out)
{
	size_t len = rnd(300);

	if (rnd(2)) {
		memcpy(out, inner, sizeof(inner) - 1);
		len += sizeof(inner) - 1;
	}
	for (size_t i = rnd(2) ? sizeof(inner) - 1 : 0; i < len; i++)
		if (i >= sizeof(inner) - 1 || out[i] == 0)
			out[i] = (char)('a' + rnd(26));
	for (size_t i = 0; i < len; i++)
		if (!out[i])
			out[i] = 'z';
	return len;
}

static void request(struct conversation *t)
{
	static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "OPTIONS"};
	char head[1200], body[700] = "";
	size_t len = rnd(2) ? make_body(body) : 0, line, n;
	int chunked = len && rnd(3) == 0;

	line = (size_t)sprintf(head, "%s /%u HTTP/1.1\r\n", methods[rnd(5)], rnd(1000));
	n = line + (size_t)sprintf(head + line, "Host: h\r\nX-%u: %u\r\n", rnd(99), rnd(9999));
	if (chunked)
		n += (size_t)sprintf(head + n, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", len);
	else if (len)
		n += (size_t)sprintf(head + n, "Content-Length: %zu\r\n\r\n", len);
	else
		n += (size_t)sprintf(head + n, "\r\n");
	mark(t, line);
	if (rnd(3) == 0) { /* in one call */
		memcpy(head + n, body, len);
		say(t, any_way(), head, n + len);
	} else if (rnd(4) == 0) { /* a head in several */
		line = rnd((uint32_t)n + 1);
		say(t, any_way(), head, line);
		say(t, any_way(), head + line, n - line);
		say(t, any_way(), body, len);
	} else {
		say(t, any_way(), head, n);
		say(t, any_way(), body, len);
	}
	if (chunked)
		say(t, any_way(), "\r\n0\r\n\r\n", 7);
	if (rnd(4))
		listen_to(t);
}

/* Heads that are not valid: what follows is anybody's. */
static void broken(struct conversation *t)
{
	static const struct {
		const char *text;
		size_t len;
	} heads[] = {
#define HEAD(text) {text, sizeof(text) - 1}
		HEAD("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n"),
		HEAD("GET / HTTP/1.1\r\nX: no host\r\n\r\n"),
		HEAD("GET / HTTP/1.1\nHost: x\n\n"),
		HEAD("GET / HTTP/1.1\r\nHost: x\r\n y: folded\r\n\r\n"),
		HEAD("GET / HTTP/1.1\r\nHost : x\r\n\r\n"),
		HEAD("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"),
		HEAD("GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
		HEAD("get / HTTP/1.1\r\nHost: x\r\n\r\n"),
		HEAD("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
		HEAD("\x16\x03\x01 GET / HTTP/1.1\r\n\r\n"),
		HEAD("set k 0 0 40\r\n"),
		HEAD("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$40\r\n"),
	};
	size_t i = rnd(sizeof(heads) / sizeof(heads[0]));

	say(t, any_way(), heads[i].text, heads[i].len);
	say(t, any_way(), inner, sizeof(inner) - 1);
	if (rnd(2))
		listen_to(t);
	say(t, any_way(), inner, sizeof(inner) - 1);
}

static void print_marks(const struct conversation *t)
{
	printf("conn %d:", t->number);
	for (int i = 0; i < t->n_marks; i++)
		printf(" %zu", t->marks[i]);
	printf("\n");
	fflush(stdout);
}

/* With answers that nobody has read the kernel would end it by a reset, and what was sent last
 * might not arrive. */
static void end(struct conversation *t, int may)
{
	char rest[4096];

	if (!may)
		t->n_marks = 0;
	print_marks(t);
	shutdown(t->fd, SHUT_WR);
	while (recv(t->fd, rest, sizeof(rest), 0) > 0)
		;
	close(t->fd);
}

static struct conversation begin_at(uint32_t host, enum port port)
{
	struct conversation t = {.fd = dial(host, ports[port]), .number = connections++};

	return t;
}

static struct conversation begin(enum port port)
{
	return begin_at(HOST, port);
}

/* FTP: what goes over the second connection is a file. */
static void upload(void)
{
	struct conversation control = begin_at(FTP_HOST, GREETS_220), data;

	listen_to(&control);
	say(&control, 0, "USER a\r\n", 8);
	listen_to(&control);
	say(&control, 0, "EPSV\r\n", 6);
	data = begin_at(FTP_HOST, PLAIN);
	say(&data, any_way(), inner, sizeof(inner) - 1);
	say(&data, any_way(), inner, sizeof(inner) - 1);
	end(&data, 0);
	end(&control, 0);
}

static void greeted(enum port port)
{
	struct conversation t = begin(port);

	if (rnd(2))
		listen_to(&t);
	else /* it has spoken, and nobody has heard it */
		poll(&(struct pollfd){.fd = t.fd, .events = POLLIN}, 1, 10000);
	if (port == GREETS_220)
		say(&t, 0, "EHLO me\r\n", 9);
	for (uint32_t i = 0; i <= rnd(3); i++)
		say(&t, any_way(), inner, sizeof(inner) - 1);
	end(&t, 0);
}

/* An accepted socket, by this process, or inherited by a child that copies a file to it. */
static void accepted(void)
{
	struct sockaddr_in at;
	int door = listening(&at);
	struct conversation t = begin(CALLS_BACK);
	char line[16];

	(void)!write(t.fd, line, (size_t)sprintf(line, "%d\n", ntohs(at.sin_port)));
	close(t.fd);
	t.fd = accept(door, NULL, NULL);
	close(door);
	for (uint32_t i = 0; i <= rnd(3); i++)
		say(&t, any_way(), inner, sizeof(inner) - 1);
	end(&t, 0);
}

/* A child that goes on where its parent began. */
static void in_child(void)
{
	struct conversation t = begin(PLAIN);
	pid_t pid;

	if (rnd(2))
		request(&t);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		for (uint32_t i = 0; i <= rnd(2); i++)
			say(&t, (int)rnd(12), inner, sizeof(inner) - 1);
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	end(&t, 1);
}

static void converse(void)
{
	struct conversation t;

	switch (rnd(10)) {
	case 0:
		upload();
		return;
	case 1:
		greeted(rnd(2) ? GREETS : GREETS_220);
		return;
	case 2:
		accepted();
		return;
	case 3:
		in_child();
		return;
	case 4:
		t = begin(PLAIN);
		broken(&t);
		end(&t, 0);
		return;
	default:
		t = begin(PLAIN);
		for (uint32_t i = 0, n = 1 + rnd(4); i < n; i++)
			request(&t);
		end(&t, 1);
	}
}

static int play(const char *list, uint64_t seed, int n)
{
	if (sscanf(list, "%d,%d,%d,%d", &ports[0], &ports[1], &ports[2], &ports[3]) != PORTS)
		return 2;
	for (int i = 0; i < n; i++) {
		state = seed * 1000003 + (uint64_t)i;
		rnd(2);
		converse();
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc == 5 && !strcmp(argv[1], "play"))
		return play(argv[2], strtoull(argv[3], NULL, 10), atoi(argv[4]));
	return fprintf(stderr,
		       "usage: conversations serve FILE | conversations play PORTS SEED N\n"),
	       2;
}
