/* SPDX-License-Identifier: Apache-2.0 */
/*
 * span_memory.c - memory of spans; see span_memory.h.
 *
 * Threads put freed slots on `shared`, a stack. A thread that makes spans takes the whole stack at
 * once and serves itself from it, so no thread ever removes one element of a stack that others use.
 */

#include "agent/span/span_memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#ifdef __SANITIZE_ADDRESS__
#define KEPT false
#else
#define KEPT true
#endif

struct slot {
	struct slot *next;
};

static _Atomic(struct slot *) shared;
static atomic_size_t n_spare; /* about: in `shared` and in the lists of threads */
static _Thread_local struct slot *mine;

struct otr_span *otr_span_alloc(size_t size)
{
	struct slot *at = mine;

	if (size > OTR_SPAN_SLOT || !KEPT)
		return malloc(size);
	if (!at)
		at = atomic_exchange_explicit(&shared, NULL, memory_order_acquire);
	if (!at)
		return malloc(OTR_SPAN_SLOT);
	mine = at->next;
	atomic_fetch_sub_explicit(&n_spare, 1, memory_order_relaxed);
	return (struct otr_span *)at;
}

/* Keeps a slot, if there are not too many. */
static bool keep(struct slot *at)
{
	if (atomic_load_explicit(&n_spare, memory_order_relaxed) >= OTR_SPAN_SPARE)
		return false;
	atomic_fetch_add_explicit(&n_spare, 1, memory_order_relaxed);
	at->next = atomic_load_explicit(&shared, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&shared, &at->next, at, memory_order_release,
						      memory_order_relaxed))
		;
	return true;
}

void otr_span_dealloc(struct otr_span *sp, size_t size)
{
	if (size > OTR_SPAN_SLOT || !KEPT || !keep((struct slot *)sp))
		free(sp);
}
