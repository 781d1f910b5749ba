// SPDX-License-Identifier: Apache-2.0
// tlsways.c PORT WAY - requests inside TLS by OpenSSL, in the way named. Each head has `Host:
// head`; bodies look like requests, with `Host: body`. Prints what calls returned.

#include <arpa/inet.h>
#include <dlfcn.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define BODY	  "GET /b HTTP/1.1\r\nHost: body\r\n\r\n"
#define HEAD	  "POST /h HTTP/1.1\r\nHost: head\r\nContent-Length: 31\r\n\r\n"
#define GET	  "GET /g HTTP/1.1\r\nHost: head\r\n\r\n"
#define LEN(text) (sizeof(text) - 1)
#define HALF	  23
#define MANY	  300

static int port;
static SSL_CTX *ctx;
static SSL_SESSION *kept;

static int connected(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((unsigned short)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (void *)&to, sizeof(to)))
		exit(2);
	return fd;
}

static SSL *fresh(int fd)
{
	SSL *ssl = SSL_new(ctx);

	if (fd >= 0)
		SSL_set_fd(ssl, fd);
	SSL_set_connect_state(ssl);
	return ssl;
}

static SSL *greeted(void)
{
	SSL *ssl = fresh(connected());

	printf("connect %d\n", SSL_connect(ssl));
	return ssl;
}

static void put(SSL *ssl, const char *text, size_t n)
{
	int ret = SSL_write(ssl, text, (int)n);

	printf("write %d of %zu\n", ret, n);
}

static void answer(SSL *ssl)
{
	char in[512];
	size_t n = 0;

	while (n < sizeof(in) - 1 && SSL_read(ssl, in + n, 1) == 1 &&
	       !(n > 2 && in[n] == '\n' && in[n - 1] == 'k' && in[n - 2] == 'o'))
		n++;
	printf("read %zu\n", n);
}

static void over(SSL *ssl)
{
	int fd = SSL_get_fd(ssl);

	SSL_shutdown(ssl);
	SSL_free(ssl);
	if (fd >= 0)
		close(fd);
}

static void request(SSL *ssl)
{
	put(ssl, HEAD, LEN(HEAD));
	put(ssl, BODY, LEN(BODY));
	answer(ssl);
}

static void plain(void)
{
	SSL *ssl = greeted();

	request(ssl);
	put(ssl, GET, LEN(GET));
	answer(ssl);
	over(ssl);
}

/* Keys are updated between a head and its body, and between requests. */
static void update(void)
{
	SSL *ssl = greeted();

	put(ssl, HEAD, LEN(HEAD));
	printf("update %d\n", SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED));
	put(ssl, BODY, LEN(BODY));
	answer(ssl);
	printf("update %d\n", SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED));
	SSL_do_handshake(ssl);
	put(ssl, GET, LEN(GET));
	answer(ssl);
	over(ssl);
}

static void again(void)
{
	SSL *ssl;

	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	ssl = greeted();
	put(ssl, HEAD, LEN(HEAD));
	printf("again %d\n", SSL_renegotiate(ssl));
	printf("again %d\n", SSL_do_handshake(ssl));
	put(ssl, BODY, LEN(BODY));
	answer(ssl);
	request(ssl);
	over(ssl);
}

static int keep(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(kept);
	kept = session;
	return 1;
}

/* `n` bytes of the head are sent with the handshake, the others behind it. */
static void early(size_t n)
{
	size_t done = 0;
	SSL *ssl;

	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(ctx, keep);
	plain();
	ssl = fresh(connected());
	printf("session %d\n", kept && SSL_set_session(ssl, kept));
	printf("early %d", SSL_write_early_data(ssl, HEAD, n, &done));
	printf(" %zu\n", done);
	printf("connect %d\n", SSL_connect(ssl));
	printf("taken %d\n", SSL_get_early_data_status(ssl) == SSL_EARLY_DATA_ACCEPTED);
	if (n < LEN(HEAD))
		put(ssl, HEAD + n, LEN(HEAD) - n);
	put(ssl, BODY, LEN(BODY));
	answer(ssl);
	over(ssl);
}

static void early_half(void)
{
	early(HALF);
}
static void early_whole(void)
{
	early(LEN(HEAD));
}

/* Writes by OpenSSL's own BIO of TLS, which bypass SSL_write(). */
static BIO *inside(SSL *ssl)
{
	BIO *bio = BIO_new(BIO_f_ssl());

	BIO_set_ssl(bio, ssl, BIO_NOCLOSE);
	return bio;
}

static void by_bio(void)
{
	SSL *ssl = greeted();

	printf("bio %d\n", BIO_write(inside(ssl), HEAD, (int)LEN(HEAD)));
	put(ssl, BODY, LEN(BODY));
	answer(ssl);
	over(ssl);
}

