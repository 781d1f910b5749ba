/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SPARES_H
#define OTR_SPARES_H

/*
 * spares.h - a free list for objects of one size that are made and freed thousands of times a
 * second.
 *
 * A freed object is kept, up to a bound, and given out next: without a search, and often still in
 * the cache. What was not needed for a while is returned to the heap; else a few thousand
 * objects, each in another page, would keep all these pages. Under sanitizers each object is a
 * malloc of its own.
 */

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define OTR_SPARES_MAX 4096

struct otr_spares {	 /* begins zeroed */
	void *first;	 /* each begins with the address of the next */
	size_t n, least; /* the least number of spare objects since the last trim */
};

/* Gives `size` bytes, whose contents mean nothing; the same size each time. NULL: no memory. */
static inline void *otr_spares_take(struct otr_spares *sp, size_t size)
{
	void *p = sp->first;

	if (!p)
		return malloc(size);
	memcpy(&sp->first, p, sizeof(sp->first));
	if (--sp->n < sp->least)
		sp->least = sp->n;
	return p;
}

/* As otr_spares_take(), all zero. */
static inline void *otr_spares_get(struct otr_spares *sp, size_t size)
{
	void *p = otr_spares_take(sp, size);

	return p ? memset(p, 0, size) : NULL;
}

/* Takes an object back. */
static inline void otr_spares_put(struct otr_spares *sp, void *p)
{
#ifndef __SANITIZE_ADDRESS__
	if (p && sp->n < OTR_SPARES_MAX) {
		memcpy(p, &sp->first, sizeof(sp->first));
		sp->first = p;
		sp->n++;
		return;
	}
#endif
	(void)sp;
	free(p);
}

/* Frees the objects that were spare all the time since the last call. */
static inline void otr_spares_trim(struct otr_spares *sp)
{
	for (; sp->least; sp->least--, sp->n--) {
		void *p = sp->first;

		memcpy(&sp->first, p, sizeof(sp->first));
		free(p);
	}
	sp->least = sp->n;
}

static inline void otr_spares_fini(struct otr_spares *sp)
{
	while (sp->first) {
		void *p = sp->first;

		memcpy(&sp->first, p, sizeof(sp->first));
		free(p);
	}
	sp->n = sp->least = 0;
}

#endif /* OTR_SPARES_H */
