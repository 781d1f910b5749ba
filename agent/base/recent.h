/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_RECENT_H
#define OTR_RECENT_H

/*
 * recent.h - the objects of a table that were found last, by their numbers: spares the hash.
 *
 * Each number has one slot, which holds the object that was found last of all that share it. So
 * whoever chooses numbers can only make this useless, not slow: the table behind it is asked.
 */

#include <stddef.h>
#include <stdint.h>

#define OTR_RECENT 256u

struct otr_recent { /* begins zeroed */
	struct {
		uint64_t number;
		void *object; /* NULL: none */
	} slots[OTR_RECENT];
};

/* The object with this number, or NULL: then the table knows. */
static inline void *otr_recent_find(const struct otr_recent *re, uint64_t number)
{
	size_t at = number % OTR_RECENT;

	return re->slots[at].number == number ? re->slots[at].object : NULL;
}

static inline void otr_recent_put(struct otr_recent *re, uint64_t number, void *object)
{
	re->slots[number % OTR_RECENT].number = number;
	re->slots[number % OTR_RECENT].object = object;
}

/* The object leaves the table. */
static inline void otr_recent_drop(struct otr_recent *re, uint64_t number)
{
	if (re->slots[number % OTR_RECENT].number == number)
		re->slots[number % OTR_RECENT].object = NULL;
}

#endif /* OTR_RECENT_H */
