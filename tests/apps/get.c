/* SPDX-License-Identifier: Apache-2.0 */
/* get.c - get PORT: one request, by whatever libc it is linked with; prints the answer. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static const char head[] = "GET /get HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((unsigned short)atoi(argc > 1 ? argv[1] : "0")),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char got[4096];
	size_t len = 0;
	ssize_t n;

	if (connect(fd, (void *)&to, sizeof(to)) || send(fd, head, strlen(head), 0) < 0)
		return 1;
	while ((n = read(fd, got + len, sizeof(got) - len)) > 0)
		len += (size_t)n;
	close(fd);
	printf("%.11s\n", len > 11 ? got + len - 11 : "nothing");
	return n < 0;
}
