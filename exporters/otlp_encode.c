/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp_encode.c - spans as the protobuf bytes of one ExportTraceServiceRequest (OTLP 1.11),
 * written straight from the spans: by protobuf-c it took seven times as many instructions.
 *
 * The numbers of the fields are those of otlp.proto. tests/unit/otlp_witness.c encodes the same
 * spans by protobuf-c, and otlp_test.c compares the bytes. Everything is written from the end to
 * the front (pbuf.h), so functions write the last field first.
 *
 * Texts and attributes: agent/span/attr_wire.h.
 */

#include "exporters/otlp_encode.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/base/slice.h"
#include "agent/base/version.h"
#include "agent/span/attr_block.h"
#include "agent/span/attr_wire.h"
#include "agent/span/resource.h"
#include "agent/span/span.h"
#include "bpf/event.h"

enum { /* otlp.proto */
	REQUEST_RESOURCE_SPANS = 1,
	RESOURCE_SPANS_RESOURCE = 1,
	RESOURCE_SPANS_SCOPE_SPANS = 2,
	RESOURCE_SPANS_SCHEMA_URL = 3,
	RESOURCE_ATTRIBUTES = 1,
	SCOPE_SPANS_SCOPE = 1,
	SCOPE_SPANS_SPANS = 2,
	SCOPE_SPANS_SCHEMA_URL = 3,
	SCOPE_NAME = 1,
	SCOPE_VERSION = 2,
	SPAN_TRACE_ID = 1,
	SPAN_SPAN_ID = 2,
	SPAN_TRACE_STATE = 3,
	SPAN_PARENT_ID = 4,
	SPAN_NAME = OTR_WIRE_SPAN_NAME,
	SPAN_KIND = 6,
	SPAN_START = 7,
	SPAN_END = 8,
	SPAN_ATTRIBUTES = OTR_WIRE_SPAN_ATTRIBUTES,
	SPAN_LINKS = 13,
	SPAN_STATUS = 15,
	SPAN_FLAGS = 16,
	LINK_TRACE_ID = 1,
	LINK_SPAN_ID = 2,
	LINK_ATTRIBUTES = 4,
	STATUS_MESSAGE = 2,
	STATUS_CODE = 3,
};

#define STATUS_CODE_ERROR 2

/* ---- encoding ---- */

static size_t blocks_bytes(const struct otr_span *sp)
{
	size_t sum = 0;

	for (uint16_t i = 0; i < sp->n_blocks; i++)
		sum += sp->blocks[i]->wire.len;
	return sum;
}

static size_t span_max(const struct otr_span *sp)
{
	return 512 + blocks_bytes(sp) + otr_wire_text_max(sp->name) +
	       otr_wire_text_max(sp->trace_state) + otr_wire_text_max(sp->status_text) +
	       otr_wire_attrs_max(sp->attrs, sp->n_attrs) + sp->n_links * 256u;
}

static void put_extra(struct otr_pbuf *w, unsigned int field, enum otr_key key, const char *text)
{
	const struct otr_attr at = {
		.key = key, .type = OTR_ATTR_STRING, .string = {text, strlen(text)}};

	otr_wire_attr(w, field, &at);
}

#define EVIDENCE_KEY "otrace.parent.evidence"
#define EVIDENCE_MAX 8 /* bytes of a value */

/* The attribute otrace.parent.evidence in the wire format, but for the tag of its field. */
struct evidence {
	uint8_t len; /* of what follows, without what is not used of `value` */
	uint8_t key_tag, key_len;
	char key[sizeof(EVIDENCE_KEY) - 1];
	uint8_t value_tag, value_len, string_tag, string_len;
	char value[EVIDENCE_MAX];
};

#define TAG(field)	((field) << 3 | OTR_PBUF_LEN)
#define EVIDENCE_LEN(n) (offsetof(struct evidence, value) - 1 + (n))
#define ROW(id, exported)                                          \
	[OTR_EVIDENCE_##id] = {EVIDENCE_LEN(sizeof(exported) - 1), \
			       TAG(1),                             \
			       sizeof(EVIDENCE_KEY) - 1,           \
			       EVIDENCE_KEY,                       \
			       TAG(2),                             \
			       sizeof(exported) + 1,               \
			       TAG(1),                             \
			       sizeof(exported) - 1,               \
			       exported},

static const struct evidence evidence[OTR_EVIDENCE_MAX] = {
#define OTR_EVIDENCE_ROW(id, exported, shown) ROW(id, exported)
#include "bpf/evidence.def"
#undef OTR_EVIDENCE_ROW
};

