/* SPDX-License-Identifier: Apache-2.0 */
/*
 * corners.c - corners of the interface of sockets, on connections to ourselves: what each
 * call returned, and what came. The same with and without a library before libc.
 *
 *	corners flags		MSG_MORE, MSG_OOB, MSG_ZEROCOPY, MSG_FASTOPEN, an address
 *	corners messages	1,024 pieces, sendmmsg(), descriptors passed along, read-only memory
 *	corners scopes LIB	a library loaded by dlmopen(), and by RTLD_DEEPBIND
 *	corners birth		errno, descriptors and threads as main() begins
 *	corners say		not a mode: what LIB, this file as a library, exports
 */

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define GET "GET /corner HTTP/1.1\r\nHost: corner\r\n\r\n"

#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY  60
#define MSG_ZEROCOPY 0x4000000
#endif

static int fd[2], door;
static struct sockaddr_in at;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void listens(void)
{
	socklen_t len = sizeof(at);

	at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	door = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(door, IPPROTO_TCP, TCP_FASTOPEN, &(int){5}, sizeof(int));
	if (bind(door, (void *)&at, sizeof(at)) || listen(door, 1) ||
	    getsockname(door, (void *)&at, &len))
		die("listen");
}

static void pair(void)
{
	listens();
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd[0], (void *)&at, sizeof(at)))
		die("connect");
	fd[1] = accept(door, NULL, NULL);
	close(door);
}

/* Prints what a call returned, and all bytes that arrived, without an injected header. */
static void row(const char *name, long ret)
{
	char got[8192], *ours;
	ssize_t n, len = 0;
	int error = errno;

	shutdown(fd[0], SHUT_WR);
	while ((n = read(fd[1], got + len, sizeof(got) - 1 - (size_t)len)) > 0)
		len += n;
	got[len] = 0;
	ours = strstr(got, "traceparent: 00-");
	if (ours) {
		memmove(ours, ours + 70, strlen(ours + 70) + 1);
		len -= 70;
	}
	printf("%s %ld %s: %zd, %d\n", name, ret, ret < 0 ? strerror(error) : "-", len,
	       !strncmp(got, GET, strlen(GET)));
	close(fd[0]);
	close(fd[1]);
}

static long more(void)
{
	long n = send(fd[0], GET, strlen(GET) - 2, MSG_MORE);

	return n + send(fd[0], "\r\n", 2, 0);
}

static long whole_more(void)
{
	long n = send(fd[0], GET, strlen(GET), MSG_MORE);

	return n + send(fd[0], "body", 4, 0);
}

static long zerocopy(void)
{
	char space[256];
	struct msghdr msg = {.msg_control = space, .msg_controllen = sizeof(space)};
	long n;

	setsockopt(fd[0], SOL_SOCKET, SO_ZEROCOPY, &(int){1}, sizeof(int));
	n = send(fd[0], GET, strlen(GET), MSG_ZEROCOPY);
	while (n > 0 && recvmsg(fd[0], &msg, MSG_ERRQUEUE) < 0)
		usleep(1000);
	return n;
}

static void fastopen(void)
{
	long n;

	listens();
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	n = sendto(fd[0], GET, strlen(GET), MSG_FASTOPEN, (void *)&at, sizeof(at));
	fd[1] = accept(door, NULL, NULL);
	row("fastopen", n);
	close(door);
}

static void flags(void)
{
	pair();
	row("more", more());
	pair();
	row("whole, more", whole_more());
	pair();
	row("out of band", send(fd[0], GET, strlen(GET), MSG_OOB));
	pair();
	row("zerocopy", zerocopy());
	pair();
	row("address", sendto(fd[0], GET, strlen(GET), 0, (void *)&at, sizeof(at)));
	pair();
	row("end of record", send(fd[0], GET, strlen(GET), MSG_EOR));
	fastopen();
}

static long pieces(int n, int by_message)
{
	static struct iovec iov[1024];
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)n};
	size_t len = strlen(GET);

	for (int i = 0; i < n; i++)
		iov[i] = (struct iovec){(char *)GET + i, (size_t)i < len};
	iov[n - 1].iov_base = (char *)GET + n - 1;
	if ((size_t)n <= len)
		iov[n - 1].iov_len = len - (size_t)n + 1;
	return by_message ? sendmsg(fd[0], &msg, 0) : writev(fd[0], iov, n);
}

