/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp_encode.c - spans as the protobuf bytes of one ExportTraceServiceRequest (OTLP 1.11),
 * written straight from the spans: by protobuf-c it took seven times as many instructions.
 *
 * The numbers of the fields are those of otlp.proto. tests/unit/otlp_witness.c encodes the same
 * spans by protobuf-c, and otlp_test.c compares the bytes. Everything is written from the end to
 * the front (pbuf.h), so functions write the last field first.
 *
 * Every string is made valid UTF-8: a byte that is none, or a NUL, becomes U+FFFD, since
 * receivers refuse a whole request for one bad string.
 */

#include "exporters/otlp_encode.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/base/slice.h"
#include "agent/base/version.h"
#include "agent/resource/utf8.h"
#include "agent/span/resource.h"
#include "agent/span/span.h"

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
	KEY_VALUE_KEY = 1,
	KEY_VALUE_VALUE = 2,
	VALUE_STRING = 1,
	VALUE_BOOL = 2,
	VALUE_INT = 3,
	VALUE_DOUBLE = 4,
	VALUE_ARRAY = 5,
	ARRAY_VALUES = 1,
	SPAN_TRACE_ID = 1,
	SPAN_SPAN_ID = 2,
	SPAN_TRACE_STATE = 3,
	SPAN_PARENT_ID = 4,
	SPAN_NAME = 5,
	SPAN_KIND = 6,
	SPAN_START = 7,
	SPAN_END = 8,
	SPAN_ATTRIBUTES = 9,
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

/* ---- upper bounds of encoded sizes ---- */

static size_t text_max(struct otr_slice s)
{
	return OTR_PBUF_TAG_MAX + OTR_UTF8_COPY_MAX(s.len);
}

static size_t attrs_max(const struct otr_attr *at, size_t n)
{
	size_t sum = 0;

	for (const struct otr_attr *end = at + n; at < end; at++) {
		sum += 128; /* tags, lengths, and a key that otrace defines */
		if (at->key == OTR_KEY_CUSTOM)
			sum += text_max(at->name);
		if (at->type == OTR_ATTR_STRING)
			sum += text_max(at->string);
		else if (at->type == OTR_ATTR_STRINGS) /* at most one string for each byte */
			sum += (at->string.len + 1) * (2 * OTR_PBUF_TAG_MAX + 3);
	}
	return sum;
}

static size_t span_max(const struct otr_span *sp)
{
	return 512 + text_max(sp->name) + text_max(sp->trace_state) + text_max(sp->status_text) +
	       attrs_max(sp->attrs, sp->n_attrs) + sp->n_links * 256u;
}

/* ---- encoding ---- */

/* The bytes of a string, without tag and length. */
static void put_chars(struct otr_pbuf *w, struct otr_slice s)
{
	size_t max, n;

	if (otr_utf8_valid(s) == s.len) {
		otr_pbuf_bytes(w, s.data, s.len);
		return;
	}
	max = OTR_UTF8_COPY_MAX(s.len);
	n = otr_utf8_copy(w->data + w->at - max, s);
	memmove(w->data + w->at - n, w->data + w->at - max, n);
	w->at -= n;
}

static void put_text_or_empty(struct otr_pbuf *w, unsigned int field, struct otr_slice s)
{
	size_t from = otr_pbuf_len(w);

	if (s.len)
		put_chars(w, s);
	otr_pbuf_close(w, field, from);
}

static void put_text(struct otr_pbuf *w, unsigned int field, struct otr_slice s)
{
	if (s.len)
		put_text_or_empty(w, field, s);
}

/* Writes an array of the strings of `s`, which are parted by NULs. */
static void put_strings(struct otr_pbuf *w, struct otr_slice s)
{
	size_t list = otr_pbuf_len(w), value, end = s.len, at;

	if (end && !s.data[end - 1])
		end--; /* the NUL that ends the last string */
	for (bool more = s.len > 0; more; end = at ? at - 1 : 0) {
		for (at = end; at && s.data[at - 1];)
			at--;
		value = otr_pbuf_len(w);
		put_text_or_empty(w, VALUE_STRING, otr_slice_sub(s, at, end - at));
		otr_pbuf_close(w, ARRAY_VALUES, value);
		more = at > 0;
	}
	otr_pbuf_close(w, VALUE_ARRAY, list);
}

static void put_value(struct otr_pbuf *w, const struct otr_attr *at)
{
	uint64_t bits;

	switch ((enum otr_attr_type)at->type) {
	case OTR_ATTR_STRING:
		put_text_or_empty(w, VALUE_STRING, at->string);
		break;
	case OTR_ATTR_INT:
		otr_pbuf_number(w, VALUE_INT, (uint64_t)at->integer);
		break;
	case OTR_ATTR_BOOL:
		otr_pbuf_number(w, VALUE_BOOL, at->boolean);
		break;
	case OTR_ATTR_DOUBLE:
		memcpy(&bits, &at->real, sizeof(bits));
		otr_pbuf_fixed64(w, VALUE_DOUBLE, bits);
		break;
	case OTR_ATTR_STRINGS:
		put_strings(w, at->string);
		break;
	}
}

