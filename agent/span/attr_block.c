/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attr_block.c - attributes that many spans have in common; see attr_block.h.
 *
 *	| struct otr_attr_block | attrs[n_attrs] | texts | wire | name_wire |
 */

#include "agent/span/attr_block.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/own.h"
#include "agent/span/attr_wire.h"

static bool has_text(const struct otr_attr *at)
{
	return at->type == OTR_ATTR_STRING || at->type == OTR_ATTR_STRINGS;
}

static size_t text_bytes(const struct otr_attr *attrs, size_t n, struct otr_slice name)
{
	size_t sum = name.len;

	for (size_t i = 0; i < n; i++)
		sum += attrs[i].name.len + (has_text(&attrs[i]) ? attrs[i].string.len : 0);
	return sum;
}

/* Copies the bytes of `s` to `*to`, behind which the next ones go. */
static void move_slice(struct otr_slice *s, char **to)
{
	if (s->len)
		memcpy(*to, s->data, s->len);
	s->data = s->len ? *to : NULL;
	*to += s->len;
}

static char *move_texts(struct otr_attr *attrs, size_t n, struct otr_slice *name, char *to)
{
	for (size_t i = 0; i < n; i++) {
		move_slice(&attrs[i].name, &to);
		if (has_text(&attrs[i]))
			move_slice(&attrs[i].string, &to);
	}
	move_slice(name, &to);
	return to;
}

/* `wire` holds the attributes, then the name. */
static struct otr_attr_block *make(const struct otr_attr *attrs, size_t n, struct otr_slice name,
				   struct otr_slice wire, size_t name_wire)
{
	size_t room = n * sizeof(*attrs);
	size_t bytes = sizeof(struct otr_attr_block) + room + text_bytes(attrs, n, name) + wire.len;
	struct otr_attr_block *bk = calloc(1, bytes);
	struct otr_attr *own;
	char *to;

	if (!bk)
		return NULL;
	atomic_init(&bk->refs, 1);
	own = (struct otr_attr *)(bk + 1);
	if (n)
		memcpy(own, attrs, room);
	bk->attrs = own;
	bk->n_attrs = (uint16_t)n;
	bk->name = name;
	bk->bytes = bytes;
	to = move_texts(own, n, &bk->name, (char *)own + room);
	move_slice(&wire, &to);
	bk->wire = otr_slice_sub(wire, 0, wire.len - name_wire);
	bk->name_wire = otr_slice_sub(wire, bk->wire.len, name_wire);
	for (size_t i = 0; i < n; i++)
		otr_key_set_add(&bk->keys, own[i].key);
	return bk;
}

struct otr_attr_block *otr_attr_block_new(const struct otr_attr *attrs, size_t n,
					  struct otr_slice name)
{
	OTR_AUTO(otr_pbuf_fini) struct otr_pbuf wire = {0};
	size_t name_wire;

	if (n > UINT16_MAX ||
	    otr_pbuf_room(&wire, otr_wire_attrs_max(attrs, n) + otr_wire_text_max(name)))
		return NULL;
	otr_wire_text(&wire, OTR_WIRE_SPAN_NAME, name);
	name_wire = otr_pbuf_len(&wire);
	otr_wire_attrs(&wire, OTR_WIRE_SPAN_ATTRIBUTES, attrs, n);
	return make(attrs, n, name, (struct otr_slice){wire.data + wire.at, otr_pbuf_len(&wire)},
		    name_wire);
}

void otr_attr_block_unref(struct otr_attr_block **bkp)
{
	struct otr_attr_block *bk = OTR_TAKE(*bkp);

	if (bk && atomic_fetch_sub_explicit(&bk->refs, 1, memory_order_acq_rel) == 1)
		free(bk);
}
