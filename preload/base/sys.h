/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SYS_H
#define OTR_SYS_H

/*
 * sys.h - system calls that the library makes for its own use.
 *
 * They use no function of libc, since another preloaded library may have replaced it (faketime:
 * clock_gettime and syscall; a sandbox: getsockopt). A bare system call also leaves errno as it is,
 * and is no cancellation point.
 *
 * Each function returns what the kernel returns: a value, or -errno.
 */

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>

static inline __attribute__((always_inline)) long otr_sys6(long number, long a, long b, long c,
							   long d, long e, long f)
{
	long ret;
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	ret = x0;
#else
#error "no system calls known for this machine"
#endif
	return ret;
}

#define OTR_SYS_ARGS(n, a, b, c, d, e, f, ...) \
	otr_sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/* otr_sys(NUMBER, up to six arguments): arguments that are left out are 0. */
#define otr_sys(...) OTR_SYS_ARGS(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

/* Is the result of a system call -errno? An address is never in that range. */
static inline int otr_sys_failed(long ret)
{
	return (unsigned long)ret > -4096ul;
}

static inline int otr_sys_fstat(int fd, struct stat *st)
{
	return (int)otr_sys(SYS_fstat, fd, st);
}

static inline int otr_sys_close(int fd)
{
	return (int)otr_sys(SYS_close, fd);
}

static inline int otr_sys_fcntl(int fd, int what, long arg)
{
	return (int)otr_sys(SYS_fcntl, fd, what, arg);
}

static inline int otr_sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	return (int)otr_sys(SYS_getsockopt, fd, level, name, value, len);
}

static inline int otr_sys_getsockname(int fd, void *sa, socklen_t *len)
{
	return (int)otr_sys(SYS_getsockname, fd, sa, len);
}

static inline int otr_sys_getpeername(int fd, void *sa, socklen_t *len)
{
	return (int)otr_sys(SYS_getpeername, fd, sa, len);
}

/* Returns NULL if there is no memory. */
static inline void *otr_sys_mmap(void *at, size_t len, int prot, int flags, int fd, off_t from)
{
	long ret = otr_sys(SYS_mmap, at, len, prot, flags, fd, from);

	return otr_sys_failed(ret) ? NULL : (void *)ret;
}

static inline int otr_sys_munmap(void *at, size_t len)
{
	return (int)otr_sys(SYS_munmap, at, len);
}

static inline int otr_sys_madvise(void *at, size_t len, int what)
{
	return (int)otr_sys(SYS_madvise, at, len, what);
}

static inline int otr_sys_getrlimit(int which, struct rlimit *out)
{
	return (int)otr_sys(SYS_prlimit64, 0, which, NULL, out);
}

/* Returns the length, or -errno; adds no NUL. */
static inline ssize_t otr_sys_readlink(const char *path, char *out, size_t size)
{
	return otr_sys(SYS_readlinkat, AT_FDCWD, path, out, size);
}

static inline pid_t otr_sys_getpid(void)
{
	return (pid_t)otr_sys(SYS_getpid);
}

#endif /* OTR_SYS_H */
