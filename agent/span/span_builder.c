/* SPDX-License-Identifier: Apache-2.0 */
/*
 * span_builder.c - the one way to make a span.
 *
 * While building, a slice's `data` is an offset into `text`, whose memory may move;
 * finish() lays everything behind the span and turns offsets into addresses:
 *
 *	| struct otr_span | attrs[n_attrs] | links[n_links] | text |
 *
 * Blocks are not copied. Their references pass from the builder to the span.
 */

#include "agent/span/span_builder.h"

#include <errno.h>

#include "agent/base/own.h"
#include "agent/span/attr_block.h"
#include "agent/span/resource.h"
#include "agent/span/span_memory.h"

#define TEXT_MAX 4096

static void drop_blocks(struct otr_span_builder *sb)
{
	while (sb->span.n_blocks)
		otr_attr_block_unref(&sb->span.blocks[--sb->span.n_blocks]);
}

void otr_sb_reset(struct otr_span_builder *sb)
{
	drop_blocks(sb);
	otr_buf_reset(&sb->text);
	memset(&sb->span, 0, sizeof(sb->span));
	sb->namer = NULL;
	sb->span.kind = OTR_SPAN_INTERNAL;
}

void otr_sb_fini(struct otr_span_builder *sb)
{
	drop_blocks(sb);
	otr_buf_fini(&sb->text);
}

/* At most TEXT_MAX bytes, and no UTF-8 character cut in two. */
static struct otr_slice clip(struct otr_slice s)
{
	if (s.len <= TEXT_MAX)
		return s;
	s.len = TEXT_MAX;
	while (s.len && ((unsigned char)s.data[s.len] & 0xc0) == 0x80)
		s.len--;
	return s;
}

static struct otr_slice keep_text(struct otr_span_builder *sb, struct otr_slice s)
{
	size_t at = sb->text.len;

	s = clip(s);
	otr_buf_slice(&sb->text, s);
	return (struct otr_slice){(const char *)at, s.len};
}

void otr_sb_name(struct otr_span_builder *sb, struct otr_slice name)
{
	sb->span.name = keep_text(sb, name);
	sb->namer = NULL;
}

void otr_sb_status(struct otr_span_builder *sb, struct otr_slice text)
{
	sb->span.status_text = keep_text(sb, text);
}

void otr_sb_trace_state(struct otr_span_builder *sb, struct otr_slice text)
{
	sb->span.trace_state = keep_text(sb, text);
}

/* The span's own attribute of `key`, or NULL. */
static struct otr_attr *find_own(struct otr_span_builder *sb, enum otr_key key)
{
	if (key == OTR_KEY_CUSTOM || !otr_key_set_has(&sb->span.keys, key))
		return NULL;
	for (uint16_t i = 0; i < sb->span.n_attrs; i++)
		if (sb->attrs[i].key == key)
			return &sb->attrs[i];
	return NULL;
}

static struct otr_attr *slot(struct otr_span_builder *sb, enum otr_key key)
{
	struct otr_span *sp = &sb->span;
	struct otr_attr *at = find_own(sb, key);

	if (at)
		return at;
	if (sp->n_attrs == OTR_SPAN_ATTRS) {
		sb->text.rc = -E2BIG;
		return NULL;
	}
	at = &sb->attrs[sp->n_attrs++];
	otr_key_set_add(&sp->keys, key);
	at->key = (uint16_t)key;
	at->name = OTR_SLICE_NONE;
	return at;
}

void otr_sb_string(struct otr_span_builder *sb, enum otr_key key, struct otr_slice value)
{
	struct otr_attr *at = value.len ? slot(sb, key) : NULL;

	if (!at)
		return;
	at->type = OTR_ATTR_STRING;
	at->string = keep_text(sb, value);
}

void otr_sb_int(struct otr_span_builder *sb, enum otr_key key, int64_t value)
{
	struct otr_attr *at = slot(sb, key);

	if (!at)
		return;
	at->type = OTR_ATTR_INT;
	at->integer = value;
}

void otr_sb_double(struct otr_span_builder *sb, enum otr_key key, double value)
{
	struct otr_attr *at = slot(sb, key);

	if (!at)
		return;
	at->type = OTR_ATTR_DOUBLE;
	at->real = value;
}

void otr_sb_bool(struct otr_span_builder *sb, enum otr_key key, bool value)
{
	struct otr_attr *at = slot(sb, key);

	if (!at)
		return;
	at->type = OTR_ATTR_BOOL;
	at->boolean = value;
}

