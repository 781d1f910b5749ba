/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp_encode.c - spans as the protobuf bytes of one ExportTraceServiceRequest
 * (OTLP 1.11), written by pb.c, field by field in the order of their numbers.
 *
 * protobuf-c would have every attribute built as three structs, measured, and then packed:
 * three times the work, a third of what a span cost. Its reader is what the tests use, and
 * exporters/otlp.proto has the numbers.
 */

#include "exporters/otlp_encode.h"

#include <errno.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/cmd.h"
#include "agent/resource/resource.h"
#include "agent/span.h"
#include "exporters/pb.h"

/* Numbers of exporters/otlp.proto. */
enum request { REQUEST_RESOURCE_SPANS = 1 };
enum resource_spans { RS_RESOURCE = 1, RS_SCOPE_SPANS, RS_SCHEMA_URL };
enum scope_spans { SS_SCOPE = 1, SS_SPANS, SS_SCHEMA_URL };
enum scope { SCOPE_NAME = 1, SCOPE_VERSION };
enum resource { RESOURCE_ATTRIBUTES = 1 };
enum key_value { KV_KEY = 1, KV_VALUE };
enum array { ARRAY_VALUES = 1 };
enum status { STATUS_MESSAGE = 2, STATUS_CODE, STATUS_CODE_ERROR = 2 };
enum any { ANY_STRING = 1, ANY_BOOL, ANY_INT, ANY_DOUBLE, ANY_ARRAY };
enum link { LINK_TRACE_ID = 1, LINK_SPAN_ID, LINK_ATTRIBUTES = 4 };
enum span {
	SPAN_TRACE_ID = 1,
	SPAN_SPAN_ID,
	SPAN_TRACE_STATE,
	SPAN_PARENT_SPAN_ID,
	SPAN_NAME,
	SPAN_KIND,
	SPAN_START,
	SPAN_END,
	SPAN_ATTRIBUTES,
	SPAN_LINKS = 13,
	SPAN_STATUS = 15,
	SPAN_FLAGS,
};

/* A plain field: none where it is empty. */
static void text(struct otr_buf *out, uint32_t field, struct otr_slice s)
{
	if (s.len)
		otr_pb_text(out, field, s);
}

/* NUL stands between the strings of `s`. */
static void put_strings(struct otr_buf *out, struct otr_slice s)
{
	size_t array = otr_pb_begin(out, ANY_ARRAY), value, len;

	for (; s.len; s = otr_slice_sub(s, len + 1, s.len)) {
		len = strnlen(s.data, s.len);
		value = otr_pb_begin(out, ARRAY_VALUES);
		otr_pb_text(out, ANY_STRING, otr_slice_sub(s, 0, len));
		otr_pb_end(out, value);
	}
	otr_pb_end(out, array);
}

static void put_double(struct otr_buf *out, double real)
{
	uint64_t bits;

	memcpy(&bits, &real, sizeof(bits));
	otr_pb_fixed64(out, ANY_DOUBLE, bits);
}

static void put_value(struct otr_buf *out, const struct otr_attr *at)
{
	switch ((enum otr_attr_type)at->type) {
	case OTR_ATTR_STRING:
		otr_pb_text(out, ANY_STRING, at->string);
		break;
	case OTR_ATTR_INT:
		otr_pb_varint(out, ANY_INT, (uint64_t)at->integer);
		break;
	case OTR_ATTR_BOOL:
		otr_pb_varint(out, ANY_BOOL, at->boolean);
		break;
	case OTR_ATTR_DOUBLE:
		put_double(out, at->real);
		break;
	case OTR_ATTR_STRINGS:
		put_strings(out, at->string);
		break;
	}
}

/* Names of our own are good UTF-8. */
static void put_key(struct otr_buf *out, const struct otr_attr *at)
{
	const char *name = otr_key_name(at->key);

	if (at->key == OTR_KEY_CUSTOM)
		text(out, KV_KEY, at->name);
	else
		otr_pb_bytes(out, KV_KEY, name, strlen(name));
}

static void put_attr(struct otr_buf *out, uint32_t field, const struct otr_attr *at)
{
	size_t kv = otr_pb_begin(out, field), value;

	put_key(out, at);
	value = otr_pb_begin(out, KV_VALUE);
	put_value(out, at);
	otr_pb_end(out, value);
	otr_pb_end(out, kv);
}

static void put_string(struct otr_buf *out, uint32_t field, enum otr_key key,
		       const char *str)
{
	const struct otr_attr at = {
		.key = (uint16_t)key,
		.type = OTR_ATTR_STRING,
		.string = otr_slice_str(str),
	};

	put_attr(out, field, &at);
}

static void put_attrs(struct otr_buf *out, const struct otr_span *sp)
{
	const char *why = otr_otlp_evidence(sp->evidence);

	for (size_t i = 0; i < sp->n_attrs; i++)
		put_attr(out, SPAN_ATTRIBUTES, &sp->attrs[i]);
	if (why)
		put_string(out, SPAN_ATTRIBUTES, OTR_KEY_OTRACE_PARENT_EVIDENCE, why);
	if (sp->cut && !otr_span_string(sp, OTR_KEY_OTRACE_CUT).len)
		put_string(out, SPAN_ATTRIBUTES, OTR_KEY_OTRACE_CUT, "true");
}

