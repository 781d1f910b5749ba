/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SPAN_H
#define OTR_SPAN_H

/*
 * span.h - one finished span, the type that stitcher, store and exporters share.
 *
 * A span is immutable once emitted and lies in one allocation: this header, its own
 * attributes, its links, its bytes. Attributes that other spans have, too, lie in blocks
 * that the spans share (attr_block.h). A span is counted: whoever keeps it takes a
 * reference, on any thread, and nobody copies it. Spans are made with the
 * builder (span_builder.h), and nowhere else.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "agent/span/attr.h"

#define OTR_FLAG_SAMPLED 0x01 /* of W3C Trace Context */
#define OTR_FLAG_RANDOM	 0x02

enum otr_span_kind { /* OTLP's numbers */
	OTR_SPAN_INTERNAL = 1,
	OTR_SPAN_SERVER,
	OTR_SPAN_CLIENT,
	OTR_SPAN_PRODUCER,
	OTR_SPAN_CONSUMER,
};

struct otr_link {
	uint8_t trace_id[16];
	uint8_t span_id[8];
	uint8_t evidence; /* why it is only a link; NONE: a message names it, it is no candidate */
	uint8_t pad[7];
};

struct otr_resource; /* one per process, counted too; agent/resource/ */

#define OTR_SPAN_BLOCKS 4 /* of one span, at most */

struct otr_attr_block; /* attributes that many spans have in common; attr_block.h */

struct otr_span {
	atomic_uint refs;
	uint32_t bytes; /* of its allocation; span_memory.h */
	uint8_t trace_id[16];
	uint8_t span_id[8];
	uint8_t parent_id[8]; /* zero: a root */
	uint8_t flags;	      /* W3C trace flags */
	uint8_t kind;	      /* enum otr_span_kind */
	uint8_t evidence;     /* enum otr_evidence: how the parent is known */
	bool failed;
	bool cut;	    /* a part was lost: what is missing is not guessed */
	bool parent_remote; /* the parent is on no host we see: read from a header */
	uint64_t start_ns;  /* since the epoch */
	uint64_t end_ns;
	struct otr_resource *resource;
	const char *scope; /* of the parser: "otrace/http" */
	struct otr_slice name;
	struct otr_slice name_wire;   /* of the block that names it (attr_block.h); or empty */
	struct otr_slice status_text; /* of a failed span, if it says more */
	struct otr_slice trace_state;
	struct otr_key_set keys; /* of its attributes, those of blocks, too */
	struct otr_attr_block *blocks[OTR_SPAN_BLOCKS];
	uint8_t block_at[OTR_SPAN_BLOCKS]; /* how many of `attrs` come before each block */
	const struct otr_attr *attrs;	   /* its own; no key is in a block, too */
	const struct otr_link *links;
	uint16_t n_blocks;
	uint16_t n_attrs;
	uint16_t n_links;
};

struct otr_span *otr_span_ref(const struct otr_span *sp);

/* Drops one reference; the last one frees. Sets *spp to NULL. */
void otr_span_unref(struct otr_span **spp);

/* Returns the attribute number `i`, of blocks and its own; NULL: it has no more. */
const struct otr_attr *otr_span_attr(const struct otr_span *sp, size_t i);

/* How many of its links are candidates for its parent, none of which is proved. */
unsigned int otr_span_candidates(const struct otr_span *sp);

/* Returns the text of an attribute, or a none slice if the span has none of that key. */
struct otr_slice otr_span_string(const struct otr_span *sp, enum otr_key key);

/* The same for an attribute without a key of ours, by its name. */
struct otr_slice otr_span_custom(const struct otr_span *sp, struct otr_slice name);

/* Returns the number of an attribute; `fallback` if the span has none of that key. */
int64_t otr_span_int(const struct otr_span *sp, enum otr_key key, int64_t fallback);

#endif /* OTR_SPAN_H */
