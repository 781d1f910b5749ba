/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SPAN_BUILDER_H
#define OTR_SPAN_BUILDER_H

/*
 * span_builder.h - the one way to make a span.
 *
 * A builder is reused for span after span and allocates nothing once warm; the
 * finished span is one allocation of exactly its size. Every text is copied
 * when it is given. Errors stick and come out of otr_sb_finish().
 */

#include "agent/base/buf.h"
#include "agent/span/span.h"

#define OTR_SPAN_ATTRS 64 /* the conventions' limit is 128: ours are fewer */
#define OTR_SPAN_LINKS 16

struct otr_span_builder {
	struct otr_span span; /* set its plain fields directly */
	struct otr_attr attrs[OTR_SPAN_ATTRS];
	struct otr_link links[OTR_SPAN_LINKS];
	struct otr_attr_block *namer; /* the block that names the span, not span.name; or NULL */
	struct otr_buf text;
	/* While building, slices hold offsets into `text`, not addresses. */
};

/* Begins a span: everything zero, kind INTERNAL. A builder begins zeroed. */
void otr_sb_reset(struct otr_span_builder *sb);
void otr_sb_fini(struct otr_span_builder *sb);

/* Each sets or replaces one thing. Texts longer than 4096 bytes are cut at a
 * character. An empty or absent text sets nothing, but for the name. */
void otr_sb_name(struct otr_span_builder *sb, struct otr_slice name);
void otr_sb_status(struct otr_span_builder *sb, struct otr_slice text);
void otr_sb_trace_state(struct otr_span_builder *sb, struct otr_slice text);
void otr_sb_string(struct otr_span_builder *sb, enum otr_key key, struct otr_slice value);
void otr_sb_int(struct otr_span_builder *sb, enum otr_key key, int64_t value);
void otr_sb_double(struct otr_span_builder *sb, enum otr_key key, double value);
void otr_sb_bool(struct otr_span_builder *sb, enum otr_key key, bool value);
void otr_sb_custom(struct otr_span_builder *sb, struct otr_slice name, struct otr_slice value);
/* Adds a list of one string, as the conventions give headers. */
void otr_sb_custom_list(struct otr_span_builder *sb, struct otr_slice name, struct otr_slice value);
void otr_sb_link(struct otr_span_builder *sb, const struct otr_link *link);

/* Marks the span failed and sets error.type. */
void otr_sb_error(struct otr_span_builder *sb, struct otr_slice type);

/* The text of the name as it stands; dies at the next call on `sb`. */
struct otr_slice otr_sb_name_of(const struct otr_span_builder *sb);

/* Adds the attributes of a block, of which the span takes one reference, and its name, if it has
 * one, as if they were set one by one; but they cannot be replaced. At most OTR_SPAN_BLOCKS. */
void otr_sb_block(struct otr_span_builder *sb, struct otr_attr_block *bk);

/* Makes a block of the span's own attributes from number `from` on, and of its name if `named`. The
 * span is unchanged. Gives one reference; NULL: there is no memory, or the span has an error. */
struct otr_attr_block *otr_sb_block_since(const struct otr_span_builder *sb, uint16_t from,
					  bool named);

/* Gives the finished span, one reference, or NULL when memory ran out; its
 * resource, if any, gets one reference of its own. */
struct otr_span *otr_sb_finish(struct otr_span_builder *sb);

#endif /* OTR_SPAN_BUILDER_H */
