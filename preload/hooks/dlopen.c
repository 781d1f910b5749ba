/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlopen.c - lets PHP's extensions find our wrappers.
 *
 * PHP opens extensions with RTLD_DEEPBIND: these and what they need (libcurl, libpq) find libc
 * and OpenSSL before any preloaded library. Since 8.5 PHP does not do so on glibc, for the sake
 * of preloaded allocators; for an older one the flag is left out here. In all other programs
 * the flags stay, and the call is made by a jump in any case, as dlopen() derives from its
 * caller where to look.
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

/* Decided by /proc/self/exe, since a script may be what was executed. */
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

/* Reports a library that was opened so: it finds libc before our wrappers, and its traffic is
 * not seen. */
static void emit_past(const char *path)
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
		emit_past(path);
	return otr_real_dlopen()(path, mode);
}

/* Where libc has no such function (musl) no program calls this one. */
void *dlmopen(long space, const char *path, int mode)
{
	void *(*next)(long, const char *, int) = otr_real_symbol("dlmopen");

	if (space)
		emit_past(path); /* another namespace than the library's */
	return next ? next(space, path, mode) : NULL;
}
