/* SPDX-License-Identifier: Apache-2.0 */
/* ways.c - the ways by which bytes leave a process in conversations.c. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conversations.h"

static long raw(long n, long a, long b, long c, long d)
{
#if defined(__x86_64__)
	long ret;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = 0;
	register long r9 __asm__("r9") = 0;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
#else
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = 0;
	register long x5 __asm__("x5") = 0;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
#endif
}

static ssize_t by_pieces(int fd, const char *text, size_t len, int how)
{
	size_t cut = rnd((uint32_t)len + 1);
	struct iovec iov[2] = {{(char *)text, cut}, {(char *)text + cut, len - cut}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	struct mmsghdr two[2] = {{.msg_hdr = {.msg_iov = &iov[0], .msg_iovlen = 1}},
				 {.msg_hdr = {.msg_iov = &iov[1], .msg_iovlen = 1}}};

	if (how == 0)
		return writev(fd, iov, 2);
	if (how == 1)
		return sendmsg(fd, &msg, 0);
	return sendmmsg(fd, two, 2, 0) == 2 ? (ssize_t)len : -1;
}

static ssize_t by_file(int fd, const char *text, size_t len, int spliced)
{
	int from = memfd_create("conversation", 0), p[2];
	ssize_t n;

	if (write(from, text, len) < 0 || lseek(from, 0, SEEK_SET) || pipe(p))
		die("memfd");
	if (!spliced) {
		n = sendfile(fd, from, NULL, len);
	} else {
		n = splice(from, NULL, p[1], NULL, len, 0);
		n = splice(p[0], NULL, fd, NULL, (size_t)n, 0);
	}
	close(from);
	close(p[0]);
	close(p[1]);
	return n;
}

static ssize_t by_stdio(int fd, const char *text, size_t len)
{
	FILE *out = fdopen(dup(fd), "w");
	size_t n = fwrite(text, 1, len, out);

	fclose(out);
	return (ssize_t)n;
}

static ssize_t by_child(int fd, const char *text, size_t len)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(send(fd, text, len, 0) != (ssize_t)len);
	waitpid(pid, &status, 0);
	return status ? -1 : (ssize_t)len;
}

/* To a child, which has it from us by a message. */
static ssize_t by_passing(int fd, const char *text, size_t len)
{
	char byte = 0, room[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = room,
			     .msg_controllen = sizeof(room)};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);
	int pair[2], got, status;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("socketpair");
	pid = fork();
	if (!pid) {
		close(fd);
		if (recvmsg(pair[1], &msg, 0) != 1)
			_exit(1);
		memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(got));
		_exit(send(got, text, len, 0) != (ssize_t)len);
	}
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	if (sendmsg(pair[0], &msg, 0) != 1)
		die("sendmsg");
	waitpid(pid, &status, 0);
	close(pair[0]);
	close(pair[1]);
	return status ? -1 : (ssize_t)len;
}

static const char *as_string(const char *text, size_t len)
{
	static char copy[4096];

	memcpy(copy, text, len);
	copy[len] = 0;
	return copy;
}

static ssize_t by_program(int fd, const char *text, size_t len)
{
	char *const argv[] = {"sh", "-c", "printf %s \"$0\"", (char *)as_string(text, len), NULL};
	pid_t pid = fork();
	int status;

	if (!pid) {
		dup2(fd, 1);
		execv("/bin/sh", argv);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	return status ? -1 : (ssize_t)len;
}

static ssize_t by_number(int fd, const char *text, size_t len)
{
	int other = rnd(2) ? dup(fd) : dup2(fd, 100 + (int)rnd(20));
	ssize_t n = send(other, text, len, 0);

	if (rnd(2))
		close(other);
	else
		raw(SYS_close, other, 0, 0, 0);
	return n;
}

ssize_t send_by(int way, int fd, const char *text, size_t len)
{
	struct iovec iov = {(char *)text, len};

	switch (way) {
	case 0:
		return send(fd, text, len, 0);
	case 1:
		return write(fd, text, len);
	case 2:
		return by_pieces(fd, text, len, 0);
	case 3:
		return by_pieces(fd, text, len, 1);
	case 4:
		return by_pieces(fd, text, len, 2);
	case 5:
		return by_file(fd, text, len, 0);
	case 6:
		return by_file(fd, text, len, 1);
	case 7:
		return by_number(fd, text, len);
	case 8:
		return raw(SYS_write, fd, (long)text, (long)len, 0);
	case 9:
		return raw(SYS_sendto, fd, (long)text, (long)len, 0);
	case 10:
		return pwritev2(fd, &iov, 1, -1, 0);
	case 11:
		return by_stdio(fd, text, len);
	case 12:
		return by_child(fd, text, len);
	case 13:
		return by_passing(fd, text, len);
	case 14:
		return memchr(text, 0, len) ? send(fd, text, len, 0) : by_program(fd, text, len);
	default:
		return memchr(text, 0, len) ? send(fd, text, len, 0)
					    : dprintf(fd, "%s", as_string(text, len));
	}
}
