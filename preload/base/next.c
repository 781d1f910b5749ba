/* SPDX-License-Identifier: Apache-2.0 */
/*
 * next.c - finds functions of libraries other than libc; see next.h. A lookup takes the loader's
 * lock, as the first call of a lazily bound function does, too; it happens once for each call site.
 */

#include "preload/base/next.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Weak: before glibc 2.34 these were in libdl, which a program may not have; see real.c. */
#if defined(__GLIBC__) && defined(__x86_64__)
__asm__(".symver dlsym,dlsym@GLIBC_2.2.5");
__asm__(".symver dlopen,dlopen@GLIBC_2.2.5");
__asm__(".symver dlclose,dlclose@GLIBC_2.2.5");
__asm__(".symver dladdr1,dladdr1@GLIBC_2.3.3");
#elif defined(__GLIBC__) && defined(__aarch64__)
__asm__(".symver dlsym,dlsym@GLIBC_2.17");
__asm__(".symver dlopen,dlopen@GLIBC_2.17");
__asm__(".symver dlclose,dlclose@GLIBC_2.17");
__asm__(".symver dladdr1,dladdr1@GLIBC_2.17");
#endif
#pragma weak dlsym
#pragma weak dlopen
#pragma weak dlclose
#pragma weak dladdr1

#define SITES 64 /* call sites of one function that are kept; for others each call looks it up */

static const char *const names[OTR_NEXT_MAX] = {
	[OTR_NGHTTP2_REQUEST] = "nghttp2_submit_request",
	[OTR_NGHTTP2_REQUEST2] = "nghttp2_submit_request2",
	[OTR_SSL_WRITE] = "SSL_write",
	[OTR_SSL_WRITE_EX] = "SSL_write_ex",
	[OTR_SSL_READ] = "SSL_read",
	[OTR_SSL_READ_EX] = "SSL_read_ex",
	[OTR_SSL_CONNECT] = "SSL_connect",
	[OTR_SSL_ACCEPT] = "SSL_accept",
	[OTR_SSL_DO_HANDSHAKE] = "SSL_do_handshake",
	[OTR_SSL_FREE] = "SSL_free",
	[OTR_SSL_EARLY] = "SSL_write_early_data",
	[OTR_SSL_SENDFILE] = "SSL_sendfile",
	[OTR_SSL_WBIO] = "SSL_get_wbio",
	[OTR_BIO_TYPE] = "BIO_method_type",
	[OTR_BIO_NAME] = "BIO_method_name",
	[OTR_GNUTLS_EARLY] = "gnutls_record_send_early_data",
	[OTR_GNUTLS_SEND] = "gnutls_record_send",
	[OTR_GNUTLS_RECV] = "gnutls_record_recv",
	[OTR_GNUTLS_HANDSHAKE] = "gnutls_handshake",
	[OTR_GNUTLS_DEINIT] = "gnutls_deinit",
	[OTR_GNUTLS_CORK] = "gnutls_record_cork",
	[OTR_GNUTLS_SEND2] = "gnutls_record_send2",
	[OTR_GNUTLS_SEND_RANGE] = "gnutls_record_send_range",
	[OTR_GNUTLS_SEND_FILE] = "gnutls_record_send_file",
	[OTR_PQ_EXEC] = "PQexec",
	[OTR_PQ_EXEC_PARAMS] = "PQexecParams",
	[OTR_PQ_EXEC_PREPARE] = "PQprepare",
	[OTR_PQ_EXEC_PREPARED] = "PQexecPrepared",
	[OTR_PQ_FN] = "PQfn",
	[OTR_PQ_SEND_QUERY] = "PQsendQuery",
	[OTR_PQ_SEND_PARAMS] = "PQsendQueryParams",
	[OTR_PQ_SEND_PREPARE] = "PQsendPrepare",
	[OTR_PQ_SEND_PREPARED] = "PQsendQueryPrepared",
	[OTR_PQ_SEND_FLUSH] = "PQsendFlushRequest",
	[OTR_PQ_PIPELINE_SYNC] = "PQpipelineSync",
	[OTR_PQ_SEND_SYNC] = "PQsendPipelineSync",
	[OTR_PQ_GET_RESULT] = "PQgetResult",
};

#define BUSY 1 /* a thread writes the slot; no call returns to this address */

static struct {
	uintptr_t from; /* return address of the call; 0: free */
	void *fn;
} sites[OTR_NEXT_MAX][SITES];

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

/* Does the address belong to this library? */
static int is_ours(const void *at)
{
	return (const char *)at >= __ehdr_start && (const char *)at < _end;
}

/* Keeps the library of `fn` loaded, even if the program closes it: our wrapper may still call
 * `fn`. */
