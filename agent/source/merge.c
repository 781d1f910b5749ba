/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merge.c - the events of all sources, in the order of their times.
 *
 * By time, then by arrival: equal times keep the order of their source. Each source gives its
 * records nearly in order, so a few queues take nearly all of them; what fits behind no queue goes
 * into a heap. The earliest of their first ones is next.
 *
 * A record that comes after the watermark has passed its time is counted, and released next.
 * Records lie in chunks, one behind the other; a chunk is used again once all its records were
 * released. Records come and go nearly in order, so a few chunks are enough.
 */

#include "agent/source/merge.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/source/fifo.h"
#include "bpf/event.h"

#define FIFOS	    4 /* two rings of the kernel, the library, and what comes between */
#define FIRST_SLOTS 256
#define CHUNK_BYTES (64u << 10)
#define SPARE_MAX   8 /* empty chunks kept */

struct otr_merge_chunk {
	struct otr_merge_chunk *next; /* of the chunks that are kept */
	size_t records;		      /* records in this chunk */
	size_t used, size;
	_Alignas(struct otr_event) char data[];
};

struct otr_merge {
	struct otr_fifo fifos[FIFOS];
	struct otr_merge_slot *heap; /* heap[0] is its earliest */
	size_t n, cap;		     /* of the heap */
	size_t bytes, max_bytes;
	uint64_t arrivals;
	uint64_t watermark_ns; /* all records before this time were released */
	struct otr_merge_chunk *filling;
	struct otr_merge_chunk *spare;
	size_t n_spare;
};

static struct otr_merge_chunk *chunk_new(struct otr_merge *m, size_t room)
{
	struct otr_merge_chunk *ch = m->spare;

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

static void chunk_free(struct otr_merge *m, struct otr_merge_chunk *ch)
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
static void chunk_put(struct otr_merge *m, struct otr_merge_chunk *ch)
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
	struct otr_merge_chunk *ch = m->filling;
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

static void swap(struct otr_merge_slot *a, struct otr_merge_slot *b)
{
	struct otr_merge_slot was = *a;

	*a = *b;
	*b = was;
}

static void sift_up(struct otr_merge_slot *heap, size_t i)
{
	for (; i && otr_merge_before(&heap[i], &heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&heap[i], &heap[(i - 1) / 2]);
}

static void sift_down(struct otr_merge_slot *heap, size_t n)
{
	size_t i = 0, kid;

	while ((kid = 2 * i + 1) < n) {
		if (kid + 1 < n && otr_merge_before(&heap[kid + 1], &heap[kid]))
			kid++;
		if (!otr_merge_before(&heap[kid], &heap[i]))
			return;
		swap(&heap[i], &heap[kid]);
		i = kid;
	}
}

static int grow_heap(struct otr_merge *m)
{
	struct otr_merge_slot *heap;

	if (m->n < m->cap)
		return 0;
	heap = reallocarray(m->heap, m->cap * 2, sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	m->heap = heap;
	m->cap *= 2;
	return 0;
}

/* The queue that the record goes to. NULL: each ends later, so it goes into the heap. */
static struct otr_fifo *fifo_for(struct otr_merge *m, uint64_t time_ns)
{
	for (struct otr_fifo *f = m->fifos; f < m->fifos + FIFOS; f++)
		if (f->last_ns <= time_ns)
			return f;
	return NULL;
}

static void put(struct otr_merge *m, struct otr_fifo *fifo, const struct otr_merge_slot *slot)
{
	if (fifo) {
		otr_fifo_add(fifo, slot);
		return;
	}
	m->heap[m->n] = *slot;
	sift_up(m->heap, m->n++);
}

/* Gives the earliest record in *first, NULL if there is none, and returns its queue; NULL: it is in
 * the heap. */
static struct otr_fifo *earliest(struct otr_merge *m, const struct otr_merge_slot **first)
{
	struct otr_fifo *in = NULL;

	*first = m->n ? m->heap : NULL;
	for (struct otr_fifo *f = m->fifos; f < m->fifos + FIFOS; f++) {
		if (!f->n || (*first && !otr_merge_before(otr_fifo_first(f), *first)))
			continue;
		*first = otr_fifo_first(f);
		in = f;
	}
	return in;
}

/* Takes `first`, which is in queue `in` or, NULL, in the heap. */
static struct otr_merge_slot take_first(struct otr_merge *m, struct otr_fifo *in,
					const struct otr_merge_slot *first)
{
	struct otr_merge_slot slot = *first;

	m->bytes -= slot.ev->size;
	if (in) {
		otr_fifo_drop_first(in);
		return slot;
	}
	m->heap[0] = m->heap[--m->n];
	sift_down(m->heap, m->n);
	return slot;
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
	const struct otr_merge_slot *first;
	struct otr_merge *m = OTR_TAKE(*mp);
	struct otr_merge_chunk *ch;
	struct otr_fifo *fifo;

	if (!m)
		return;
	while ((fifo = earliest(m, &first)) || first)
		chunk_put(m, take_first(m, fifo, first).chunk);
	for (size_t i = 0; i < FIFOS; i++)
		otr_fifo_fini(&m->fifos[i]);
	free(m->filling);
	while ((ch = m->spare)) {
		m->spare = ch->next;
		free(ch);
	}
	free(m->heap);
	free(m);
}

int otr_merge_add(struct otr_merge *m, const struct otr_event *ev)
{
	struct otr_fifo *fifo = fifo_for(m, ev->time_ns);
	struct otr_event *copy;

	if (fifo ? otr_fifo_room(fifo) : grow_heap(m))
		return -ENOMEM;
	copy = take_room(m, ev->size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, ev, ev->size);
	if (ev->time_ns < m->watermark_ns)
		otr_loss_add(OTR_LOSS_STRAGGLER, 1);
	m->bytes += ev->size;
	put(m, fifo, &(struct otr_merge_slot){ev->time_ns, m->arrivals++, copy, m->filling});
	return 0;
}

void otr_merge_release(struct otr_merge *m, uint64_t until_ns, otr_event_fn fn, void *arg)
{
	const struct otr_merge_slot *first;
	struct otr_merge_slot slot;
	struct otr_fifo *in;

	for (;;) {
		in = earliest(m, &first);
		if (!first || (first->time_ns >= until_ns && m->bytes <= m->max_bytes))
			break;
		slot = take_first(m, in, first);
		if (slot.time_ns > m->watermark_ns)
			m->watermark_ns = slot.time_ns;
		fn(arg, slot.ev);
		chunk_put(m, slot.chunk);
	}
	if (until_ns > m->watermark_ns)
		m->watermark_ns = until_ns;
}