static void by_halves(void)
{
	SSL *ssl = greeted();

	put(ssl, HEAD, HALF);
	printf("bio %d\n", BIO_write(inside(ssl), HEAD + HALF, (int)LEN(HEAD) - HALF));
	put(ssl, BODY, LEN(BODY));
	answer(ssl);
	over(ssl);
}

/* Records wait in a BIO; those of the head bypass SSL_write(). */
static void buffered(void)
{
	int fd = connected();
	SSL *ssl = fresh(fd);
	BIO *out = BIO_push(BIO_new(BIO_f_buffer()), BIO_new_socket(fd, BIO_NOCLOSE));

	SSL_set_bio(ssl, BIO_new_socket(fd, BIO_NOCLOSE), out);
	printf("connect %d\n", SSL_connect(ssl));
	(void)BIO_flush(out);
	printf("bio %d\n", BIO_write(inside(ssl), HEAD, (int)LEN(HEAD)));
	put(ssl, BODY, LEN(BODY));
	(void)BIO_flush(out);
	answer(ssl);
	over(ssl);
	close(fd);
}

static void pump(int fd, BIO *from)
{
	struct iovec iov[2];
	char *text;
	long n = BIO_get_mem_data(from, &text);

	if (n <= 0)
		return;
	iov[0] = (struct iovec){text, (size_t)n / 2};
	iov[1] = (struct iovec){text + n / 2, (size_t)(n - n / 2)};
	printf("pump %d\n", writev(fd, iov, 2) == n);
	(void)BIO_reset(from);
}

/* The handshake goes over the socket, later records go to memory first. */
static void memory_later(void)
{
	int fd = connected();
	SSL *ssl = fresh(fd);
	BIO *out = BIO_new(BIO_s_mem());

	printf("connect %d\n", SSL_connect(ssl));
	SSL_set0_wbio(ssl, out);
	printf("bio %d\n", BIO_write(inside(ssl), HEAD, (int)LEN(HEAD)));
	put(ssl, BODY, LEN(BODY));
	pump(fd, out);
	answer(ssl);
	put(ssl, HEAD, HALF);
	pump(fd, out);
	put(ssl, HEAD + HALF, LEN(HEAD) - HALF);
	put(ssl, BODY, LEN(BODY));
	pump(fd, out);
	answer(ssl);
	SSL_set0_wbio(ssl, BIO_new_socket(fd, BIO_NOCLOSE));
	request(ssl);
	over(ssl);
}

static void fill(int fd, BIO *to)
{
	char in[4096];
	ssize_t n = read(fd, in, sizeof(in));

	if (n > 0)
		BIO_write(to, in, (int)n);
}

/* All records are in memory, and the program moves them: asyncio, node, nginx. */
static void memory(void)
{
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	int fd = connected();
	SSL *ssl = fresh(-1);
	char byte;

	SSL_set_bio(ssl, in, out);
	while (SSL_do_handshake(ssl) != 1) {
		pump(fd, out);
		fill(fd, in);
	}
	pump(fd, out);
	for (int i = 0; i < 3; i++) {
		put(ssl, HEAD, HALF);
		pump(fd, out);
		put(ssl, HEAD + HALF, LEN(HEAD) - HALF);
		printf("bio %d\n", BIO_write(inside(ssl), BODY, 10));
		put(ssl, BODY + 10, LEN(BODY) - 10);
		pump(fd, out);
		while (SSL_read(ssl, &byte, 1) != 1 || byte != 'k')
			if (!SSL_pending(ssl))
				fill(fd, in);
	}
	SSL_shutdown(ssl);
	pump(fd, out);
	SSL_free(ssl);
	close(fd);
}

/* A BIO pair: the program reads its end in parts, and sends them by a direct system call. */
static void pair(void)
{
	BIO *near, *far;
	int fd = connected(), n;
	SSL *ssl = fresh(fd);
	char some[4096];

	printf("connect %d\n", SSL_connect(ssl));
	BIO_new_bio_pair(&near, 0, &far, 0);
	SSL_set0_wbio(ssl, near);
	put(ssl, HEAD, HALF);
	printf("bio %d\n", BIO_write(inside(ssl), HEAD + HALF, (int)LEN(HEAD) - HALF));
	put(ssl, BODY, LEN(BODY));
	put(ssl, GET, LEN(GET));
	while ((n = BIO_read(far, some, 100)) > 0)
		printf("pump %d\n", send(fd, some, (size_t)n, 0) == n);
	answer(ssl);
	answer(ssl);
	over(ssl);
	BIO_free(far);
	close(fd);
}

