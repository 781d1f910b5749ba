/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openloop.c - HTTP requests at a fixed rate, whatever the server does.
 *
 *	openloop PORT PATH CONNECTIONS RATE SECONDS
 *
 * A request is due every 1/RATE seconds and goes out on the next connection that is free;
 * its latency counts from when it was due, so a server that stalls is charged for all
 * who waited. "%d" in PATH becomes the request's number. Prints:
 * sent answered p50_us p99_us max_us
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct conn {
	int fd;
	double due; /* of the request on it; 0: free */
	size_t n, want;
	char buf[16384];
};

static struct conn *conns, **idle;
static size_t n_idle, n_conns;
static float *took;
static size_t n_took;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int dial(struct conn *cn, int port, int ep)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = cn};
	int one = 1;

	cn->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(cn->fd, (struct sockaddr *)&to, sizeof(to)))
		return -1;
	setsockopt(cn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(cn->fd, F_SETFL, O_NONBLOCK);
	return epoll_ctl(ep, EPOLL_CTL_ADD, cn->fd, &ev);
}

static void ask(struct conn *cn, const char *path, unsigned n, double due)
{
	char url[512], req[1024];
	int len;

	snprintf(url, sizeof(url), path, n); /* a %d of our own user */
	len = snprintf(req, sizeof(req),
		       "GET %s HTTP/1.1\r\nHost: localhost\r\n"
		       "User-Agent: openloop\r\nAccept: */*\r\n\r\n",
		       url);
	cn->due = due;
	cn->n = cn->want = 0;
	if (write(cn->fd, req, (size_t)len) != len)
		exit(1);
}

/* Returns whether the answer is whole. Bodies are counted, not kept. */
static int hear(struct conn *cn)
{
	ssize_t got = read(cn->fd, cn->buf + (cn->want ? 0 : cn->n),
			   sizeof(cn->buf) - 1 - (cn->want ? 0 : cn->n));
	char *end, *len;

	if (got <= 0)
		return got < 0 && errno == EAGAIN ? 0 : -1;
	cn->n += (size_t)got;
	if (!cn->want) {
		cn->buf[cn->n] = 0;
		end = strstr(cn->buf, "\r\n\r\n");
		if (!end)
			return 0;
		len = strcasestr(cn->buf, "\r\ncontent-length:");
		cn->want = (size_t)(end + 4 - cn->buf) + (len ? strtoul(len + 17, NULL, 10) : 0);
	}
	return cn->n >= cn->want;
}

static int by_time(const void *a, const void *b)
{
	return (*(const float *)a > *(const float *)b) - (*(const float *)a < *(const float *)b);
}

static void take(struct epoll_event *ev, int n)
{
	for (int i = 0; i < n; i++) {
		struct conn *cn = ev[i].data.ptr;
		int rc = hear(cn);

		if (rc < 0) {
			fprintf(stderr, "openloop: the server hung up\n");
			exit(1);
		}
		if (!rc)
			continue;
		took[n_took++] = (float)((now() - cn->due) * 1e6);
		idle[n_idle++] = cn;
	}
}

int main(int argc, char **argv)
{
	double rate, seconds, began, due, t;
	struct epoll_event ev[64];
	unsigned sent = 0;
	struct timespec wait;
	int ep = epoll_create1(0);

	if (argc != 6)
		return 2;
	n_conns = strtoul(argv[3], NULL, 10);
	rate = atof(argv[4]);
	seconds = atof(argv[5]);
	conns = calloc(n_conns, sizeof(*conns));
	idle = calloc(n_conns, sizeof(*idle));
	took = calloc((size_t)(rate * seconds) + 2, sizeof(*took));
	for (size_t i = 0; i < n_conns; i++) {
		if (dial(&conns[i], atoi(argv[1]), ep)) {
			perror("openloop: connect");
			return 1;
		}
		idle[n_idle++] = &conns[n_conns - 1 - i];
	}
	began = now();
	for (;;) {
		t = now();
		due = began + sent / rate;
		if (due >= began + seconds || t > began + seconds + 2)
			break;
		if (t >= due && n_idle) {
			/* The one free for longest: all of them are used. */
			struct conn *cn = idle[0];

			memmove(idle, idle + 1, --n_idle * sizeof(*idle));
			ask(cn, argv[2], sent++, due);
			continue;
		}
		wait = (struct timespec){.tv_nsec = n_idle ? (long)((due - t) * 1e9) % 1000000000
							   : 10000000};
		take(ev, epoll_pwait2(ep, ev, 64, &wait, NULL));
	}
	for (t = now(); n_idle < n_conns && now() < t + 2;)
		take(ev, epoll_wait(ep, ev, 64, 10));
	if (!n_took)
		return 1;
	qsort(took, n_took, sizeof(*took), by_time);
	printf("%u %zu %.0f %.0f %.0f\n", sent, n_took, took[n_took / 2], took[n_took * 99 / 100],
	       took[n_took - 1]);
	return 0;
}
