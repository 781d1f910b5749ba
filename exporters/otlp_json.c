/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp_json.c - spans as OTLP JSON, one line for each request.
 *
 * OTLP 1.11, "JSON Protobuf Encoding": names are in lowerCamelCase, ids in hex, enums are numbers,
 * 64-bit integers are strings; fields with their default value are left out. Values: json.h.
 */

#include "exporters/otlp_json.h"

#include <errno.h>
#include <inttypes.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/version.h"
#include "agent/resource/resource.h"
#include "agent/span/span.h"
#include "exporters/json.h"
#include "exporters/otlp_group.h"

static void strings(struct otr_buf *out, struct otr_slice s)
{
	const char *comma = "";
	size_t len;

	otr_buf_str(out, "{\"arrayValue\":{\"values\":[");
	for (; s.len; s = otr_slice_sub(s, len + 1, s.len)) {
		len = strnlen(s.data, s.len);
		otr_buf_str(out, comma);
		otr_buf_str(out, "{\"stringValue\":");
		otr_json_text(out, otr_slice_sub(s, 0, len));
		otr_buf_byte(out, '}');
		comma = ",";
	}
	otr_buf_str(out, "]}}");
}

static void value(struct otr_buf *out, const struct otr_attr *at)
{
	switch ((enum otr_attr_type)at->type) {
	case OTR_ATTR_STRING:
		otr_buf_str(out, "{\"stringValue\":");
		otr_json_text(out, at->string);
		otr_buf_byte(out, '}');
		break;
	case OTR_ATTR_INT:
		otr_buf_printf(out, "{\"intValue\":\"%" PRId64 "\"}", at->integer);
		break;
	case OTR_ATTR_BOOL:
		otr_buf_str(out, at->boolean ? "{\"boolValue\":true}" : "{\"boolValue\":false}");
		break;
	case OTR_ATTR_DOUBLE:
		otr_buf_str(out, "{\"doubleValue\":");
		otr_json_real(out, at->real);
		otr_buf_byte(out, '}');
		break;
	case OTR_ATTR_STRINGS:
		strings(out, at->string);
		break;
	}
}

static void pair(struct otr_buf *out, const struct otr_attr *at, const char *comma)
{
	otr_buf_str(out, comma);
	otr_buf_str(out, "{\"key\":");
	otr_json_text(out,
		      at->key == OTR_KEY_CUSTOM ? at->name : otr_slice_str(otr_key_name(at->key)));
	otr_buf_str(out, ",\"value\":");
	value(out, at);
	otr_buf_byte(out, '}');
}

static struct otr_attr attr_string(enum otr_key key, const char *str)
{
	return (struct otr_attr){
		.key = (uint16_t)key, .type = OTR_ATTR_STRING, .string = otr_slice_str(str)};
}

static void attrs(struct otr_buf *out, const struct otr_attr *at, size_t n)
{
	if (!n)
		return;
	otr_buf_str(out, ",\"attributes\":[");
	for (size_t i = 0; i < n; i++)
		pair(out, &at[i], i ? "," : "");
	otr_buf_byte(out, ']');
}

/* Attributes that come from fields of the span stand at the end. */
static void span_attrs(struct otr_buf *out, const struct otr_span *sp)
{
	const char *why = otr_otlp_evidence(sp->evidence), *comma = ",\"attributes\":[";
	const struct otr_attr *at;
	struct otr_attr own[2];
	size_t n = 0, i;

	if (why)
		own[n++] = attr_string(OTR_KEY_OTRACE_PARENT_EVIDENCE, why);
	if (sp->cut && !otr_span_string(sp, OTR_KEY_OTRACE_CUT).len)
		own[n++] = attr_string(OTR_KEY_OTRACE_CUT, "true");
	for (i = 0; (at = otr_span_attr(sp, i)); i++)
		pair(out, at, i ? "," : comma);
	for (size_t k = 0; k < n; k++, i++)
		pair(out, &own[k], i ? "," : comma);
	if (i)
		otr_buf_byte(out, ']');
}

static void links(struct otr_buf *out, const struct otr_span *sp)
{
	const struct otr_link *ln = sp->links;
	struct otr_attr own;
	const char *why;

	if (!sp->n_links)
		return;
	otr_buf_str(out, ",\"links\":[");
	for (; ln < sp->links + sp->n_links; ln++) {
		otr_buf_str(out, ln == sp->links ? "{" : ",{");
		otr_json_hex(out, "\"traceId\":\"", ln->trace_id, sizeof(ln->trace_id));
		otr_json_hex(out, ",\"spanId\":\"", ln->span_id, sizeof(ln->span_id));
		why = otr_otlp_evidence(ln->evidence);
		own = attr_string(OTR_KEY_OTRACE_PARENT_EVIDENCE, why);
		attrs(out, &own, why != NULL);
		otr_buf_byte(out, '}');
	}
	otr_buf_byte(out, ']');
}

