/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SPAN_MEMORY_H
#define OTR_SPAN_MEMORY_H

/*
 * span_memory.h - memory of spans, which one thread makes and others free, thousands a second.
 *
 * A span of usual size takes one slot. A slot that is freed, on any thread, is kept for the next
 * span, up to a bound; the heap would search and join its pieces each time. Under sanitizers each
 * span is a malloc of its own.
 */

#include <stddef.h>

#define OTR_SPAN_SLOT  512  /* bytes; a larger span is the heap's */
#define OTR_SPAN_SPARE 1024 /* slots that are kept, at most */

struct otr_span;

/* Gives memory of `size` bytes for a span, not cleared. NULL: no memory. */
struct otr_span *otr_span_alloc(size_t size);

/* Takes back the memory of a span that was allocated with that size. */
void otr_span_dealloc(struct otr_span *sp, size_t size);

#endif /* OTR_SPAN_MEMORY_H */
