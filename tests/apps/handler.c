/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handler.c - handler FILE [many]: a handler of a signal makes every call that it may make and that
 * the library hooks. Each call is made in a child that has made none before, or has answered a
 * request; `many`: that has two threads. Prints what each call returned; FILE gets how many bytes
 * of stack the handler used, with its own frame.
 */

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET  "GET /handler HTTP/1.1\r\nHost: handler\r\n\r\n"
#define ROOM (1 << 18)
#define FILL 0x5a

static int fd[2], door;
static struct sockaddr_in at;
static long result;
static uintptr_t top; /* address in the handler's own frame */
static char got[1024];
static struct iovec pieces[64];
static struct msghdr msg = {.msg_iov = pieces, .msg_iovlen = 64};
static struct mmsghdr many = {.msg_hdr = {.msg_iov = pieces, .msg_iovlen = 64}};
static struct msghdr in = {.msg_iov = &(struct iovec){got, sizeof(got)}, .msg_iovlen = 1};
static struct pollfd wait_for;
static fd_set set;
static struct timeval now;
static char *no_args[] = {"true", NULL}, *no_env[] = {NULL}, *long_env[301];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void dial(void)
{
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd[0], (void *)&at, sizeof(at)))
		die("connect");
}

/* Makes a connection to this process, by calls that the library does not hook. */
static void pair(void)
{
	socklen_t len = sizeof(at);

	at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	door = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
	if (bind(door, (void *)&at, sizeof(at)) || listen(door, 2) ||
	    getsockname(door, (void *)&at, &len))
		die("listen");
	fd[0] = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
	if (syscall(SYS_connect, fd[0], &at, sizeof(at)))
		die("connect");
	fd[1] = (int)syscall(SYS_accept4, door, NULL, NULL, 0);
	for (size_t i = 0; i < 64; i++)
		pieces[i] = (struct iovec){GET + i, i < strlen(GET)};
}

static void came(void)
{
	syscall(SYS_sendto, fd[1], GET, strlen(GET), 0, NULL, 0);
	wait_for = (struct pollfd){fd[0], POLLIN, 0};
	FD_SET(fd[0], &set);
}

/* A request has arrived, and was read. */
static void serve(void)
{
	came();
	if (read(fd[0], got, sizeof(got)) <= 0)
		die("read");
	for (size_t i = 0; i + 1 < sizeof(long_env) / sizeof(long_env[0]); i++)
		long_env[i] = "TRACEPARENT_IS=not this";
}

#define ROWS                                                                             \
	ROW(write, (void)0, write(fd[0], GET, strlen(GET)))                              \
	ROW(send, (void)0, send(fd[0], GET, strlen(GET), 0))                             \
	ROW(sendto, (void)0, sendto(fd[0], GET, strlen(GET), 0, NULL, 0))                \
	ROW(writev, (void)0, writev(fd[0], pieces, 64))                                  \
	ROW(sendmsg, (void)0, sendmsg(fd[0], &msg, 0))                                   \
	ROW(sendmmsg, (void)0, sendmmsg(fd[0], &many, 1, 0))                             \
	ROW(read, came(), read(fd[0], got, sizeof(got)))                                 \
	ROW(recv, came(), recv(fd[0], got, sizeof(got), 0))                              \
	ROW(recvfrom, came(), recvfrom(fd[0], got, sizeof(got), 0, NULL, NULL))          \
	ROW(recvmsg, came(), recvmsg(fd[0], &in, 0))                                     \
	ROW(readv, came(), readv(fd[0], in.msg_iov, 1))                                  \
	ROW(poll, came(), poll(&wait_for, 1, 0))                                         \
	ROW(select, came(), select(fd[0] + 1, &set, NULL, NULL, &now))                   \
	ROW(connect, fd[0] = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0),          \
	    connect(fd[0], (void *)&at, sizeof(at)))                                     \
	ROW(accept, dial(), accept(door, NULL, NULL) > 0)                                \
	ROW(close, came(), close(fd[0]))                                                 \
	ROW(closed, (read(fd[1], got, 0), write(fd[0], GET, strlen(GET))), close(fd[0])) \
	ROW(dup2, came(), dup2(fd[0], fd[1]) > 0)                                        \
	ROW(syscall, (void)0, syscall(SYS_write, fd[0], GET, strlen(GET)))               \
	ROW(execve, (void)0, execve("/no/such", no_args, no_env))                        \
	ROW(execv, (void)0, execv("/no/such", no_args))                                  \
	ROW(answer, serve(), write(fd[0], "HTTP/1.1 204 No\r\n\r\n", 19))                \
	ROW(ask, (serve(), dial()), write(fd[0], GET, strlen(GET)))                      \
	ROW(start, serve(), execve("/no/such", no_args, long_env))

#define ROW(name, before, call)                              \
	static void name##_here(int signo)                   \
	{                                                    \
		(void)signo;                                 \
		top = (uintptr_t)__builtin_frame_address(0); \
		result = (call);                             \
	}
ROWS
#undef ROW

#define ROW(name, before, call)         \
	static void name##_before(void) \
	{                               \
		before;                 \
	}
	ROWS
#undef ROW

	static const struct {
	const char *name;
	void (*before)(void);
	void (*here)(int);
} rows[] = {
#define ROW(name, before, call) {#name, name##_before, name##_here},
	ROWS
#undef ROW
};

/* Returns how many bytes of the stack were written. */
static size_t used(const char *stack)
{
	size_t i = 0;

	while (i < ROOM && stack[i] == FILL)
		i++;
	return (size_t)(top - (uintptr_t)stack) - i;
}

static void *waits(void *none)
{
	pause();
	return none;
}

static void row(size_t i, FILE *out, int many_threads)
{
	pthread_t id;
	char *stack = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct sigaction on = {.sa_handler = rows[i].here, .sa_flags = SA_ONSTACK};
	stack_t here = {.ss_sp = stack, .ss_size = ROOM};

	pair();
	if (many_threads && pthread_create(&id, NULL, waits, NULL))
		die("pthread_create");
	rows[i].before();
	if (stack == MAP_FAILED || sigaltstack(&here, NULL) || sigaction(SIGUSR1, &on, NULL))
		die("sigaltstack");
	memset(stack, FILL, ROOM);
	errno = 0;
	raise(SIGUSR1);
	printf("%s %ld %s\n", rows[i].name, result, errno ? strerror(errno) : "-");
	fprintf(out, "%s %zu\n", rows[i].name, used(stack));
	fflush(stdout);
	fflush(out);
	_exit(0);
}

int main(int argc, char **argv)
{
	FILE *out = argc > 1 ? fopen(argv[1], "w") : NULL;
	int status;

	if (!out)
		return 2;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!fork())
			row(i, out, argc > 2);
		wait(&status);
		if (status)
			printf("%s: status %d\n", rows[i].name, status);
	}
	return 0;
}