static void status(struct otr_buf *out, const struct otr_span *sp)
{
	if (!sp->failed)
		return;
	otr_buf_str(out, ",\"status\":{");
	if (sp->status_text.len) {
		otr_buf_str(out, "\"message\":");
		otr_json_text(out, sp->status_text);
		otr_buf_byte(out, ',');
	}
	otr_buf_str(out, "\"code\":2}");
}

static void ids(struct otr_buf *out, const struct otr_span *sp)
{
	static const uint8_t none[sizeof(sp->parent_id)];

	otr_json_hex(out, "{\"traceId\":\"", sp->trace_id, sizeof(sp->trace_id));
	otr_json_hex(out, ",\"spanId\":\"", sp->span_id, sizeof(sp->span_id));
	if (memcmp(sp->parent_id, none, sizeof(none)))
		otr_json_hex(out, ",\"parentSpanId\":\"", sp->parent_id, sizeof(sp->parent_id));
	if (sp->trace_state.len) {
		otr_buf_str(out, ",\"traceState\":");
		otr_json_text(out, sp->trace_state);
	}
}

static void span(struct otr_buf *out, const struct otr_span *sp)
{
	ids(out, sp);
	otr_buf_str(out, ",\"name\":");
	otr_json_text(out, sp->name);
	otr_buf_printf(out,
		       ",\"kind\":%u,\"startTimeUnixNano\":\"%" PRIu64
		       "\",\"endTimeUnixNano\":\"%" PRIu64 "\"",
		       sp->kind, sp->start_ns, sp->end_ns);
	span_attrs(out, sp);
	links(out, sp);
	status(out, sp);
	otr_buf_printf(out, ",\"flags\":%u}", otr_otlp_flags(sp));
}

static void scope_spans(struct otr_buf *out, const struct otr_otlp_groups *g,
			const struct otr_otlp_group *gr, const struct otr_span *const *spans)
{
	otr_buf_str(out, "{\"scope\":{\"name\":");
	otr_json_text(out, otr_slice_str(gr->scope));
	otr_buf_str(out, ",\"version\":\"" OTR_VERSION "\"},\"spans\":[");
	for (uint32_t i = gr->first; i != OTR_GROUP_END; i = g->after[i]) {
		if (i != gr->first)
			otr_buf_byte(out, ',');
		span(out, spans[i]);
	}
	otr_buf_str(out, "],\"schemaUrl\":\"" OTR_OTLP_SCHEMA "\"}");
}

static void resource(struct otr_buf *out, const struct otr_resource *res)
{
	struct otr_attr own = attr_string(OTR_KEY_SERVICE_NAME, OTR_OTLP_UNKNOWN);
	const struct otr_attr *at = res ? res->attrs : &own;
	size_t n = res ? res->n_attrs : 1;

	otr_buf_str(out, "{\"resource\":{\"attributes\":[");
	for (size_t i = 0; i < n; i++)
		pair(out, &at[i], i ? "," : "");
	otr_buf_str(out, "]},\"scopeSpans\":[");
}

static void request(struct otr_buf *out, const struct otr_otlp_groups *g,
		    const struct otr_span *const *spans)
{
	otr_buf_str(out, "{\"resourceSpans\":[");
	for (uint32_t lead = 0; lead < g->n; lead++) {
		if (!g->at[lead].lead)
			continue;
		if (lead)
			otr_buf_byte(out, ',');
		resource(out, g->at[lead].resource);
		for (uint32_t i = lead; i != OTR_GROUP_END; i = g->at[i].peer) {
			if (i != lead)
				otr_buf_byte(out, ',');
			scope_spans(out, g, &g->at[i], spans);
		}
		otr_buf_str(out, "],\"schemaUrl\":\"" OTR_OTLP_SCHEMA "\"}");
	}
	otr_buf_str(out, "]}\n");
}

int otr_otlp_json_line(struct otr_buf *out, const struct otr_span *const *spans, size_t n)
{
	OTR_AUTO(otr_otlp_groups_fini) struct otr_otlp_groups g = {0};
	size_t from = out->len;
	int rc;

	if (!n)
		return 0;
	if (otr_otlp_group(&g, spans, n))
		return -ENOMEM;
	request(out, &g, spans);
	rc = out->rc;
	if (rc) {
		out->len = from;
		out->rc = 0;
	}
	return rc;
}