static void put_link(struct otr_buf *out, const struct otr_link *ln)
{
	const char *why = otr_otlp_evidence(ln->evidence);
	size_t begun = otr_pb_begin(out, SPAN_LINKS);

	otr_pb_bytes(out, LINK_TRACE_ID, ln->trace_id, sizeof(ln->trace_id));
	otr_pb_bytes(out, LINK_SPAN_ID, ln->span_id, sizeof(ln->span_id));
	if (why)
		put_string(out, LINK_ATTRIBUTES, OTR_KEY_OTRACE_PARENT_EVIDENCE, why);
	otr_pb_end(out, begun);
}

static void put_status(struct otr_buf *out, const struct otr_span *sp)
{
	size_t begun;

	if (!sp->failed)
		return;
	begun = otr_pb_begin(out, SPAN_STATUS);
	text(out, STATUS_MESSAGE, sp->status_text);
	otr_pb_varint(out, STATUS_CODE, STATUS_CODE_ERROR);
	otr_pb_end(out, begun);
}

static void put_ids(struct otr_buf *out, const struct otr_span *sp)
{
	static const uint8_t none[sizeof(sp->parent_id)];

	otr_pb_bytes(out, SPAN_TRACE_ID, sp->trace_id, sizeof(sp->trace_id));
	otr_pb_bytes(out, SPAN_SPAN_ID, sp->span_id, sizeof(sp->span_id));
	text(out, SPAN_TRACE_STATE, sp->trace_state);
	if (memcmp(sp->parent_id, none, sizeof(none)))
		otr_pb_bytes(out, SPAN_PARENT_SPAN_ID, sp->parent_id,
			     sizeof(sp->parent_id));
}

static void put_span(struct otr_buf *out, const struct otr_span *sp)
{
	size_t begun = otr_pb_begin(out, SS_SPANS);

	put_ids(out, sp);
	text(out, SPAN_NAME, sp->name);
	if (sp->kind)
		otr_pb_varint(out, SPAN_KIND, sp->kind);
	if (sp->start_ns)
		otr_pb_fixed64(out, SPAN_START, sp->start_ns);
	if (sp->end_ns)
		otr_pb_fixed64(out, SPAN_END, sp->end_ns);
	put_attrs(out, sp);
	for (size_t i = 0; i < sp->n_links; i++)
		put_link(out, &sp->links[i]);
	put_status(out, sp);
	otr_pb_fixed32(out, SPAN_FLAGS, otr_otlp_flags(sp));
	otr_pb_end(out, begun);
}

/* What one call works on. */
struct job {
	struct otr_buf *out;
	const struct otr_otlp_groups *groups;
	const struct otr_span *const *spans;
};

static void put_scope(const struct job *job, const struct otr_otlp_group *gr)
{
	size_t begun = otr_pb_begin(job->out, RS_SCOPE_SPANS);
	size_t scope = otr_pb_begin(job->out, SS_SCOPE);

	text(job->out, SCOPE_NAME, otr_slice_str(gr->scope));
	text(job->out, SCOPE_VERSION, OTR_SLICE(OTR_VERSION));
	otr_pb_end(job->out, scope);
	for (uint32_t i = gr->first; i != OTR_GROUP_END; i = job->groups->after[i])
		put_span(job->out, job->spans[i]);
	text(job->out, SS_SCHEMA_URL, OTR_SLICE(OTR_OTLP_SCHEMA));
	otr_pb_end(job->out, begun);
}

static void put_resource(struct otr_buf *out, const struct otr_resource *res)
{
	size_t begun = otr_pb_begin(out, RS_RESOURCE);

	for (size_t i = 0; res && i < res->n_attrs; i++)
		put_attr(out, RESOURCE_ATTRIBUTES, &res->attrs[i]);
	if (!res)
		put_string(out, RESOURCE_ATTRIBUTES, OTR_KEY_SERVICE_NAME,
			   OTR_OTLP_UNKNOWN);
	otr_pb_end(out, begun);
}

/* All groups of the resource that `lead` is the first of. */
static void put_resource_spans(const struct job *job, uint32_t lead)
{
	const struct otr_otlp_group *at = job->groups->at;
	size_t begun = otr_pb_begin(job->out, REQUEST_RESOURCE_SPANS);

	put_resource(job->out, at[lead].resource);
	for (uint32_t i = lead; i != OTR_GROUP_END; i = at[i].peer)
		put_scope(job, &at[i]);
	text(job->out, RS_SCHEMA_URL, OTR_SLICE(OTR_OTLP_SCHEMA));
	otr_pb_end(job->out, begun);
}

int otr_otlp_encode(struct otr_otlp_encoder *enc,
		    const struct otr_span *const *spans, size_t n,
		    struct otr_buf *out)
{
	const struct job job = {out, &enc->groups, spans};
	size_t was = out->len;
	int rc;

	if (otr_otlp_group(&enc->groups, spans, n))
		return -ENOMEM;
	for (uint32_t i = 0; i < enc->groups.n; i++)
		if (enc->groups.at[i].lead)
			put_resource_spans(&job, i);
	rc = out->rc;
	if (rc) { /* it is as it was */
		out->len = was;
		out->rc = 0;
	}
	return rc;
}

void otr_otlp_encoder_fini(struct otr_otlp_encoder *enc)
{
	otr_otlp_groups_fini(&enc->groups);
}
