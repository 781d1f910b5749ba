/* SPDX-License-Identifier: Apache-2.0 */
/* fifo.c - the memory of a queue of records; see fifo.h. */

#include "agent/source/fifo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 256

int otr_fifo_grow(struct otr_fifo *f)
{
	size_t cap = f->cap ? 2 * f->cap : FIRST_SLOTS;
	size_t to_end = f->cap - f->first;
	struct otr_merge_slot *slots;

	slots = reallocarray(NULL, cap, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	if (f->n) { /* it is full: from `first` to its end, and from its begin to `first` */
		memcpy(slots, f->slots + f->first, to_end * sizeof(*slots));
		memcpy(slots + to_end, f->slots, f->first * sizeof(*slots));
	}
	free(f->slots);
	f->slots = slots;
	f->first = 0;
	f->cap = cap;
	return 0;
}

void otr_fifo_fini(struct otr_fifo *f)
{
	free(f->slots);
	memset(f, 0, sizeof(*f));
}
