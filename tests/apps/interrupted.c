/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interrupted.c - calls that are left in the middle, and calls with little stack.
 *
 *	interrupted cancel N	threads are cancelled while they send: they release what they hold
 *	interrupted jump N	a handler leaves a blocked call by siglongjmp()
 *	interrupted stack N	handlers on a stack of their own with 2 KB to spare send requests
 *	interrupted fork N	children whose threads begin at the same time
 *	interrupted give N	the receiver frees the memory that was sent
 *	interrupted pieces N	the receiver frees the iovec list (writev), too; "message": and the message
 *			(sendmsg); "many": the list alone (sendmmsg)
 *
 * Each mode prints what it saw; then it sends one more request by a plain call, and prints whether
 * that arrived whole.
 */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET "GET /left HTTP/1.1\r\nHost: left\r\n\r\n"

static int fd[2];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Makes a connection to this process, with small buffers. */
static void pair(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int door = socket(AF_INET, SOCK_STREAM, 0), size = 2048;

	setsockopt(door, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(door, (void *)&at, sizeof(at)) || listen(door, 1) ||
	    getsockname(door, (void *)&at, &len))
		die("listen");
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (connect(fd[0], (void *)&at, sizeof(at)))
		die("connect");
	fd[1] = accept(door, NULL, NULL);
	close(door);
}

static void part(void)
{
	close(fd[0]);
	close(fd[1]);
}

/* Is one request, and its answer, as it was sent, with an injected header or without? */
static int is_whole(void)
{
	char got[512];
	ssize_t n = read(fd[1], got, sizeof(got) - 1);
	size_t line = strlen("GET /left HTTP/1.1\r\n");

	if (n < (ssize_t)strlen(GET))
		return 0;
	got[n] = 0;
	if (!strncmp(got + line, "traceparent: 00-", 16))
		memmove(got + line, got + line + 70, (size_t)n - line - 70 + 1);
	if (write(fd[1], "HTTP/1.1 204 No\r\n\r\n", 19) != 19 || read(fd[0], got + 256, 19) != 19)
		return 0;
	return !strcmp(got, GET);
}

static void once_more(void)
{
	pair();
	if (write(fd[0], GET, strlen(GET)) != (ssize_t)strlen(GET))
		die("write");
	printf("one more, whole: %d\n", is_whole());
	part();
}

static int given_back; /* by threads that were cancelled */

static void give_back(int *held)
{
	given_back += *held;
}

/* Sends one small request, and then requests of 1 MB, which block. */
static void *sends(void *big)
{
	int held __attribute__((cleanup(give_back))) = 1;

	if (send(fd[0], GET, strlen(GET), 0) < 0 || !is_whole())
		return "not whole";
	memcpy(big, "POST /left HTTP/1.1\r\nContent-Length: 1048000\r\n\r\n", 49);
	send(fd[0], big, 1 << 20, 0);
	return "sent";
}

/* Have more bytes arrived than those of the first request, so that the second one blocks? */
static int is_full(void)
{
	int n = 0;

	return !ioctl(fd[1], FIONREAD, &n) && n > 512;
}

static void cancel(int times)
{
	char *big = calloc(1, 1 << 20);
	int cancelled = 0;
	pthread_t id;
	void *why;

	for (int i = 0; i < times; i++) {
		pair();
		pthread_create(&id, NULL, sends, big);
		while (!is_full())
			usleep(100);
		pthread_cancel(id);
		pthread_join(id, &why);
		cancelled += why == PTHREAD_CANCELED;
		if (why != PTHREAD_CANCELED)
			printf("%s\n", (char *)why);
		part();
	}
	printf("cancelled %d given back %d\n", cancelled, given_back);
}

static sigjmp_buf out;

static void jumps(int signo)
{
	(void)signo;
	siglongjmp(out, 1);
}

static void alarm_us(suseconds_t us)
{
	const struct itimerval once = {.it_value = {0, us}};

	setitimer(ITIMER_REAL, &once, NULL);
}

static void jump(int times)
{
	static volatile int jumped, sent;
	char *big = calloc(1, 1 << 20);

	memcpy(big, "POST /left HTTP/1.1\r\nContent-Length: 1048000\r\n\r\n", 49);
	signal(SIGALRM, jumps);
	for (volatile int i = 0; i < times; i++) {
		pair();
		if (sigsetjmp(out, 1)) {
			jumped++;
		} else {
			alarm_us(300 + i % 500);
			sent += (int)send(fd[0], big, 1 << 20, 0);
		}
		part();
	}
	printf("jumped %d sent %d\n", jumped, sent);
}

static volatile sig_atomic_t handled, wrong;

static void sends_here(int signo)
{
	int error = errno;

	(void)signo;
	if (handled % 2)
		wrong += write(fd[0], GET, strlen(GET)) != (ssize_t)strlen(GET);
	else
		wrong += send(fd[0], GET, strlen(GET), 0) != (ssize_t)strlen(GET);
	handled++;
	errno = error;
}

