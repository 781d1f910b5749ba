/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SPAN_MEMORY_H
#define OTR_SPAN_MEMORY_H

/*
 * span_memory.h - memory of spans, which one thread makes and others free, thousands a second.
 *
 * A span of usual size takes one slot of a free list (agent/base/spares.h). Under sanitizers each
 * span is a malloc of its own. One thread of the process makes spans; any thread frees them.
 */

#include <stddef.h>

#define OTR_SPAN_SLOT 512 /* bytes; a larger span is the heap's */

struct otr_span;

/* Gives memory of `size` bytes for a span, not cleared. NULL: no memory. */
struct otr_span *otr_span_alloc(size_t size);

/* Takes back the memory of a span that was allocated with that size. On any thread. */
void otr_span_dealloc(struct otr_span *sp, size_t size);

/* Gives back to the heap what was not needed since the last call. */
void otr_span_memory_trim(void);

#endif /* OTR_SPAN_MEMORY_H */
