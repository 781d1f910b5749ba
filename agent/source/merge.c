/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merge.c - the events of all sources, in the order of their times.
 *
 * A heap by time, then by arrival: equal times keep the order of their source. What
 * comes after the watermark passed its time is counted and goes out next, late.
 */

#include "agent/source/merge.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/own.h"
#include "agent/loss.h"
#include "bpf/event.h"

#define FIRST_SLOTS 1024

struct slot {
	uint64_t time_ns;
	uint64_t arrival;
	struct otr_event *ev; /* owned */
};

struct otr_merge {
	struct slot *heap; /* heap[0] is the earliest */
	size_t n, cap;
	size_t bytes, max_bytes;
	uint64_t arrivals;
	uint64_t watermark_ns; /* everything before it was released */
};

int otr_merge_new(struct otr_merge **out, size_t max_bytes)
{
	OTR_AUTO(otr_merge_free) struct otr_merge *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->max_bytes = max_bytes;
	m->heap = calloc(FIRST_SLOTS, sizeof(*m->heap));
	if (!m->heap)
		return -ENOMEM;
	m->cap = FIRST_SLOTS;
	*out = OTR_TAKE(m);
	return 0;
}

void otr_merge_free(struct otr_merge **mp)
{
	struct otr_merge *m = OTR_TAKE(*mp);

	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		free(m->heap[i].ev);
	free(m->heap);
	free(m);
}

static bool before(const struct slot *a, const struct slot *b)
{
	return a->time_ns != b->time_ns ? a->time_ns < b->time_ns
					: a->arrival < b->arrival;
}

static void swap(struct slot *a, struct slot *b)
{
	struct slot was = *a;

	*a = *b;
	*b = was;
}

static void sift_up(struct slot *heap, size_t i)
{
	for (; i && before(&heap[i], &heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&heap[i], &heap[(i - 1) / 2]);
}

static void sift_down(struct slot *heap, size_t n)
{
	size_t i = 0, kid;

	while ((kid = 2 * i + 1) < n) {
		if (kid + 1 < n && before(&heap[kid + 1], &heap[kid]))
			kid++;
		if (!before(&heap[kid], &heap[i]))
			return;
		swap(&heap[i], &heap[kid]);
		i = kid;
	}
}

static int grow(struct otr_merge *m)
{
	struct slot *heap;

	if (m->n < m->cap)
		return 0;
	heap = reallocarray(m->heap, m->cap * 2, sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	m->heap = heap;
	m->cap *= 2;
	return 0;
}

int otr_merge_add(struct otr_merge *m, const struct otr_event *ev)
{
	struct otr_event *copy;

	if (grow(m))
		return -ENOMEM;
	copy = malloc(ev->size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, ev, ev->size);
	if (ev->time_ns < m->watermark_ns)
		otr_loss_add(OTR_LOSS_STRAGGLER, 1);

	m->heap[m->n] = (struct slot){ ev->time_ns, m->arrivals++, copy };
	sift_up(m->heap, m->n++);
	m->bytes += ev->size;
	return 0;
}

static struct otr_event *take_first(struct otr_merge *m)
{
	struct otr_event *ev = m->heap[0].ev;

	m->heap[0] = m->heap[--m->n];
	sift_down(m->heap, m->n);
	m->bytes -= ev->size;
	return ev;
}

void otr_merge_release(struct otr_merge *m, uint64_t until_ns, otr_event_fn fn,
		       void *arg)
{
	struct otr_event *ev;

	while (m->n &&
	       (m->heap[0].time_ns < until_ns || m->bytes > m->max_bytes)) {
		ev = take_first(m);
		if (ev->time_ns > m->watermark_ns)
			m->watermark_ns = ev->time_ns;
		fn(arg, ev);
		free(ev);
	}
	if (until_ns > m->watermark_ns)
		m->watermark_ns = until_ns;
}