static void whole_chain(void)
{
	BIO *chain = BIO_new_ssl_connect(ctx);
	char host[32];
	SSL *ssl = NULL;

	snprintf(host, sizeof(host), "127.0.0.1:%d", port);
	BIO_set_conn_hostname(chain, host);
	printf("connect %ld\n", BIO_do_connect(chain));
	printf("handshake %ld\n", BIO_do_handshake(chain));
	BIO_get_ssl(chain, &ssl);
	printf("bio %d\n", BIO_puts(chain, HEAD));
	put(ssl, BODY, LEN(BODY));
	answer(ssl);
	request(ssl);
	BIO_ssl_shutdown(chain);
	BIO_free_all(chain);
}

static void *reads(void *ssl)
{
	int answers = 0;
	char byte;

	while (answers < MANY && SSL_read(ssl, &byte, 1) == 1)
		answers += byte == 'k';
	printf("answers %d\n", answers);
	return NULL;
}

/* One thread reads, one writes. OpenSSL does not promise that this works, yet programs do it. */
static void threads(void)
{
	pthread_t reader;
	SSL *ssl;

	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	ssl = greeted();
	pthread_create(&reader, NULL, reads, ssl);
	for (int i = 0; i < MANY; i++) {
		SSL_write(ssl, HEAD, (int)LEN(HEAD));
		SSL_write(ssl, BODY, (int)LEN(BODY));
	}
	pthread_join(reader, NULL);
	over(ssl);
}

/* The object is used for another connection, in the middle of a request. */
static void cleared(void)
{
	SSL *ssl = greeted();
	int fd = SSL_get_fd(ssl);

	request(ssl);
	put(ssl, HEAD, HALF);
	close(fd);
	SSL_clear(ssl);
	SSL_set_fd(ssl, connected());
	printf("connect %d\n", SSL_connect(ssl));
	request(ssl);
	over(ssl);
}

/* The socket gets another number while a request is being sent. */
static void renumbered(void)
{
	SSL *ssl = greeted();
	int fd = SSL_get_fd(ssl), other = dup(fd);

	put(ssl, HEAD, LEN(HEAD));
	SSL_set_fd(ssl, other);
	close(fd);
	put(ssl, BODY, LEN(BODY));
	answer(ssl);
	request(ssl);
	over(ssl);
}

static void child(void)
{
	SSL *ssl = greeted();
	pid_t pid;

	put(ssl, HEAD, LEN(HEAD));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		put(ssl, BODY, LEN(BODY));
		answer(ssl);
		over(ssl);
		exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* The function is found by dlsym(), as in programs that load the library on demand. */
static void by_name(void)
{
	int (*direct)(SSL *, const void *, int);
	int fd = connected();
	SSL *ssl = fresh(fd);
	BIO *out = BIO_push(BIO_new(BIO_f_buffer()), BIO_new_socket(fd, BIO_NOCLOSE));

	*(void **)&direct = dlsym(dlopen("libssl.so.3", RTLD_NOW), "SSL_write");
	printf("connect %d\n", SSL_connect(ssl));
	SSL_set0_wbio(ssl, out);
	printf("direct %d\n", direct(ssl, HEAD, (int)LEN(HEAD)));
	put(ssl, BODY, LEN(BODY));
	(void)BIO_flush(out);
	answer(ssl);
	over(ssl);
	close(fd);
}

/* TLS ends, and the connection continues in clear. */
static void unwrapped(void)
{
	SSL *ssl = greeted();
	int fd = SSL_get_fd(ssl);

	put(ssl, HEAD, LEN(HEAD));
	printf("shutdown %d\n", SSL_shutdown(ssl));
	printf("shutdown %d\n", SSL_shutdown(ssl));
	printf("send %zd\n", send(fd, BODY, LEN(BODY), 0));
	SSL_free(ssl);
	close(fd);
}

static const struct {
	const char *name;
	void (*play)(void);
} ways[] = {
	{"plain", plain},
	{"update", update},
	{"again", again},
	{"early_half", early_half},
	{"early_whole", early_whole},
	{"by_bio", by_bio},
	{"by_halves", by_halves},
	{"buffered", buffered},
	{"memory_later", memory_later},
	{"memory", memory},
	{"pair", pair},
	{"whole_chain", whole_chain},
	{"threads", threads},
	{"cleared", cleared},
	{"renumbered", renumbered},
	{"child", child},
	{"by_name", by_name},
	{"unwrapped", unwrapped},
};

int main(int argc, char **argv)
{
	port = argc > 2 ? atoi(argv[1]) : 0;
	ctx = SSL_CTX_new(TLS_client_method());
	for (size_t i = 0; argc > 2 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(argv[2], ways[i].name)) {
			ways[i].play();
			return 0;
		}
	return 2;
}
