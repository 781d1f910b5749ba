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

#define SIGSET_BYTES 8 /* of the kernel's sigset_t */

#define OTR_REAL_CALL(type, name, params, ...)             \
	static type raw_##name params                      \
	{                                                  \
		return (type)RAW(SYS_##name, __VA_ARGS__); \
	}
#define OTR_REAL_ROW(type, name, stand_in, params)
#include "preload/base/real.def"
#undef OTR_REAL_CALL
#undef OTR_REAL_ROW

static ssize_t raw_recv(int fd, void *buf, size_t n, int flags)
{
	return raw_recvfrom(fd, buf, n, flags, NULL, NULL);
}

static ssize_t raw_send(int fd, const void *buf, size_t n, int flags)
{
	return raw_sendto(fd, buf, n, flags, NULL, 0);
}

static int raw_accept(int fd, struct sockaddr *sa, socklen_t *len)
{
	return raw_accept4(fd, sa, len, 0);
}

static int raw_epoll_wait(int ep, struct epoll_event *evs, int n, int ms)
{
	return raw_epoll_pwait(ep, evs, n, ms, NULL);
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

static int raw_pselect(int n, fd_set *r, fd_set *w, fd_set *x, const struct timespec *ts,
		       const sigset_t *mask)
{
	const uintptr_t both[2] = {(uintptr_t)mask, SIGSET_BYTES};
	struct timespec left = {0}; /* a copy: the kernel writes the time that is left */

	if (ts)
		left = *ts;
	return (int)RAW(SYS_pselect6, n, r, w, x, ts ? &left : NULL, both);
}

static int raw_dup2(int fd, int to)
{
	return fd == to ? RAW(SYS_fcntl, fd, F_GETFD) < 0 ? -1 : to : raw_dup3(fd, to, 0);
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
#define OTR_REAL_CALL(type, name, params, ...)	   .name = raw_##name,
#define OTR_REAL_ROW(type, name, stand_in, params) .name = (stand_in),
#include "preload/base/real.def"
#undef OTR_REAL_CALL
#undef OTR_REAL_ROW
};

/* The name of each function, and where its address is kept. */
static const struct {
	const char *name;
	size_t at;
} rows[] = {
#define OTR_REAL_CALL(type, name, params, ...)	   {#name, offsetof(struct otr_real, name)},
#define OTR_REAL_ROW(type, name, stand_in, params) {#name, offsetof(struct otr_real, name)},
#include "preload/base/real.def"
#undef OTR_REAL_CALL
#undef OTR_REAL_ROW
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
