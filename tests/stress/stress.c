/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stress.c - stress SECONDS SEED: the library's objects in one program that does to sockets
 * what programs with threads do, built with ThreadSanitizer or AddressSanitizer. Ends with 0
 * where neither has a word to say.
 *
 * THREADS threads share PAIRS connections over loopback and use both ends of each at once, by
 * every wrapper that moves bytes, with heads, bodies that look like heads, and rubbish; they
 * duplicate, pass on, close and reopen descriptors under each other's hands; each is hit by a
 * signal whose handler sends, forks children that send, and is cancelled now and then. At each
 * access to shared state the thread may lose its CPU (OTR_YIELD).
 *
 * Calls that the library does not stand before are bare ones: ThreadSanitizer takes two uses of a
 * descriptor for a race, and these are meant. The program plays the agent, too: its first process
 * takes the ring and reads it.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bpf/ring.h"
#include "preload/base/clock.h"
#include "preload/base/real.h"
#include "preload/base/share.h"
#include "preload/base/shim.h"
#include "preload/base/sys.h"

#define THREADS 6
#define PAIRS	8
#define DOORS	2

static int door;
static struct sockaddr_in door_at;
static int ends[PAIRS][2]; /* 0: the one that connected */
static int64_t until_ns;
static uint64_t calls;
static __thread uint64_t seed;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}

/* Called by the library: another thread may come between. */
void otr_test_yield(void)
{
	if (!rnd(64))
		otr_sys(SYS_sched_yield);
}

static void die(const char *what)
{
	perror(what);
	_exit(2);
}

/* The sanitizer has to know of each thread. */
int __interceptor_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *),
				 void *arg);

/* In place of dlsym(): else libc's own functions, not the sanitizer's. */
void *otr_no_dlsym(void *handle, const char *name);
void *otr_no_dlsym(void *handle, const char *name)
{
	(void)handle;
	return strcmp(name, "pthread_create") ? otr_find(name)
					      : (void *)__interceptor_pthread_create;
}

static int64_t now_ns(void)
{
	return (int64_t)otr_clock_ns();
}

static int get(int pair, int end)
{
	return __atomic_load_n(&ends[pair][end], __ATOMIC_RELAXED);
}

/* A connection that does not block, with little room, so that calls take a part. */
static void reopen(int pair)
{
	int small = 4096, fd[2], old;

	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd[0] < 0 || (connect(fd[0], (struct sockaddr *)&door_at, sizeof(door_at)) &&
			  errno != EINPROGRESS)) {
		close(fd[0]);
		return;
	}
	fd[1] = accept4(door, NULL, NULL, SOCK_NONBLOCK);
	if (fd[1] < 0) {
		close(fd[0]);
		return;
	}
	for (int end = 0; end < 2; end++) {
		otr_sys(SYS_setsockopt, fd[end], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
		old = __atomic_exchange_n(&ends[pair][end], fd[end], __ATOMIC_RELAXED);
		if (old > 0)
			close(old);
	}
}

static const char *const texts[] = {
	"GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\n",
	"GET /in-a-body HTTP/1.1\r\nH: b\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	"PUT /c HTTP/1.1\r\nHost: h\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-"
	"b7ad6b7169203331-01\r\ntracestate: a=b\r\nbaggage: c=d\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"\x82\x7e some frame of a WebSocket, and more of it, and more",
	"GET /cut HTTP/1.1\r\nHo",
	"st: h\r\n\r\n",
};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

static void send_some(int fd)
{
	const char *text = texts[rnd(TEXTS)], *more = texts[rnd(TEXTS)];
	struct iovec iov[3] = {
		{(char *)text, strlen(text)}, {NULL, 0}, {(char *)more, strlen(more)}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 3};
	struct mmsghdr two[2] = {{.msg_hdr = msg}, {.msg_hdr = {.msg_iov = iov, .msg_iovlen = 1}}};
	const int how = MSG_NOSIGNAL | MSG_DONTWAIT;

	switch (rnd(7)) {
	case 0:
		(void)!write(fd, text, strlen(text));
		break;
	case 1:
		(void)!writev(fd, iov, 3);
		break;
	case 2:
		send(fd, text, strlen(text), how);
		break;
	case 3:
		sendto(fd, text, strlen(text), how, NULL, 0);
		break;
	case 4:
		sendmsg(fd, &msg, how);
		break;
	case 5:
		sendmmsg(fd, two, 2, how);
		break;
	default:
		send(fd, text, 1 + rnd((uint32_t)strlen(text)), how);
		break;
	}
}

