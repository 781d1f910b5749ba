/* SPDX-License-Identifier: Apache-2.0 */
// needs: tests/unit/arena.c tests/unit/otlp_witness.c
/* otlp_test.c - spans as OTLP, read back; and what is made of the answers of backends. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "agent/base/own.h"
#include "agent/base/utf8.h"
#include "agent/resource/resource.h"
#include "agent/span/span_builder.h"
#include "bpf/event.h"
#include "exporters/backoff.h"
#include "exporters/gzip.h"
#include "exporters/otlp.pb-c.h"
#include "exporters/otlp_encode.h"
#include "exporters/otlp_json.h"
#include "exporters/otlp_response.h"

#define SLICE_OF(lit) OTR_SLICE(lit)

/* Two resources, A and B; spans A/http, B/http, A/redis, A/http. */
static struct otr_resource *resources[2];
static struct otr_span *spans[4];

static struct otr_resource *resource(const char *name)
{
	struct otr_resource *res = calloc(1, sizeof(*res) + sizeof(struct otr_attr));
	struct otr_attr *at = (struct otr_attr *)(res + 1);

	atomic_init(&res->refs, 1);
	at->key = OTR_KEY_SERVICE_NAME;
	at->type = OTR_ATTR_STRING;
	at->string = otr_slice_str(name);
	res->attrs = at;
	res->n_attrs = 1;
	res->service = at->string;
	return res;
}

static void ids(struct otr_span *sp, uint8_t n)
{
	memset(sp->trace_id, 0xa0 + n, sizeof(sp->trace_id));
	memset(sp->span_id, n, sizeof(sp->span_id));
	sp->start_ns = 1700000000000000000u + n;
	sp->end_ns = sp->start_ns + 10;
}

static int make(void **state)
{
	OTR_AUTO(otr_sb_fini) struct otr_span_builder sb = {0};
	static const char *const scopes[] = {"otrace/http", "otrace/http", "otrace/redis",
					     "otrace/http"};

	(void)state;
	resources[0] = resource("A");
	resources[1] = resource("B");
	for (uint8_t i = 0; i < 4; i++) {
		otr_sb_reset(&sb);
		ids(&sb.span, (uint8_t)(i + 1));
		sb.span.kind = OTR_SPAN_CLIENT;
		sb.span.resource = resources[i == 1];
		sb.span.scope = scopes[i];
		otr_sb_name(&sb, OTR_SLICE("GET"));
		if (i == 0) {
			sb.span.flags = 3;
			sb.span.parent_remote = true;
			sb.span.cut = true;
			sb.span.evidence = OTR_EVIDENCE_HEADER;
			memset(sb.span.parent_id, 9, 8);
			otr_sb_trace_state(&sb, OTR_SLICE("a=b"));
			otr_sb_error(&sb, OTR_SLICE("500"));
			otr_sb_status(&sb, OTR_SLICE("it \"broke\"\n"));
			otr_sb_string(&sb, OTR_KEY_URL_PATH, SLICE_OF("/\xff\x00\xe2\x82\xac"));
			otr_sb_int(&sb, OTR_KEY_SERVER_PORT, -1);
			otr_sb_bool(&sb, OTR_KEY_OTRACE_CLOCK, false);
			otr_sb_custom(&sb, OTR_SLICE("x.y"), OTR_SLICE("z"));
			otr_sb_link(&sb, &(struct otr_link){.trace_id = {1},
							    .span_id = {2},
							    .evidence = OTR_EVIDENCE_WAKE});
		}
		spans[i] = otr_sb_finish(&sb);
	}
	return 0;
}

static int drop(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++)
		otr_span_unref(&spans[i]);
	for (size_t i = 0; i < 2; i++)
		otr_resource_unref(&resources[i]);
	return 0;
}

static Otlp__ExportTraceServiceRequest *decode(struct otr_slice body)
{
	Otlp__ExportTraceServiceRequest *req = otlp__export_trace_service_request__unpack(
		NULL, body.len, (const uint8_t *)body.data);

	assert_non_null(req);
	return req;
}

static const Otlp__AnyValue *value(Otlp__KeyValue *const *at, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(at[i]->key, key))
			return at[i]->value;
	fail_msg("no %s", key);
	return NULL;
}

