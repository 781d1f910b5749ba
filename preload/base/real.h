/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_REAL_H
#define OTR_REAL_H

/*
 * real.h - the functions that our wrappers stand before: the next ones in the program's search
 * order, or, until these are looked up, the bare system calls.
 */

#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

struct otr_real {
#define OTR_REAL_CALL(type, name, params, ...)	   type(*name) params;
#define OTR_REAL_ROW(type, name, stand_in, params) type(*name) params;
#include "preload/base/real.def"
#undef OTR_REAL_CALL
#undef OTR_REAL_ROW
};

extern struct otr_real otr_real;

/* Looks all of them up. Needs no memory; may run before and after other constructors. */
void otr_real_find(void);

/* The next dlopen(), never NULL: other libraries may need it before our constructor has run. */
typedef void *(*otr_dlopen_fn)(const char *, int);
otr_dlopen_fn otr_real_dlopen(void);

/* Any other symbol of this name, which may be a variable; NULL: none. */
void *otr_real_symbol(const char *name);

/* find.c: a function of libc, or of its libdl, by name, without dlsym(); NULL: none. Where
 * there are several versions it is the default one. */
void *otr_find(const char *name);
/* The same in one ELF image that is mapped, such as the vDSO. */
void *otr_find_in(const void *image, const char *name);

#pragma GCC visibility pop

#endif /* OTR_REAL_H */