static void put_evidence(struct otr_pbuf *w, unsigned int field, uint8_t how)
{
	if (how >= OTR_EVIDENCE_MAX || !evidence[how].len)
		return;
	otr_pbuf_bytes(w, &evidence[how], 1u + evidence[how].len);
	otr_pbuf_tag(w, field, OTR_PBUF_LEN);
}

static void put_link(struct otr_pbuf *w, const struct otr_link *ln)
{
	size_t from = otr_pbuf_len(w);

	put_evidence(w, LINK_ATTRIBUTES, ln->evidence);
	otr_pbuf_string(w, LINK_SPAN_ID, ln->span_id, sizeof(ln->span_id));
	otr_pbuf_string(w, LINK_TRACE_ID, ln->trace_id, sizeof(ln->trace_id));
	otr_pbuf_close(w, SPAN_LINKS, from);
}

static void put_status(struct otr_pbuf *w, const struct otr_span *sp)
{
	size_t from = otr_pbuf_len(w);

	otr_pbuf_number(w, STATUS_CODE, STATUS_CODE_ERROR);
	otr_wire_text(w, STATUS_MESSAGE, sp->status_text);
	otr_pbuf_close(w, SPAN_STATUS, from);
}

/* Writes the attributes of the span and of its blocks. */
static void put_blocks(struct otr_pbuf *w, const struct otr_span *sp)
{
	size_t end = sp->n_attrs;

	for (size_t i = sp->n_blocks; i--; end = sp->block_at[i]) {
		const struct otr_slice wire = sp->blocks[i]->wire;

		if (end > sp->block_at[i])
			otr_wire_attrs(w, SPAN_ATTRIBUTES, sp->attrs + sp->block_at[i],
				       end - sp->block_at[i]);
		otr_pbuf_bytes(w, wire.data, wire.len);
	}
	otr_wire_attrs(w, SPAN_ATTRIBUTES, sp->attrs, end);
}

static void put_span_attrs(struct otr_pbuf *w, const struct otr_span *sp)
{
	if (sp->cut && !otr_span_string(sp, OTR_KEY_OTRACE_CUT).len)
		put_extra(w, SPAN_ATTRIBUTES, OTR_KEY_OTRACE_CUT, "true");
	put_evidence(w, SPAN_ATTRIBUTES, sp->evidence);
	put_blocks(w, sp);
}

/* The tag of the field takes two bytes: 16 << 3 | FIXED32. */
static void put_flags(struct otr_pbuf *w, uint32_t flags)
{
	otr_pbuf_bytes(w, &flags, sizeof(flags));
	otr_pbuf_varint(w, SPAN_FLAGS << 3 | OTR_PBUF_FIXED32);
}

static void put_name(struct otr_pbuf *w, const struct otr_span *sp)
{
	if (sp->name_wire.len)
		otr_pbuf_bytes(w, sp->name_wire.data, sp->name_wire.len);
	else
		otr_wire_text(w, SPAN_NAME, sp->name);
}

/* The functions below write by a copy of `w`: no byte that they write can be one of the copy's, so
 * the compiler keeps it in registers. */

static void put_times(struct otr_pbuf *w, const struct otr_span *sp)
{
	struct otr_pbuf to = *w;

	if (sp->end_ns)
		otr_pbuf_fixed64(&to, SPAN_END, sp->end_ns);
	if (sp->start_ns)
		otr_pbuf_fixed64(&to, SPAN_START, sp->start_ns);
	if (sp->kind)
		otr_pbuf_number(&to, SPAN_KIND, sp->kind);
	*w = to;
}

static void put_parent(struct otr_pbuf *w, const struct otr_span *sp)
{
	static const uint8_t none[sizeof(sp->parent_id)];

	if (memcmp(sp->parent_id, none, sizeof(none)) != 0)
		otr_pbuf_string(w, SPAN_PARENT_ID, sp->parent_id, sizeof(sp->parent_id));
}

static void put_ids(struct otr_pbuf *w, const struct otr_span *sp)
{
	struct otr_pbuf to = *w;

	otr_pbuf_string(&to, SPAN_SPAN_ID, sp->span_id, sizeof(sp->span_id));
	otr_pbuf_string(&to, SPAN_TRACE_ID, sp->trace_id, sizeof(sp->trace_id));
	*w = to;
}

static void put_span(struct otr_pbuf *w, const struct otr_span *sp)
{
	size_t from = otr_pbuf_len(w);

	put_flags(w, otr_otlp_flags(sp));
	if (sp->failed)
		put_status(w, sp);
	for (size_t n = sp->n_links; n;)
		put_link(w, &sp->links[--n]);
	put_span_attrs(w, sp);
	put_times(w, sp);
	put_name(w, sp);
	put_parent(w, sp);
	otr_wire_text(w, SPAN_TRACE_STATE, sp->trace_state);
	put_ids(w, sp);
	otr_pbuf_close(w, SCOPE_SPANS_SPANS, from);
}

