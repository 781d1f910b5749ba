// SPDX-License-Identifier: Apache-2.0
// ktls.c - OpenSSL with its records made by the kernel (kTLS), as the socket calls see it: a
// handshake of records, then plaintext. With -DLIBRARY the library, else a client of it:
//
//	ktls PORT FILE	two POSTs of FILE on one connection, by SSL_write and SSL_sendfile

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

int SSL_connect(int *ssl);
int SSL_write(int *ssl, const void *buf, int n);
int SSL_read(int *ssl, void *buf, int n);
ssize_t SSL_sendfile(int *ssl, int fd, off_t at, size_t n, int flags);

#ifdef LIBRARY
int SSL_connect(int *ssl)
{
	return write(*ssl, "\26\3\1\0\5hello", 10) == 10;
}

int SSL_write(int *ssl, const void *buf, int n)
{
	return (int)send(*ssl, buf, (size_t)n, 0);
}

int SSL_read(int *ssl, void *buf, int n)
{
	return (int)read(*ssl, buf, (size_t)n);
}

/* Records go directly to the socket, and SSL_get_wbio() says so, as in OpenSSL. */
const void *SSL_get_wbio(const void *ssl)
{
	return ssl;
}

int BIO_method_type(const void *bio)
{
	return bio ? 0x505 : 0; /* BIO_TYPE_SOCKET */
}

const char *BIO_method_name(const void *bio)
{
	return bio ? "socket" : NULL;
}

ssize_t SSL_sendfile(int *ssl, int fd, off_t at, size_t n, int flags)
{
	return flags ? -1 : sendfile(*ssl, fd, &at, n);
}
#else
static void ask(int *ssl, int fd, const char *path, off_t size)
{
	char text[512];
	int n = snprintf(text, sizeof(text),
			 "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %ld\r\n\r\n", path,
			 (long)size);
	off_t sent = 0;

	if (SSL_write(ssl, text, n) != n)
		exit(1);
	while (sent < size)
		sent += SSL_sendfile(ssl, fd, sent, (size_t)(size - sent), 0);
	n = SSL_read(ssl, text, sizeof(text));
	printf("%.*s", n > 0 ? n : 0, text);
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((unsigned short)atoi(argv[1])),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = open(argv[argc - 1], O_RDONLY), ssl = socket(AF_INET, SOCK_STREAM, 0);
	off_t size = lseek(fd, 0, SEEK_END);

	if (connect(ssl, (void *)&at, sizeof(at)) || !SSL_connect(&ssl))
		return 1;
	ask(&ssl, fd, "/a", size);
	ask(&ssl, fd, "/b", size);
	return 0;
}
#endif
