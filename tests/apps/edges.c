/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edges.c - unusual calls, and what they return: the same with and without the library.
 *
 *	edges MODE	calls, sockets, thread, strict, filter: see the rows at the end
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET "GET /edges HTTP/1.1\r\nHost: edges\r\n\r\n"

static char text[] = GET;
static char *bad;  /* an address without a page */
static char *edge; /* 24 bytes that can be read, before an unmapped page */

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* Makes a connection from this process to itself. */
static void pair(int fd[2])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int door = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(door, (void *)&at, sizeof(at)) || listen(door, 1) ||
	    getsockname(door, (void *)&at, &len))
		fail("listen");
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd[0], (void *)&at, sizeof(at)))
		fail("connect");
	fd[1] = accept(door, NULL, NULL);
	close(door);
}

static void make_pages(void)
{
	char *at = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(at + 4096, 4096);
	bad = at + 4096;
	edge = bad - 24;
	memcpy(edge, text, 24);
}

/* Prints what the call returned, and errno; reads away the `n` bytes that it sent or received. */
static void row(const char *name, long ret, const int fd[2])
{
	char away[4096];
	int error = errno;

	printf("%s %ld %s\n", name, ret, ret < 0 ? strerror(error) : "-");
	if (fd)
		while (syscall(SYS_recvfrom, fd[1], away, sizeof(away), MSG_DONTWAIT, 0, 0) > 0)
			;
	errno = 0;
}

/* Runs each call on a connection of its own, since the library reads the first bytes of a
 * request. */