static void take_some(int fd)
{
	char buf[6000];
	struct iovec iov[2] = {{buf, 100}, {buf + 100, sizeof(buf) - 100}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	struct mmsghdr one = {.msg_hdr = msg};

	switch (rnd(7)) {
	case 0:
		(void)!read(fd, buf, sizeof(buf));
		break;
	case 1:
		(void)!readv(fd, iov, 2);
		break;
	case 2:
		recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		break;
	case 3:
		recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, NULL, NULL);
		break;
	case 4:
		recvmsg(fd, &msg, MSG_DONTWAIT);
		break;
	case 5:
		recvmmsg(fd, &one, 1, MSG_DONTWAIT, NULL);
		break;
	default:
		recv(fd, buf, 10, MSG_PEEK | MSG_DONTWAIT);
		break;
	}
}

static void wait_some(int fd)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};
	struct epoll_event ev = {.events = EPOLLIN};
	struct timeval tv = {0};
	int ep;

	switch (rnd(3)) {
	case 0:
		poll(&one, 1, (int)rnd(2));
		break;
	case 1:
		select(0, NULL, NULL, NULL, &tv);
		break;
	default:
		ep = (int)otr_sys(SYS_epoll_create1, 0);
		epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
		epoll_wait(ep, &ev, 1, 0);
		close(ep);
	}
}

static void by_other_number(int fd)
{
	int other = rnd(2) ? (int)otr_sys(SYS_dup, fd) : dup2(fd, 200 + (int)rnd(8));

	if (other < 0)
		return;
	send_some(other);
	close(rnd(2) ? other : dup3(fd, 210 + (int)rnd(4), 0));
}

/* Through an unnamed pair, to this process. */
static void pass_on(int fd)
{
	char byte = 0, room[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = room,
			     .msg_controllen = sizeof(room)};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);
	int pair[2], got;

	if (otr_sys(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
		return;
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	if (sendmsg(pair[0], &msg, 0) == 1 && recvmsg(pair[1], &msg, MSG_DONTWAIT) == 1 &&
	    CMSG_FIRSTHDR(&msg)) {
		memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(got));
		send_some(got);
		close(got);
	}
	close(pair[0]);
	close(pair[1]);
}

static void unseen(int fd)
{
	static const char text[] = "GET /sent-past HTTP/1.1\r\nHost: h\r\n\r\n";
	int p[2];

	if (rnd(2)) {
		otr_sys(SYS_sendto, fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		return;
	}
	if (otr_sys(SYS_pipe2, p, O_NONBLOCK))
		return;
	if (write(p[1], text, sizeof(text) - 1) > 0)
		splice(p[0], NULL, fd, NULL, sizeof(text) - 1, SPLICE_F_NONBLOCK);
	close(p[0]);
	close(p[1]);
}

static void by_child(int fd)
{
	pid_t pid = fork();

	if (!pid) {
		alarm(5);
		for (int i = 0; i < 20; i++) {
			send_some(fd);
			take_some(get((int)rnd(PAIRS), 1));
		}
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* A connection that comes to nothing, and who asks why, or does not. */
static void dial_nowhere(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(1),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), why;
	socklen_t len = sizeof(why);

	connect(fd, (struct sockaddr *)&at, sizeof(at));
	if (rnd(2))
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len);
	close(fd);
}

static void step(void)
{
	int pair = (int)rnd(PAIRS), fd = get(pair, (int)rnd(2));
	uint32_t what = rnd(1000);

	__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
	if (what < 450)
		send_some(fd);
	else if (what < 880)
		take_some(fd);
	else if (what < 920)
		wait_some(fd);
	else if (what < 950)
		by_other_number(fd);
	else if (what < 965)
		pass_on(fd);
	else if (what < 975)
		unseen(fd);
	else if (what < 980)
		dial_nowhere();
	else if (what < 998)
		reopen(pair);
	else if (what < 999)
		shutdown(fd, SHUT_WR);
	else
		by_child(fd);
}

static void handler(int sig)
{
	int error = errno, was;

	(void)sig;
	/* Not here: the thread may be in fork(), which holds a lock. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &was);
	send_some(get((int)rnd(PAIRS), (int)rnd(2)));
	take_some(get((int)rnd(PAIRS), (int)rnd(2)));
	pthread_setcancelstate(was, NULL);
	errno = error;
}

static void *worker(void *arg)
{
	seed = (uint64_t)(uintptr_t)arg;
	for (int n = 0; now_ns() < until_ns; n++) {
		step();
		if (n % 64 == 63)
			pthread_testcancel();
	}
	return NULL;
}

/* Keeps the threads: hit by signals, some cancelled, and another in the place of each. */
static void keep(uint64_t first)
{
	pthread_t threads[THREADS];
	uint64_t next = first;

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, worker, (void *)(uintptr_t)++next))
			die("pthread_create");
	for (int n = 0; now_ns() < until_ns; n++) {
		int i = n % THREADS;

		usleep(2000);
		pthread_kill(threads[i], SIGUSR1);
#ifndef __SANITIZE_THREAD__ /* which follows no cancelled thread */
		if (n % 50 == 49) {
			pthread_cancel(threads[i]);
			pthread_join(threads[i], NULL);
			if (pthread_create(&threads[i], NULL, worker, (void *)(uintptr_t)++next))
				die("pthread_create");
		}
#endif
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static int play(int seconds, uint64_t first)
{
	struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART};
	socklen_t len = sizeof(door_at);

	seed = first;
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGUSR1, &act, NULL);
	door = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	door_at.sin_family = AF_INET;
	door_at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(door, (struct sockaddr *)&door_at, len) || listen(door, 100) ||
	    getsockname(door, (struct sockaddr *)&door_at, &len))
		die("listen");
	for (int i = 0; i < PAIRS; i++)
		reopen(i);
	until_ns = now_ns() + seconds * 1000000000ll;
	alarm((unsigned int)seconds + 30); /* nothing here waits for long */
	keep(first);
	if (!otr_shim.is_offered)
		return fprintf(stderr, "stress: no ring was given away\n"), 3;
	printf("calls %llu, records dropped %llu, headers put in %llu\n", (unsigned long long)calls,
	       (unsigned long long)otr_shim.ring->counts[OTR_SHIM_DROPPED],
	       (unsigned long long)otr_shim.ring->counts[OTR_SHIM_INJECTED]);
	return otr_shim.ring->counts[OTR_SHIM_INJECTED] ? 0 : 4;
}

