/* SPDX-License-Identifier: Apache-2.0 */
/*
 * locked.c - locked FILE: a program that locks all its memory, now and later, then sends itself a
 * request over a socket. Prints what each call returned; FILE gets, in kB, what the kernel has
 * promised it at main() and what is locked and mapped at the end.
 */

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET "GET /locked HTTP/1.1\r\nHost: locked\r\n\r\n"

static long kb(const char *name)
{
	FILE *in = fopen("/proc/self/status", "r");
	char line[256];
	long n = -1;

	while (in && fgets(line, sizeof(line), in))
		if (!strncmp(line, name, strlen(name)))
			n = atol(line + strlen(name) + 1);
	if (in)
		fclose(in);
	return n;
}

static void row(const char *name, long ret)
{
	printf("%s %ld %s\n", name, ret, ret < 0 ? strerror(errno) : "-");
}

/* Both ends are in this process: it has the memory of a client and of a server. */
static void exchange(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int door = socket(AF_INET, SOCK_STREAM, 0), near, far;
	char got[512];

	row("bind", bind(door, (void *)&at, sizeof(at)));
	row("listen", listen(door, 1));
	getsockname(door, (void *)&at, &len);
	near = socket(AF_INET, SOCK_STREAM, 0);
	row("connect", connect(near, (void *)&at, sizeof(at)));
	far = accept(door, NULL, NULL);
	row("ask", write(near, GET, strlen(GET)));
	row("asked", read(far, got, sizeof(got)) >= (ssize_t)strlen(GET));
	row("answer", write(far, "HTTP/1.1 204 No\r\n\r\n", 19));
	row("answered", read(near, got, sizeof(got)));
}

int main(int argc, char **argv)
{
	long data = kb("VmData:");
	FILE *out;

	if (argc != 2)
		return 2;
	row("mlockall", mlockall(MCL_CURRENT | MCL_FUTURE));
	exchange();
	row("malloc", malloc(1 << 20) ? 0 : -1);
	out = fopen(argv[1], "w");
	fprintf(out, "%ld %ld %ld\n", data, kb("VmLck:"), kb("VmSize:"));
	return fclose(out) != 0;
}