static void groups_by_resource_and_scope(void **state)
{
	OTR_AUTO(otr_otlp_encoder_fini) struct otr_otlp_encoder enc = {0};
	struct otr_slice body;
	Otlp__ExportTraceServiceRequest *req;
	Otlp__ScopeSpans *ss;

	(void)state;
	for (int turn = 0; turn < 2; turn++) { /* reused, the same */
		assert_int_equal(otr_otlp_encode(&enc, (const void *)spans, 4, &body), 0);
		req = decode(body);
		assert_int_equal(req->n_resource_spans, 2);
		assert_int_equal(req->resource_spans[0]->n_scope_spans, 2);
		ss = req->resource_spans[0]->scope_spans[0];
		assert_string_equal(ss->scope->name, "otrace/http");
		assert_int_equal(ss->n_spans, 2);
		assert_int_equal(ss->spans[1]->span_id.data[0], 4);
		ss = req->resource_spans[0]->scope_spans[1];
		assert_string_equal(ss->scope->name, "otrace/redis");
		assert_int_equal(req->resource_spans[1]->n_scope_spans, 1);
		assert_string_equal(req->resource_spans[1]->schema_url,
				    "https://opentelemetry.io/schemas/1.44.0");
		otlp__export_trace_service_request__free_unpacked(req, NULL);
	}
}

static void check_plain(const Otlp__Span *sp)
{
	assert_int_equal(sp->trace_id.len, 16);
	assert_int_equal(sp->parent_span_id.data[7], 9);
	assert_string_equal(sp->trace_state, "a=b");
	assert_int_equal(sp->flags, 0x303);
	assert_int_equal(sp->kind, 3);
	assert_int_equal(sp->end_time_unix_nano - sp->start_time_unix_nano, 10);
	assert_int_equal(sp->status->code, 2);
	assert_string_equal(sp->status->message, "it \"broke\"\n");
	assert_int_equal(sp->n_links, 1);
	assert_string_equal(
		value(sp->links[0]->attributes, 1, "otrace.parent.evidence")->string_value, "wake");
}

static void keeps_every_field(void **state)
{
	OTR_AUTO(otr_otlp_encoder_fini) struct otr_otlp_encoder enc = {0};
	struct otr_slice body;
	Otlp__ExportTraceServiceRequest *req;
	Otlp__KeyValue **at;
	const Otlp__Span *sp;
	size_t n;

	(void)state;
	assert_int_equal(otr_otlp_encode(&enc, (const void *)spans, 4, &body), 0);
	req = decode(body);
	sp = req->resource_spans[0]->scope_spans[0]->spans[0];
	check_plain(sp);
	at = sp->attributes;
	n = sp->n_attributes;
	assert_string_equal(value(at, n, "url.path")->string_value,
			    "/\xef\xbf\xbd\xef\xbf\xbd\xe2\x82\xac");
	assert_int_equal(value(at, n, "server.port")->int_value, -1);
	assert_int_equal(value(at, n, "otrace.clock")->value_case,
			 OTLP__ANY_VALUE__VALUE_BOOL_VALUE);
	assert_string_equal(value(at, n, "x.y")->string_value, "z");
	assert_string_equal(value(at, n, "otrace.cut")->string_value, "true");
	assert_string_equal(value(at, n, "otrace.parent.evidence")->string_value, "header");
	sp = req->resource_spans[1]->scope_spans[0]->spans[0];
	assert_null(sp->status);
	assert_int_equal(sp->parent_span_id.len, 0);
	assert_int_equal(sp->flags, 0x100);
	otlp__export_trace_service_request__free_unpacked(req, NULL);
}

static void stops_at_the_limit(void **state)
{
	struct otr_buf buf = {.max = 100};

	(void)state;
	assert_int_equal(otr_otlp_json_line(&buf, (const void *)spans, 4), -EMSGSIZE);
	assert_int_equal(buf.len, 0);
	otr_buf_fini(&buf);
}

static void writes_json(void **state)
{
	static const char *const parts[] = {
		"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":"
		"\"service.name\",\"value\":{\"stringValue\":\"A\"}}]},",
		"\"traceId\":\"a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\",\"spanId\":"
		"\"0101010101010101\",\"parentSpanId\":\"0909090909090909\",",
		"\"startTimeUnixNano\":\"1700000000000000001\"",
		"{\"key\":\"url.path\",\"value\":{\"stringValue\":"
		"\"/\xef\xbf\xbd\xef\xbf\xbd\xe2\x82\xac\"}}",
		"{\"key\":\"server.port\",\"value\":{\"intValue\":\"-1\"}}",
		"{\"boolValue\":false}",
		"\"status\":{\"message\":\"it \\\"broke\\\"\\n\",\"code\":2}",
		"\"flags\":771}",
		"\"flags\":256}",
	};
	OTR_AUTO(otr_buf_fini) struct otr_buf buf = {0};

	(void)state;
	assert_int_equal(otr_otlp_json_line(&buf, (const void *)spans, 4), 0);
	assert_int_equal(buf.data[buf.len - 1], '\n');
	otr_buf_byte(&buf, '\0');
	assert_ptr_equal(strchr(buf.data, '\n') + 2, buf.data + buf.len);
	for (size_t i = 0; i < OTR_ARRAY_SIZE(parts); i++)
		if (!strstr(buf.data, parts[i]))
			fail_msg("no %s in %s", parts[i], buf.data);
}

