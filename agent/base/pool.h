/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_POOL_H
#define OTR_POOL_H

/*
 * pool.h - memory for objects of many sizes that are made and freed thousands of times a second.
 *
 * A size is rounded up to a multiple of 128 bytes, and each of these has a free list of its own
 * (spares.h). What is larger than 1 KiB is the heap's. Contents mean nothing at first.
 */

#include <stddef.h>
#include <stdint.h>

#include "agent/base/spares.h"

#define OTR_POOL_STEP 128u
#define OTR_POOL_ROWS 8u

struct otr_pool { /* begins zeroed */
	struct otr_spares rows[OTR_POOL_ROWS];
};

/* What stands before each object. */
struct otr_pool_head {
	uint64_t row; /* OTR_POOL_ROWS: it is the heap's */
};

/* Gives `size` bytes, aligned as a pointer is. NULL: no memory. */
static inline void *otr_pool_take(struct otr_pool *pool, size_t size)
{
	size_t row = (size + sizeof(struct otr_pool_head) - 1) / OTR_POOL_STEP;
	struct otr_pool_head *head;

	if (row < OTR_POOL_ROWS)
		head = otr_spares_take(&pool->rows[row], (row + 1) * OTR_POOL_STEP);
	else
		head = malloc(sizeof(*head) + size);
	if (!head)
		return NULL;
	head->row = row < OTR_POOL_ROWS ? row : OTR_POOL_ROWS;
	return head + 1;
}

/* Takes an object back, which may be NULL. */
static inline void otr_pool_put(struct otr_pool *pool, void *object)
{
	struct otr_pool_head *head = object;

	if (!object)
		return;
	head--;
	if (head->row < OTR_POOL_ROWS)
		otr_spares_put(&pool->rows[head->row], head);
	else
		free(head);
}

/* Frees what was not needed since the last call. */
static inline void otr_pool_trim(struct otr_pool *pool)
{
	for (size_t i = 0; i < OTR_POOL_ROWS; i++)
		otr_spares_trim(&pool->rows[i]);
}

static inline void otr_pool_fini(struct otr_pool *pool)
{
	for (size_t i = 0; i < OTR_POOL_ROWS; i++)
		otr_spares_fini(&pool->rows[i]);
}

#endif /* OTR_POOL_H */
