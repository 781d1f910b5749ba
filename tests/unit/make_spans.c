/* SPDX-License-Identifier: Apache-2.0 */
/* make_spans.c - spans for tests, in one line each. */

#include "tests/unit/make_spans.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/own.h"
#include "agent/resource/resource.h"
#include "agent/span/span_builder.h"
#include "bpf/event.h"

static void put_number(uint8_t *id, uint32_t n)
{
	for (int i = 0; i < 4; i++)
		id[i] = (uint8_t)(n >> (24 - 8 * i));
}

static struct otr_resource *resource(const char *service)
{
	size_t len = strlen(service);
	struct otr_resource *res = calloc(1, sizeof(*res) + len + 1);

	memcpy(res + 1, service, len);
	atomic_init(&res->refs, 1);
	res->service = (struct otr_slice){(const char *)(res + 1), len};
	return res;
}

static void attributes(struct otr_span_builder *sb, const struct make *m)
{
	if (m->status) {
		otr_sb_string(sb, OTR_KEY_HTTP_REQUEST_METHOD, OTR_SLICE("GET"));
		otr_sb_int(sb, OTR_KEY_HTTP_RESPONSE_STATUS_CODE, m->status > 0 ? m->status : 0);
	}
	if (m->db) {
		otr_sb_string(sb, OTR_KEY_DB_SYSTEM_NAME, otr_slice_str(m->db));
		otr_sb_string(sb, OTR_KEY_DB_QUERY_SUMMARY, otr_slice_str(m->summary));
	}
	if (m->host) {
		otr_sb_string(sb, OTR_KEY_SERVER_ADDRESS, otr_slice_str(m->host));
		otr_sb_int(sb, OTR_KEY_SERVER_PORT, 8080);
	}
	if (m->exit)
		otr_sb_int(sb, OTR_KEY_PROCESS_EXIT_CODE, m->exit);
	if (m->error)
		otr_sb_error(sb, otr_slice_str(m->error));
	if (m->error && m->db)
		otr_sb_string(sb, OTR_KEY_DB_RESPONSE_STATUS_CODE, otr_slice_str(m->error));
	for (int i = 0; i < m->links; i++)
		otr_sb_link(sb, &(struct otr_link){.span_id = {(uint8_t)(i + 1)},
						   .evidence = OTR_EVIDENCE_STRAND});
}

struct otr_span *make_span(uint32_t trace, const struct make *m)
{
	OTR_AUTO(otr_sb_fini) struct otr_span_builder sb = {0};
	OTR_AUTO(otr_resource_unref) struct otr_resource *res = NULL;

	res = resource(m->service);
	otr_sb_reset(&sb);
	put_number(sb.span.trace_id, trace);
	put_number(sb.span.span_id, m->id);
	put_number(sb.span.parent_id, m->parent);
	sb.span.kind = m->kind;
	sb.span.evidence = m->evidence;
	sb.span.cut = m->cut;
	sb.span.parent_remote = m->remote;
	sb.span.start_ns = MAKE_EPOCH + (uint64_t)(m->start_ms * 1e6);
	sb.span.end_ns = sb.span.start_ns + (uint64_t)(m->ms * 1e6);
	sb.span.resource = res;
	sb.span.scope = "otrace/test";
	otr_sb_name(&sb, otr_slice_str(m->name));
	attributes(&sb, m);
	return otr_sb_finish(&sb);
}

#define S      OTR_SPAN_SERVER
#define C      OTR_SPAN_CLIENT
#define WIRE   OTR_EVIDENCE_WIRE
#define STRAND OTR_EVIDENCE_STRAND

size_t make_checkout(uint32_t trace, struct otr_span *out[64])
{
	static const struct make fixed[] = {
		{S, 0, 1, 0, "frontend", "GET /checkout", 0, 1820, 500, .error = "500"},
		{C, STRAND, 2, 1, "frontend", "GET", 2, 96, 200},
		{S, WIRE, 3, 2, "cart", "GET /cart/{id}", 2.1, 95.5, 200},
		{C, STRAND, 4, 3, "cart", "HGETALL", 3, 0.412, .db = "redis", .summary = "HGETALL"},
		{C, STRAND, 5, 1, "frontend", "POST", 140, 1610, 500, .error = "500"},
		{S, WIRE, 6, 5, "orders", "POST /orders", 180, 1568, 500, .error = "500"},
		{C, STRAND, 7, 6, "orders", "SELECT", 505, 1230, .db = "postgresql",
		 .summary = "SELECT orders order_items"},
		{C, STRAND, 8, 6, "orders", "INSERT", 1737, 8.1, .db = "postgresql",
		 .summary = "INSERT orders", .error = "23505"},
		{C, OTR_EVIDENCE_WAKE, 9, 1, "frontend", "POST", 1790, 12, 202},
		{S, WIRE, 10, 9, "mail", "POST /send", 1791, 10, 202},
	};
	size_t n = 0;

	for (size_t i = 0; i < OTR_ARRAY_SIZE(fixed); i++)
		out[n++] = make_span(trace, &fixed[i]);
	for (uint32_t i = 0; i < 48; i++)
		out[n++] =
			make_span(trace, &(struct make){C, STRAND, 100 + i, 6, "orders", "SELECT",
							190 + i * 6.5, 4.5, .db = "postgresql",
							.summary = "SELECT items"});
	return n;
}
