/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlopen.c - makes PHP's extensions use our wrappers.
 *
 * PHP opens extensions with RTLD_DEEPBIND: the extensions and the libraries that they need
 * (libcurl, libpq) then find libc and OpenSSL before any preloaded library. On glibc, PHP 8.5 does
 * not use this flag any more; for an older PHP it is removed here. In other programs the flags
 * stay. The call is a tail call, as dlopen() searches the libraries by the module of its caller.
 */

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/base/sys.h"
#include "preload/ring/program.h"

#ifndef RTLD_DEEPBIND
#define RTLD_DEEPBIND 0 /* musl has no such flag */
#endif

static int is_named_php(const char *exe, size_t len)
{
	const char *base = memrchr(exe, '/', len);

	base = base ? base + 1 : exe;
	return len - (size_t)(base - exe) >= 3 && !memcmp(base, "php", 3);
}

/* Reads /proc/self/exe, since the process may have been started by the name of a script. */
static int is_php(void)
{
	char exe[256];
	int error = errno;
	ssize_t n = 0;

	if (!otr_shim.idle && !otr_get(&otr_shim.has_seccomp))
		n = otr_sys_readlink("/proc/self/exe", exe, sizeof(exe));
	errno = error;
	return n > 0 && is_named_php(exe, (size_t)n);
}

/* Reports a library that does not use our wrappers, so that its traffic is not seen. */
static void report_unseen(const char *path)
{
	int error = errno;

	if (path && !otr_shim.idle && !otr_get(&otr_shim.has_seccomp) && !otr_on_other_stack())
		otr_program_emit(OTR_UNCARRIED_DEEP, path, NULL);
	errno = error;
}

void *dlopen(const char *path, int mode)
{
	if (mode & RTLD_DEEPBIND && is_php())
		mode &= ~RTLD_DEEPBIND;
	if (mode & RTLD_DEEPBIND)
		report_unseen(path);
	return otr_real_dlopen()(path, mode);
}

/* On musl, which has no dlmopen(), no program calls this function. */
void *dlmopen(long space, const char *path, int mode)
{
	void *(*next)(long, const char *, int) = otr_real_symbol("dlmopen");

	if (space)
		report_unseen(path); /* a namespace without our library */
	return next ? next(space, path, mode) : NULL;
}
