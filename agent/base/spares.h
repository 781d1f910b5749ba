/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SPARES_H
#define OTR_SPARES_H

/*
 * spares.h - memory for objects of one size that are made and freed thousands of times a second.
 *
 *	chunk	| in use, .. | chunk, object | chunk, object | ..
 *
 * A page or so is allocated at once. A freed object is kept and given out next: without a search,
 * and often still in the cache. A chunk of which nothing is in use goes back to the heap once its
 * objects were spare for a while. Under sanitizers each object is a malloc of its own.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#define OTR_SPARES_OFF 1
#elif defined(__has_feature) /* clang, so the fuzzers */
#if __has_feature(address_sanitizer)
#define OTR_SPARES_OFF 1
#endif
#endif

#define OTR_SPARES_CHUNK 4000u /* bytes; a larger object has a chunk of its own */
#define OTR_SPARES_MAX	 4096u /* with more spare objects, a chunk goes back at once */

struct otr_spares_chunk;

/* What stands before an object; while it is spare, its bytes hold the rest. */
struct otr_spare {
	struct otr_spares_chunk *chunk;
	struct otr_spare *next, *prev; /* of those that are spare */
};

#define OTR_SPARE_HEAD offsetof(struct otr_spare, next)

struct otr_spares_chunk {
	struct otr_spares_chunk *next, *prev;
	size_t stride; /* from object to object */
	size_t objects, in_use;
};

struct otr_spares { /* begins zeroed */
	struct otr_spare *first;
	struct otr_spares_chunk *chunks;
	size_t n, least; /* spare objects now, and the least since the last trim */
};

/* Adds a chunk of objects of `size` bytes, all spare. False: no memory. */
bool otr_spares_grow(struct otr_spares *sp, size_t size);

/* Gives a chunk, all of whose objects are spare, back to the heap. */
void otr_spares_shrink(struct otr_spares *sp, struct otr_spares_chunk *chunk);

/* Gives `size` bytes, whose contents mean nothing; the same size each time. NULL: no memory. */
static inline void *otr_spares_take(struct otr_spares *sp, size_t size)
{
#ifdef OTR_SPARES_OFF
	(void)sp;
	return malloc(size);
#else
	struct otr_spare *spare;

	if (!sp->first && !otr_spares_grow(sp, size))
		return NULL;
	spare = sp->first;
	sp->first = spare->next;
	if (sp->first)
		sp->first->prev = NULL;
	if (--sp->n < sp->least)
		sp->least = sp->n;
	spare->chunk->in_use++;
	return (char *)spare + OTR_SPARE_HEAD;
#endif
}

/* As otr_spares_take(), all zero. */
static inline void *otr_spares_get(struct otr_spares *sp, size_t size)
{
	void *p = otr_spares_take(sp, size);

	return p ? memset(p, 0, size) : NULL;
}

static inline void otr_spares_push(struct otr_spares *sp, struct otr_spare *spare)
{
	spare->prev = NULL;
	spare->next = sp->first;
	if (sp->first)
		sp->first->prev = spare;
	sp->first = spare;
	sp->n++;
}

/* Takes an object back, which may be NULL. */
static inline void otr_spares_put(struct otr_spares *sp, void *p)
{
#ifdef OTR_SPARES_OFF
	(void)sp;
	free(p);
#else
	struct otr_spare *spare = (struct otr_spare *)((char *)p - OTR_SPARE_HEAD);

	if (!p)
		return;
	otr_spares_push(sp, spare);
	if (!--spare->chunk->in_use && sp->n > OTR_SPARES_MAX)
		otr_spares_shrink(sp, spare->chunk);
#endif
}

/* Gives back chunks as far as their objects were spare all the time since the last call. */
void otr_spares_trim(struct otr_spares *sp);

/* Gives all back; no object may be in use. */
void otr_spares_fini(struct otr_spares *sp);

#endif /* OTR_SPARES_H */