static void escapes_control_characters_and_quotes(void **state)
{
	OTR_AUTO(otr_sb_fini) struct otr_span_builder sb = {0};
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;
	OTR_AUTO(otr_buf_fini) struct otr_buf buf = {0};

	(void)state;
	otr_sb_reset(&sb);
	otr_sb_name(&sb, OTR_SLICE("\x1b\x7f\t\\\xe2\x80\xa8\xed\xa0\x80"));
	sp = otr_sb_finish(&sb);
	assert_int_equal(otr_otlp_json_line(&buf, (const void *)&sp, 1), 0);
	otr_buf_byte(&buf, '\0');
	assert_non_null(strstr(buf.data, "\"name\":\"\\u001b\\u007f\\t\\\\\\u2028"
					 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""));
	assert_non_null(strstr(buf.data, "unknown_service"));
}

static void knows_utf8(void **state)
{
	char out[32];

	(void)state;
	assert_int_equal(otr_utf8_valid(SLICE_OF("abcdefgh\xc3\xa4ijklmnop")), 18);
	assert_int_equal(otr_utf8_valid(SLICE_OF("abcdefghi\x00")), 9);
	assert_int_equal(otr_utf8_valid(SLICE_OF("\xc0\x80")), 0);
	assert_int_equal(otr_utf8_valid(SLICE_OF("\xe0\x9f\x80")), 0);
	assert_int_equal(otr_utf8_valid(SLICE_OF("\xf4\x90\x80\x80")), 0);
	assert_int_equal(otr_utf8_valid(SLICE_OF("\xf0\x9f\x98\x80")), 4);
	assert_int_equal(otr_utf8_valid(SLICE_OF("\xe2\x82")), 0);
	assert_int_equal(otr_utf8_copy(out, SLICE_OF("a\xe2\x82z")), 8);
	assert_memory_equal(out, "a\xef\xbf\xbd\xef\xbf\xbdz", 8);
}

static void packs_what_gunzip_unpacks(void **state)
{
	OTR_AUTO(otr_gzip_fini) struct otr_gzip gz = {0};
	OTR_AUTO(otr_buf_fini) struct otr_buf out = {0};
	z_stream zs = {0};
	char back[64];

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		otr_buf_reset(&out);
		assert_int_equal(otr_gzip(&gz, &out, OTR_SLICE("hello hello")), 0);
		assert_int_equal(inflateInit2(&zs, MAX_WBITS + 16), Z_OK);
		zs.next_in = (Bytef *)out.data;
		zs.avail_in = (uInt)out.len;
		zs.next_out = (Bytef *)back;
		zs.avail_out = sizeof(back);
		assert_int_equal(inflate(&zs, Z_FINISH), Z_STREAM_END);
		assert_int_equal(zs.total_out, 11);
		inflateEnd(&zs);
	}
}

static enum otr_push judge(long status, const char *body, bool json, struct otr_push_result *res)
{
	struct otr_otlp_response rsp = {.status = status,
					.json = json,
					.protobuf = !json,
					.body = otr_slice_str(body),
					.retry_after_s = 3};

	memset(res, 0, sizeof(*res));
	return otr_otlp_judge(&rsp, 10, res);
}

static void nobody_makes_us_wait_for_ever(void **state)
{
	static const struct {
		long asked_s;
		uint64_t ns;
	} rows[] = {
		{LONG_MIN, 0},
		{-1, 0},
		{0, 0},
		{7, 7000000000u},
		{300, OTR_BACKOFF_ASKED_NS},
		{301, OTR_BACKOFF_ASKED_NS},
		{1000000000, OTR_BACKOFF_ASKED_NS},
		{18446744073709, OTR_BACKOFF_ASKED_NS},
		{LONG_MAX, OTR_BACKOFF_ASKED_NS},
	};
	struct otr_otlp_response rsp = {.status = 429};
	struct otr_push_result res;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++) {
		memset(&res, 0, sizeof(res));
		rsp.retry_after_s = rows[i].asked_s;
		assert_int_equal(otr_otlp_judge(&rsp, 1, &res), OTR_PUSH_RETRY);
		assert_true(res.retry_after_ns == rows[i].ns);
	}
}

