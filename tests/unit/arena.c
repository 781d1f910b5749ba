/* SPDX-License-Identifier: Apache-2.0 */
/* arena.c - memory for many small objects that are all freed together. */

#include "tests/unit/arena.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>

#include "agent/base/own.h"

#define BLOCK_BYTES (256u << 10)
#define KEEP_BYTES  (4u << 20)

struct otr_arena_block {
	struct otr_arena_block *next;
	size_t used, size;
	alignas(max_align_t) char data[];
};

static struct otr_arena_block *block_new(size_t least)
{
	size_t size = least > BLOCK_BYTES ? least : BLOCK_BYTES;
	struct otr_arena_block *b = malloc(sizeof(*b) + size);

	if (!b)
		return NULL;
	b->next = NULL;
	b->used = 0;
	b->size = size;
	return b;
}

static struct otr_arena_block **next_link(struct otr_arena *ar)
{
	return ar->now ? &ar->now->next : &ar->first;
}

/* Goes to the next block with room for `size`: one that was kept, or a new one before it. */
static struct otr_arena_block *advance(struct otr_arena *ar, size_t size)
{
	struct otr_arena_block **at = next_link(ar), *b = *at;

	if (!b || b->size < size) {
		b = block_new(size);
		if (!b) {
			ar->rc = -ENOMEM;
			return NULL;
		}
		b->next = *at;
		*at = b;
	}
	ar->now = b;
	return b;
}

void *otr_arena_alloc(struct otr_arena *ar, size_t size)
{
	struct otr_arena_block *b = ar->now;
	void *p;

	if (ar->rc)
		return NULL;
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!b || b->size - b->used < size)
		b = advance(ar, size);
	if (!b)
		return NULL;
	p = b->data + b->used;
	b->used += size;
	return p;
}

static void free_from(struct otr_arena_block **at)
{
	struct otr_arena_block *b = OTR_TAKE(*at), *next;

	for (; b; b = next) {
		next = b->next;
		free(b);
	}
}

void otr_arena_reset(struct otr_arena *ar)
{
	struct otr_arena_block **at = &ar->first;
	size_t kept = 0;

	for (; *at && kept + (*at)->size <= KEEP_BYTES; at = &(*at)->next) {
		kept += (*at)->size;
		(*at)->used = 0;
	}
	free_from(at);
	ar->now = NULL;
	ar->rc = 0;
}

void otr_arena_fini(struct otr_arena *ar)
{
	free_from(&ar->first);
	ar->now = NULL;
	ar->rc = 0;
}
