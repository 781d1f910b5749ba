/* SPDX-License-Identifier: Apache-2.0 */
/* real.c - finds the real functions of libc; see real.h. */

#include "preload/base/real.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "preload/base/sys.h"

/* dlsym is weak: before glibc 2.34 it was in libdl, which a program may not have. Then find.c is
 * used. */
#if defined(__GLIBC__) && defined(__x86_64__)
__asm__(".symver dlsym,dlsym@GLIBC_2.2.5");
#elif defined(__GLIBC__) && defined(__aarch64__)
__asm__(".symver dlsym,dlsym@GLIBC_2.17");
#endif
#pragma weak dlsym

extern char **environ;

static long with_errno(long ret)
{
	if (!otr_sys_failed(ret))
		return ret;
	errno = (int)-ret;
	return -1;
}

#define RAW(...) with_errno(otr_sys(__VA_ARGS__))

static ssize_t raw_read(int fd, void *buf, size_t n)
{
	return RAW(SYS_read, fd, buf, n);
}

static ssize_t raw_write(int fd, const void *buf, size_t n)
{
	return RAW(SYS_write, fd, buf, n);
}

static ssize_t raw_readv(int fd, const struct iovec *iov, int n)
{
	return RAW(SYS_readv, fd, iov, n);
}

static ssize_t raw_writev(int fd, const struct iovec *iov, int n)
{
	return RAW(SYS_writev, fd, iov, n);
}

static ssize_t raw_recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *sa,
			    socklen_t *len)
{
	return RAW(SYS_recvfrom, fd, buf, n, flags, sa, len);
}

static ssize_t raw_sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *sa,
			  socklen_t len)
{
	return RAW(SYS_sendto, fd, buf, n, flags, sa, len);
}

static ssize_t raw_recv(int fd, void *buf, size_t n, int flags)
{
	return raw_recvfrom(fd, buf, n, flags, NULL, NULL);
}

static ssize_t raw_send(int fd, const void *buf, size_t n, int flags)
{
	return raw_sendto(fd, buf, n, flags, NULL, 0);
}

static ssize_t raw_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return RAW(SYS_recvmsg, fd, msg, flags);
}

static ssize_t raw_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return RAW(SYS_sendmsg, fd, msg, flags);
}

static ssize_t raw_sendfile(int out, int in, off_t *at, size_t n)
{
	return RAW(SYS_sendfile, out, in, at, n);
}

static int raw_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	return (int)RAW(SYS_connect, fd, sa, len);
}

static int raw_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	return (int)RAW(SYS_accept4, fd, sa, len, flags);
}

static int raw_accept(int fd, struct sockaddr *sa, socklen_t *len)
{
	return raw_accept4(fd, sa, len, 0);
}

static int raw_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	return (int)RAW(SYS_getsockopt, fd, level, name, value, len);
}

static int raw_listen(int fd, int backlog)
{
	return (int)RAW(SYS_listen, fd, backlog);
}

static int raw_socket(int family, int type, int protocol)
{
	return (int)RAW(SYS_socket, family, type, protocol);
}

static int raw_shutdown(int fd, int how)
{
	return (int)RAW(SYS_shutdown, fd, how);
}

static int raw_close(int fd)
{
	return (int)RAW(SYS_close, fd);
}

#define SIGSET_BYTES 8 /* of the kernel's sigset_t */

static int raw_epoll_pwait(int ep, struct epoll_event *evs, int n, int ms, const sigset_t *mask)
{
	return (int)RAW(SYS_epoll_pwait, ep, evs, n, ms, mask, SIGSET_BYTES);
}

static int raw_epoll_wait(int ep, struct epoll_event *evs, int n, int ms)
{
	return raw_epoll_pwait(ep, evs, n, ms, NULL);
}

static int raw_epoll_ctl(int ep, int op, int fd, struct epoll_event *ev)
{
	return (int)RAW(SYS_epoll_ctl, ep, op, fd, ev);
}

static int raw_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *ts, const sigset_t *mask)
{
	struct timespec left = {0}; /* a copy: the kernel writes the time that is left */

	if (ts)
		left = *ts;
	return (int)RAW(SYS_ppoll, fds, n, ts ? &left : NULL, mask, SIGSET_BYTES);
}