/* The agent's part. */

static int doors[OTR_RING_DOORS];

static void open_doors(const char *name)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	for (int i = 0; i < (int)OTR_RING_DOORS; i++) {
		int n = snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "%s%x", name, i);

		doors[i] = (int)otr_sys(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		if (doors[i] < 0 || otr_sys(SYS_bind, doors[i], &at,
					    (long)offsetof(struct sockaddr_un, sun_path) + 1 + n))
			die("bind");
	}
}

/* Takes what is offered, and reads on as if it had read all. */
static void read_rings(struct otr_ring **rings, int *n)
{
	char text[128], room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {text, sizeof(text)};
	struct cmsghdr *cm = (struct cmsghdr *)room;
	int fd;

	for (int i = 0; i < (int)OTR_RING_DOORS; i++) {
		struct msghdr msg = {.msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = room,
				     .msg_controllen = sizeof(room)};

		if (otr_sys(SYS_recvmsg, doors[i], &msg, 0) <= 0 || *n == 64)
			continue;
		memcpy(&fd, CMSG_DATA(cm), sizeof(fd));
		rings[*n] = otr_sys_mmap(NULL, OTR_RING_HEAD, PROT_READ | PROT_WRITE, MAP_SHARED,
					 fd, 0);
		*n += rings[*n] != NULL;
		otr_sys_close(fd);
	}
	for (int i = 0; i < *n; i++) {
		__atomic_store_n(&rings[i]->tail,
				 __atomic_load_n(&rings[i]->head, __ATOMIC_ACQUIRE),
				 __ATOMIC_RELEASE);
		__atomic_store_n(&rings[i]->beat_ns, otr_clock_ns(), __ATOMIC_RELAXED);
	}
}

static int be_agent(char **argv)
{
	static struct otr_ring *rings[64];
	char name[64], session[100];
	int n = 0, status;
	pid_t pid;

	snprintf(name, sizeof(name), "otrace-stress-%d", getpid());
	snprintf(session, sizeof(session), "%s.secret", name);
	open_doors(name);
	setenv("OTRACE_SESSION", session, 1);
	pid = fork();
	if (!pid) {
		execv("/proc/self/exe", argv);
		_exit(2);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		read_rings(rings, &n);
		usleep(500);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return fprintf(stderr, "usage: stress SECONDS SEED\n"), 2;
	if (!getenv("OTRACE_SESSION"))
		return be_agent(argv);
	return play(atoi(argv[1]), (uint64_t)atoll(argv[2]));
}
