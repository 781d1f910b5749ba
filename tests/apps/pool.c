/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.c - a C server whose threads give their calls to a pool (accuracy tests).
 *
 *	pool PORT BACKPORT [LATE_US [THREADS [ASKS [NONE]]]]
 *		GET /call?id=N: a thread of the pool asks the back
 *
 * Each connection has a thread, which waits on a condition variable of its own for its job to be
 * done. The threads of the pool (eight, or THREADS) share one. With LATE_US a handler is held up
 * for at most that long before it waits, as on a busy machine: its job may be done by then, and
 * then nobody wakes it. A job asks once, or ASKS times; every NONEth asks nothing.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct job {
	struct job *next;
	const char *id;
	pthread_mutex_t lock;
	pthread_cond_t done;
	int is_done;
};

static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_any = PTHREAD_COND_INITIALIZER;
static struct job *queue, **queue_end = &queue;
static struct sockaddr_in back = {.sin_family = AF_INET};
static long late_us;
static int asks = 1, none;

/* Reads up to the end of a head, and the part of the body that arrives with it. */
static int read_message(int fd, char *buf, size_t size)
{
	size_t got = 0, body;
	char *head, *length;
	ssize_t n;

	while (got < size - 1) {
		n = read(fd, buf + got, size - 1 - got);
		if (n <= 0)
			return -1;
		got += n;
		buf[got] = 0;
		head = strstr(buf, "\r\n\r\n");
		if (!head)
			continue;
		length = strcasestr(buf, "content-length:");
		body = length ? strtoul(length + 15, NULL, 10) : 0;
		if (got >= (size_t)(head + 4 - buf) + body)
			return 0;
	}
	return -1;
}

static int dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&back, sizeof(back))) {
		perror("connect");
		exit(1);
	}
	return fd;
}

static struct job *take(void)
{
	struct job *job;

	pthread_mutex_lock(&queue_lock);
	while (!queue)
		pthread_cond_wait(&queue_any, &queue_lock);
	job = queue;
	queue = job->next;
	if (!queue)
		queue_end = &queue;
	pthread_mutex_unlock(&queue_lock);
	return job;
}

static int ask(int fd, const char *id)
{
	char buf[4096];
	int n = snprintf(buf, sizeof(buf), "GET /price?id=%s HTTP/1.1\r\nHost: b\r\n\r\n", id);

	return send(fd, buf, n, MSG_NOSIGNAL) == n ? read_message(fd, buf, sizeof(buf)) : -1;
}

static void finish(struct job *job)
{
	pthread_mutex_lock(&job->lock);
	job->is_done = 1;
	pthread_cond_signal(&job->done);
	pthread_mutex_unlock(&job->lock);
}

/* The back closes a connection on which nothing was asked for 5 s. */
static void *work(void *arg)
{
	int fd = dial();

	(void)arg;
	for (;;) {
		struct job *job = take();

		for (int i = none && random() % none == 0 ? asks : 0; i < asks; i++)
			while (ask(fd, job->id)) {
				close(fd);
				fd = dial();
			}
		finish(job);
	}
	return NULL;
}

static void submit(struct job *job)
{
	job->next = NULL;
	job->is_done = 0;
	pthread_mutex_lock(&queue_lock);
	*queue_end = job;
	queue_end = &job->next;
	pthread_cond_signal(&queue_any);
	pthread_mutex_unlock(&queue_lock);
	if (late_us)
		usleep(random() % late_us);
	pthread_mutex_lock(&job->lock);
	while (!job->is_done)
		pthread_cond_wait(&job->done, &job->lock);
	pthread_mutex_unlock(&job->lock);
}

static void *serve(void *arg)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
	struct job job = {.lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
	int fd = (int)(long)arg;
	char buf[4096], *id;

	while (!read_message(fd, buf, sizeof(buf))) {
		id = strstr(buf, "id=");
		job.id = id ? id + 3 : "0";
		if (id)
			id[strcspn(id, " \r\n")] = 0;
		submit(&job);
		if (write(fd, answer, sizeof(answer) - 1) < 0)
			break;
	}
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	int threads = argc > 4 ? atoi(argv[4]) : 8;
	pthread_t thread;

	if (argc < 3)
		return 2;
	late_us = argc > 3 ? atol(argv[3]) : 0;
	asks = argc > 5 ? atoi(argv[5]) : 1;
	none = argc > 6 ? atoi(argv[6]) : 0;
	at.sin_addr.s_addr = back.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	at.sin_port = htons(atoi(argv[1]));
	back.sin_port = htons(atoi(argv[2]));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 128)) {
		perror("listen");
		return 1;
	}
	for (int i = 0; i < threads; i++)
		pthread_create(&thread, NULL, work, NULL);
	while ((fd = accept(listener, NULL, NULL)) >= 0)
		if (pthread_create(&thread, NULL, serve, (void *)(long)fd))
			close(fd);
		else
			pthread_detach(thread);
	return 0;
}
