/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp_grpc.c - a unary call of gRPC around the messages of OTLP; see otlp_grpc.h.
 *
 * OTLP 1.11, "OTLP/gRPC": which codes are tried again. RESOURCE_EXHAUSTED is one of them only if the
 * backend says when (RetryInfo). An answer without grpc-status comes from a proxy, or from a server
 * that is none of gRPC: its HTTP status decides
 * (https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md). The body is read for
 * the count of a partial success alone, so a body with a wrong prefix changes nothing.
 */

#include "exporters/otlp_grpc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/resource/percent.h"
#include "exporters/otlp.pb-c.h"
#include "exporters/otlp_response.h"

void otr_grpc_prefix(uint8_t out[OTR_GRPC_PREFIX], size_t len, bool is_gzip)
{
	out[0] = is_gzip;
	for (int i = 0; i < 4; i++)
		out[1 + i] = (uint8_t)(len >> (24 - 8 * i));
}

void otr_grpc_timeout(char *out, size_t size, uint64_t ns)
{
	const uint64_t most = 99999999; /* eight digits */
	uint64_t ms = (ns + 999999) / 1000000;

	snprintf(out, size, "grpc-timeout: %" PRIu64 "m", ms < most ? ms : most);
}

void otr_grpc_reset(struct otr_grpc_answer *a)
{
	a->status = OTR_GRPC_NONE;
	a->message[0] = '\0';
	a->n_details = 0;
}

static void read_message(struct otr_grpc_answer *a, struct otr_slice value)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	struct otr_slice shown = value;

	if (otr_percent_decode(&text, value))
		shown = otr_buf_view(&text);
	snprintf(a->message, sizeof(a->message), "%.*s",
		 (int)(shown.len < sizeof(a->message) ? shown.len : sizeof(a->message)),
		 shown.data ? shown.data : "");
}

static int base64_digit(unsigned char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Decodes base64, with padding or without. Details that do not fit, or are no base64, are none. */
static void read_details(struct otr_grpc_answer *a, struct otr_slice value)
{
	uint32_t bits = 0;
	size_t n = 0;
	int digit;

	a->n_details = 0;
	while (value.len && value.data[value.len - 1] == '=')
		value.len--;
	if (value.len / 4 * 3 + 2 > sizeof(a->details))
		return;
	for (size_t i = 0; i < value.len; i++) {
		digit = base64_digit((unsigned char)value.data[i]);
		if (digit < 0)
			return;
		bits = bits << 6 | (uint32_t)digit;
		if (i % 4)
			a->details[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	a->n_details = n;
}

void otr_grpc_header(void *answer, struct otr_slice name, struct otr_slice value)
{
	struct otr_grpc_answer *a = answer;

	if (otr_slice_eq_nocase(name, OTR_SLICE("grpc-status")))
		a->status = otr_grpc_status_read(value);
	else if (otr_slice_eq_nocase(name, OTR_SLICE("grpc-message")))
		read_message(a, value);
	else if (otr_slice_eq_nocase(name, OTR_SLICE("grpc-status-details-bin")))
		read_details(a, value);
}

static bool is_retry_info(const Otlp__Any *any)
{
	const char *type = strrchr(any->type_url, '/');

	return !strcmp(type ? type + 1 : any->type_url, "google.rpc.RetryInfo");
}

/* Reads one RetryInfo. False if it has no delay. */
static bool read_delay(const Otlp__Any *any, uint64_t *ns)
{
	Otlp__RetryInfo *info = otlp__retry_info__unpack(NULL, any->value.len, any->value.data);
	const Otlp__Duration *delay = info ? info->retry_delay : NULL;
	bool found = delay && delay->seconds >= 0 && delay->nanos >= 0;

	if (found)
		*ns = otr_otlp_pause_ns(delay->seconds) +
		      (delay->nanos < 1000000000 ? (uint64_t)delay->nanos : 0);
	if (info)
		otlp__retry_info__free_unpacked(info, NULL);
	return found;
}

/* True if the details ask for a pause, which may be 0. */
static bool retry_info(const struct otr_grpc_answer *a, uint64_t *ns)
{
	Otlp__RpcStatus *st = NULL;
	bool found = false;

	if (a->n_details)
		st = otlp__rpc_status__unpack(NULL, a->n_details, a->details);
	for (size_t i = 0; st && !found && i < st->n_details; i++)
		found = is_retry_info(st->details[i]) && read_delay(st->details[i], ns);
	if (st)
		otlp__rpc_status__free_unpacked(st, NULL);
	return found;
}

static bool is_retried(enum otr_grpc_status status, bool has_pause)
{
	switch (status) {
	case OTR_GRPC_CANCELLED:
	case OTR_GRPC_DEADLINE_EXCEEDED:
	case OTR_GRPC_ABORTED:
	case OTR_GRPC_OUT_OF_RANGE:
	case OTR_GRPC_UNAVAILABLE:
	case OTR_GRPC_DATA_LOSS:
		return true;
	default:
		return status == OTR_GRPC_RESOURCE_EXHAUSTED && has_pause;
	}
}

/* The message within DATA; none if it is not whole, or compressed, which nobody asked for. */
static struct otr_slice message_of(struct otr_slice body)
{
	const uint8_t *p = (const uint8_t *)body.data;
	size_t len;

	if (body.len < OTR_GRPC_PREFIX || p[0])
		return OTR_SLICE_NONE;
	len = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
	if (len > body.len - OTR_GRPC_PREFIX)
		return OTR_SLICE_NONE;
	return otr_slice_sub(body, OTR_GRPC_PREFIX, len);
}

static void explain(const struct otr_grpc_answer *a, enum otr_grpc_status status, long http,
		    struct otr_push_result *res)
{
	static const char hint[] =
		"\nIs this the address of an OTLP/gRPC receiver? Its port is mostly 4317.";
	size_t n;

	if (a->status == OTR_GRPC_NONE)
		snprintf(res->why, sizeof(res->why), "HTTP %ld without a status of gRPC", http);
	else
		snprintf(res->why, sizeof(res->why), "gRPC status %d, %s", status,
			 otr_grpc_status_name(status));
	otr_otlp_add_reason(res, a->message, strlen(a->message));
	n = strlen(res->why);
	if (status == OTR_GRPC_UNIMPLEMENTED || (a->status == OTR_GRPC_NONE && http == 200))
		snprintf(res->why + n, sizeof(res->why) - n, "%s", hint);
}

enum otr_push otr_grpc_judge(const struct otr_grpc_answer *a, long http, struct otr_slice body,
			     size_t n, struct otr_push_result *res)
{
	enum otr_grpc_status status =
		a->status == OTR_GRPC_NONE ? otr_grpc_status_of_http(http) : a->status;
	uint64_t pause_ns = 0;
	bool has_pause;

	if (status == OTR_GRPC_OK) {
		body = message_of(body);
		if (body.len)
			otr_otlp_partial(body, n, res);
		return OTR_PUSH_OK;
	}
	explain(a, status, http, res);
	has_pause = retry_info(a, &pause_ns);
	if (!is_retried(status, has_pause))
		return OTR_PUSH_DROP;
	res->retry_after_ns = pause_ns;
	return OTR_PUSH_RETRY;
}
