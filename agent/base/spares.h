/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SPARES_H
#define OTR_SPARES_H

/*
 * spares.h - objects of one size that come and go thousands of times a second.
 *
 * What is given back is kept, up to a bound, and is the next to be given: no search, and
 * often in the cache still. What was not needed for a while goes back to the heap: a few
 * thousand objects in as many pages would hold all of these. For the sanitizers every
 * object is a malloc of its own.
 */

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define OTR_SPARES_MAX 4096

struct otr_spares {	 /* begins zeroed */
	void *first;	 /* each begins with the address of the next */
	size_t n, least; /* least: there were always so many, since the last trim */
};

/* Gives `size` bytes, all zero; the same size each time. NULL: no memory. */
static inline void *otr_spares_get(struct otr_spares *sp, size_t size)
{
	void *p = sp->first;

	if (!p)
		return calloc(1, size);
	memcpy(&sp->first, p, sizeof(sp->first));
	if (--sp->n < sp->least)
		sp->least = sp->n;
	return memset(p, 0, size);
}

/* Takes it. */
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

/* Frees what nobody needed since it was called last. */
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
