/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zipkin_json.c - spans as a list in the JSON of Zipkin v2.
 *
 * The OpenTelemetry specification, "Zipkin exporter": kinds, the endpoints, attributes as tags, the
 * tags error and otel.status_code. Zipkin has neither resources nor links: attributes of the resource
 * are tags of each span, where the span has no tag of that name, and links are the tags otlp.link.N as
 * the Collector writes and reads them.
 * https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/
 */

#include "exporters/zipkin_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/version.h"
#include "agent/span/resource.h"
#include "agent/span/span.h"
#include "exporters/json.h"
#include "exporters/otlp_group.h"

static struct otr_slice key_of(const struct otr_attr *at)
{
	return at->key == OTR_KEY_CUSTOM ? at->name : otr_key_slice(at->key);
}

/* A list of strings, as the text of a JSON list. */
static void put_strings(struct otr_buf *out, struct otr_slice s)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf list = {0};
	size_t len;

	for (; s.len; s = otr_slice_sub(s, len + 1, s.len)) {
		len = strnlen(s.data, s.len);
		otr_buf_byte(&list, list.len ? ',' : '[');
		otr_json_text(&list, otr_slice_sub(s, 0, len));
	}
	otr_buf_str(&list, list.len ? "]" : "[]");
	if (list.rc)
		out->rc = list.rc;
	else
		otr_json_text(out, otr_buf_view(&list));
}

/* A value as a string: Zipkin's tags have no other type. */
static void put_value(struct otr_buf *out, const struct otr_attr *at)
{
	switch ((enum otr_attr_type)at->type) {
	case OTR_ATTR_STRING:
		otr_json_text(out, at->string);
		break;
	case OTR_ATTR_INT:
		otr_buf_printf(out, "\"%" PRId64 "\"", at->integer);
		break;
	case OTR_ATTR_BOOL:
		otr_buf_str(out, at->boolean ? "\"true\"" : "\"false\"");
		break;
	case OTR_ATTR_DOUBLE:
		otr_buf_printf(out, "\"%.17g\"", at->real);
		break;
	case OTR_ATTR_STRINGS:
		put_strings(out, at->string);
		break;
	}
}

static void put_key(struct otr_buf *out, struct otr_slice key)
{
	if (out->len && out->data[out->len - 1] != '{')
		otr_buf_byte(out, ',');
	otr_json_text(out, key);
	otr_buf_byte(out, ':');
}

static void put_tag(struct otr_buf *out, const char *key, struct otr_slice value)
{
	put_key(out, otr_slice_str(key));
	otr_json_text(out, value);
}

static void put_attr(struct otr_buf *out, const struct otr_attr *at)
{
	put_key(out, key_of(at));
	put_value(out, at);
}

static bool has_attr(const struct otr_span *sp, const struct otr_attr *want)
{
	const struct otr_attr *at;

	if (want->key != OTR_KEY_CUSTOM)
		return otr_key_set_has(&sp->keys, want->key);
	for (size_t i = 0; (at = otr_span_attr(sp, i)); i++)
		if (otr_slice_eq(key_of(at), want->name))
			return true;
	return false;
}

/* The name of the service is in the local endpoint. */
static void put_resource(struct otr_buf *out, const struct otr_span *sp)
{
	const struct otr_resource *res = sp->resource;

	for (size_t i = 0; res && i < res->n_attrs; i++)
		if (res->attrs[i].key != OTR_KEY_SERVICE_NAME && !has_attr(sp, &res->attrs[i]))
			put_attr(out, &res->attrs[i]);
}

/* otlp.link.N: "TRACE|SPAN|STATE|ATTRIBUTES|DROPPED" */
static void put_link(struct otr_buf *out, const struct otr_link *ln, unsigned int n)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	const char *why = otr_otlp_evidence(ln->evidence);
	char key[32];

	otr_json_hex(&text, "", ln->trace_id, sizeof(ln->trace_id));
	text.len -= text.len > 0; /* the quote */
	otr_json_hex(&text, "|", ln->span_id, sizeof(ln->span_id));
	text.len -= text.len > 0;
	otr_buf_str(&text, "||{");
	if (why)
		put_tag(&text, otr_key_name(OTR_KEY_OTRACE_PARENT_EVIDENCE), otr_slice_str(why));
	otr_buf_str(&text, "}|0");
	snprintf(key, sizeof(key), "otlp.link.%u", n);
	put_tag(out, key, otr_buf_view(&text));
}

static void put_status(struct otr_buf *out, const struct otr_span *sp)
{
	put_tag(out, "otel.status_code", OTR_SLICE("ERROR"));
	put_tag(out, "error", sp->status_text);
}

