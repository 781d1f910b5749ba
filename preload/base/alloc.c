/* SPDX-License-Identifier: Apache-2.0 */
/* alloc.c - memory for the state of the library; see alloc.h. */

#include "preload/base/alloc.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include "preload/base/shim.h"
#include "preload/base/sys.h"

/* Under a smaller limit the library stays off, and leaves the memory to the program. */
#define LEAST_MEMORY (256u << 20)
#define PAGE	     65536 /* the largest page of any machine */

void *otr_alloc(size_t size)
{
	return otr_sys_mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

void *otr_alloc_once(void *place, size_t size)
{
	void *__attribute__((may_alias)) *at = place;
	void *made = __atomic_load_n(at, __ATOMIC_ACQUIRE), *other = NULL;

	if (made || otr_get(&otr_shim.has_seccomp))
		return made;
	made = otr_alloc(size);
	if (!made ||
	    __atomic_compare_exchange_n(at, &other, made, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return made;
	otr_sys_munmap(made, size); /* another thread has set it first */
	return other;
}

/* How much can the process map? The limits count mapped memory, used or not. */
static rlim_t most_memory(void)
{
	struct rlimit all, data;

	if (otr_sys_getrlimit(RLIMIT_AS, &all) || otr_sys_getrlimit(RLIMIT_DATA, &data))
		return 0;
	return all.rlim_cur < data.rlim_cur ? all.rlim_cur : data.rlim_cur;
}

/* How many descriptor numbers can the process have? */
static uint32_t most_fds(void)
{
	struct rlimit limit;

	if (otr_sys_getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_max > OTR_FDS)
		return OTR_FDS;
	return (uint32_t)limit.rlim_max;
}

/* Maps the tables that most programs need. Pages take memory when they are first used. */
static int make(void)
{
	enum {
		ALIVE,
		FDS,
		SELVES,
		HEADERS,
		HOMES,
		TABLES
	};
	struct otr_shim *sh = &otr_shim;
	size_t all = 0, sizes[TABLES] = {
				[ALIVE] = PAGE,
				[FDS] = sizeof(**sh->fds),
				[SELVES] = OTR_STRANDS * sizeof(*sh->selves),
				[HEADERS] = OTR_HEADERS * sizeof(*sh->headers),
				[HOMES] = OTR_HOMES * sizeof(*sh->homes),
			};
	uint8_t *tables[TABLES], *at;

	sh->n_fds = most_fds();
	for (int i = 0; i < TABLES; i++)
		all += sizes[i] = (sizes[i] + PAGE - 1) / PAGE * PAGE;
	at = otr_sys_mmap(NULL, all, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!at || otr_sys_madvise(at, sizes[ALIVE], MADV_WIPEONFORK))
		return 0; /* pages that were mapped stay unused */
	for (int i = 0; i < TABLES; at += sizes[i++])
		tables[i] = at;
	sh->alive = tables[ALIVE];
	sh->fds[0] = (void *)tables[FDS];
	sh->selves = (void *)tables[SELVES];
	sh->headers = (void *)tables[HEADERS];
	sh->homes = (void *)tables[HOMES];
	return 1;
}

int otr_alloc_tables(void)
{
	return most_memory() >= LEAST_MEMORY && make();
}
