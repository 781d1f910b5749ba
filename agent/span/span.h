/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SPAN_H
#define OTR_SPAN_H

/*
 * span.h - one finished span, the type that stitcher, store and exporters share.
 *
 * A span is immutable once emitted and lies in one allocation: this header, its
 * attributes, its links, its bytes. It is counted: whoever keeps it takes a
 * reference, on any thread, and nobody copies it. Spans are made with the
 * builder in stitch/, and nowhere else.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slice.h"

/* Names of attributes, by the semantic conventions; agent/span/attr.def. */
enum otr_key {
	OTR_KEY_NONE,
#define OTR_ATTR(id, name, type) OTR_KEY_##id,
#include "agent/span/attr.def"
#undef OTR_ATTR
	OTR_KEY_CUSTOM, /* otr_attr.name holds it */
	OTR_KEY_MAX,
};

/* The name of `key`; "" for OTR_KEY_NONE and OTR_KEY_CUSTOM. */
const char *otr_key_name(enum otr_key key);
struct otr_slice otr_key_slice(enum otr_key key);

/* Attribute keys come from one table (agent/span/attr.def: enum, name in the semantic
 * conventions, type), so that no string is compared or stored twice. */
enum otr_attr_type {
	OTR_ATTR_STRING,
	OTR_ATTR_INT,
	OTR_ATTR_BOOL,
	OTR_ATTR_DOUBLE,
	OTR_ATTR_STRINGS, /* header values: `string` holds them, NUL between */
};

struct otr_attr {
	uint16_t key;  /* enum otr_key; OTR_KEY_CUSTOM: `name` holds it */
	uint16_t type; /* enum otr_attr_type */
	struct otr_slice name;
	union {
		struct otr_slice string;
		int64_t integer;
		double real;
		bool boolean;
	};
};

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
	uint8_t evidence; /* why it is only a link */
	uint8_t pad[7];
};

struct otr_resource; /* one per process, counted too; agent/resource/ */

struct otr_span {
	atomic_uint refs;
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
	struct otr_slice status_text; /* of a failed span, if it says more */
	struct otr_slice trace_state;
	const struct otr_attr *attrs;
	const struct otr_link *links;
	uint16_t n_attrs;
	uint16_t n_links;
};

struct otr_span *otr_span_ref(const struct otr_span *sp);

/* Drops one reference; the last one frees. Sets *spp to NULL. */
void otr_span_unref(struct otr_span **spp);

/* Returns the text of an attribute, or a none slice if the span has none of that key. */
struct otr_slice otr_span_string(const struct otr_span *sp, enum otr_key key);

/* Returns the number of an attribute; `fallback` if the span has none of that key. */
int64_t otr_span_int(const struct otr_span *sp, enum otr_key key, int64_t fallback);

#endif /* OTR_SPAN_H */
