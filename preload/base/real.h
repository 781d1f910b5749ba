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
#define OTR_REAL_CALL(type, name, params, ...)	   type(*name) params;
#define OTR_REAL_ROW(type, name, stand_in, params) type(*name) params;
#include "preload/base/real.def"
#undef OTR_REAL_CALL
#undef OTR_REAL_ROW
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