static void put_tags(struct otr_buf *out, const struct otr_span *sp)
{
	const char *why = otr_otlp_evidence(sp->evidence);
	const struct otr_attr *at;

	otr_buf_str(out, ",\"tags\":{");
	for (size_t i = 0; (at = otr_span_attr(sp, i)); i++)
		put_attr(out, at);
	if (why)
		put_tag(out, otr_key_name(OTR_KEY_OTRACE_PARENT_EVIDENCE), otr_slice_str(why));
	if (sp->cut && !otr_span_string(sp, OTR_KEY_OTRACE_CUT).len)
		put_tag(out, otr_key_name(OTR_KEY_OTRACE_CUT), OTR_SLICE("true"));
	put_resource(out, sp);
	put_tag(out, "otel.scope.name", otr_slice_str(sp->scope ? sp->scope : OTR_OTLP_SCOPE));
	put_tag(out, "otel.scope.version", OTR_SLICE(OTR_VERSION));
	if (sp->trace_state.len)
		put_tag(out, "w3c.tracestate", sp->trace_state);
	for (unsigned int i = 0; i < sp->n_links; i++)
		put_link(out, &sp->links[i], i);
	if (sp->failed)
		put_status(out, sp);
	otr_buf_byte(out, '}');
}

static void put_address(struct otr_buf *out, const struct otr_span *sp, struct otr_slice address)
{
	int64_t port = otr_span_int(sp, OTR_KEY_NETWORK_PEER_PORT, 0);

	otr_buf_str(out, memchr(address.data, ':', address.len) ? "{\"ipv6\":" : "{\"ipv4\":");
	otr_json_text(out, address);
	if (port > 0 && port < 65536)
		otr_buf_printf(out, ",\"port\":%d", (int)port);
	otr_buf_byte(out, '}');
}

/* The first of the names that the specification ranks. */
static void put_remote(struct otr_buf *out, const struct otr_span *sp)
{
	struct otr_slice name = otr_span_custom(sp, OTR_SLICE("peer.service"));
	struct otr_slice address = otr_span_string(sp, OTR_KEY_NETWORK_PEER_ADDRESS);

	if (sp->kind != OTR_SPAN_CLIENT && sp->kind != OTR_SPAN_PRODUCER)
		return;
	if (!name.len)
		name = otr_span_string(sp, OTR_KEY_SERVER_ADDRESS);
	if (!name.len && !address.len)
		name = otr_span_string(sp, OTR_KEY_DB_NAMESPACE);
	if (!name.len && !address.len)
		return;
	otr_buf_str(out, ",\"remoteEndpoint\":");
	if (!name.len) {
		put_address(out, sp, address);
		return;
	}
	otr_buf_str(out, "{\"serviceName\":");
	otr_json_text(out, name);
	otr_buf_byte(out, '}');
}

static void put_ids(struct otr_buf *out, const struct otr_span *sp)
{
	static const uint8_t none[sizeof(sp->parent_id)];

	otr_json_hex(out, "{\"traceId\":\"", sp->trace_id, sizeof(sp->trace_id));
	otr_json_hex(out, ",\"id\":\"", sp->span_id, sizeof(sp->span_id));
	if (memcmp(sp->parent_id, none, sizeof(none)))
		otr_json_hex(out, ",\"parentId\":\"", sp->parent_id, sizeof(sp->parent_id));
}

/* In microseconds; Zipkin takes a duration of 0 for an unknown one. */
static void put_times(struct otr_buf *out, const struct otr_span *sp)
{
	uint64_t ns = sp->end_ns > sp->start_ns ? sp->end_ns - sp->start_ns : 0;
	uint64_t us = (ns + 500) / 1000;

	otr_buf_printf(out, ",\"timestamp\":%" PRIu64 ",\"duration\":%" PRIu64, sp->start_ns / 1000,
		       us ? us : 1);
}

static void put_span(struct otr_buf *out, const struct otr_span *sp)
{
	static const char *const kinds[] = {
		[OTR_SPAN_SERVER] = ",\"kind\":\"SERVER\"",
		[OTR_SPAN_CLIENT] = ",\"kind\":\"CLIENT\"",
		[OTR_SPAN_PRODUCER] = ",\"kind\":\"PRODUCER\"",
		[OTR_SPAN_CONSUMER] = ",\"kind\":\"CONSUMER\"",
	};

	put_ids(out, sp);
	otr_buf_str(out, ",\"name\":");
	otr_json_text(out, sp->name);
	if (sp->kind < OTR_ARRAY_SIZE(kinds) && kinds[sp->kind])
		otr_buf_str(out, kinds[sp->kind]);
	put_times(out, sp);
	otr_buf_str(out, ",\"localEndpoint\":{\"serviceName\":");
	otr_json_text(out, sp->resource ? sp->resource->service : OTR_SLICE(OTR_OTLP_UNKNOWN));
	otr_buf_byte(out, '}');
	put_remote(out, sp);
	put_tags(out, sp);
	otr_buf_byte(out, '}');
}

int otr_zipkin_json(struct otr_buf *out, const struct otr_span *const *spans, size_t n)
{
	size_t from = out->len;
	int rc;

	otr_buf_byte(out, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			otr_buf_byte(out, ',');
		put_span(out, spans[i]);
	}
	otr_buf_byte(out, ']');
	rc = out->rc;
	if (rc) {
		out->len = from;
		out->rc = 0;
	}
	return rc;
}
