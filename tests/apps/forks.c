/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forks.c - forks DIR N: processes with a short life, one after the other: half of them run
 * /bin/true, half send bytes over a connection to themselves. A hundred first; then it makes
 * DIR/warm, waits for DIR/go, continues to N, makes DIR/done and waits for DIR/end.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET "GET /forks HTTP/1.1\r\nHost: forks\r\n\r\n"

/* Uses AF_UNIX: ports of TCP would run out. */
static int say(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(sa_family_t);
	int door = socket(AF_UNIX, SOCK_STREAM, 0), near, far;
	char got[256];

	if (bind(door, (void *)&at, len))
		return 1;
	len = sizeof(at);
	if (getsockname(door, (void *)&at, &len) || listen(door, 1))
		return 1;
	near = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(near, (void *)&at, len))
		return 2;
	far = accept(door, NULL, NULL);
	if (write(near, GET, strlen(GET)) != (ssize_t)strlen(GET))
		return 3;
	return read(far, got, sizeof(got)) < (ssize_t)strlen(GET) ? 4 : 0;
}

static int one(int i)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid && i % 2)
		_exit(say());
	if (!pid) {
		execl("/bin/true", "true", NULL);
		_exit(9);
	}
	waitpid(pid, &status, 0);
	return status != 0;
}

static void meet(const char *dir, const char *made, const char *wanted)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, made);
	close(open(path, O_CREAT | O_WRONLY, 0644));
	snprintf(path, sizeof(path), "%s/%s", dir, wanted);
	while (access(path, F_OK))
		usleep(10000);
}

int main(int argc, char **argv)
{
	int n = argc == 3 ? atoi(argv[2]) : 0, bad = 0;

	for (int i = 0; i < n; i++) {
		if (i == 100)
			meet(argv[1], "warm", "go");
		bad += one(i);
	}
	printf("processes %d bad %d\n", n, bad);
	fflush(stdout);
	meet(argv[1], "done", "end");
	return bad != 0;
}
