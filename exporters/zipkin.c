/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zipkin.c - spans to Zipkin: a POST of JSON for each batch, to /api/v2/spans unless the URL has a path.
 *
 * Zipkin answers 202 before it stores, so what it loses afterwards is not known here. Which other
 * answers are tried again is as in OTLP over HTTP.
 */

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/config/config.h"
#include "exporters/exporter.h"
#include "exporters/gzip.h"
#include "exporters/otlp_config.h"
#include "exporters/otlp_response.h"
#include "exporters/otlp_url.h"
#include "exporters/post.h"
#include "exporters/zipkin_json.h"

/* It has one variable. */
#define ENV(what)	       ENV_##what
#define ENV_TIMEOUT	       "OTEL_EXPORTER_ZIPKIN_TIMEOUT"
#define ENV_HEADERS	       NULL
#define ENV_COMPRESSION	       NULL
#define ENV_CERTIFICATE	       NULL
#define ENV_CLIENT_CERTIFICATE NULL
#define ENV_CLIENT_KEY	       NULL

static const struct otr_option options[] = {
	OTR_POST_OPTIONS(ENV, ""),
	{.name = NULL},
};

struct zipkin {
	struct otr_otlp_config cfg;
	struct curl_slist *headers;
	struct otr_post post;
	struct otr_gzip gz;
	struct otr_buf body, packed;
};

static void zipkin_close(void *state)
{
	struct zipkin *z = state;

	otr_post_fini(&z->post);
	curl_slist_free_all(z->headers);
	otr_otlp_config_fini(&z->cfg);
	otr_gzip_fini(&z->gz);
	otr_buf_fini(&z->body);
	otr_buf_fini(&z->packed);
}

static int open_post(struct zipkin *z)
{
	struct otr_post_target to = {
		.url = z->cfg.to.url,
		.host = z->cfg.to.host,
		.port = z->cfg.to.port,
		.ca = z->cfg.ca,
		.cert = z->cfg.cert,
		.key = z->cfg.key,
	};
	bool ok = otr_post_header(&z->headers, "Content-Type: application/json") &&
		  otr_post_header(&z->headers, "Expect:");

	if (z->cfg.gzip)
		ok = ok && otr_post_header(&z->headers, "Content-Encoding: gzip");
	for (struct curl_slist *l = z->cfg.headers; ok && l; l = l->next)
		ok = otr_post_header(&z->headers, l->data);
	to.headers = z->headers;
	return ok ? otr_post_open(&z->post, &to) : -ENOMEM;
}

static int zipkin_open(void *state, const struct otr_destination *dest, struct otr_err *err)
{
	struct zipkin *z = state;
	int rc = otr_otlp_config_zipkin(&z->cfg, dest, err);

	if (rc)
		return rc;
	rc = open_post(z);
	if (rc) {
		otr_err_set(err, "export to %s: out of memory", z->cfg.to.shown);
		zipkin_close(z);
	}
	return rc;
}

static const char *zipkin_where(const void *state)
{
	return ((const struct zipkin *)state)->cfg.to.shown;
}

static int encode(void *state, const struct otr_span *const *spans, size_t n, struct otr_slice *out)
{
	struct zipkin *z = state;
	int rc;

	otr_buf_reset(&z->body);
	rc = otr_zipkin_json(&z->body, spans, n);
	*out = otr_buf_view(&z->body);
	if (rc || !z->cfg.gzip)
		return rc;
	otr_buf_reset(&z->packed);
	rc = otr_gzip(&z->gz, &z->packed, *out);
	*out = otr_buf_view(&z->packed);
	return rc;
}

static enum otr_push judge(struct zipkin *z, size_t n, struct otr_push_result *res)
{
	struct otr_otlp_response rsp = {
		.body = otr_buf_view(&z->post.answer),
		.is_zipkin = true,
	};
	curl_off_t retry_after = 0;
	char *type = NULL;

	curl_easy_getinfo(z->post.easy, CURLINFO_RESPONSE_CODE, &rsp.status);
	curl_easy_getinfo(z->post.easy, CURLINFO_RETRY_AFTER, &retry_after);
	curl_easy_getinfo(z->post.easy, CURLINFO_CONTENT_TYPE, &type);
	rsp.retry_after_s = (long)retry_after;
	rsp.type = type;
	return otr_otlp_judge(&rsp, n, res);
}

static enum otr_push zipkin_send(void *state, struct otr_slice body, size_t n,
				 const _Atomic uint64_t *deadline_ns, struct otr_push_result *res)
{
	uint64_t start = otr_now(), until = UINT64_MAX;
	struct zipkin *z = state;
	CURLcode rc;

	if (z->cfg.timeout_ns != UINT64_MAX)
		until = start + z->cfg.timeout_ns;
	if (otr_post(&z->post, body, until, deadline_ns, &rc))
		return judge(z, n, res);
	return otr_post_unanswered(&z->post, rc, otr_now() - start, res);
}

static enum otr_push zipkin_push(void *state, const struct otr_span *const *spans, size_t n,
				 const _Atomic uint64_t *deadline_ns, struct otr_push_result *res)
{
	struct otr_slice body;
	int rc = encode(state, spans, n, &body);

	return rc ? otr_push_fault(rc, "cannot encode the spans", res)
		  : zipkin_send(state, body, n, deadline_ns, res);
}

static const char *zipkin_kind(const void *state)
{
	return ((const struct zipkin *)state)->cfg.gzip ? "zipkin+gzip" : "zipkin";
}

static uint64_t zipkin_batch_ns(const void *state)
{
	return ((const struct zipkin *)state)->cfg.batch_ns;
}

const struct otr_exporter_ops otr_exporter_zipkin = {
	.name = "zipkin",
	.schemes = (const char *const[]){"zipkin+http", "zipkin+https", NULL},
	.help = "Zipkin v2, JSON. As zipkin+http://HOST:9411.",
	.options = options,
	.settings_size = sizeof(struct otr_otlp_settings),
	.state_size = sizeof(struct zipkin),
	.open = zipkin_open,
	.where = zipkin_where,
	.push = zipkin_push,
	.encode = encode,
	.kind = zipkin_kind,
	.send = zipkin_send,
	.batch_ns = zipkin_batch_ns,
	.close = zipkin_close,
};