static void put_attr(struct otr_pbuf *w, unsigned int field, const struct otr_attr *at)
{
	size_t from = otr_pbuf_len(w), value = from;
	struct otr_slice key;

	put_value(w, at);
	otr_pbuf_close(w, KEY_VALUE_VALUE, value);
	if (at->key == OTR_KEY_CUSTOM) {
		put_text(w, KEY_VALUE_KEY, at->name);
	} else {
		key = otr_key_slice(at->key);
		otr_pbuf_string(w, KEY_VALUE_KEY, key.data, key.len);
	}
	otr_pbuf_close(w, field, from);
}

static void put_attrs(struct otr_pbuf *w, unsigned int field, const struct otr_attr *at, size_t n)
{
	while (n)
		put_attr(w, field, &at[--n]);
}

static void put_extra(struct otr_pbuf *w, unsigned int field, enum otr_key key, const char *text)
{
	const struct otr_attr at = {
		.key = key, .type = OTR_ATTR_STRING, .string = {text, strlen(text)}};

	put_attr(w, field, &at);
}

static void put_link(struct otr_pbuf *w, const struct otr_link *ln)
{
	const char *why = otr_otlp_evidence(ln->evidence);
	size_t from = otr_pbuf_len(w);

	if (why)
		put_extra(w, LINK_ATTRIBUTES, OTR_KEY_OTRACE_PARENT_EVIDENCE, why);
	otr_pbuf_string(w, LINK_SPAN_ID, ln->span_id, sizeof(ln->span_id));
	otr_pbuf_string(w, LINK_TRACE_ID, ln->trace_id, sizeof(ln->trace_id));
	otr_pbuf_close(w, SPAN_LINKS, from);
}

static void put_status(struct otr_pbuf *w, const struct otr_span *sp)
{
	size_t from = otr_pbuf_len(w);

	otr_pbuf_number(w, STATUS_CODE, STATUS_CODE_ERROR);
	put_text(w, STATUS_MESSAGE, sp->status_text);
	otr_pbuf_close(w, SPAN_STATUS, from);
}

static void put_span_attrs(struct otr_pbuf *w, const struct otr_span *sp)
{
	const char *why = otr_otlp_evidence(sp->evidence);

	if (sp->cut && !otr_span_string(sp, OTR_KEY_OTRACE_CUT).len)
		put_extra(w, SPAN_ATTRIBUTES, OTR_KEY_OTRACE_CUT, "true");
	if (why)
		put_extra(w, SPAN_ATTRIBUTES, OTR_KEY_OTRACE_PARENT_EVIDENCE, why);
	put_attrs(w, SPAN_ATTRIBUTES, sp->attrs, sp->n_attrs);
}

/* The tag of the field takes two bytes: 16 << 3 | FIXED32. */
static void put_flags(struct otr_pbuf *w, uint32_t flags)
{
	otr_pbuf_bytes(w, &flags, sizeof(flags));
	otr_pbuf_varint(w, SPAN_FLAGS << 3 | OTR_PBUF_FIXED32);
}

static void put_span(struct otr_pbuf *w, const struct otr_span *sp)
{
	static const uint8_t none[sizeof(sp->parent_id)];
	size_t from = otr_pbuf_len(w);

	put_flags(w, otr_otlp_flags(sp));
	if (sp->failed)
		put_status(w, sp);
	for (size_t n = sp->n_links; n;)
		put_link(w, &sp->links[--n]);
	put_span_attrs(w, sp);
	if (sp->end_ns)
		otr_pbuf_fixed64(w, SPAN_END, sp->end_ns);
	if (sp->start_ns)
		otr_pbuf_fixed64(w, SPAN_START, sp->start_ns);
	if (sp->kind)
		otr_pbuf_number(w, SPAN_KIND, sp->kind);
	put_text(w, SPAN_NAME, sp->name);
	if (memcmp(sp->parent_id, none, sizeof(none)) != 0)
		otr_pbuf_string(w, SPAN_PARENT_ID, sp->parent_id, sizeof(sp->parent_id));
	put_text(w, SPAN_TRACE_STATE, sp->trace_state);
	otr_pbuf_string(w, SPAN_SPAN_ID, sp->span_id, sizeof(sp->span_id));
	otr_pbuf_string(w, SPAN_TRACE_ID, sp->trace_id, sizeof(sp->trace_id));
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
		put_attrs(w, RESOURCE_ATTRIBUTES, res->attrs, res->n_attrs);
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
	if (otr_pbuf_room(w, 512 + (res ? attrs_max(res->attrs, res->n_attrs) : 0)))
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
