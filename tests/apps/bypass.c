/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bypass.c - bypass PORT HOW PATH [HOW PATH..]: asks 127.0.0.1:PORT for each PATH and prints the
 * answers. HOW: calls (send, recv), stdio (on the socket), direct (system calls without functions
 * of libc); the last two bypass the library.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int dial(const char *port)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
				       .sin_port = htons((unsigned short)atoi(port)),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to))) {
		perror("connect");
		exit(1);
	}
	return fd;
}

static void by_stdio(int fd, const char *request)
{
	FILE *both = fdopen(fd, "r+");
	char line[256];

	fputs(request, both);
	fflush(both);
	while (fgets(line, sizeof(line), both))
		fputs(line, stdout);
	fclose(both);
}

static void by_calls(int fd, const char *request, int direct)
{
	size_t len = strlen(request);
	char buf[4096];
	ssize_t n;

	if (direct)
		n = syscall(SYS_sendto, fd, request, len, 0, NULL, 0);
	else
		n = send(fd, request, len, 0);
	while (n > 0) {
		n = direct ? syscall(SYS_recvfrom, fd, buf, sizeof(buf), 0, NULL, NULL)
			   : recv(fd, buf, sizeof(buf), 0);
		if (n > 0)
			fwrite(buf, 1, (size_t)n, stdout);
	}
	close(fd);
}

static void ask(const char *port, const char *how, const char *path)
{
	char request[512];
	int fd = dial(port);

	snprintf(request, sizeof(request),
		 "GET %s HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n", path);
	if (!strcmp(how, "stdio"))
		by_stdio(fd, request);
	else
		by_calls(fd, request, !strcmp(how, "direct"));
}

int main(int argc, char **argv)
{
	for (int i = 2; i + 1 < argc; i += 2)
		ask(argv[1], argv[i], argv[i + 1]);
	return argc < 4 ? 2 : 0;
}
