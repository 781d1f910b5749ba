/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ARENA_H
#define OTR_ARENA_H

/*
 * arena.h - memory for many small things that all die together.
 *
 * Blocks are kept over otr_arena_reset(), so that batch after batch of one size
 * allocates nothing. Errors stick until then, as in a buffer.
 */

#include <stddef.h>

struct otr_arena_block;

struct otr_arena { /* begins zeroed */
	struct otr_arena_block *first, *now;
	int rc; /* 0 or -ENOMEM */
};

/* `size` bytes, aligned for anything, not cleared; or NULL. */
void *otr_arena_alloc(struct otr_arena *ar, size_t size);

/* Forgets all that was given. Gives back blocks beyond 4 MiB in all. */
void otr_arena_reset(struct otr_arena *ar);
void otr_arena_fini(struct otr_arena *ar);

#endif /* OTR_ARENA_H */
