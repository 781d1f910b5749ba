/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrape.c - one page over HTTP, by libmicrohttpd; see scrape.h.
 *
 * The port is bound by the caller's rights; the thread that reads requests has none (confine.h). The
 * library starts it, and threads have the rights of those that start them: so it is started by a
 * thread that has given up its own.
 */

#include "exporters/scrape.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/confine.h"
#include "agent/base/err.h"
#include "agent/base/own.h"
#include "exporters/gzip.h"

#define CONNECTIONS 16
#define MEMORY	    (32u << 10)
#define TIMEOUT_S   10

struct otr_scrape {
	struct MHD_Daemon *daemon;
	int fd;
	bool is_local;
	char *path;
	otr_scrape_fn page;
	void *arg;
	struct otr_gzip gz;
};

static enum MHD_Result send_text(struct MHD_Connection *con, unsigned int status, const char *text)
{
	struct MHD_Response *rsp = MHD_create_response_from_buffer(
		strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result rc;

	if (!rsp)
		return MHD_NO;
	MHD_add_response_header(rsp, "Content-Type", "text/plain; charset=utf-8");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(rsp, "Allow", "GET, HEAD");
	rc = MHD_queue_response(con, status, rsp);
	MHD_destroy_response(rsp);
	return rc;
}

static bool accepts(struct MHD_Connection *con, const char *header, const char *word)
{
	const char *v = MHD_lookup_connection_value(con, MHD_HEADER_KIND, header);

	return v && strcasestr(v, word);
}

/* Gives `body` away. */
static enum MHD_Result send_page(struct MHD_Connection *con, struct otr_buf *body,
				 enum otr_page format, bool is_gzip)
{
	static const char *const types[] = {
		[OTR_PAGE_PLAIN] = "text/plain; version=0.0.4; charset=utf-8",
		[OTR_PAGE_OPENMETRICS] =
			"application/openmetrics-text; version=1.0.0; charset=utf-8",
	};
	struct MHD_Response *rsp =
		MHD_create_response_from_buffer(body->len, body->data, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result rc;

	if (!rsp)
		return MHD_NO;
	memset(body, 0, sizeof(*body));
	MHD_add_response_header(rsp, "Content-Type", types[format]);
	if (is_gzip)
		MHD_add_response_header(rsp, "Content-Encoding", "gzip");
	rc = MHD_queue_response(con, MHD_HTTP_OK, rsp);
	MHD_destroy_response(rsp);
	return rc;
}

static enum MHD_Result answer_page(struct otr_scrape *s, struct MHD_Connection *con)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf plain = {0}, packed = {0};
	enum otr_page format = OTR_PAGE_PLAIN;

