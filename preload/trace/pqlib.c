/* SPDX-License-Identifier: Apache-2.0 */
/* pqlib.c - finds the functions of a libpq that read a field; see pq.h. */

#include <stddef.h>

#include "preload/base/next.h"
#include "preload/trace/pq.h"

#define LIBS 4
#define BUSY 1 /* a thread fills the slot */

static struct {
	uintptr_t state; /* 0: free; BUSY; else the first address of its module */
	struct otr_pq_lib lib;
} libs[LIBS];

static const struct {
	const char *name;
	size_t at;
	int optional;
} readers[] = {
	{"PQsocket", offsetof(struct otr_pq_lib, socket), 0},
	{"PQstatus", offsetof(struct otr_pq_lib, status), 0},
	{"PQtransactionStatus", offsetof(struct otr_pq_lib, transaction), 0},
	{"PQuser", offsetof(struct otr_pq_lib, user), 0},
	{"PQdb", offsetof(struct otr_pq_lib, db), 0},
	{"PQresultStatus", offsetof(struct otr_pq_lib, result), 0},
	{"PQcmdStatus", offsetof(struct otr_pq_lib, tag), 0},
	{"PQresultErrorField", offsetof(struct otr_pq_lib, field), 0},
	{"PQpipelineStatus", offsetof(struct otr_pq_lib, pipeline), 1},
};

static int fill(struct otr_pq_lib *lib, const void *fn)
{
	void *reader;

	if (!otr_next_module(fn, &lib->begin, &lib->end))
		return 0;
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		reader = otr_next_beside(fn, readers[i].name);
		if (!reader && !readers[i].optional)
			return 0;
		*(void **)((char *)lib + readers[i].at) = reader;
	}
	return 1;
}

struct otr_pq_lib *otr_pq_lib_of(const void *fn)
{
	uintptr_t at = (uintptr_t)fn, none;

	for (int i = 0; i < LIBS; i++) {
		none = __atomic_load_n(&libs[i].state, __ATOMIC_ACQUIRE);
		if (none > BUSY && at >= libs[i].lib.begin && at < libs[i].lib.end)
			return &libs[i].lib;
	}
	for (int i = 0; i < LIBS; i++) {
		none = 0;
		if (!__atomic_compare_exchange_n(&libs[i].state, &none, BUSY, 0, __ATOMIC_ACQ_REL,
						 __ATOMIC_RELAXED))
			continue;
		none = fill(&libs[i].lib, fn);
		__atomic_store_n(&libs[i].state, none ? libs[i].lib.begin : 0, __ATOMIC_RELEASE);
		return none ? &libs[i].lib : NULL;
	}
	return NULL;
}
