/* SPDX-License-Identifier: Apache-2.0 */
/* span.c - the life of a span once it is made; making is in span_builder.c. */

#include "agent/span/span.h"

#include "agent/base/own.h"
#include "agent/span/attr_block.h"
#include "agent/span/resource.h"
#include "agent/span/span_memory.h"
#include "bpf/event.h"

struct otr_span *otr_span_ref(const struct otr_span *sp)
{
	struct otr_span *mine = (struct otr_span *)sp; /* only the count moves */

	atomic_fetch_add_explicit(&mine->refs, 1, memory_order_relaxed);
	return mine;
}

void otr_span_unref(struct otr_span **spp)
{
	struct otr_span *sp = OTR_TAKE(*spp);

	if (!sp || atomic_fetch_sub_explicit(&sp->refs, 1, memory_order_acq_rel) != 1)
		return;
	otr_resource_unref(&sp->resource);
	for (uint16_t i = 0; i < sp->n_blocks; i++)
		otr_attr_block_unref(&sp->blocks[i]);
	otr_span_dealloc(sp, sp->bytes);
}

const struct otr_attr *otr_span_attr(const struct otr_span *sp, size_t i)
{
	size_t in_blocks = 0;

	for (uint16_t k = 0; k < sp->n_blocks; k++) {
		const struct otr_attr_block *bk = sp->blocks[k];

		if (i < in_blocks + sp->block_at[k])
			break;
		if (i < in_blocks + sp->block_at[k] + bk->n_attrs)
			return &bk->attrs[i - in_blocks - sp->block_at[k]];
		in_blocks += bk->n_attrs;
	}
	i -= in_blocks;
	return i < sp->n_attrs ? &sp->attrs[i] : NULL;
}

static const struct otr_attr *find_in(const struct otr_attr *at, size_t n, enum otr_key key)
{
	for (const struct otr_attr *end = at + n; at < end; at++)
		if (at->key == key)
			return at;
	return NULL;
}

static const struct otr_attr *find(const struct otr_span *sp, enum otr_key key)
{
	if (!otr_key_set_has(&sp->keys, key))
		return NULL;
	for (uint16_t k = 0; k < sp->n_blocks; k++)
		if (otr_key_set_has(&sp->blocks[k]->keys, key))
			return find_in(sp->blocks[k]->attrs, sp->blocks[k]->n_attrs, key);
	return find_in(sp->attrs, sp->n_attrs, key);
}

unsigned int otr_span_candidates(const struct otr_span *sp)
{
	unsigned int n = 0;

	for (uint16_t i = 0; i < sp->n_links; i++)
		n += sp->links[i].evidence != OTR_EVIDENCE_NONE;
	return n;
}

struct otr_slice otr_span_string(const struct otr_span *sp, enum otr_key key)
{
	const struct otr_attr *at = find(sp, key);

	return at && at->type == OTR_ATTR_STRING ? at->string : OTR_SLICE_NONE;
}

struct otr_slice otr_span_custom(const struct otr_span *sp, struct otr_slice name)
{
	const struct otr_attr *at;

	for (size_t i = 0; (at = otr_span_attr(sp, i)); i++)
		if (at->key == OTR_KEY_CUSTOM && at->type == OTR_ATTR_STRING &&
		    otr_slice_eq(at->name, name))
			return at->string;
	return OTR_SLICE_NONE;
}

int64_t otr_span_int(const struct otr_span *sp, enum otr_key key, int64_t fallback)
{
	const struct otr_attr *at = find(sp, key);

	return at && at->type == OTR_ATTR_INT ? at->integer : fallback;
}
