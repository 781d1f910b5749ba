/* SPDX-License-Identifier: Apache-2.0 */
/* otlp.c - OTLP over HTTP: a POST for each batch (OTLP 1.11, "OTLP/HTTP"). */

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "agent/base/err.h"
#include "exporters/exporter.h"
#include "exporters/gzip.h"
#include "exporters/otlp_config.h"
#include "exporters/otlp_encode.h"
#include "exporters/otlp_json.h"
#include "exporters/otlp_response.h"
#include "exporters/post.h"

struct otlp {
	struct otr_otlp_config cfg;
	struct curl_slist *headers;
	struct otr_post post;
	struct otr_otlp_encoder enc;
	struct otr_gzip gz;
	struct otr_buf body, packed;
};

static bool make_headers(struct otlp *o)
{
	const struct otr_otlp_config *cfg = &o->cfg;
	bool ok = otr_post_header(&o->headers, cfg->json ? "Content-Type: application/json"
							 : "Content-Type: application/x-protobuf");

	if (cfg->gzip)
		ok = ok && otr_post_header(&o->headers, "Content-Encoding: gzip");
	ok = ok && otr_post_header(&o->headers, "Expect:"); /* no 100-continue */
	for (struct curl_slist *l = cfg->headers; ok && l; l = l->next)
		ok = otr_post_header(&o->headers, l->data);
	return ok;
}

static void otlp_close(void *state)
{
	struct otlp *o = state;

	otr_post_fini(&o->post);
	curl_slist_free_all(o->headers);
	otr_otlp_config_fini(&o->cfg);
	otr_otlp_encoder_fini(&o->enc);
	otr_gzip_fini(&o->gz);
	otr_buf_fini(&o->body);
	otr_buf_fini(&o->packed);
}

static int open_post(struct otlp *o)
{
	const struct otr_otlp_config *cfg = &o->cfg;
	struct otr_post_target to = {
		.url = cfg->url,
		.host = cfg->host,
		.port = cfg->port,
		.ca = cfg->ca,
		.cert = cfg->cert,
		.key = cfg->key,
	};

	if (!make_headers(o))
		return -ENOMEM;
	to.headers = o->headers;
	return otr_post_open(&o->post, &to);
}

static int otlp_open(void *state, const struct otr_destination *dest, struct otr_err *err)
{
	struct otlp *o = state;
	int rc = otr_otlp_config_read(&o->cfg, dest, err);

	if (rc)
		return rc;
	rc = open_post(o);
	if (rc) {
		otr_err_set(err, "export to %s: out of memory", o->cfg.shown);
		otlp_close(o);
	}
	return rc;
}

static const char *otlp_where(const void *state)
{
	return ((const struct otlp *)state)->cfg.shown;
}

/* Encodes a batch; `out` is the body to send. */
static int encode(struct otlp *o, const struct otr_span *const *spans, size_t n,
		  struct otr_slice *out)
{
	int rc;

	if (o->cfg.json) {
		otr_buf_reset(&o->body);
		rc = otr_otlp_json_line(&o->body, spans, n);
		*out = otr_buf_view(&o->body);
	} else {
		rc = otr_otlp_encode(&o->enc, spans, n, out);
	}
	if (rc || !o->cfg.gzip)
		return rc;
	otr_buf_reset(&o->packed);
	rc = otr_gzip(&o->gz, &o->packed, *out);
	*out = otr_buf_view(&o->packed);
	return rc;
}

static enum otr_push judge(struct otlp *o, size_t n, struct otr_push_result *res)
{
	struct otr_otlp_response rsp = {.body = otr_buf_view(&o->post.answer)};
	curl_off_t retry_after = 0;
	char *type = NULL;

	curl_easy_getinfo(o->post.easy, CURLINFO_RESPONSE_CODE, &rsp.status);
	curl_easy_getinfo(o->post.easy, CURLINFO_RETRY_AFTER, &retry_after);
	curl_easy_getinfo(o->post.easy, CURLINFO_CONTENT_TYPE, &type);
	rsp.retry_after_s = (long)retry_after;
	rsp.type = type;
	rsp.json = type && !strncasecmp(type, "application/json", 16);
	rsp.protobuf = type && !strncasecmp(type, "application/x-protobuf", 22);
	return otr_otlp_judge(&rsp, n, res);
}

static enum otr_push otlp_push(void *state, const struct otr_span *const *spans, size_t n,
			       const _Atomic uint64_t *deadline_ns, struct otr_push_result *res)
{
	uint64_t start = otr_post_now_ns(), until = UINT64_MAX;
	struct otlp *o = state;
	struct otr_slice body;
	CURLcode rc;

	if (encode(o, spans, n, &body)) {
		snprintf(res->why, sizeof(res->why),
			 "a batch of %zu spans does not fit into memory", n);
		return OTR_PUSH_DROP;
	}
	if (o->cfg.timeout_ns != UINT64_MAX)
		until = start + o->cfg.timeout_ns;
	if (otr_post(&o->post, body, until, deadline_ns, &rc))
		return judge(o, n, res);
	return otr_post_unanswered(&o->post, rc, otr_post_now_ns() - start, res);
}

const struct otr_exporter_ops otr_exporter_otlp = {
	.name = "otlp",
	.schemes = (const char *const[]){"http", "https", NULL},
	.help = "OTLP over HTTP, to a Collector, Jaeger or Tempo. As http://HOST:4318.",
	.options = otr_otlp_options,
	.settings_size = sizeof(struct otr_otlp_settings),
	.state_size = sizeof(struct otlp),
	.open = otlp_open,
	.where = otlp_where,
	.push = otlp_push,
	.close = otlp_close,
};
