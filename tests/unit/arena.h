/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ARENA_H
#define OTR_ARENA_H

/*
 * arena.h - memory for many small objects that are all freed together.
 *
 * otr_arena_reset() keeps the blocks, so that a batch as large as the one before allocates nothing.
 * After an error every call fails until otr_arena_reset(), as in a buffer.
 */

#include <stddef.h>

struct otr_arena_block;

struct otr_arena { /* begins zeroed */
	struct otr_arena_block *first, *now;
	int rc; /* 0 or -ENOMEM */
};

/* Gives `size` bytes, aligned for any type, not cleared; valid until the reset. NULL: no memory. */
void *otr_arena_alloc(struct otr_arena *ar, size_t size);

/* Frees all objects; keeps 4 MiB of blocks at most. */
void otr_arena_reset(struct otr_arena *ar);
void otr_arena_fini(struct otr_arena *ar);

#endif /* OTR_ARENA_H */
