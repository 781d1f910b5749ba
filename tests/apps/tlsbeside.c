// SPDX-License-Identifier: Apache-2.0
// tlsbeside.c PORT - POSTs to localhost by GnuTLS, the head by gnutls_record_send2(), the body,
// which looks like a request, by gnutls_record_send(); then writes the answer's last line.

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define HEAD "POST /p HTTP/1.1\r\nHost: localhost\r\nContent-Length: 35\r\n\r\n"

/* Debian has the library without its headers. */
int gnutls_init(void **session, unsigned flags);
int gnutls_certificate_allocate_credentials(void **creds);
int gnutls_credentials_set(void *session, int type, void *creds);
int gnutls_set_default_priority(void *session);
void gnutls_transport_set_int2(void *session, int in, int out);
int gnutls_handshake(void *session);
ssize_t gnutls_record_send(void *session, const void *data, size_t n);
ssize_t gnutls_record_send2(void *session, const void *data, size_t n, size_t pad, unsigned flags);
ssize_t gnutls_record_recv(void *session, void *data, size_t n);

static int connected(int port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((unsigned short)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return connect(fd, (void *)&at, sizeof(at)) ? -1 : fd;
}

int main(int argc, char **argv)
{
	void *session, *creds;
	char in[4096] = "";
	size_t got = 0;
	ssize_t n;
	int fd;

	gnutls_init(&session, 2 /* client */);
	gnutls_certificate_allocate_credentials(&creds);
	gnutls_credentials_set(session, 1 /* certificate */, creds);
	gnutls_set_default_priority(session);
	fd = connected(argc > 1 ? atoi(argv[1]) : 0);
	gnutls_transport_set_int2(session, fd, fd);
	if (gnutls_handshake(session))
		return 1;
	printf("%zd\n", gnutls_record_send2(session, HEAD, strlen(HEAD), 0, 0));
	printf("%zd\n", gnutls_record_send(session, BODY, strlen(BODY)));
	while (got < sizeof(in) - 1 && !strstr(in, "hello /p ")) {
		n = gnutls_record_recv(session, in + got, sizeof(in) - 1 - got);
		if (n == -28 /* again: a ticket came */)
			continue;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	printf("%s", strstr(in, "hello") ? strstr(in, "hello") : in);
	return 0;
}