static void put_const(struct otr_pbuf *w, unsigned int field, const char *text)
{
	if (*text)
		otr_pbuf_string(w, field, text, strlen(text));
}

static void put_scope(struct otr_pbuf *w, const char *name)
{
	size_t from = otr_pbuf_len(w);

	put_const(w, SCOPE_VERSION, OTR_VERSION);
	put_const(w, SCOPE_NAME, name);
	otr_pbuf_close(w, SCOPE_SPANS_SCOPE, from);
}

static void put_resource(struct otr_pbuf *w, const struct otr_resource *res)
{
	size_t from = otr_pbuf_len(w);

	if (res)
		otr_wire_attrs(w, RESOURCE_ATTRIBUTES, res->attrs, res->n_attrs);
	else
		put_extra(w, RESOURCE_ATTRIBUTES, OTR_KEY_SERVICE_NAME, OTR_OTLP_UNKNOWN);
	otr_pbuf_close(w, RESOURCE_SPANS_RESOURCE, from);
}

/* ---- batches: lists are linked forwards, so their order is stored first ---- */

static int scope_spans(struct otr_otlp_encoder *enc, const struct otr_span *const *spans,
		       const struct otr_otlp_group *gr, uint32_t *order)
{
	struct otr_pbuf *w = &enc->wire;
	size_t n = 0, from = otr_pbuf_len(w);

	if (otr_pbuf_room(w, 512))
		return -ENOMEM;
	put_const(w, SCOPE_SPANS_SCHEMA_URL, OTR_OTLP_SCHEMA);
	for (uint32_t i = gr->first; i != OTR_GROUP_END; i = enc->groups.after[i])
		order[n++] = i;
	while (n) {
		const struct otr_span *sp = spans[order[--n]];

		if (otr_pbuf_room(w, span_max(sp)))
			return -ENOMEM;
		put_span(w, sp);
	}
	if (otr_pbuf_room(w, 512 + strlen(gr->scope)))
		return -ENOMEM;
	put_scope(w, gr->scope);
	otr_pbuf_close(w, RESOURCE_SPANS_SCOPE_SPANS, from);
	return 0;
}

static int resource_spans(struct otr_otlp_encoder *enc, const struct otr_span *const *spans,
			  uint32_t lead)
{
	const struct otr_otlp_group *at = enc->groups.at;
	const struct otr_resource *res = at[lead].resource;
	struct otr_pbuf *w = &enc->wire;
	size_t n = 0, from = otr_pbuf_len(w);
	uint32_t *order = enc->order;

	if (otr_pbuf_room(w, 512))
		return -ENOMEM;
	put_const(w, RESOURCE_SPANS_SCHEMA_URL, OTR_OTLP_SCHEMA);
	for (uint32_t i = lead; i != OTR_GROUP_END; i = at[i].peer)
		order[n++] = i;
	while (n--)
		if (scope_spans(enc, spans, &at[order[n]], order + n + 1))
			return -ENOMEM;
	if (otr_pbuf_room(w, 512 + (res ? otr_wire_attrs_max(res->attrs, res->n_attrs) : 0)))
		return -ENOMEM;
	put_resource(w, res);
	otr_pbuf_close(w, REQUEST_RESOURCE_SPANS, from);
	return 0;
}

/* Allocates enc->order for the groups of a resource, and behind them the spans of one group. */
static int make_order(struct otr_otlp_encoder *enc, size_t n)
{
	uint32_t *order = n > enc->n_order ? realloc(enc->order, n * sizeof(*order)) : enc->order;

	if (!order)
		return -ENOMEM;
	enc->order = order;
	enc->n_order = n > enc->n_order ? n : enc->n_order;
	return 0;
}

int otr_otlp_encode(struct otr_otlp_encoder *enc, const struct otr_span *const *spans, size_t n,
		    struct otr_slice *out)
{
	if (otr_otlp_group(&enc->groups, spans, n) || make_order(enc, 2 * n + 1) ||
	    otr_pbuf_room(&enc->wire, 1))
		return -ENOMEM;
	otr_pbuf_reset(&enc->wire);
	for (size_t i = enc->groups.n; i--;)
		if (enc->groups.at[i].lead && resource_spans(enc, spans, (uint32_t)i))
			return -ENOMEM;
	*out = (struct otr_slice){enc->wire.data + enc->wire.at, otr_pbuf_len(&enc->wire)};
	return 0;
}

void otr_otlp_encoder_fini(struct otr_otlp_encoder *enc)
{
	otr_pbuf_fini(&enc->wire);
	otr_otlp_groups_fini(&enc->groups);
	free(enc->order);
}
