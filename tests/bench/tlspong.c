/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlspong.c - what a call of OpenSSL costs, bare or traced.
 *
 *	tlspong tls ROUNDS CALLS
 *
 * One process is both ends of one TLS connection over loopback, and sends 256 bytes of HTTP each way
 * by turns: each call of SSL_write() or SSL_read() is one of CALLS. Input and output are those of
 * pingpong.c.
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BYTES 256

static SSL *end[2];

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "tlspong: %s\n", what);
	exit(1);
}

static void connect_self(int fd[2])
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(name);
	int door = socket(AF_INET, SOCK_STREAM, 0);

	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(door, (struct sockaddr *)&name, len) || listen(door, 1) ||
	    getsockname(door, (struct sockaddr *)&name, &len) ||
	    connect(fd[0], (struct sockaddr *)&name, len))
		fail("no connection");
	fd[1] = accept(door, NULL, NULL);
	close(door);
}

/* A key and a certificate of its own, which the client does not check. */
static void certify(SSL_CTX *ctx)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	if (!X509_sign(cert, key, EVP_sha256()) || SSL_CTX_use_certificate(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, key) != 1)
		fail("no certificate");
}

/* Both ends are this thread: neither may wait for the other. */
static void shake_hands(void)
{
	int done[2] = {0, 0};

	while (!done[0] || !done[1])
		for (int i = 0; i < 2; i++)
			done[i] = done[i] || SSL_do_handshake(end[i]) == 1;
}

static void begin(void)
{
	SSL_CTX *client = SSL_CTX_new(TLS_client_method());
	SSL_CTX *server = SSL_CTX_new(TLS_server_method());
	int fd[2];

	connect_self(fd);
	certify(server);
	end[0] = SSL_new(client);
	end[1] = SSL_new(server);
	for (int i = 0; i < 2; i++) {
		fcntl(fd[i], F_SETFL, O_NONBLOCK);
		SSL_set_fd(end[i], fd[i]);
	}
	SSL_set_connect_state(end[0]);
	SSL_set_accept_state(end[1]);
	shake_hands();
	for (int i = 0; i < 2; i++)
		fcntl(fd[i], F_SETFL, 0);
}

static void say(SSL *from, SSL *to, const char *text)
{
	char bytes[BYTES], got[BYTES];
	int n = 0, more = 1;

	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, text, strlen(text));
	if (SSL_write(from, bytes, BYTES) != BYTES)
		fail("nothing sent");
	for (; n < BYTES && more > 0; n += more)
		more = SSL_read(to, got + n, BYTES - n);
	if (n != BYTES)
		fail("nothing received");
}

#define REQUEST "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 194\r\nA: b\r\n\r\n"
#define ANSWER	"HTTP/1.1 200 OK\r\nContent-Length: 216\r\n\r\n"

static double round_of(int calls)
{
	double began = now_ns();

	for (int i = 0; i < calls; i += 4) {
		say(end[0], end[1], REQUEST);
		say(end[1], end[0], ANSWER);
	}
	return (now_ns() - began) / calls;
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 10, calls = argc > 3 ? atoi(argv[3]) : 400;
	char line[16];

	begin();
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		double least = 1e18, is;

		for (int i = 0; i < rounds; i++) {
			is = round_of(calls);
			least = is < least ? is : least;
		}
		printf("%.1f\n", least);
	}
	return 0;
}