/* The page below the stack is not mapped. */
static void stack(int times)
{
	size_t page = 4096, room = getauxval(AT_MINSIGSTKSZ) + 2048;
	size_t pages = (room + page - 1) / page * page;
	char *at = mmap(NULL, pages + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sigaction on = {.sa_handler = sends_here, .sa_flags = SA_ONSTACK};
	stack_t here = {.ss_sp = at + page, .ss_size = room};

	if (at == MAP_FAILED || mprotect(at + page, pages, PROT_READ | PROT_WRITE) ||
	    sigaltstack(&here, NULL) || sigaction(SIGUSR1, &on, NULL))
		die("sigaltstack");
	for (int i = 0; i < times; i++) {
		pair();
		raise(SIGUSR1);
		wrong += !is_whole();
		part();
	}
	printf("handled %d wrong %d\n", (int)handled, (int)wrong);
}

static volatile int begun;

static void *calls(void *none)
{
	while (!begun)
		;
	for (int i = 0; i < 1000; i++)
		send(-1, "", 1, 0);
	return none;
}

static void child(int after)
{
	pthread_t id[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&id[i], NULL, calls, NULL);
	for (volatile int i = 0; i < after; i++)
		;
	begun = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(id[i], NULL);
	_exit(0);
}

static void forks(int times)
{
	int status, bad = 0;
	pid_t pid;

	pair();
	for (int i = 0; i < times; i++) {
		pid = fork();
		if (!pid)
			child(i % 50 * 200);
		waitpid(pid, &status, 0);
		bad += status != 0;
	}
	part();
	printf("children %d bad %d\n", times, bad);
}

/* The arguments of a call, and the bytes that it sends, in a page of their own. */
struct given {
	struct msghdr msg;
	struct iovec iov[4];
	char text[4096 - sizeof(struct msghdr) - 4 * sizeof(struct iovec)];
};
static struct given *volatile given[4];

static void *receives(void *times)
{
	struct given got;
	ssize_t n;

	for (int i = 0; i < *(int *)times; i++) {
		for (size_t had = 0; had<sizeof(got.text); had += n> 0 ? (size_t)n : 0)
			n = recv(fd[1], got.text, sizeof(got.text) - had, MSG_DONTWAIT);
		munmap(given[i % 4], sizeof(got));
		given[i % 4] = NULL;
	}
	return NULL;
}

static ssize_t by_call(struct given *at, size_t had)
{
	return send(fd[0], at->text + had, sizeof(at->text) - had, 0);
}

/* Cuts the bytes into four segments. */
static void cut(struct given *at, size_t had)
{
	size_t len = (sizeof(at->text) - had) / 4;

	for (int i = 0; i < 4; i++)
		at->iov[i] = (struct iovec){at->text + had + (size_t)i * len, len};
	at->iov[3].iov_len = sizeof(at->text) - had - 3 * len;
	at->msg = (struct msghdr){.msg_iov = at->iov, .msg_iovlen = 4};
}

static ssize_t by_pieces(struct given *at, size_t had)
{
	cut(at, had);
	return writev(fd[0], at->iov, 4);
}

static ssize_t by_message(struct given *at, size_t had)
{
	cut(at, had);
	return sendmsg(fd[0], &at->msg, 0);
}

/* The page that the kernel writes to stays mapped. */
static ssize_t by_many(struct given *at, size_t had)
{
	struct mmsghdr one = {.msg_len = 0};

	cut(at, had);
	one.msg_hdr = at->msg;
	return sendmmsg(fd[0], &one, 1, 0) == 1 ? (ssize_t)one.msg_len : -1;
}

static void give(int times, ssize_t (*by)(struct given *, size_t))
{
	struct given *at;
	int sent = 0;
	pthread_t id;

	pair();
	pthread_create(&id, NULL, receives, &times);
	for (int i = 0; i < times; i++) {
		while (given[i % 4])
			;
		at = mmap(NULL, sizeof(*at), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
		memset(at->text, 'x', sizeof(at->text));
		given[i % 4] = at;
		for (ssize_t had = 0, n; had < (ssize_t)sizeof(at->text); had += n)
			if ((n = by(at, (size_t)had)) < 0)
				die("send");
		sent++;
	}
	pthread_join(id, NULL);
	part();
	printf("given %d\n", sent);
}

int main(int argc, char **argv)
{
	int times = argc == 3 ? atoi(argv[2]) : 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (times && !strcmp(argv[1], "cancel"))
		cancel(times);
	else if (times && !strcmp(argv[1], "jump"))
		jump(times);
	else if (times && !strcmp(argv[1], "stack"))
		stack(times);
	else if (times && !strcmp(argv[1], "fork"))
		forks(times);
	else if (times && !strcmp(argv[1], "give"))
		give(times, by_call);
	else if (times && !strcmp(argv[1], "pieces"))
		give(times, by_pieces);
	else if (times && !strcmp(argv[1], "message"))
		give(times, by_message);
	else if (times && !strcmp(argv[1], "many"))
		give(times, by_many);
	else
		return 2;
	once_more();
	return 0;
}
