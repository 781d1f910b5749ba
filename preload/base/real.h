/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_REAL_H
#define OTR_REAL_H

/*
 * real.h - the real functions of libc that our wrappers call: the next ones in the search order of
 * the program, or bare system calls until otr_real_find() has found these.
 */

#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

struct otr_real {
	ssize_t (*read)(int, void *, size_t);
	ssize_t (*write)(int, const void *, size_t);
	ssize_t (*readv)(int, const struct iovec *, int);
	ssize_t (*writev)(int, const struct iovec *, int);
	ssize_t (*recv)(int, void *, size_t, int);
	ssize_t (*send)(int, const void *, size_t, int);
	ssize_t (*recvfrom)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
	ssize_t (*sendto)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
	ssize_t (*recvmsg)(int, struct msghdr *, int);
	ssize_t (*sendmsg)(int, const struct msghdr *, int);
	ssize_t (*sendfile)(int, int, off_t *, size_t);
	int (*connect)(int, const struct sockaddr *, socklen_t);
	int (*accept)(int, struct sockaddr *, socklen_t *);
	int (*accept4)(int, struct sockaddr *, socklen_t *, int);
	int (*listen)(int, int);
	int (*getsockopt)(int, int, int, void *, socklen_t *);
	int (*socket)(int, int, int);
	int (*shutdown)(int, int);
	int (*close)(int);
	int (*epoll_wait)(int, struct epoll_event *, int, int);
	int (*epoll_pwait)(int, struct epoll_event *, int, int, const sigset_t *);
	int (*epoll_ctl)(int, int, int, struct epoll_event *);
	int (*poll)(struct pollfd *, nfds_t, int);
	int (*ppoll)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
	int (*select)(int, fd_set *, fd_set *, fd_set *, struct timeval *);
	void (*chk_fail)(void);
	int (*pselect)(int, fd_set *, fd_set *, fd_set *, const struct timespec *,
		       const sigset_t *);
	int (*epoll_pwait2)(int, struct epoll_event *, int, const struct timespec *,
			    const sigset_t *);
	int (*sendmmsg)(int, struct mmsghdr *, unsigned int, int);
	int (*recvmmsg)(int, struct mmsghdr *, unsigned int, int, struct timespec *);
	ssize_t (*splice)(int, off64_t *, int, off64_t *, size_t, unsigned int);
	int (*dup2)(int, int);
	int (*dup3)(int, int, int);
	int (*execve)(const char *, char *const[], char *const[]);
	int (*execv)(const char *, char *const[]);
	int (*execvp)(const char *, char *const[]);
	int (*execvpe)(const char *, char *const[], char *const[]);
	int (*fexecve)(int, char *const[], char *const[]);
	int (*posix_spawn)(pid_t *, const char *, const posix_spawn_file_actions_t *,
			   const posix_spawnattr_t *, char *const[], char *const[]);
	int (*posix_spawnp)(pid_t *, const char *, const posix_spawn_file_actions_t *,
			    const posix_spawnattr_t *, char *const[], char *const[]);
	int (*pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	int (*prctl)(int, unsigned long, unsigned long, unsigned long, unsigned long);
};

extern struct otr_real otr_real;

/* In the constructor: finds all of them. Allocates no memory. */
void otr_real_find(void);

/* Returns the next dlopen(), never NULL, also before the constructor has run. */
typedef void *(*otr_dlopen_fn)(const char *, int);
otr_dlopen_fn otr_real_dlopen(void);

/* Returns the next symbol of this name, which may be a variable; NULL: there is none. */
void *otr_real_symbol(const char *name);

/* find.c: returns the default version of a function of libc or libdl, without dlsym(); NULL: there
 * is none. */
void *otr_find(const char *name);
/* The same for one mapped ELF image, such as the vDSO. */
void *otr_find_in(const void *image, const char *name);

#pragma GCC visibility pop

#endif /* OTR_REAL_H */
