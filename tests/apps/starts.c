/* SPDX-License-Identifier: Apache-2.0 */
/*
 * starts.c - starts PORT [LISTEN]: eight threads send their first request to PORT at the same
 * moment. With LISTEN the program then is a service, which answers one request on that port and
 * ends.
 */

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS 8

static struct sockaddr_in to;
static pthread_barrier_t all_are_there;

static void *ask(void *number)
{
	char text[128], buf[4096];
	int fd = socket(AF_INET, SOCK_STREAM, 0), n;

	n = sprintf(text, "GET /t%ld HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
		    (long)number);
	pthread_barrier_wait(&all_are_there);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) || send(fd, text, (size_t)n, 0) != n)
		exit(1);
	while (recv(fd, buf, sizeof(buf), 0) > 0)
		;
	close(fd);
	return NULL;
}

static void prepare(void)
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&all_are_there, NULL, THREADS);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, ask, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static int serve(int listener)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	char buf[4096];
	int fd = accept(listener, NULL, NULL);

	if (fd < 0 || recv(fd, buf, sizeof(buf), 0) <= 0 ||
	    send(fd, answer, sizeof(answer) - 1, 0) < 0)
		return 1;
	close(fd);
	return 0;
}

static int prepare_and_serve(const char *port)
{
	struct sockaddr_in own = {.sin_family = AF_INET};
	int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	own.sin_port = htons((uint16_t)atoi(port));
	prepare();
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(listener, (struct sockaddr *)&own, sizeof(own)) || listen(listener, 8))
		return 1;
	return serve(listener);
}

int main(int argc, char **argv)
{
	if (argc != 2 && argc != 3)
		return 2;
	to.sin_family = AF_INET;
	to.sin_port = htons((uint16_t)atoi(argv[1]));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (argc == 3)
		return prepare_and_serve(argv[2]);
	prepare();
	return 0;
}