	if (accepts(con, "Accept", "application/openmetrics-text"))
		format = OTR_PAGE_OPENMETRICS;
	if (s->page(s->arg, &plain, format))
		return send_text(con, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory for this page\n");
	if (accepts(con, "Accept-Encoding", "gzip") &&
	    !otr_gzip(&s->gz, &packed, otr_buf_view(&plain)))
		return send_page(con, &packed, format, true);
	return send_page(con, &plain, format, false);
}

/* True if no name of a foreign site leads here: localhost, or an address. */
static bool is_own_name(const char *host)
{
	size_t n = strcspn(host, ":");
	uint8_t address[16];
	char name[64];

	if (*host == '[')
		return true;
	if (n >= sizeof(name))
		return false;
	memcpy(name, host, n);
	name[n] = '\0';
	return !strcasecmp(name, "localhost") || inet_pton(AF_INET, name, address) == 1;
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *con, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **state)
{
	struct otr_scrape *s = arg;
	const char *host = MHD_lookup_connection_value(con, MHD_HEADER_KIND, "Host");
	bool is_whole = *state && !*upload_size;

	(void)version, (void)upload;
	*state = s;
	*upload_size = 0; /* a body is read and forgotten */
	if (!is_whole)
		return MHD_YES; /* an answer before the request is whole ends the connection */
	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return send_text(con, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	if (s->is_local && host && !is_own_name(host))
		return send_text(con, MHD_HTTP_FORBIDDEN, "this host has no such name\n");
	if (strcmp(url, s->path))
		return send_text(con, MHD_HTTP_NOT_FOUND, "otrace: metrics are at /metrics\n");
	return answer_page(s, con);
}

static void quiet(void *arg, const char *fmt, va_list ap)
{
	(void)arg, (void)fmt, (void)ap;
}

static void *start_daemon(void *arg)
{
	struct otr_scrape *s = arg;

	otr_confine_thread();
	pthread_setname_np(pthread_self(), "otrace-export");
	s->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ERROR_LOG, 0, NULL, NULL,
		answer, s, MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL, MHD_OPTION_LISTEN_SOCKET, s->fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned int)TIMEOUT_S, MHD_OPTION_END);
	return NULL;
}

/* All signals are blocked, as in other threads of exporters. */
static int start(struct otr_scrape *s)
{
	sigset_t all, before;
	pthread_t thread;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = -pthread_create(&thread, NULL, start_daemon, s);
	if (!rc)
		pthread_join(thread, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc || s->daemon ? rc : -ENOMEM;
}

static bool is_loopback(const struct sockaddr *sa)
{
	const struct sockaddr_in *in = (const void *)sa;
	const struct sockaddr_in6 *in6 = (const void *)sa;

	if (sa->sa_family == AF_INET)
		return ntohl(in->sin_addr.s_addr) >> 24 == 127;
	return sa->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static int listen_on(struct otr_scrape *s, const struct addrinfo *ai)
{
	int one = 1, rc;

	s->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return -errno;
	s->is_local = is_loopback(ai->ai_addr);
	setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!bind(s->fd, ai->ai_addr, ai->ai_addrlen) && !listen(s->fd, CONNECTIONS))
		return 0;
	rc = -errno;
	close(s->fd);
	s->fd = -1;
	return rc;
}

static int bind_port(struct otr_scrape *s, const char *host, uint16_t port, struct otr_err *err)
{
	/* Whoever says localhost looks for 127.0.0.1, also where ::1 has that name first. */
	const struct addrinfo hints = {
		.ai_family = strcasecmp(host, "localhost") ? AF_UNSPEC : AF_INET,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE,
	};
	struct addrinfo *list = NULL;
	char service[8];
	int rc;

	snprintf(service, sizeof(service), "%u", port);
	rc = getaddrinfo(host, service, &hints, &list);
	if (rc) {
		otr_err_set(err, "cannot listen on %s: %s", host, gai_strerror(rc));
		return -EINVAL;
	}
	rc = listen_on(s, list);
	freeaddrinfo(list);
	if (rc)
		otr_err_set(err, "cannot listen on %s, port %u: %s", host, port, strerror(-rc));
	return rc;
}

int otr_scrape_open(struct otr_scrape **out, const char *host, uint16_t port, const char *path,
		    otr_scrape_fn page, void *arg, struct otr_err *err)
{
	OTR_AUTO(otr_scrape_close) struct otr_scrape *s = calloc(1, sizeof(*s));
	int rc;

	if (s) {
		s->fd = -1;
		s->path = strdup(path);
		s->page = page;
		s->arg = arg;
	}
	if (!s || !s->path) {
		otr_err_set(err, "out of memory");
		return -ENOMEM;
	}
	rc = bind_port(s, host, port, err);
	if (rc)
		return rc;
	rc = start(s);
	if (rc) {
		otr_err_set(err, "cannot start a thread: %s", strerror(-rc));
		return rc;
	}
	*out = OTR_TAKE(s);
	return 0;
}

void otr_scrape_close(struct otr_scrape **sp)
{
	struct otr_scrape *s = OTR_TAKE(*sp);

	if (!s)
		return;
	if (s->daemon)
		MHD_stop_daemon(s->daemon); /* and closes the socket */
	else if (s->fd >= 0)
		close(s->fd);
	otr_gzip_fini(&s->gz);
	free(s->path);
	free(s);
}
