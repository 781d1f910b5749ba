/* SPDX-License-Identifier: Apache-2.0 */
/* span.c - the life of a span once it is made; making is in span_builder.c. */

#include "agent/span/span.h"

#include <stdlib.h>

#include "agent/base/own.h"
#include "agent/span/resource.h"

static const struct otr_slice key_names[OTR_KEY_MAX] = {
#define OTR_ATTR(id, name, type) [OTR_KEY_##id] = {name, sizeof(name) - 1},
#include "agent/span/attr.def"
#undef OTR_ATTR
};

const char *otr_key_name(enum otr_key key)
{
	return otr_key_slice(key).data;
}

struct otr_slice otr_key_slice(enum otr_key key)
{
	return key < OTR_KEY_MAX && key_names[key].data ? key_names[key] : OTR_SLICE("");
}

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
	free(sp);
}

static const struct otr_attr *find(const struct otr_span *sp, enum otr_key key)
{
	for (uint16_t i = 0; i < sp->n_attrs; i++)
		if (sp->attrs[i].key == key)
			return &sp->attrs[i];
	return NULL;
}

struct otr_slice otr_span_string(const struct otr_span *sp, enum otr_key key)
{
	const struct otr_attr *at = find(sp, key);

	return at && at->type == OTR_ATTR_STRING ? at->string : OTR_SLICE_NONE;
}

int64_t otr_span_int(const struct otr_span *sp, enum otr_key key, int64_t fallback)
{
	const struct otr_attr *at = find(sp, key);

	return at && at->type == OTR_ATTR_INT ? at->integer : fallback;
}
