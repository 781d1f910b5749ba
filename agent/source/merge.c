/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merge.c - the events of all sources, in the order of their times.
 *
 * A heap by time, then by arrival: equal times keep the order of their source. A record that
 * comes after the watermark has passed its time is counted, and released next. Records lie in
 * chunks, one behind the other; a chunk is used again once all its records were released. Records
 * come and go nearly in order, so a few chunks are enough.
 */

#include "agent/source/merge.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "bpf/event.h"

#define FIRST_SLOTS 1024
#define CHUNK_BYTES (64u << 10)
#define SPARE_MAX   8 /* empty chunks kept */

struct chunk {
	struct chunk *next; /* of the chunks that are kept */
	size_t records;	    /* records in this chunk */
	size_t used, size;
	_Alignas(struct otr_event) char data[];
};

struct slot {
	uint64_t time_ns;
	uint64_t arrival;
	struct otr_event *ev; /* the record, in `chunk` */
	struct chunk *chunk;
};

struct otr_merge {
	struct slot *heap; /* heap[0] is the earliest */
	size_t n, cap;
	size_t bytes, max_bytes;
	uint64_t arrivals;
	uint64_t watermark_ns; /* all records before this time were released */
	struct chunk *filling;
	struct chunk *spare;
	size_t n_spare;
};

static struct chunk *chunk_new(struct otr_merge *m, size_t room)
{
	struct chunk *ch = m->spare;

	if (ch && room <= CHUNK_BYTES) {
		m->spare = ch->next;
		m->n_spare--;
		return ch;
	}
	if (room < CHUNK_BYTES)
		room = CHUNK_BYTES;
	ch = malloc(sizeof(*ch) + room);
	if (!ch)
		return NULL;
	ch->records = ch->used = 0;
	ch->size = room;
	return ch;
}

static void chunk_free(struct otr_merge *m, struct chunk *ch)
{
	if (ch->size > CHUNK_BYTES || m->n_spare == SPARE_MAX) {
		free(ch);
		return;
	}
	ch->used = 0;
	ch->next = m->spare;
	m->spare = ch;
	m->n_spare++;
}

/* One record of this chunk was released. */
static void chunk_put(struct otr_merge *m, struct chunk *ch)
{
	if (--ch->records)
		return;
	if (ch == m->filling)
		ch->used = 0;
	else
		chunk_free(m, ch);
}

/* Room for `size` bytes in m->filling, or NULL. */
static void *take_room(struct otr_merge *m, size_t size)
{
	struct chunk *ch = m->filling;
	void *at;

	size = (size + 7) & ~(size_t)7;
	if (!ch || ch->size - ch->used < size) {
		ch = chunk_new(m, size);
		if (!ch)
			return NULL;
		if (m->filling && !m->filling->records)
			chunk_free(m, m->filling);
		m->filling = ch;
	}
	at = ch->data + ch->used;
	ch->used += size;
	ch->records++;
	return at;
}

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
	struct chunk *ch;

	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		chunk_put(m, m->heap[i].chunk);
	free(m->filling);
	while ((ch = m->spare)) {
		m->spare = ch->next;
		free(ch);
	}
	free(m->heap);
	free(m);
}

static bool before(const struct slot *a, const struct slot *b)
{
	return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->arrival < b->arrival;
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
	copy = take_room(m, ev->size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, ev, ev->size);
	if (ev->time_ns < m->watermark_ns)
		otr_loss_add(OTR_LOSS_STRAGGLER, 1);

	m->heap[m->n] = (struct slot){ev->time_ns, m->arrivals++, copy, m->filling};
	sift_up(m->heap, m->n++);
	m->bytes += ev->size;
	return 0;
}

static struct slot take_first(struct otr_merge *m)
{
	struct slot first = m->heap[0];

	m->heap[0] = m->heap[--m->n];
	sift_down(m->heap, m->n);
	m->bytes -= first.ev->size;
	return first;
}

void otr_merge_release(struct otr_merge *m, uint64_t until_ns, otr_event_fn fn, void *arg)
{
	struct slot first;

	while (m->n && (m->heap[0].time_ns < until_ns || m->bytes > m->max_bytes)) {
		first = take_first(m);
		if (first.time_ns > m->watermark_ns)
			m->watermark_ns = first.time_ns;
		fn(arg, first.ev);
		chunk_put(m, first.chunk);
	}
	if (until_ns > m->watermark_ns)
		m->watermark_ns = until_ns;
}
