/* SPDX-License-Identifier: Apache-2.0 */
/* fd_closer.c - see fd_closer.h. The numbers wait in a pipe; the thread ends with the pipe. */

#include "agent/source/fd_closer.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/base/confine.h"
#include "agent/base/own.h"

struct otr_fd_closer {
	pthread_t thread;
	int queue[2];
};

static void *run(void *arg)
{
	const struct otr_fd_closer *c = arg;
	int fd;

	otr_confine_thread();
	while (read(c->queue[0], &fd, sizeof(fd)) == sizeof(fd))
		close(fd);
	return NULL;
}

static struct otr_fd_closer *start(void)
{
	struct otr_fd_closer *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	if (pipe2(c->queue, O_CLOEXEC)) {
		free(c);
		return NULL;
	}
	fcntl(c->queue[1], F_SETFL, O_NONBLOCK);
	if (!pthread_create(&c->thread, NULL, run, c))
		return c;
	close(c->queue[0]);
	close(c->queue[1]);
	free(c);
	return NULL;
}

void otr_fd_closer_close(struct otr_fd_closer **cp, const int fds[], size_t n)
{
	if (n && !*cp)
		*cp = start();
	for (size_t i = 0; i < n; i++)
		if (!*cp || write((*cp)->queue[1], &fds[i], sizeof(fds[i])) != sizeof(fds[i]))
			close(fds[i]);
}

void otr_fd_closer_free(struct otr_fd_closer **cp)
{
	struct otr_fd_closer *c = OTR_TAKE(*cp);

	if (!c)
		return;
	close(c->queue[1]);
	pthread_join(c->thread, NULL);
	close(c->queue[0]);
	free(c);
}
