/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pingpong.c - what a socket call costs, bare or traced; and any other system call.
 *
 *	pingpong KIND ROUNDS CALLS
 *
 * One process talks to itself, by turns: no switch of tasks is in the figure. Kinds:
 *
 *	tcp, unix	256 bytes each way. They are HTTP, as what nobody understands is soon
 *			no longer captured. What arrives has the size of what was sent, so
 *			nothing may be put in
 *	threads		as unix, in a program that has two: its buffers may vanish under a call
 *	mute		the same by an opening that is never captured
 *	request		HTTP over TCP whose messages may grow on their way; CALLS counts requests, each
 *			of them four calls. At its end it writes to stderr how many had grown
 *	write, read	256 bytes, on /dev/null and /dev/zero
 *	getppid		no descriptor
 *
 * Each line read from stdin ("go") makes it run ROUNDS rounds and print the least time of
 * a call, in ns: so that a script can run several of these by turns, one traced and one
 * not. Ends at the end of stdin.
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BYTES 256

static int end[2];

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int join(int family, struct sockaddr *name, socklen_t len, socklen_t room)
{
	int door = socket(family, SOCK_STREAM, 0);

	end[0] = socket(family, SOCK_STREAM, 0);
	if (door < 0 || end[0] < 0 || bind(door, name, len) || listen(door, 1) ||
	    getsockname(door, name, &room) || connect(end[0], name, room))
		return -1;
	end[1] = accept(door, NULL, NULL);
	return end[1] < 0 ? -1 : 0;
}

static int join_unix(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	/* A name the kernel picks: an unnamed pair is a notify slot, not captured. */
	return join(AF_UNIX, (struct sockaddr *)&name, sizeof(sa_family_t), sizeof(name));
}

static int join_tcp(void)
{
	struct sockaddr_in name = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return join(AF_INET, (struct sockaddr *)&name, sizeof(name), sizeof(name));
}

static char said[2][BYTES + 1];
static int device;
static unsigned long asked, grown;

static void write_messages(void)
{
	int n = snprintf(said[0], BYTES, "GET /ping HTTP/1.1\r\nHost: here\r\nX-Fill: ");

	memset(said[0] + n, 'x', (size_t)(BYTES - 4 - n));
	memcpy(said[0] + BYTES - 4, "\r\n\r\n", 4);
	n = snprintf(said[1], BYTES, "HTTP/1.1 200 OK\r\nContent-Length: 216\r\n\r\n");
	memset(said[1] + n, 'x', (size_t)(BYTES - n));
	snprintf(said[1], BYTES, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BYTES - n);
	said[1][n] = 'x';
}

static void write_opening(void)
{
	memset(said, 'x', sizeof(said));
	memcpy(said[0], "SSH-2.0-ping\r\n", 14);
	memcpy(said[1], "SSH-2.0-pong\r\n", 14);
}

static void exchange_calls(int calls)
{
	char bytes[BYTES];

	for (int i = 0; i < calls / 2; i++)
		if (send(end[i & 1], said[i & 1], BYTES, 0) < 0 ||
		    recv(end[~i & 1], bytes, BYTES, MSG_WAITALL) < 0)
			exit(1);
}

/* A message arrives whole: on loopback send() puts it into the other end's queue. */
static void request(int calls)
{
	char bytes[4 * BYTES];
	ssize_t got;

	for (int i = 0; i < calls; i++) {
		if (send(end[0], said[0], BYTES, 0) < 0)
			exit(1);
		got = recv(end[1], bytes, sizeof(bytes), 0);
		if (got < BYTES || memcmp(bytes + got - 4, "\r\n\r\n", 4))
			exit(1);
		asked++;
		grown += got > BYTES;
		if (send(end[1], said[1], BYTES, 0) < 0 ||
		    recv(end[0], bytes, sizeof(bytes), 0) != BYTES)
			exit(1);
	}
}

static void write_device(int calls)
{
	for (int i = 0; i < calls; i++)
		if (write(device, said, BYTES) != BYTES)
			exit(1);
}

static void read_device(int calls)
{
	char bytes[BYTES];

	for (int i = 0; i < calls; i++)
		if (read(device, bytes, BYTES) != BYTES)
			exit(1);
}

static void other(int calls)
{
	for (int i = 0; i < calls; i++)
		syscall(SYS_getppid);
}

static int open_null(void)
{
	device = open("/dev/null", O_WRONLY);
	return device < 0;
}

static int open_zero(void)
{
	device = open("/dev/zero", O_RDONLY);
	return device < 0;
}

static void *sleeper(void *arg)
{
	pause();
	return arg;
}

static int join_threads(void)
{
	pthread_t other;

	return pthread_create(&other, NULL, sleeper, NULL) || join_unix();
}

static const struct kind {
	const char *name;
	int (*begin)(void);
	void (*words)(void);
	void (*run)(int calls);
} kinds[] = {
	{"tcp", join_tcp, write_messages, exchange_calls},
	{"unix", join_unix, write_messages, exchange_calls},
	{"threads", join_threads, write_messages, exchange_calls},
	{"mute", join_unix, write_opening, exchange_calls},
	{"request", join_tcp, write_messages, request},
	{"write", open_null, NULL, write_device},
	{"read", open_zero, NULL, read_device},
	{"getppid", NULL, NULL, other},
};

static double least_of(const struct kind *kind, int rounds, int calls)
{
	double best = 1e18, took;

	for (int i = 0; i < rounds; i++) {
		took = now_ns();
		kind->run(calls);
		took = (now_ns() - took) / calls;
		best = took < best ? took : best;
	}
	return best;
}

int main(int argc, char **argv)
{
	const struct kind *kind = kinds, *last = kinds + sizeof(kinds) / sizeof(kinds[0]);
	char line[16];

	while (argc == 4 && kind < last && strcmp(argv[1], kind->name))
		kind++;
	if (argc != 4 || kind == last)
		return 2;
	if (kind->begin && kind->begin())
		return 1;
	if (kind->words)
		kind->words();
	while (fgets(line, sizeof(line), stdin)) {
		printf("%.1f\n", least_of(kind, atoi(argv[2]), atoi(argv[3])));
		fflush(stdout);
	}
	if (asked)
		fprintf(stderr, "%lu of %lu had grown\n", grown, asked);
	return 0;
}