static void pin(void *fn)
{
	Dl_info info;
	void *map;

	if (dlopen && dladdr1 && dladdr1(fn, &info, &map, RTLD_DL_LINKMAP) && info.dli_fname &&
	    *info.dli_fname)
		dlopen(info.dli_fname, RTLD_NOLOAD | RTLD_NODELETE | RTLD_LAZY);
}

/* Searches a module, and the libraries that it was linked with, for a function. */
static void *in_scope_of(const struct link_map *map, const char *name)
{
	void *handle, *fn;

	if (!map->l_name || !*map->l_name)
		return NULL; /* the program itself: its scope is that of RTLD_NEXT */
	handle = dlopen(map->l_name, RTLD_NOLOAD | RTLD_LAZY);
	if (!handle)
		return NULL;
	fn = dlsym(handle, name);
	if (fn && !is_ours(fn))
		pin(fn);
	dlclose(handle);
	return fn && !is_ours(fn) ? fn : NULL;
}

/* Searches all modules: a tail call returns to another module than the one that made it. */
static void *in_any_module(const struct link_map *map, const char *name)
{
	void *fn = NULL;

	while (map->l_prev)
		map = map->l_prev;
	for (; map && !fn; map = map->l_next)
		fn = in_scope_of(map, name);
	return fn;
}

static void *look_up(const char *name, const void *from)
{
	struct link_map *map = NULL;
	Dl_info info;
	void *fn = NULL;

	if (!dlsym)
		return NULL;
	if (dlopen && dlclose && dladdr1)
		dladdr1(from, &info, (void **)&map, RTLD_DL_LINKMAP);
	if (map)
		fn = in_scope_of(map, name);
	if (!fn) {
		fn = dlsym(RTLD_NEXT, name);
		if (is_ours(fn))
			fn = NULL;
	}
	return fn || !map ? fn : in_any_module(map, name);
}

/* Returns the module of an address, or NULL. */
static const struct link_map *module_of(const void *at, Dl_info *info)
{
	struct link_map *map = NULL;

	if (!dlsym || !dlopen || !dlclose || !dladdr1 ||
	    !dladdr1(at, info, (void **)&map, RTLD_DL_LINKMAP))
		return NULL;
	return map;
}

static void *look_up_for(const char *name, const void *fn)
{
	Dl_info info;
	const struct link_map *map = module_of(fn, &info);

	return map ? in_scope_of(map, name) : NULL;
}

/* Returns what `look` finds, which is kept for the address `from`. */
static void *cached(enum otr_next_fn which, const void *from,
		    void *(*look)(const char *name, const void *from))
{
	uintptr_t at = (uintptr_t)from, was;
	int error = errno;
	void *fn;

	for (uint32_t i = 0; i < SITES; i++) {
		was = __atomic_load_n(&sites[which][i].from, __ATOMIC_ACQUIRE);
		if (was == at)
			return sites[which][i].fn;
		if (!was)
			break;
	}
	fn = look(names[which], from);
	for (uint32_t i = 0; fn && i < SITES; i++) {
		was = 0;
		if (!__atomic_compare_exchange_n(&sites[which][i].from, &was, BUSY, 0,
						 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		sites[which][i].fn = fn;
		__atomic_store_n(&sites[which][i].from, at, __ATOMIC_RELEASE);
		break;
	}
	errno = error;
	return fn;
}

void *otr_next(enum otr_next_fn which, const void *from)
{
	return cached(which, from, look_up);
}

void *otr_next_for(enum otr_next_fn which, const void *fn)
{
	return cached(which, fn, look_up_for);
}

/* A module begins with its ELF header. */
int otr_next_module(const void *fn, uintptr_t *begin, uintptr_t *end)
{
	const ElfW(Ehdr) * eh;
	const ElfW(Phdr) * ph;
	Dl_info info;

	if (!module_of(fn, &info))
		return 0;
	eh = info.dli_fbase;
	if (!eh || memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0)
		return 0;
	ph = (const void *)((const char *)eh + eh->e_phoff);
	*begin = *end = (uintptr_t)eh;
	for (uint32_t i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && *begin + ph[i].p_vaddr + ph[i].p_memsz > *end)
			*end = *begin + ph[i].p_vaddr + ph[i].p_memsz;
	return (uintptr_t)fn < *end;
}

void *otr_next_beside(const void *fn, const char *name)
{
	const struct link_map *map;
	int error = errno;
	Dl_info info, other;
	void *got = NULL;

	map = module_of(fn, &info);
	if (map)
		got = in_scope_of(map, name);
	if (got && module_of(got, &other) != map)
		got = NULL;
	errno = error;
	return got;
}