/* Waits double from 1 s to 30 s, each times 0.5 to 1.5; a backend that asks for a wait can only
 * make it longer. */
static void pauses_grow(void **state)
{
	const uint64_t s = 1000000000u, steps[] = {1, 2, 4, 8, 16, 30, 30, 30};

	(void)state;
	for (int run = 0; run < 200; run++) {
		struct otr_backoff own = {0}, asked = {0}, far = {0};

		for (size_t i = 0; i < OTR_ARRAY_SIZE(steps); i++) {
			uint64_t ns = otr_backoff_pause(&own, 0);

			assert_in_range(ns, steps[i] * s / 2, steps[i] * s * 3 / 2);
			assert_true(otr_backoff_pause(&asked, 1) >= steps[i] * s / 2);
			assert_true(otr_backoff_pause(&far, UINT64_MAX) == 300 * s);
		}
	}
	assert_false(otr_backoff_over(0, 300 * s)); /* the batch is kept for one more try */
	assert_false(otr_backoff_over(299 * s, 300 * s));
	assert_true(otr_backoff_over(301 * s, 300 * s));
	assert_false(otr_backoff_over(200 * s, 30 * s));
	assert_true(otr_backoff_over(290 * s, 30 * s));
}

static void a_page_is_no_answer(void **state)
{
	struct otr_otlp_response rsp = {.status = 200, .type = "text/html; charset=utf-8"};
	struct otr_push_result res = {.why = ""};

	(void)state;
	assert_int_equal(otr_otlp_judge(&rsp, 10, &res), OTR_PUSH_DROP);
	assert_non_null(
		strstr(res.why, "HTTP 200 with text/html; charset=utf-8, which is no OTLP"));
	rsp.type = NULL;
	assert_int_equal(otr_otlp_judge(&rsp, 10, &res), OTR_PUSH_OK);
	rsp.body = otr_slice_str(" \n<!DOCTYPE html>");
	assert_int_equal(otr_otlp_judge(&rsp, 10, &res), OTR_PUSH_DROP);
	rsp.type = "text/plain"; /* some backends answer a success so */
	rsp.body = otr_slice_str("OK");
	assert_int_equal(otr_otlp_judge(&rsp, 10, &res), OTR_PUSH_OK);
}

static void judges_answers(void **state)
{
	struct otr_push_result res;

	(void)state;
	assert_int_equal(judge(200, "", false, &res), OTR_PUSH_OK);
	assert_int_equal(judge(200, "\x0a\x06\x08\x03\x12\x02no", false, &res), OTR_PUSH_OK);
	assert_int_equal(res.rejected, 3);
	assert_string_equal(res.why, "no");
	judge(200,
	      "{\"partialSuccess\": {\"rejectedSpans\": \"99\", "
	      "\"errorMessage\":\"bad\nkey\"}}",
	      true, &res);
	assert_int_equal(res.rejected, 10);
	assert_string_equal(res.why, "bad key");
	assert_int_equal(judge(429, "", true, &res), OTR_PUSH_RETRY);
	assert_int_equal(res.retry_after_ns, 3000000000u);
	assert_int_equal(judge(503, "", true, &res), OTR_PUSH_RETRY);
	assert_int_equal(judge(500, "", true, &res), OTR_PUSH_DROP);
	assert_int_equal(judge(400, "\x12\x04nope", false, &res), OTR_PUSH_DROP);
	assert_string_equal(res.why, "HTTP 400: nope");
	assert_int_equal(judge(200, "\xff\xff\xff", false, &res), OTR_PUSH_OK);
	assert_int_equal(judge(301, "<html>", false, &res), OTR_PUSH_DROP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_by_resource_and_scope),
		cmocka_unit_test(keeps_every_field),
		cmocka_unit_test(stops_at_the_limit),
		cmocka_unit_test(writes_json),
		cmocka_unit_test(escapes_control_characters_and_quotes),
		cmocka_unit_test(knows_utf8),
		cmocka_unit_test(packs_what_gunzip_unpacks),
		cmocka_unit_test(judges_answers),
		cmocka_unit_test(nobody_makes_us_wait_for_ever),
		cmocka_unit_test(pauses_grow),
		cmocka_unit_test(a_page_is_no_answer),
	};

	return cmocka_run_group_tests_name("otlp", tests, make, drop);
}
