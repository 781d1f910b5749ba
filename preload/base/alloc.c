/* SPDX-License-Identifier: Apache-2.0 */
/* alloc.c - memory: what is made when the library wakes up, and what when it is needed. */

#include "preload/base/alloc.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include "preload/base/shim.h"
#include "preload/base/sys.h"

#define ROOMY (256u << 20) /* with less of it we are not there: it is the program's */
#define PAGE  65536	   /* the largest there is */

void *otr_alloc(size_t size)
{
	return otr_sys_mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

void *otr_alloc_once(void *place, size_t size)
{
	void *__attribute__((may_alias)) *at = place;
	void *made = __atomic_load_n(at, __ATOMIC_ACQUIRE), *other = NULL;

	if (made || otr_shim.has_seccomp)
		return made;
	made = otr_alloc(size);
	if (!made ||
	    __atomic_compare_exchange_n(at, &other, made, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return made;
	otr_sys_munmap(made, size); /* another thread was first */
	return other;
}

/* What is mapped counts, be it used or not. */
static rlim_t most_memory(void)
{
	struct rlimit all, data;

	if (otr_sys_getrlimit(RLIMIT_AS, &all) || otr_sys_getrlimit(RLIMIT_DATA, &data))
		return 0;
	return all.rlim_cur < data.rlim_cur ? all.rlim_cur : data.rlim_cur;
}

static uint32_t most_fds(void)
{
	struct rlimit limit;

	if (otr_sys_getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_max > OTR_FDS)
		return OTR_FDS;
	return (uint32_t)limit.rlim_max;
}

/* What most programs need; its pages are the kernel's until they are used. */
static int make(void)
{
	enum {
		ALIVE,
		FDS,
		SELVES,
		HEADERS,
		HOMES,
		ROOMS
	};
	struct otr_shim *sh = &otr_shim;
	size_t all = 0, sizes[ROOMS] = {
				[ALIVE] = PAGE,
				[FDS] = sizeof(**sh->fds),
				[SELVES] = OTR_STRANDS * sizeof(*sh->selves),
				[HEADERS] = OTR_HEADERS * sizeof(*sh->headers),
				[HOMES] = OTR_HOMES * sizeof(*sh->homes),
			};
	uint8_t *rooms[ROOMS], *at;

	sh->n_fds = most_fds();
	for (int i = 0; i < ROOMS; i++)
		all += sizes[i] = (sizes[i] + PAGE - 1) / PAGE * PAGE;
	at = otr_sys_mmap(NULL, all, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!at || otr_sys_madvise(at, sizes[ALIVE], MADV_WIPEONFORK))
		return 0; /* the pages, where there are some, are not used */
	for (int i = 0; i < ROOMS; at += sizes[i++])
		rooms[i] = at;
	sh->alive = rooms[ALIVE];
	sh->fds[0] = (void *)rooms[FDS];
	sh->selves = (void *)rooms[SELVES];
	sh->headers = (void *)rooms[HEADERS];
	sh->homes = (void *)rooms[HOMES];
	return 1;
}

int otr_alloc_tables(void)
{
	return most_memory() >= ROOMY && make();
}
