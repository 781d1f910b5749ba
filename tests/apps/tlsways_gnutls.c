// SPDX-License-Identifier: Apache-2.0
// tlsways_gnutls.c PORT WAY - as tlsways.c, by GnuTLS.

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY	  "GET /b HTTP/1.1\r\nHost: body\r\n\r\n"
#define HEAD	  "POST /h HTTP/1.1\r\nHost: head\r\nContent-Length: 31\r\n\r\n"
#define LEN(text) (sizeof(text) - 1)
#define HALF	  23
#define MANY	  300

static int port, fd;
static gnutls_certificate_credentials_t creds;
static gnutls_datum_t kept;

static void connected(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((unsigned short)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (void *)&to, sizeof(to)))
		exit(2);
}

static gnutls_session_t fresh(const char *priority)
{
	gnutls_session_t s;

	gnutls_init(&s, GNUTLS_CLIENT);
	gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, creds);
	gnutls_priority_set_direct(s, priority, NULL);
	connected();
	gnutls_transport_set_int(s, fd);
	return s;
}

static gnutls_session_t greeted(const char *priority)
{
	gnutls_session_t s = fresh(priority);

	printf("handshake %d\n", gnutls_handshake(s));
	return s;
}

static void put(gnutls_session_t s, const char *text, size_t n)
{
	printf("send %zd of %zu\n", gnutls_record_send(s, text, n), n);
}

/* Returns 1 for a byte; 0 for a ticket or new keys, which may come before it. */
static int byte_of(gnutls_session_t s, char *byte)
{
	ssize_t n;

	do
		n = gnutls_record_recv(s, byte, 1);
	while (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED);
	return n == 1;
}

static void answer(gnutls_session_t s)
{
	char last[3] = "";

	do
		memmove(last, last + 1, 2);
	while (byte_of(s, last + 2) && memcmp(last, "ok\n", 3) != 0);
	printf("answer %.2s\n", last);
}

static void over(gnutls_session_t s)
{
	gnutls_bye(s, GNUTLS_SHUT_WR);
	gnutls_deinit(s);
	close(fd);
}

static void request(gnutls_session_t s)
{
	put(s, HEAD, LEN(HEAD));
	put(s, BODY, LEN(BODY));
	answer(s);
}

static void plain(void)
{
	gnutls_session_t s = greeted("NORMAL");

	request(s);
	request(s);
	over(s);
}

static void update(void)
{
	gnutls_session_t s = greeted("NORMAL");

	put(s, HEAD, LEN(HEAD));
	printf("update %d\n", gnutls_session_key_update(s, GNUTLS_KU_PEER));
	put(s, BODY, LEN(BODY));
	answer(s);
	request(s);
	over(s);
}

static void again(void)
{
	gnutls_session_t s = greeted("NORMAL:-VERS-ALL:+VERS-TLS1.2");

	put(s, HEAD, LEN(HEAD));
	printf("again %d\n", gnutls_handshake(s));
	put(s, BODY, LEN(BODY));
	answer(s);
	request(s);
	over(s);
}

static void early(size_t n)
{
	gnutls_session_t s = greeted("NORMAL");

	request(s);
	printf("kept %d\n", gnutls_session_get_data2(s, &kept));
	over(s);
	s = fresh("NORMAL");
	gnutls_session_set_data(s, kept.data, kept.size);
	printf("early %zd\n", gnutls_record_send_early_data(s, HEAD, n));
	printf("handshake %d\n", gnutls_handshake(s));
	printf("taken %d\n", (gnutls_session_get_flags(s) & GNUTLS_SFLAGS_EARLY_DATA) != 0);
	if (n < LEN(HEAD))
		put(s, HEAD + n, LEN(HEAD) - n);
	put(s, BODY, LEN(BODY));
	answer(s);
	over(s);
}

static void early_half(void)
{
	early(HALF);
}
static void early_whole(void)
{
	early(LEN(HEAD));
}

/* Bytes wait until they are uncorked; a part of them bypassed gnutls_record_send(). */
static void corked(void)
{
	gnutls_session_t s = greeted("NORMAL");

	gnutls_record_cork(s);
	printf("send2 %zd\n", gnutls_record_send2(s, HEAD, LEN(HEAD), 0, 0));
	put(s, BODY, LEN(BODY));
	printf("uncork %d\n", gnutls_record_uncork(s, GNUTLS_RECORD_WAIT));
	answer(s);
	request(s);
	over(s);
}

static void corked_whole(void)
{
	gnutls_session_t s = greeted("NORMAL");

	gnutls_record_cork(s);
	put(s, HEAD, LEN(HEAD));
	put(s, BODY, LEN(BODY));
	printf("uncork %d\n", gnutls_record_uncork(s, GNUTLS_RECORD_WAIT));
	answer(s);
	over(s);
}

/* A transport of the program that keeps records until it is asked to send them. */
static char waits[65536];
static size_t waits_n;
static int is_kept;

static void flush_all(void)
{
	if (send(fd, waits, waits_n, 0) != (ssize_t)waits_n)
		exit(1);
	waits_n = 0;
}

static ssize_t push(gnutls_transport_ptr_t to, const void *text, size_t n)
{
	(void)to;
	memcpy(waits + waits_n, text, n);
	waits_n += n;
	if (!is_kept)
		flush_all();
	return (ssize_t)n;
}

static void pushed(void)
{
	gnutls_session_t s = fresh("NORMAL");

	gnutls_transport_set_push_function(s, push);
	printf("handshake %d\n", gnutls_handshake(s));
	is_kept = 1;
	printf("send2 %zd\n", gnutls_record_send2(s, HEAD, LEN(HEAD), 0, 0));
	put(s, BODY, LEN(BODY));
	flush_all();
	answer(s);
	is_kept = 0;
	request(s);
	over(s);
}

static void *reads(void *s)
{
	int answers = 0;
	char byte;

	while (answers < MANY && byte_of(s, &byte))
		answers += byte == 'k';
	printf("answers %d\n", answers);
	return NULL;
}

/* One thread reads, one writes, as GnuTLS allows. */
static void threads(void)
{
	gnutls_session_t s = greeted("NORMAL");
	pthread_t reader;

	pthread_create(&reader, NULL, reads, s);
	for (int i = 0; i < MANY; i++) {
		gnutls_record_send(s, HEAD, LEN(HEAD));
		gnutls_record_send(s, BODY, LEN(BODY));
	}
	pthread_join(reader, NULL);
	over(s);
}

static const struct {
	const char *name;
	void (*play)(void);
} ways[] = {
	{"plain", plain},   {"update", update},		{"again", again},
	{"corked", corked}, {"early_half", early_half}, {"early_whole", early_whole},
	{"pushed", pushed}, {"threads", threads},	{"corked_whole", corked_whole},
};

int main(int argc, char **argv)
{
	port = argc > 2 ? atoi(argv[1]) : 0;
	gnutls_certificate_allocate_credentials(&creds);
	for (size_t i = 0; argc > 2 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(argv[2], ways[i].name)) {
			ways[i].play();
			return 0;
		}
	return 2;
}
