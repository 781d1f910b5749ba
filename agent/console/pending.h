/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONSOLE_PENDING_H
#define OTR_CONSOLE_PENDING_H

/* pending.h - spans that wait until their trace is complete. */

#include <stddef.h>
#include <stdint.h>

#include "agent/base/spares.h"

struct otr_pendings;
struct otr_span;

#define OTR_PENDING_FEW	   4 /* spans of a trace that need no memory of their own */
#define OTR_PENDING_TRACES 4096
#define OTR_PENDING_SPANS  131072 /* of all traces */
#define OTR_TRACE_SPANS	   65536  /* of one */

/* One trace that is not complete. */
struct otr_pending {
	struct otr_pending *next;	   /* in its bucket */
	struct otr_pending **link;	   /* what points to it there */
	struct otr_pending *newer, *older; /* in order of arrival */
	uint8_t trace_id[16];
	uint64_t seen_ns;	 /* when the last span came */
	struct otr_pendings *of; /* they take it back */
	struct otr_span **spans; /* `few`, or an allocation */
	size_t n, cap;
	struct otr_span *few[OTR_PENDING_FEW];
};

struct otr_pendings {
	struct otr_pending *bucket[1024];
	struct otr_pending *newest, *oldest;
	size_t traces, spans;
	uint64_t dropped;      /* spans that were freed before their trace was complete */
	struct otr_spares old; /* memory for new ones */
};

/* Frees all traces. */
void otr_pendings_fini(struct otr_pendings *ps);

/* Adds a span, of which it takes a reference. Drops the oldest traces, counted to stay within the
 * limits. */
void otr_pending_add(struct otr_pendings *ps, struct otr_span *sp, uint64_t now_ns);

/* Removes the trace and gives it to the caller, who frees it; or NULL. */
struct otr_pending *otr_pending_take(struct otr_pendings *ps, const uint8_t trace_id[16]);
void otr_pending_free(struct otr_pending **pp);

/* Frees the traces whose last span came before `ns`, and memory that was not used since the last
 * call. */
void otr_pending_forget(struct otr_pendings *ps, uint64_t ns);

#endif /* OTR_CONSOLE_PENDING_H */
