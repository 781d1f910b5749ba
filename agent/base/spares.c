/* SPDX-License-Identifier: Apache-2.0 */
/* spares.c - the chunks of objects of one size; see spares.h. */

#include "agent/base/spares.h"

#include <utlist.h>

/* Objects are aligned as pointers are. */
static size_t stride_of(size_t size)
{
	size_t stride = OTR_SPARE_HEAD + (size + 7) / 8 * 8;

	return stride > sizeof(struct otr_spare) ? stride : sizeof(struct otr_spare);
}

static struct otr_spare *object(struct otr_spares_chunk *chunk, size_t i)
{
	return (struct otr_spare *)((char *)(chunk + 1) + i * chunk->stride);
}

bool otr_spares_grow(struct otr_spares *sp, size_t size)
{
	size_t stride = stride_of(size);
	size_t n = (OTR_SPARES_CHUNK - sizeof(struct otr_spares_chunk)) / stride;
	struct otr_spares_chunk *chunk;

	n = n ? n : 1;
	chunk = malloc(sizeof(*chunk) + n * stride);
	if (!chunk)
		return false;
	chunk->stride = stride;
	chunk->objects = n;
	chunk->in_use = 0;
	DL_PREPEND(sp->chunks, chunk);
	while (n--) {
		object(chunk, n)->chunk = chunk;
		otr_spares_push(sp, object(chunk, n));
	}
	return true;
}

static void unlink_spare(struct otr_spares *sp, struct otr_spare *spare)
{
	if (spare->prev)
		spare->prev->next = spare->next;
	else
		sp->first = spare->next;
	if (spare->next)
		spare->next->prev = spare->prev;
	sp->n--;
}

void otr_spares_shrink(struct otr_spares *sp, struct otr_spares_chunk *chunk)
{
	for (size_t i = 0; i < chunk->objects; i++)
		unlink_spare(sp, object(chunk, i));
	if (sp->n < sp->least)
		sp->least = sp->n;
	DL_DELETE(sp->chunks, chunk);
	free(chunk);
}

void otr_spares_trim(struct otr_spares *sp)
{
	struct otr_spares_chunk *chunk, *next;
	size_t spare = sp->least;

	DL_FOREACH_SAFE(sp->chunks, chunk, next) {
		if (chunk->in_use || chunk->objects > spare)
			continue;
		spare -= chunk->objects;
		otr_spares_shrink(sp, chunk);
	}
	sp->least = sp->n;
}

void otr_spares_fini(struct otr_spares *sp)
{
	struct otr_spares_chunk *chunk, *next;

	DL_FOREACH_SAFE(sp->chunks, chunk, next)
		free(chunk);
	memset(sp, 0, sizeof(*sp));
}
