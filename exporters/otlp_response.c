/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp_response.c - what the answer of an OTLP/HTTP server means for a batch.
 *
 * OTLP 1.11, "OTLP/HTTP Response": after 429, 502, 503 and 504 the batch is tried again, after
 * other errors it is not; a partial success is final. The body is read for its message and count
 * alone, so a body that cannot be parsed changes nothing. In JSON the two members are found by
 * their name, without a parser.
 */

#include "exporters/otlp_response.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "exporters/backoff.h"
#include "exporters/otlp.pb-c.h"

#define TEXT_SHOWN 120 /* bytes of a plain text that says why */

/* The text behind `"name":` in `body`, without blanks and one quote. */
static struct otr_slice member(struct otr_slice body, const char *name)
{
	char key[32];
	int len = snprintf(key, sizeof(key), "\"%s\"", name);
	const char *at = NULL;

	if (body.len)
		at = memmem(body.data, body.len, key, (size_t)len);
	if (!at)
		return OTR_SLICE_NONE;
	body = otr_slice_sub(body, (size_t)(at - body.data) + (size_t)len, body.len);
	while (body.len && strchr(" \t\r\n:", *body.data) && *body.data)
		body = otr_slice_sub(body, 1, body.len);
	return body.len && *body.data == '"' ? otr_slice_sub(body, 1, body.len) : body;
}

static size_t json_number(struct otr_slice body, const char *name)
{
	struct otr_slice s = member(body, name);
	size_t n = 0;

	for (; s.len && isdigit((unsigned char)*s.data) && n < UINT32_MAX;
	     s = otr_slice_sub(s, 1, s.len))
		n = n * 10 + (size_t)(*s.data - '0');
	return n;
}

void otr_otlp_add_reason(struct otr_push_result *res, const char *text, size_t len)
{
	size_t at = strlen(res->why);

	if (!len)
		return;
	snprintf(res->why + at, sizeof(res->why) - at, "%s%.*s", at ? ": " : "",
		 (int)(len < sizeof(res->why) ? len : sizeof(res->why)), text);
	for (char *c = res->why + at; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = ' '; /* a second line would be taken for our explanation */
}

static void add_json_reason(struct otr_push_result *res, struct otr_slice body, const char *name)
{
	struct otr_slice s = member(body, name);
	const char *end = s.len ? memchr(s.data, '"', s.len) : NULL;

	if (end)
		otr_otlp_add_reason(res, s.data, (size_t)(end - s.data));
}

void otr_otlp_partial(struct otr_slice body, size_t n, struct otr_push_result *res)
{
	Otlp__ExportTraceServiceResponse *msg = otlp__export_trace_service_response__unpack(
		NULL, body.len, (const uint8_t *)body.data);
	Otlp__ExportTracePartialSuccess *part = msg ? msg->partial_success : NULL;

	if (part && part->rejected_spans > 0)
		res->rejected =
			(uint64_t)part->rejected_spans < n ? (size_t)part->rejected_spans : n;
	if (part)
		otr_otlp_add_reason(res, part->error_message, strlen(part->error_message));
	if (msg)
		otlp__export_trace_service_response__free_unpacked(msg, NULL);
}

static void partial(const struct otr_otlp_response *rsp, size_t n, struct otr_push_result *res)
{
	size_t lost;

	if (rsp->protobuf)
		otr_otlp_partial(rsp->body, n, res);
	if (!rsp->json)
		return;
	lost = json_number(rsp->body, "rejectedSpans");
	res->rejected = lost < n ? lost : n;
	add_json_reason(res, rsp->body, "errorMessage");
}

static void refusal(const struct otr_otlp_response *rsp, struct otr_push_result *res)
{
	Otlp__RpcStatus *st;

	snprintf(res->why, sizeof(res->why), "HTTP %ld", rsp->status);
	if (rsp->json)
		add_json_reason(res, rsp->body, "message");
	if (rsp->type && !strncasecmp(rsp->type, "text/plain", 10))
		otr_otlp_add_reason(res, rsp->body.data,
				    rsp->body.len < TEXT_SHOWN ? rsp->body.len : TEXT_SHOWN);
	if (!rsp->protobuf)
		return;
	st = otlp__rpc_status__unpack(NULL, rsp->body.len, (const uint8_t *)rsp->body.data);
	if (!st)
		return;
	otr_otlp_add_reason(res, st->message, strlen(st->message));
	otlp__rpc_status__free_unpacked(st, NULL);
}

/* In ns. The number comes from the backend, so it is bounded before it is multiplied. */
uint64_t otr_otlp_pause_ns(int64_t seconds)
{
	const int64_t most = OTR_BACKOFF_ASKED_NS / 1000000000u;

	if (seconds <= 0)
		return 0;
	return (uint64_t)(seconds < most ? seconds : most) * 1000000000u;
}

/* True if the answer is a page for people: it comes from a web server, a proxy or a login,
 * which took no spans. Plain text is no page: some backends answer a success with it. */
static bool is_page(const struct otr_otlp_response *rsp)
{
	struct otr_slice body = rsp->body;

	if (rsp->json || rsp->protobuf)
		return false;
	while (body.len && isspace((unsigned char)*body.data))
		body = otr_slice_sub(body, 1, body.len);
	return (body.len && *body.data == '<') ||
	       (rsp->type && (strcasestr(rsp->type, "html") || strcasestr(rsp->type, "xml")));
}

static void explain_page(const struct otr_otlp_response *rsp, struct otr_push_result *res)
{
	snprintf(res->why, sizeof(res->why), "HTTP %ld with %.60s, which is no %s answer\n%s",
		 rsp->status, rsp->type ? rsp->type : "a page", rsp->is_zipkin ? "Zipkin" : "OTLP",
		 rsp->is_zipkin ? "Is this the address of a Zipkin server? The path is mostly "
				  "/api/v2/spans."
				: "Is this the address of an OTLP/HTTP receiver? It mostly ends in "
				  "/v1/traces.");
}

enum otr_push otr_otlp_judge(const struct otr_otlp_response *rsp, size_t n,
			     struct otr_push_result *res)
{
	if (rsp->status >= 200 && rsp->status < 300 && is_page(rsp)) {
		explain_page(rsp, res);
		return OTR_PUSH_DROP;
	}
	if (rsp->status >= 200 && rsp->status < 300) {
		partial(rsp, n, res);
		return OTR_PUSH_OK;
	}
	refusal(rsp, res);
	switch (rsp->status) {
	case 429:
	case 502:
	case 503:
	case 504:
		res->retry_after_ns = otr_otlp_pause_ns(rsp->retry_after_s);
		return OTR_PUSH_RETRY;
	default:
		return OTR_PUSH_DROP;
	}
}
