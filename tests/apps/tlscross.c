/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlscross.c PORT - a client with two HTTPS connections to 127.0.0.1, which begins to ask when a byte of
 * input comes: three times on both. The second time the thread receives the answer of one connection
 * while it is inside SSL_read() for the other, as with a library of coroutines that switches inside
 * read().
 */

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct conn {
	SSL *ssl;
	int fd;
	struct conn *inside; /* whose bytes are received while this one reads */
	char early[16384];   /* bytes that were received so */
	size_t n_early;
};

static int bio_read(BIO *bio, char *out, int size)
{
	struct conn *c = BIO_get_data(bio);
	struct conn *in = c->inside;
	ssize_t n, early;

	if (c->n_early) {
		n = (ssize_t)c->n_early < size ? (ssize_t)c->n_early : size;
		memcpy(out, c->early, (size_t)n);
		c->n_early -= (size_t)n;
		memmove(c->early, c->early + n, c->n_early);
		return (int)n;
	}
	n = recv(c->fd, out, (size_t)size, 0);
	/* The bytes of the other one are the last of the call: behind those of a record's content. */
	if (in && n > 5) {
		c->inside = NULL;
		early = recv(in->fd, in->early, sizeof(in->early), 0);
		in->n_early = early > 0 ? (size_t)early : 0;
	}
	return (int)n;
}

static int bio_write(BIO *bio, const char *in, int size)
{
	const struct conn *c = BIO_get_data(bio);

	return (int)send(c->fd, in, (size_t)size, MSG_NOSIGNAL);
}

static long bio_ctrl(BIO *bio, int what, long n, void *arg)
{
	(void)bio;
	(void)n;
	(void)arg;
	return what == BIO_CTRL_FLUSH;
}

static void dial(struct conn *c, SSL_CTX *ctx, int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	BIO_METHOD *how = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "cross");
	BIO *bio;

	BIO_meth_set_read(how, bio_read);
	BIO_meth_set_write(how, bio_write);
	BIO_meth_set_ctrl(how, bio_ctrl);
	bio = BIO_new(how);
	BIO_set_data(bio, c);
	BIO_set_init(bio, 1);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	c->ssl = SSL_new(ctx);
	SSL_set_bio(c->ssl, bio, bio);
	if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) || SSL_connect(c->ssl) != 1)
		exit(1);
}

static void ask(struct conn *c, const char *path)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);

	if (SSL_write(c->ssl, text, n) != n)
		exit(2);
}

/* Head and body may come in two records. */
static void answer(struct conn *c)
{
	char text[4096];
	int n = 0, got;

	do {
		got = SSL_read(c->ssl, text + n, (int)sizeof(text) - n - 1);
		if (got <= 0)
			exit(3);
		n += got;
		text[n] = 0;
	} while (!strstr(text, "hello"));
	printf("%.12s %s", text, strstr(text, "hello"));
}

int main(int argc, char **argv)
{
	static const char *const paths[][2] = {
		{"/a/1", "/b/1"}, {"/missing/2", "/b/2"}, {"/a/3", "/b/3"}};
	static struct conn a, b;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (argc != 2)
		return 9;
	/* Without tickets, each record that comes in is of an answer. */
	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	dial(&a, ctx, atoi(argv[1]));
	dial(&b, ctx, atoi(argv[1]));
	puts("open");
	fflush(stdout);
	if (getchar() < 0)
		return 8;
	for (int i = 0; i < 3; i++) {
		ask(&b, paths[i][1]);
		ask(&a, paths[i][0]);
		usleep(100000); /* until both are answered */
		if (i == 1)
			a.inside = &b;
		answer(&a);
		answer(&b);
	}
	SSL_free(a.ssl);
	SSL_free(b.ssl);
	return 0;
}
