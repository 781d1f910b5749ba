/* SPDX-License-Identifier: Apache-2.0 */
/*
 * span_memory.c - memory of spans; see span_memory.h.
 *
 * Threads put slots that they free on a stack. The thread that makes spans takes the whole stack at
 * once, so no thread ever removes one element of a stack that others use.
 */

#include "agent/span/span_memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "agent/base/spares.h"

#ifdef __SANITIZE_ADDRESS__
#define KEPT false
#else
#define KEPT true
#endif

struct slot {
	struct slot *next;
};

static _Atomic(struct slot *) freed; /* by any thread */
static struct otr_spares spares;     /* of the thread that makes spans */

static void take_back(void)
{
	struct slot *at = atomic_exchange_explicit(&freed, NULL, memory_order_acquire), *next;

	for (; at; at = next) {
		next = at->next;
		otr_spares_put(&spares, at);
	}
}

struct otr_span *otr_span_alloc(size_t size)
{
	if (size > OTR_SPAN_SLOT || !KEPT)
		return malloc(size);
	if (!spares.first)
		take_back();
	return otr_spares_take(&spares, OTR_SPAN_SLOT);
}

void otr_span_dealloc(struct otr_span *sp, size_t size)
{
	struct slot *at = (struct slot *)sp;

	if (size > OTR_SPAN_SLOT || !KEPT) {
		free(sp);
		return;
	}
	at->next = atomic_load_explicit(&freed, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&freed, &at->next, at, memory_order_release,
						      memory_order_relaxed))
		;
}

void otr_span_memory_trim(void)
{
	take_back();
	otr_spares_trim(&spares);
}
