/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_FIFO_H
#define OTR_FIFO_H

/* fifo.h - a queue of records that came in the order of their times. Inside of merge.c alone. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otr_event;
struct otr_merge_chunk;

/* One record that waits. */
struct otr_merge_slot {
	uint64_t time_ns;
	uint64_t arrival;     /* the number of its arrival, which orders equal times */
	struct otr_event *ev; /* the record, in `chunk` */
	struct otr_merge_chunk *chunk;
};

static inline bool otr_merge_before(const struct otr_merge_slot *a, const struct otr_merge_slot *b)
{
	return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->arrival < b->arrival;
}

struct otr_fifo { /* begins zeroed */
	struct otr_merge_slot *slots;
	size_t first, n;
	size_t cap;	  /* a power of two, or 0 */
	uint64_t last_ns; /* the time of the last one; 0: it is empty */
};

/* The first one; there is one. */
static inline const struct otr_merge_slot *otr_fifo_first(const struct otr_fifo *f)
{
	return &f->slots[f->first];
}

static inline void otr_fifo_drop_first(struct otr_fifo *f)
{
	f->first = (f->first + 1) & (f->cap - 1);
	if (!--f->n)
		f->last_ns = 0;
}

/* Makes room for one more. Returns 0 or -ENOMEM. */
int otr_fifo_grow(struct otr_fifo *f);
static inline int otr_fifo_room(struct otr_fifo *f)
{
	return f->n < f->cap ? 0 : otr_fifo_grow(f);
}

/* Appends one whose time is not before that of the last one. There is room for it. */
static inline void otr_fifo_add(struct otr_fifo *f, const struct otr_merge_slot *slot)
{
	f->slots[(f->first + f->n++) & (f->cap - 1)] = *slot;
	f->last_ns = slot->time_ns;
}

void otr_fifo_fini(struct otr_fifo *f);

#endif /* OTR_FIFO_H */