static int raw_poll(struct pollfd *fds, nfds_t n, int ms)
{
	const struct timespec ts = {ms / 1000, (long)(ms % 1000) * 1000000};

	return raw_ppoll(fds, n, ms < 0 ? NULL : &ts, NULL);
}

static int raw_select(int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *tv)
{
	struct timespec ts = {0};
	int rc;

	if (tv)
		ts = (struct timespec){tv->tv_sec, tv->tv_usec * 1000};
	rc = (int)RAW(SYS_pselect6, n, r, w, x, tv ? &ts : NULL, NULL);
	if (tv)
		*tv = (struct timeval){ts.tv_sec, ts.tv_nsec / 1000};
	return rc;
}

static int raw_prctl(int what, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	return (int)RAW(SYS_prctl, what, a, b, c, d);
}

static int raw_pselect(int n, fd_set *r, fd_set *w, fd_set *x, const struct timespec *ts,
		       const sigset_t *mask)
{
	const uintptr_t both[2] = {(uintptr_t)mask, SIGSET_BYTES};
	struct timespec left = {0}; /* a copy: the kernel writes the time that is left */

	if (ts)
		left = *ts;
	return (int)RAW(SYS_pselect6, n, r, w, x, ts ? &left : NULL, both);
}

/* Before Linux 5.11 there is no such call, and it fails. */
static int raw_epoll_pwait2(int ep, struct epoll_event *evs, int n, const struct timespec *ts,
			    const sigset_t *mask)
{
	return (int)RAW(SYS_epoll_pwait2, ep, evs, n, ts, mask, SIGSET_BYTES);
}

static int raw_sendmmsg(int fd, struct mmsghdr *msgs, unsigned int n, int flags)
{
	return (int)RAW(SYS_sendmmsg, fd, msgs, n, flags);
}

static int raw_recvmmsg(int fd, struct mmsghdr *msgs, unsigned int n, int flags,
			struct timespec *ts)
{
	return (int)RAW(SYS_recvmmsg, fd, msgs, n, flags, ts);
}

static ssize_t raw_splice(int in, off64_t *from, int out, off64_t *to, size_t n, unsigned int flags)
{
	return RAW(SYS_splice, in, from, out, to, n, flags);
}

static int raw_dup3(int fd, int to, int flags)
{
	return (int)RAW(SYS_dup3, fd, to, flags);
}

static int raw_dup2(int fd, int to)
{
	return fd == to ? RAW(SYS_fcntl, fd, F_GETFD) < 0 ? -1 : to : raw_dup3(fd, to, 0);
}

static int raw_execve(const char *path, char *const argv[], char *const envp[])
{
	return (int)RAW(SYS_execve, path, argv, envp);
}

static int raw_execv(const char *path, char *const argv[])
{
	return raw_execve(path, argv, environ);
}

static int raw_fexecve(int fd, char *const argv[], char *const envp[])
{
	return (int)RAW(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
}

/* Functions that libc makes of several system calls. These are never called where a libc is loaded,
 * as find.c finds the real ones. */
static int no_execvpe(const char *file, char *const argv[], char *const envp[])
{
	(void)file, (void)argv, (void)envp;
	errno = ENOSYS;
	return -1;
}

static int no_execvp(const char *file, char *const argv[])
{
	return no_execvpe(file, argv, NULL);
}

static int no_spawn(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
		    const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	(void)pid, (void)file, (void)actions, (void)attr, (void)argv, (void)envp;
	return ENOSYS;
}

/* Called if another library makes a thread before our constructor has run. */
static int find_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			       void *(*start)(void *), void *arg)
{
	int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	void *at = dlsym ? dlsym(RTLD_NEXT, "pthread_create") : otr_find("pthread_create");

	memcpy(&next, &at, sizeof(next));
	return next ? next(thread, attr, start, arg) : EAGAIN;
}

static void raw_chk_fail(void)
{
	__builtin_trap();
}

