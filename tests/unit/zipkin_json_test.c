/* SPDX-License-Identifier: Apache-2.0 */
/* zipkin_json_test.c - what Zipkin's JSON of a span looks like. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/version.h"
#include "agent/span/span.h"
#include "agent/span/span_builder.h"
#include "bpf/event.h"
#include "exporters/zipkin_json.h"

static struct otr_span_builder sb;
static struct otr_buf json;

static int begin(void **state)
{
	(void)state;
	otr_sb_reset(&sb);
	memset(sb.span.trace_id, 0xab, sizeof(sb.span.trace_id));
	memset(sb.span.span_id, 0xcd, sizeof(sb.span.span_id));
	sb.span.kind = OTR_SPAN_CLIENT;
	sb.span.scope = "otrace/http";
	sb.span.start_ns = 1556604172355737499;
	sb.span.end_ns = sb.span.start_ns + 1431600;
	otr_sb_name(&sb, OTR_SLICE("GET /\"x\""));
	return 0;
}

static int end(void **state)
{
	(void)state;
	otr_sb_fini(&sb);
	memset(&sb, 0, sizeof(sb));
	otr_buf_fini(&json);
	memset(&json, 0, sizeof(json));
	return 0;
}

/* The JSON of the span that was begun, NUL at its end. */
static const char *written(void)
{
	struct otr_span *sp = otr_sb_finish(&sb);
	const struct otr_span *list[] = {sp};

	assert_non_null(sp);
	otr_buf_reset(&json);
	assert_int_equal(otr_zipkin_json(&json, list, 1), 0);
	otr_buf_byte(&json, '\0');
	otr_span_unref(&sp);
	return json.data;
}

static void has(const char *part)
{
	if (!strstr(json.data, part))
		fail_msg("no %s in %s", part, json.data);
}

static void a_span_has_all_its_fields(void **state)
{
	(void)state;
	memset(sb.span.parent_id, 0xef, sizeof(sb.span.parent_id));
	sb.span.evidence = OTR_EVIDENCE_WIRE;
	otr_sb_int(&sb, OTR_KEY_HTTP_RESPONSE_STATUS_CODE, 503);
	otr_sb_error(&sb, OTR_SLICE("503"));
	otr_sb_link(&sb, &(struct otr_link){
				 .trace_id = {1}, .span_id = {2}, .evidence = OTR_EVIDENCE_WAKE});
	assert_string_equal(
		written(),
		"[{\"traceId\":\"abababababababababababababababab\",\"id\":\"cdcdcdcdcdcdcdcd\","
		"\"parentId\":\"efefefefefefefef\",\"name\":\"GET /\\\"x\\\"\",\"kind\":\"CLIENT\","
		"\"timestamp\":1556604172355737,\"duration\":1432,"
		"\"localEndpoint\":{\"serviceName\":\"unknown_service\"},"
		"\"tags\":{\"http.response.status_code\":\"503\",\"error.type\":\"503\","
		"\"otrace.parent.evidence\":\"wire\",\"otel.scope.name\":\"otrace/http\","
		"\"otel.scope.version\":\"" OTR_VERSION "\","
		"\"otlp.link.0\":\"01000000000000000000000000000000|0200000000000000||"
		"{\\\"otrace.parent.evidence\\\":\\\"wake\\\"}|0\","
		"\"otel.status_code\":\"ERROR\",\"error\":\"\"}}]");
}

static void kinds_are_named_but_internal(void **state)
{
	static const struct {
		enum otr_span_kind kind;
		const char *text;
	} rows[] = {
		{OTR_SPAN_SERVER, "\",\"kind\":\"SERVER\",\"timestamp\""},
		{OTR_SPAN_PRODUCER, "\",\"kind\":\"PRODUCER\",\"timestamp\""},
		{OTR_SPAN_CONSUMER, "\",\"kind\":\"CONSUMER\",\"timestamp\""},
		{OTR_SPAN_INTERNAL, "\\\"x\\\"\",\"timestamp\""},
	};

	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++) {
		begin(state);
		sb.span.kind = (uint8_t)rows[i].kind;
		written();
		has(rows[i].text);
		assert_null(strstr(json.data, "error"));
	}
}

/* Zipkin takes 0 for an unknown duration. */
static void a_duration_is_a_microsecond_at_least(void **state)
{
	(void)state;
	sb.span.end_ns = sb.span.start_ns + 10;
	written();
	has("\"duration\":1,");
	begin(state);
	sb.span.end_ns = sb.span.start_ns - 10;
	written();
	has("\"duration\":1,");
}

static void the_remote_endpoint_is_the_first_that_is_ranked(void **state)
{
	(void)state;
	otr_sb_string(&sb, OTR_KEY_DB_NAMESPACE, OTR_SLICE("shop"));
	written();
	has(",\"remoteEndpoint\":{\"serviceName\":\"shop\"},");

	begin(state);
	otr_sb_string(&sb, OTR_KEY_DB_NAMESPACE, OTR_SLICE("shop"));
	otr_sb_string(&sb, OTR_KEY_NETWORK_PEER_ADDRESS, OTR_SLICE("::1"));
	written();
	has(",\"remoteEndpoint\":{\"ipv6\":\"::1\"},");

	begin(state);
	otr_sb_string(&sb, OTR_KEY_NETWORK_PEER_ADDRESS, OTR_SLICE("10.0.0.3"));
	otr_sb_int(&sb, OTR_KEY_NETWORK_PEER_PORT, 5432);
	written();
	has(",\"remoteEndpoint\":{\"ipv4\":\"10.0.0.3\",\"port\":5432},");
	has("\"network.peer.port\":\"5432\"");

	begin(state);
	otr_sb_string(&sb, OTR_KEY_NETWORK_PEER_ADDRESS, OTR_SLICE("10.0.0.3"));
	otr_sb_string(&sb, OTR_KEY_SERVER_ADDRESS, OTR_SLICE("db.local"));
	written();
	has(",\"remoteEndpoint\":{\"serviceName\":\"db.local\"},");

	begin(state);
	otr_sb_string(&sb, OTR_KEY_SERVER_ADDRESS, OTR_SLICE("db.local"));
	otr_sb_custom(&sb, OTR_SLICE("peer.service"), OTR_SLICE("orders"));
	written();
	has(",\"remoteEndpoint\":{\"serviceName\":\"orders\"},");

	begin(state);
	sb.span.kind = OTR_SPAN_SERVER;
	otr_sb_string(&sb, OTR_KEY_SERVER_ADDRESS, OTR_SLICE("db.local"));
	assert_null(strstr(written(), "remoteEndpoint"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_span_has_all_its_fields, begin, end),
		cmocka_unit_test_setup_teardown(kinds_are_named_but_internal, begin, end),
		cmocka_unit_test_setup_teardown(a_duration_is_a_microsecond_at_least, begin, end),
		cmocka_unit_test_setup_teardown(the_remote_endpoint_is_the_first_that_is_ranked,
						begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
