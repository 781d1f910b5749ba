/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlstorture.c - tlstorture PORT N MODE: requests over TLS that OpenSSL takes in pieces of 512
 * bytes, never blocking, through a small buffer. MODE 1: it may take a part of what it is
 * given (SSL_MODE_ENABLE_PARTIAL_WRITE), 0: all or nothing. Prints how many answers named
 * the path and length that were sent, how often it had to wait, and how often a part went.
 *
 * OpenSSL's functions are declared here, as its headers need not be there.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void *TLS_client_method(void), *SSL_CTX_new(void *), *SSL_new(void *);
int SSL_set_fd(void *, int), SSL_connect(void *), SSL_write(void *, const void *, int);
int SSL_read(void *, void *, int), SSL_get_error(const void *, int);
long SSL_CTX_ctrl(void *, int, long, void *);
void SSL_free(void *);

#define MODE		  33
#define MAX_SEND_FRAGMENT 52

static long waits, parts;

static int dial(int port)
{
	struct sockaddr_in to = {AF_INET, htons(port), {htonl(INADDR_LOOPBACK)}, {0}};
	int fd = socket(AF_INET, SOCK_STREAM, 0), small = 2048, mss = 536;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof(mss));
	if (connect(fd, (void *)&to, sizeof(to)))
		exit(2);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* 1: again */
static int again(void *ssl, int fd, int ret)
{
	int why = SSL_get_error(ssl, ret);
	struct pollfd p = {fd, why == 3 ? POLLOUT : POLLIN, 0};

	if (ret > 0)
		return 0;
	if (why != 2 && why != 3) {
		fprintf(stderr, "error %d\n", why);
		exit(3);
	}
	waits += why == 3;
	poll(&p, 1, 10000);
	return 1;
}

static void ask(void *ssl, int fd, const char *text, int len)
{
	int ret, sent = 0;

	while (sent < len) {
		while (again(ssl, fd, ret = SSL_write(ssl, text + sent, len - sent)))
			;
		if (ret > len - sent)
			exit(4);
		sent += ret;
		parts += sent < len;
	}
}

static int answered(void *ssl, int fd, const char *line)
{
	char text[8192];
	int len = 0, ret;

	do {
		while (again(ssl, fd, ret = SSL_read(ssl, text + len, 4096)))
			;
		len += ret;
		text[len] = 0;
	} while (!strstr(text, "hello") || text[len - 1] != '\n');
	return strstr(text, line) != NULL;
}

int main(int argc, char **argv)
{
	static char text[20000], line[2000], path[1200];
	int n = atoi(argv[2]), fd = dial(atoi(argv[1])), right = 0, len, body;
	void *ctx = SSL_CTX_new(TLS_client_method()), *ssl;

	(void)argc;
	SSL_CTX_ctrl(ctx, MODE, 2 | atoi(argv[3]), NULL);
	SSL_CTX_ctrl(ctx, MAX_SEND_FRAGMENT, 512, NULL);
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	while (again(ssl, fd, SSL_connect(ssl)))
		;
	srandom(7);
	for (int i = 0; i < n; i++) {
		memset(path, 'a' + i % 26, sizeof(path));
		path[random() % 1100] = 0;
		body = (int)(random() % 12000);
		len = sprintf(text,
			      "POST /%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n",
			      path, body);
		memset(text + len, 'x', body);
		sprintf(line, "hello /%s %d ", path, body);
		ask(ssl, fd, text, len + body);
		right += answered(ssl, fd, line);
	}
	SSL_free(ssl);
	printf("%d\n", right);
	fprintf(stderr, "waits %ld parts %ld\n", waits, parts);
	return 0;
}
