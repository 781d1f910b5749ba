/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stingy.c - a library before libc that takes only some of the bytes that are sent, as a kernel
 * may. With STINGY=poll it also fails at times, as a socket does whose buffer is full.
 */

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST 160 /* bytes: a request line, and a header behind it */

static unsigned int rnd(unsigned int below)
{
	static unsigned long long state = 1;

	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(state >> 33) % below;
}

static int is_stream(int fd)
{
	int error = errno, type = 0;
	socklen_t size = sizeof(type);

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
	errno = error;
	return type == SOCK_STREAM;
}

/* Returns how many bytes are taken; 0: none, with errno set. */
static size_t taken(int fd, size_t len)
{
	static int again = -1;
	const char *how = again < 0 ? getenv("STINGY") : NULL;

	if (again < 0)
		again = how && !strcmp(how, "poll");
	if (!len || !is_stream(fd) || !rnd(3))
		return len;
	if (!rnd(4)) {
		errno = again && rnd(2) ? EAGAIN : EINTR;
		return 0;
	}
	return len < MOST ? 1 + rnd((unsigned int)len) : 1 + rnd(MOST);
}

static size_t all(const struct iovec *iov, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += iov[i].iov_len;
	return len;
}

/* Writes a list of the first `len` bytes of `iov`. */
static size_t first(struct iovec *out, const struct iovec *iov, size_t len)
{
	size_t n = 0;

	for (; len; len -= out[n++].iov_len) {
		out[n] = iov[n];
		if (out[n].iov_len > len)
			out[n].iov_len = len;
	}
	return n;
}

/* The function is searched once: a handler of a signal may send, too. */
#define NEXT(name)                                                        \
	static __typeof__(&name) next_##name;                             \
	__attribute__((constructor)) static void find_##name(void)        \
	{                                                                 \
		next_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
	}
NEXT(write)
NEXT(send)
NEXT(sendto)
NEXT(writev)
NEXT(sendmsg)

ssize_t write(int fd, const void *buf, size_t len)
{
	size_t k = taken(fd, len);

	return len && !k ? -1 : next_write(fd, buf, k);
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	size_t k = taken(fd, len);

	return len && !k ? -1 : next_send(fd, buf, k, flags);
}

ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
	       socklen_t to_len)
{
	size_t k = taken(fd, len);

	return len && !k ? -1 : next_sendto(fd, buf, k, flags, to, to_len);
}

ssize_t writev(int fd, const struct iovec *iov, int n)
{
	size_t len = all(iov, (size_t)n), k = taken(fd, len);
	struct iovec part[64];

	if (len && !k)
		return -1;
	return next_writev(fd, part, (int)first(part, iov, k));
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	size_t len = all(msg->msg_iov, msg->msg_iovlen), k = taken(fd, len);
	struct msghdr some = *msg;
	struct iovec part[64];

	if (len && !k)
		return -1;
	some.msg_iov = part;
	some.msg_iovlen = first(part, msg->msg_iov, k);
	return next_sendmsg(fd, &some, flags);
}