static long many(void)
{
	struct iovec iov[2] = {{(char *)GET, 20}, {(char *)GET + 20, strlen(GET) - 20}};
	struct mmsghdr msgs[2] = {{.msg_hdr = {.msg_iov = &iov[0], .msg_iovlen = 1}},
				  {.msg_hdr = {.msg_iov = &iov[1], .msg_iovlen = 1}}};
	int n = sendmmsg(fd[0], msgs, 2, 0);

	return n * 1000 + msgs[0].msg_len + msgs[1].msg_len;
}

/* The message, its segments and its bytes are in read-only memory. */
static long read_only(void)
{
	struct {
		struct msghdr msg;
		struct iovec iov[2];
		char text[64];
	} *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		die("mmap");
	memcpy(page->text, GET, strlen(GET));
	page->iov[0] = (struct iovec){page->text, 5};
	page->iov[1] = (struct iovec){page->text + 5, strlen(GET) - 5};
	page->msg = (struct msghdr){.msg_iov = page->iov, .msg_iovlen = 2};
	mprotect(page, 4096, PROT_READ);
	return sendmsg(fd[0], &page->msg, 0);
}

/* Passes a descriptor with a request, over AF_UNIX: the descriptor must arrive once. */
static void passes(void)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {.space = ""}, in;
	struct sockaddr name = {.sa_family = AF_UNIX};
	socklen_t len = sizeof(sa_family_t);
	struct sockaddr_storage bound;
	char got[512];
	struct iovec iov = {(char *)GET, strlen(GET)}, into = {got, sizeof(got)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct msghdr came = {.msg_iov = &into,
			      .msg_iovlen = 1,
			      .msg_control = &in,
			      .msg_controllen = sizeof(in)};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);
	long n, m;

	door = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(door, &name, len);
	len = sizeof(bound);
	getsockname(door, (void *)&bound, &len);
	listen(door, 1);
	fd[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(fd[0], (void *)&bound, len))
		die("connect");
	fd[1] = accept(door, NULL, NULL);
	*cm = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(cm), &door, sizeof(int));
	n = sendmsg(fd[0], &msg, 0);
	m = recvmsg(fd[1], &came, 0);
	cm = CMSG_FIRSTHDR(&came);
	printf("passed %ld, %ld with %s\n", n, m,
	       cm && cm->cmsg_type == SCM_RIGHTS ? "a descriptor" : "none");
	close(fd[0]);
	close(fd[1]);
	close(door);
}

static void messages(void)
{
	for (int n = 1; n <= 1024; n = n < 4 ? n + 1 : n * 2) {
		char name[32];

		pair();
		snprintf(name, sizeof(name), "writev %d", n);
		row(name, pieces(n, 0));
		pair();
		snprintf(name, sizeof(name), "sendmsg %d", n);
		row(name, pieces(n, 1));
	}
	pair();
	row("sendmmsg", many());
	pair();
	row("read-only", read_only());
	passes();
}

/* Called by dlsym(), if this file is built as a library. */
long corners_say(int to);
long corners_say(int to)
{
	return send(to, GET, strlen(GET), 0);
}

static void scope(const char *name, void *lib)
{
	long (*say)(int) = lib ? (long (*)(int))dlsym(lib, "corners_say") : NULL;

	if (!say)
		die(dlerror());
	pair();
	row(name, say(fd[0]));
}

static void scopes(const char *lib)
{
	scope("dlmopen", dlmopen(LM_ID_NEWLM, lib, RTLD_NOW));
	scope("deep", dlopen(lib, RTLD_NOW | RTLD_DEEPBIND));
}

static int count(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	while (dir && readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void birth(int error)
{
	signal(SIGPIPE, SIG_IGN);
	printf("errno %d descriptors %d threads %d\n", error, count("/proc/self/fd"),
	       count("/proc/self/task"));
	pair();
	row("one", send(fd[0], GET, strlen(GET), 0));
	printf("descriptors %d threads %d\n", count("/proc/self/fd"), count("/proc/self/task"));
}

int main(int argc, char **argv)
{
	int error = errno;

	if (argc == 2 && !strcmp(argv[1], "flags"))
		flags();
	else if (argc == 2 && !strcmp(argv[1], "messages"))
		messages();
	else if (argc == 3 && !strcmp(argv[1], "scopes"))
		scopes(argv[2]);
	else if (argc == 2 && !strcmp(argv[1], "birth"))
		birth(error);
	else
		return 2;
	return 0;
}
