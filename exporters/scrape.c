/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrape.c - one page over HTTP, by libmicrohttpd; see scrape.h.
 *
 * The port is bound by the caller's rights; the thread that reads requests has none (confine.h). The
 * time limit of the library counts from the last byte, so a client that reads or sends a byte now and
 * then would stay for ever: the thread ends such connections itself.
 */

#include "exporters/scrape.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/confine.h"
#include "agent/base/err.h"
#include "agent/base/own.h"
#include "exporters/scrape_page.h"

#define CONNECTIONS   16
#define MEMORY	      (32u << 10)
#define TIMEOUT_S     10  /* for the head of a request, and for its answer */
#define LOOK_EVERY_MS 500 /* while there are clients */

struct client {
	int fd;
	uint64_t end_ns; /* its deadline; 0: the place is free */
};

struct otr_scrape {
	struct MHD_Daemon *daemon;
	pthread_t thread;
	int fd, quit_fd;
	bool is_local;
	char *path;
	struct client clients[CONNECTIONS];
	bool is_free; /* a place became free in this turn */
	struct otr_scrape_pages pages;
};

/* ---- clients ---- */

static void give_time(struct client *c)
{
	if (c)
		c->end_ns = otr_now() + TIMEOUT_S * OTR_NS_PER_S;
}

static struct client *client_of(struct MHD_Connection *con)
{
	return MHD_get_connection_info(con, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void on_connection(void *arg, struct MHD_Connection *con, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct otr_scrape *s = arg;
	struct client *c = *context;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		s->is_free = true;
		if (c)
			c->end_ns = 0;
		return;
	}
	for (size_t i = 0; i < CONNECTIONS && !c; i++)
		if (!s->clients[i].end_ns)
			c = &s->clients[i];
	if (c)
		c->fd = MHD_get_connection_info(con, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	give_time(c);
	*context = c;
}

static void on_completed(void *arg, struct MHD_Connection *con, void **state,
			 enum MHD_RequestTerminationCode code)
{
	(void)arg, (void)state, (void)code;
	give_time(client_of(con)); /* for the next request */
}

/* Ends the connections whose time is over; the server sees it at its next turn. What the kernel holds
 * for them is forgotten. */
static void end_late(const struct otr_scrape *s)
{
	const struct linger none = {.l_onoff = 1};
	uint64_t now = otr_now();

	for (size_t i = 0; i < CONNECTIONS; i++) {
		if (!s->clients[i].end_ns || s->clients[i].end_ns > now)
			continue;
		setsockopt(s->clients[i].fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
		shutdown(s->clients[i].fd, SHUT_RDWR);
	}
}

/* ---- requests ---- */

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

static enum MHD_Result answer_page(struct otr_scrape *s, struct MHD_Connection *con)
{
	bool is_open = accepts(con, "Accept", "application/openmetrics-text");
	int rc = otr_scrape_send(&s->pages, con, is_open ? OTR_PAGE_OPENMETRICS : OTR_PAGE_PLAIN,
				 accepts(con, "Accept-Encoding", "gzip"));

	if (rc < 0)
		return send_text(con, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory for this page\n");
	return (enum MHD_Result)rc;
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
	if (!*state)
		give_time(client_of(con)); /* for the answer: the head is whole */
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

/* ---- the thread ---- */

static int start_daemon(struct otr_scrape *s)
{
	s->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, answer, s,
		MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL, MHD_OPTION_LISTEN_SOCKET, s->fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned int)TIMEOUT_S, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_END);
	return s->daemon ? 0 : -ENOMEM;
}

/* How long to wait for an event, in ms; -1: until there is one. With all places taken the library does
 * not listen, and it listens again in the turn after a place became free. */
static int wait_ms(struct otr_scrape *s)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (s->is_free) {
		s->is_free = false;
		return 0;
	}
	if (MHD_get_timeout(s->daemon, &ms) != MHD_YES)
		return -1; /* no client is there */
	return ms < LOOK_EVERY_MS ? (int)ms : LOOK_EVERY_MS;
}

static void *serve(void *arg)
{
	struct otr_scrape *s = arg;
	struct pollfd fds[] = {
		{.fd = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
		 .events = POLLIN},
		{.fd = s->quit_fd, .events = POLLIN},
	};

	otr_confine_thread();
	pthread_setname_np(pthread_self(), "otrace-export");
	while (!fds[1].revents) {
		poll(fds, OTR_ARRAY_SIZE(fds), wait_ms(s));
		MHD_run(s->daemon);
		end_late(s);
	}
	return NULL;
}

/* All signals are blocked, as in other threads of exporters. */
static int start_thread(struct otr_scrape *s)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = -pthread_create(&s->thread, NULL, serve, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		s->thread = 0;
	return rc;
}

static int start(struct otr_scrape *s)
{
	int rc;

	s->quit_fd = eventfd(0, EFD_CLOEXEC);
	rc = s->quit_fd < 0 ? -errno : start_daemon(s);
	return rc ? rc : start_thread(s);
}

/* ---- the port ---- */

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
		    otr_page_fn page, void *arg, struct otr_err *err)
{
	OTR_AUTO(otr_scrape_close) struct otr_scrape *s = calloc(1, sizeof(*s));
	int rc;

	if (s) {
		s->fd = s->quit_fd = -1;
		s->path = strdup(path);
		s->pages.write = page;
		s->pages.arg = arg;
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
	if (s->thread) {
		eventfd_write(s->quit_fd, 1);
		pthread_join(s->thread, NULL);
	}
	if (s->daemon)
		MHD_stop_daemon(s->daemon); /* and closes the socket */
	else if (s->fd >= 0)
		close(s->fd);
	if (s->quit_fd >= 0)
		close(s->quit_fd);
	otr_scrape_pages_fini(&s->pages);
	free(s->path);
	free(s);
}