static void set_custom(struct otr_span_builder *sb, enum otr_attr_type type, struct otr_slice name,
		       struct otr_slice value)
{
	struct otr_attr *at = value.len ? slot(sb, OTR_KEY_CUSTOM) : NULL;

	if (!at)
		return;
	at->type = (uint16_t)type;
	at->name = keep_text(sb, name);
	at->string = keep_text(sb, value);
}

void otr_sb_custom(struct otr_span_builder *sb, struct otr_slice name, struct otr_slice value)
{
	set_custom(sb, OTR_ATTR_STRING, name, value);
}

void otr_sb_custom_list(struct otr_span_builder *sb, struct otr_slice name, struct otr_slice value)
{
	set_custom(sb, OTR_ATTR_STRINGS, name, value);
}

void otr_sb_link(struct otr_span_builder *sb, const struct otr_link *link)
{
	if (sb->span.n_links < OTR_SPAN_LINKS)
		sb->links[sb->span.n_links++] = *link;
}

void otr_sb_error(struct otr_span_builder *sb, struct otr_slice type)
{
	sb->span.failed = true;
	otr_sb_string(sb, OTR_KEY_ERROR_TYPE, type);
}

struct otr_slice otr_sb_name_of(const struct otr_span_builder *sb)
{
	if (sb->namer)
		return sb->namer->name;
	if (!sb->text.data)
		return OTR_SLICE_NONE;
	return (struct otr_slice){sb->text.data + (size_t)sb->span.name.data, sb->span.name.len};
}

void otr_sb_block(struct otr_span_builder *sb, struct otr_attr_block *bk)
{
	if (sb->span.n_blocks == OTR_SPAN_BLOCKS) {
		sb->text.rc = -E2BIG;
		return;
	}
	sb->span.block_at[sb->span.n_blocks] = (uint8_t)sb->span.n_attrs;
	sb->span.blocks[sb->span.n_blocks++] = otr_attr_block_ref(bk);
	otr_key_set_join(&sb->span.keys, &bk->keys);
	if (bk->name.len)
		sb->namer = bk;
}

static void settle(struct otr_slice *s, const char *text)
{
	s->data = s->len ? text + (size_t)s->data : NULL;
}

static void settle_attrs(struct otr_attr *at, size_t n, const char *text)
{
	for (; n--; at++) {
		settle(&at->name, text);
		if (at->type == OTR_ATTR_STRING || at->type == OTR_ATTR_STRINGS)
			settle(&at->string, text);
	}
}

struct otr_attr_block *otr_sb_block_since(const struct otr_span_builder *sb, uint16_t from,
					  bool named)
{
	size_t n = (size_t)(sb->span.n_attrs - from);
	struct otr_attr attrs[OTR_SPAN_ATTRS];

	if (sb->text.rc)
		return NULL;
	memcpy(attrs, sb->attrs + from, n * sizeof(attrs[0]));
	settle_attrs(attrs, n, sb->text.data);
	return otr_attr_block_new(attrs, n, named ? otr_sb_name_of(sb) : OTR_SLICE_NONE);
}

/* Sets the addresses of the texts, which lie at `text`. */
static void settle_all(struct otr_span *sp, const struct otr_span_builder *sb, const char *text)
{
	settle(&sp->name, text);
	settle(&sp->status_text, text);
	settle(&sp->trace_state, text);
	settle_attrs((struct otr_attr *)sp->attrs, sp->n_attrs, text);
	if (!sb->namer)
		return;
	sp->name = sb->namer->name;
	sp->name_wire = sb->namer->name_wire;
}

struct otr_span *otr_sb_finish(struct otr_span_builder *sb)
{
	size_t attrs = sb->span.n_attrs * sizeof(struct otr_attr);
	size_t links = sb->span.n_links * sizeof(struct otr_link);
	size_t bytes = sizeof(struct otr_span) + attrs + links + sb->text.len;
	struct otr_span *sp;
	char *at;

	if (sb->text.rc)
		return NULL;
	sp = otr_span_alloc(bytes);
	if (!sp)
		return NULL;
	*sp = sb->span;
	atomic_init(&sp->refs, 1);
	sp->bytes = (uint32_t)bytes;
	at = (char *)(sp + 1);
	sp->attrs = memcpy(at, sb->attrs, attrs);
	sp->links = memcpy(at + attrs, sb->links, links);
	at += attrs + links;
	if (sb->text.len)
		memcpy(at, sb->text.data, sb->text.len);

	settle_all(sp, sb, at);
	sb->span.n_blocks = 0;
	if (sp->resource)
		sp->resource = otr_resource_ref(sp->resource);
	return sp;
}
