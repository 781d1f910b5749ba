/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ATTR_BLOCK_H
#define OTR_ATTR_BLOCK_H

/*
 * attr_block.h - attributes that many spans have in common.
 *
 * A block is immutable, counted, and shared by spans on any thread. It lies in one allocation,
 * with its texts and with its attributes in protobuf's wire format, ready for memcpy().
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "agent/span/attr.h"

struct otr_attr_block {
	atomic_uint refs;
	uint16_t n_attrs;
	struct otr_key_set keys; /* of `attrs` */
	const struct otr_attr *attrs;
	struct otr_slice name;	    /* of the spans; empty: the block does not name them */
	struct otr_slice wire;	    /* all attributes as elements of a span's field */
	struct otr_slice name_wire; /* the name as a span's field; empty: it has none */
	size_t bytes;		    /* of the allocation */
};

/* Copies `n` attributes and the name. Gives one reference, or NULL without memory. */
struct otr_attr_block *otr_attr_block_new(const struct otr_attr *attrs, size_t n,
					  struct otr_slice name);

/* One more reference. */
static inline struct otr_attr_block *otr_attr_block_ref(struct otr_attr_block *bk)
{
	atomic_fetch_add_explicit(&bk->refs, 1, memory_order_relaxed);
	return bk;
}

/* Drops one reference; the last one frees. Sets *bkp, which may be NULL, to NULL. */
void otr_attr_block_unref(struct otr_attr_block **bkp);

#endif /* OTR_ATTR_BLOCK_H */