struct otr_real otr_real = {
	.read = raw_read,
	.write = raw_write,
	.readv = raw_readv,
	.writev = raw_writev,
	.recv = raw_recv,
	.send = raw_send,
	.recvfrom = raw_recvfrom,
	.sendto = raw_sendto,
	.recvmsg = raw_recvmsg,
	.sendmsg = raw_sendmsg,
	.sendfile = raw_sendfile,
	.connect = raw_connect,
	.accept = raw_accept,
	.accept4 = raw_accept4,
	.listen = raw_listen,
	.getsockopt = raw_getsockopt,
	.socket = raw_socket,
	.shutdown = raw_shutdown,
	.close = raw_close,
	.epoll_wait = raw_epoll_wait,
	.epoll_pwait = raw_epoll_pwait,
	.epoll_ctl = raw_epoll_ctl,
	.poll = raw_poll,
	.ppoll = raw_ppoll,
	.select = raw_select,
	.chk_fail = raw_chk_fail,
	.prctl = raw_prctl,
	.pthread_create = find_pthread_create,
	.pselect = raw_pselect,
	.epoll_pwait2 = raw_epoll_pwait2,
	.sendmmsg = raw_sendmmsg,
	.recvmmsg = raw_recvmmsg,
	.splice = raw_splice,
	.dup2 = raw_dup2,
	.dup3 = raw_dup3,
	.execve = raw_execve,
	.execv = raw_execv,
	.execvp = no_execvp,
	.execvpe = no_execvpe,
	.fexecve = raw_fexecve,
	.posix_spawn = no_spawn,
	.posix_spawnp = no_spawn,
};

/* One row for each function: its name, and the offset of its address in struct otr_real. */
#define ROW(name)                                      \
	{                                              \
#name, offsetof(struct otr_real, name) \
	}
static const struct {
	const char *name;
	size_t at;
} rows[] = {
	ROW(read),	   ROW(write),		ROW(readv),
	ROW(writev),	   ROW(recv),		ROW(send),
	ROW(recvfrom),	   ROW(sendto),		ROW(recvmsg),
	ROW(sendmsg),	   ROW(sendfile),	ROW(connect),
	ROW(accept),	   ROW(accept4),	ROW(socket),
	ROW(shutdown),	   ROW(listen),		ROW(getsockopt),
	ROW(close),	   ROW(poll),		ROW(ppoll),
	ROW(select),	   ROW(epoll_ctl),	ROW(prctl),
	ROW(epoll_wait),   ROW(epoll_pwait),	ROW(pselect),
	ROW(sendmmsg),	   ROW(recvmmsg),	ROW(epoll_pwait2),
	ROW(splice),	   ROW(dup2),		ROW(dup3),
	ROW(execve),	   ROW(execv),		ROW(execvp),
	ROW(execvpe),	   ROW(fexecve),	ROW(posix_spawn),
	ROW(posix_spawnp), ROW(pthread_create), {"__chk_fail", offsetof(struct otr_real, chk_fail)},
};

void otr_real_find(void)
{
	void *at;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		at = dlsym ? dlsym(RTLD_NEXT, rows[i].name) : otr_find(rows[i].name);
		if (at)
			memcpy((char *)&otr_real + rows[i].at, &at, sizeof(at));
	}
}

void *otr_real_symbol(const char *name)
{
	return dlsym ? dlsym(RTLD_NEXT, name) : NULL;
}

/* Called if libc has no dlopen(). */
static void *no_dlopen(const char *path, int mode)
{
	(void)path, (void)mode;
	return NULL;
}

otr_dlopen_fn otr_real_dlopen(void)
{
	static otr_dlopen_fn found;
	otr_dlopen_fn fn = __atomic_load_n(&found, __ATOMIC_RELAXED);
	void *at;

	if (fn)
		return fn;
	at = dlsym ? dlsym(RTLD_NEXT, "dlopen") : NULL;
	if (!at)
		at = otr_find("dlopen");
	memcpy(&fn, &at, sizeof(fn));
	if (!fn)
		return no_dlopen;
	__atomic_store_n(&found, fn, __ATOMIC_RELAXED);
	return fn;
}
