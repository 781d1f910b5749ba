/* SPDX-License-Identifier: Apache-2.0 */
/* eight.c - eight PORT: eight threads make their first request at the same moment. */

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

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	if (argc != 2)
		return 2;
	to.sin_family = AF_INET;
	to.sin_port = htons((uint16_t)atoi(argv[1]));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	pthread_barrier_init(&all_are_there, NULL, THREADS);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, ask, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