#define CASE(expr)                            \
	do {                                  \
		int fd[2];                    \
		pair(fd);                     \
		errno = 0;                    \
		row(#expr, (long)(expr), fd); \
		close(fd[0]);                 \
		close(fd[1]);                 \
	} while (0)

static void bad_pointers(void)
{
	struct iovec good = {text, strlen(text)}, hole = {bad, 100}, half = {edge, 100};
	struct iovec two[2] = {good, hole}, part[2] = {{text, 10}, hole};
	struct msghdr msg = {.msg_iov = &hole, .msg_iovlen = 1};
	struct msghdr nowhere = {.msg_iov = (void *)bad, .msg_iovlen = 3};

	CASE(write(fd[0], bad, 100));
	CASE(write(fd[0], NULL, 5));
	CASE(write(fd[0], edge, 100));
	CASE(write(fd[0], (void *)-8, 100));
	CASE(send(fd[0], bad, 100, 0));
	CASE(sendto(fd[0], bad, 100, 0, NULL, 0));
	CASE(sendto(fd[0], text, 5, 0, (void *)bad, 16));
	CASE(writev(fd[0], &hole, 1));
	CASE(writev(fd[0], &half, 1));
	CASE(writev(fd[0], two, 2));
	CASE(writev(fd[0], part, 2));
	CASE(writev(fd[0], (void *)bad, 1));
	CASE(sendmsg(fd[0], &msg, 0));
	CASE(sendmsg(fd[0], &nowhere, 0));
	CASE(sendmsg(fd[0], (void *)bad, 0));
	CASE(sendmsg(fd[0], NULL, 0));
	CASE((send(fd[1], text, 5, 0), recv(fd[0], bad, 5, 0)));
	CASE((send(fd[1], text, 5, 0), read(fd[0], bad, 5)));
	CASE((send(fd[1], text, 5, 0), readv(fd[0], &hole, 1)));
	CASE((send(fd[1], text, 5, 0), readv(fd[0], (void *)bad, 1)));
	CASE((send(fd[1], text, 5, 0), recvmsg(fd[0], (void *)bad, 0)));
	CASE(poll((void *)bad, 1, 0));
	CASE(epoll_ctl(fd[0], EPOLL_CTL_ADD, fd[1], (void *)bad));
	CASE(accept(fd[0], (void *)bad, (void *)bad));
	CASE(connect(fd[0], (void *)bad, 16));
}

static void odd_sizes(void)
{
	static struct iovec many[1100];
	struct iovec good = {text, strlen(text)};
	struct msghdr msg = {.msg_iov = &good, .msg_iovlen = SIZE_MAX};
	struct msghdr few = {.msg_iov = &good, .msg_iovlen = 2000};

	for (int i = 0; i < 1100; i++)
		many[i] = (struct iovec){text + i % 36, 1};
	CASE(writev(fd[0], &good, -1));
	CASE(writev(fd[0], &good, 0));
	CASE(writev(fd[0], &good, 100000));
	CASE(writev(fd[0], many, 1100));
	CASE(writev(fd[0], many, 1024));
	CASE(readv(fd[0], &good, -1));
	CASE(sendmsg(fd[0], &msg, 0));
	CASE(sendmsg(fd[0], &few, 0));
	CASE(send(fd[0], text, 0, 0));
	CASE(write(fd[0], text, 0));
	CASE(recv(fd[0], text, 0, MSG_DONTWAIT));
	CASE(send(fd[0], text, strlen(text), MSG_OOB));
	CASE(send(fd[0], text, strlen(text), MSG_MORE | MSG_DONTWAIT));
	CASE(send(fd[0], text, strlen(text), 1 << 30));
	CASE(send(-1, text, 5, 0));
	CASE(write(1 << 30, text, 5));
	CASE(read(-1, text, 5));
	CASE(sendfile(fd[0], -1, NULL, 5));
	CASE((shutdown(fd[0], SHUT_WR), send(fd[0], text, 5, MSG_NOSIGNAL)));
	CASE((shutdown(fd[1], SHUT_RDWR), send(fd[0], text, 36, MSG_NOSIGNAL)));
	CASE(recv(fd[0], text, 5, MSG_DONTWAIT));
	CASE((send(fd[1], "hello", 5, 0), recv(fd[0], text, 5, MSG_PEEK | MSG_WAITALL)));
	CASE((send(fd[1], "hello", 5, 0), recv(fd[0], NULL, 5, MSG_TRUNC)));
	CASE(dup2(-1, 5));
	CASE(dup2(fd[0], fd[0]) == fd[0]);
	CASE(dup3(fd[0], fd[0], 0));
	CASE(close(-1));
	CASE(select(0, NULL, NULL, NULL, &(struct timeval){0, 1}));
	CASE(prctl(PR_SET_NAME, "edges"));
	CASE(errno = 77); /* a call that succeeds leaves errno as it was */
	CASE(send(fd[0], (errno = 77, text), 36, 0) < 0 || errno != 77);
}

static void calls(void)
{
	make_pages();
	bad_pointers();
	memcpy(text, GET, sizeof(GET));
	odd_sizes();
}

/* One request on `ask`, one answer by `serve`. */
static void exchange(const char *name, int ask, int serve)
{
	char got[1024] = "";
	ssize_t n = write(ask, GET, strlen(GET));
	ssize_t came = read(serve, got, sizeof(got) - 1);

	printf("%s %zd %.19s", name, n, got);
	n = write(serve, "HTTP/1.1 204 No\r\n\r\n", 19);
	printf(" %zd %d\n", n, came >= n);
	if (read(ask, got, sizeof(got)) != 19)
		printf("no answer\n");
}

static void pass(int over, int fd)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {.space = ""};
	struct iovec one = {"x", 1};
	struct msghdr msg = {.msg_iov = &one,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	if (sendmsg(over, &msg, 0) != 1)
		fail("sendmsg");
}

static int passed(int over)
{
	char space[CMSG_SPACE(sizeof(int))], byte;
	struct iovec one = {&byte, 1};
	struct msghdr msg = {.msg_iov = &one,
			     .msg_iovlen = 1,
			     .msg_control = space,
			     .msg_controllen = sizeof(space)};
	int fd;

	if (recvmsg(over, &msg, 0) != 1)
		fail("recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* Numbers of descriptors that are used again: past close(), by dup2, by messages, in children. */
static void sockets(void)
{
	int fd[2], other[2], over[2], twice;
	FILE *out;

	pair(fd);
	exchange("plain", fd[0], fd[1]);
	twice = dup(fd[0]);
	exchange("dup", twice, fd[1]);
	exchange("again", fd[0], fd[1]);
	close(fd[0]);
	exchange("heir", twice, fd[1]);
	syscall(SYS_close, twice);
	syscall(SYS_close, fd[1]);
	pair(fd);
	exchange("reused", fd[0], fd[1]);
	pair(other);
	dup2(other[0], fd[0]);
	dup2(other[1], fd[1]);
	exchange("dup2", fd[0], fd[1]);
	socketpair(AF_UNIX, SOCK_STREAM, 0, over);
	pass(over[0], other[0]);
	twice = passed(over[1]);
	exchange("passed", twice, other[1]);
	pair(fd);
	out = fdopen(fd[0], "w");
	fprintf(out, "%s", GET);
	fflush(out);
	printf("stdio %zd\n", read(fd[1], (char[1024]){0}, 1024));
	fflush(stdout);
	if (!fork()) {
		exchange("child", twice, other[1]);
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
}

/* Threads that write to one connection without a lock, a whole request each time. */
#define WRITERS	 4
#define REQUESTS 1000
static void *writes(void *arg)
{
	for (int i = 0; i < REQUESTS; i++)
		if (send(*(int *)arg, GET, strlen(GET), 0) != (ssize_t)strlen(GET))
			fail("send");
	return NULL;
}

static void *reads(void *arg)
{
	char away[4096];

	while (recv(*(int *)arg, away, sizeof(away), 0) > 0)
		;
	return NULL;
}

static void crowd(void)
{
	int fd[2], n = 0, wrong = 0;
	pthread_t id[WRITERS + 1];
	char line[256];
	FILE *in;

	pair(fd);
	for (int i = 0; i <= WRITERS; i++)
		pthread_create(&id[i], NULL, i ? writes : reads, &fd[0]);
	in = fdopen(fd[1], "r");
	while (n < WRITERS * REQUESTS && fgets(line, sizeof(line), in)) {
		if (!strcmp(line, "\r\n")) {
			n++;
			send(fd[1], "HTTP/1.1 204 No\r\n\r\n", 19, 0);
		} else if (strcmp(line, "GET /edges HTTP/1.1\r\n") != 0 &&
			   strcmp(line, "Host: edges\r\n") != 0) {
			wrong += strncmp(line, "traceparent: 00-", 16) != 0 || strlen(line) != 70;
		}
	}
	printf("requests %d wrong %d\n", n, wrong);
	exit(0);
}

static void *in_thread(void *arg)
{
	sockets();
	return arg;
}

static void thread(void)
{
	pthread_attr_t small;
	pthread_t id;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 16384);
	if (pthread_create(&id, &small, in_thread, NULL))
		fail("pthread_create");
	pthread_join(id, NULL);
}

/* From here on only read, write and _exit are allowed. */
static void strict(void)
{
	int fd[2];

	pair(fd);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0);
	if (write(fd[0], GET, strlen(GET)) < 0 || read(fd[1], text, 36) < 0)
		syscall(SYS_exit, 9);
	syscall(SYS_exit, 7);
}

/* The program sandboxes itself between two connections, as with libseccomp: each call that it
 * does not use kills it. */
static void filter(void)
{
	static const int may[] = {SYS_read, SYS_write, SYS_close, SYS_exit_group};
	struct sock_filter code[8] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
	struct sock_fprog prog = {.len = 7, .filter = code};
	int fd[2];

	for (unsigned char i = 0; i < 4; i++)
		code[1 + i] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)may[i], (unsigned char)(4 - i), 0);
	code[5] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[6] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	pair(fd);
	exchange("before", fd[0], fd[1]);
	close(fd[0]);
	close(fd[1]);
	pair(fd);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog))
		_exit(8);
	if (write(fd[0], GET, strlen(GET)) < 0 || read(fd[1], text, 36) < 0)
		_exit(9);
	close(fd[0]);
	close(fd[1]);
	_exit(7);
}

static const struct {
	const char *name;
	void (*run)(void);
} rows[] = {
	{"calls", calls}, {"sockets", sockets}, {"thread", thread},
	{"crowd", crowd}, {"strict", strict},	{"filter", filter},
};

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; argc == 2 && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].name, argv[1])) {
			rows[i].run();
			return 0;
		}
	return 2;
}
