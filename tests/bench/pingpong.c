/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pingpong.c - what a socket call costs, bare or traced; and any other system call.
 *
 *	pingpong tcp|unix|getppid ROUNDS CALLS
 *
 * One process talks to itself, by turns, 256 bytes each way: no switch of tasks is in
 * the figure. It speaks HTTP, as what nobody understands is soon no longer captured. Each line read from stdin ("go") makes it run ROUNDS rounds and print the
 * least time of a call, in ns: so that a script can run several of these by turns, one
 * traced and one not. Ends at the end of stdin.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
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

	/* A name the kernel picks: an unnamed pair is a letter box, not captured. */
	return join(AF_UNIX, (struct sockaddr *)&name, sizeof(sa_family_t),
		    sizeof(name));
}

static int join_tcp(void)
{
	struct sockaddr_in name = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return join(AF_INET, (struct sockaddr *)&name, sizeof(name), sizeof(name));
}

static char said[2][BYTES + 1];

static void write_messages(void)
{
	int n = snprintf(said[0], BYTES, "GET /ping HTTP/1.1\r\nHost: here\r\nX-Fill: ");

	memset(said[0] + n, 'x', (size_t)(BYTES - 4 - n));
	memcpy(said[0] + BYTES - 4, "\r\n\r\n", 4);
	n = snprintf(said[1], BYTES, "HTTP/1.1 200 OK\r\nContent-Length: 216\r\n\r\n");
	memset(said[1] + n, 'x', (size_t)(BYTES - n));
	snprintf(said[1], BYTES, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
		 BYTES - n);
	said[1][n] = 'x';
}

static void talk(int calls)
{
	char bytes[BYTES];

	for (int i = 0; i < calls / 2; i++)
		if (send(end[i & 1], said[i & 1], BYTES, 0) < 0 ||
		    recv(end[~i & 1], bytes, BYTES, MSG_WAITALL) < 0)
			exit(1);
}

static void other(int calls)
{
	for (int i = 0; i < calls; i++)
		syscall(SYS_getppid);
}

int main(int argc, char **argv)
{
	void (*fn)(int) = talk;
	double best, took;
	char line[16];

	if (argc != 4)
		return 2;
	if (!strcmp(argv[1], "getppid"))
		fn = other;
	else if (strcmp(argv[1], "unix") ? join_tcp() : join_unix())
		return 1;
	write_messages();
	while (fgets(line, sizeof(line), stdin)) {
		best = 1e18;
		for (int i = 0; i < atoi(argv[2]); i++) {
			took = now_ns();
			fn(atoi(argv[3]));
			took = (now_ns() - took) / atoi(argv[3]);
			best = took < best ? took : best;
		}
		printf("%.1f\n", best);
		fflush(stdout);
	}
	return 0;
}
