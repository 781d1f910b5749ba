// SPDX-License-Identifier: Apache-2.0
// tlsd.c DIR FILE - a TLS server of tests. Prints two ports; at the second it speaks first, as
// SMTP does. TLS begins at once, or after what the client asked for in clear (PostgreSQL's
// SSLRequest, LDAP's StartTLS, SMTP's STARTTLS). Each connection is served when the one
// before is over; what it brought inside TLS, early data too, is appended to FILE, byte
// by byte. Each request is answered; other bytes are not.

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
#define LDAP_OK "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"

static char got[1 << 22];
static size_t got_n, at; /* `at`: where the next request begins */

static int listening(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(to);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (void *)&to, len) || listen(fd, 64) || getsockname(fd, (void *)&to, &len))
		exit(1);
	printf("%d ", ntohs(to.sin_port));
	return fd;
}

static void line_of(int fd, char *line, size_t size)
{
	size_t n = 0;

	while (n + 1 < size && read(fd, line + n, 1) == 1 && line[n++] != '\n')
		;
	line[n] = 0;
}

static void say(int fd, const char *text, size_t n)
{
	if (write(fd, text, n) != (ssize_t)n)
		exit(1);
}

static void speak_first(int fd)
{
	char line[256];

	say(fd, "220 here\r\n", 10);
	for (;;) {
		line_of(fd, line, sizeof(line));
		if (!*line || !strncmp(line, "STARTTLS", 8))
			break;
		say(fd, "250-here\r\n250 STARTTLS\r\n", 24);
	}
	say(fd, "220 go on\r\n", 11);
}

static void until_tls(int fd)
{
	unsigned char first[64] = "";

	if (recv(fd, first, 1, MSG_PEEK) != 1)
		return;
	if (*first == 0 && read(fd, first, 8) == 8)
		say(fd, "S", 1);
	else if (*first == 0x30 && read(fd, first, sizeof(first)) > 0)
		say(fd, LDAP_OK, sizeof(LDAP_OK) - 1);
}

/* A whole request from `at` on? */
static int is_whole(void)
{
	char *end = memmem(got + at, got_n - at, "\r\n\r\n", 4), *length;
	size_t n;

	if (!end)
		return 0;
	length = memmem(got + at, (size_t)(end - got) - at, "Content-Length: ", 16);
	n = (size_t)(end - got) + 4 + (length ? strtoul(length + 16, NULL, 10) : 0);
	if (n > got_n)
		return 0;
	at = n;
	return 1;
}

static void took(SSL *ssl, size_t n)
{
	got_n += n;
	while (is_whole())
		if (SSL_write(ssl, ANSWER, sizeof(ANSWER) - 1) <= 0)
			return;
}

static void serve(SSL *ssl)
{
	int early = SSL_READ_EARLY_DATA_SUCCESS;
	size_t n = 0;

	got_n = at = 0;
	while (early == SSL_READ_EARLY_DATA_SUCCESS && got_n < sizeof(got)) {
		early = SSL_read_early_data(ssl, got + got_n, sizeof(got) - got_n, &n);
		if (early != SSL_READ_EARLY_DATA_ERROR)
			got_n += n;
	}
	if (SSL_accept(ssl) <= 0)
		return;
	took(ssl, 0);
	while (got_n < sizeof(got) && SSL_read_ex(ssl, got + got_n, sizeof(got) - got_n, &n))
		took(ssl, n);
	/* What comes in clear behind the end of TLS. */
	if (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) {
		SSL_shutdown(ssl);
		while ((early = (int)read(SSL_get_fd(ssl), got + got_n, sizeof(got) - got_n)) > 0)
			got_n += (size_t)early;
	}
}

static SSL_CTX *with_certificate(const char *dir)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	char path[512];

	snprintf(path, sizeof(path), "%s/cert.pem", dir);
	if (SSL_CTX_use_certificate_chain_file(ctx, path) != 1)
		exit(1);
	snprintf(path, sizeof(path), "%s/key.pem", dir);
	if (SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM) != 1)
		exit(1);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"t", 1);
	SSL_CTX_set_max_early_data(ctx, 16384);
	SSL_CTX_set_recv_max_early_data(ctx, 16384);
	SSL_CTX_set_options(ctx, SSL_OP_ALLOW_CLIENT_RENEGOTIATION | SSL_OP_NO_ANTI_REPLAY);
	return ctx;
}

int main(int argc, char **argv)
{
	SSL_CTX *ctx = with_certificate(argc > 2 ? argv[1] : ".");
	struct pollfd ports[2] = {{listening(), POLLIN, 0}, {listening(), POLLIN, 0}};

	signal(SIGPIPE, SIG_IGN);
	puts("");
	fflush(stdout);
	while (poll(ports, 2, -1) > 0) {
		int first = ports[1].revents != 0, fd = accept(ports[first].fd, NULL, NULL);
		SSL *ssl = SSL_new(ctx);
		FILE *out;

		first ? speak_first(fd) : until_tls(fd);
		SSL_set_fd(ssl, fd);
		serve(ssl);
		out = fopen(argv[2], "ab");
		fwrite(got, 1, got_n, out);
		fputs("\n=====\n", out);
		fclose(out);
		SSL_free(ssl);
		close(fd);
	}
	return 1;
}
