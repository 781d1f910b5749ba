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
#include "agent/config/config.h"
#include "exporters/exporter.h"
#include "exporters/otlp_response.h"
#include "exporters/otlp_url.h"
#include "exporters/sender.h"
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
	struct otr_sender to;
	struct otr_buf body, packed;
};

static void zipkin_close(void *state)
{
	struct zipkin *z = state;

	otr_sender_fini(&z->to);
	otr_buf_fini(&z->body);
	otr_buf_fini(&z->packed);
}

static int zipkin_open(void *state, const struct otr_destination *dest, struct otr_err *err)
{
	static const char *const lines[][3] = {
		{"Content-Type: application/json"},
		{"Content-Type: application/json", "Content-Encoding: gzip"},
	};
	struct zipkin *z = state;
	int rc = otr_otlp_config_zipkin(&z->to.cfg, dest, err);

	if (rc)
		return rc;
	rc = otr_sender_open(&z->to, lines[z->to.cfg.gzip], NULL, NULL, err);
	if (rc)
		zipkin_close(z);
	return rc;
}

static const char *zipkin_where(const void *state)
{
	return ((const struct zipkin *)state)->to.cfg.to.shown;
}

static int encode(void *state, const struct otr_span *const *spans, size_t n, struct otr_slice *out)
{
	struct zipkin *z = state;
	int rc;

	otr_buf_reset(&z->body);
	rc = otr_zipkin_json(&z->body, spans, n);
	*out = otr_buf_view(&z->body);
	if (rc || !z->to.cfg.gzip)
		return rc;
	otr_buf_reset(&z->packed);
	rc = otr_gzip(&z->to.gz, &z->packed, *out);
	*out = otr_buf_view(&z->packed);
	return rc;
}

static enum otr_push judge(struct zipkin *z, size_t n, struct otr_push_result *res)
{
	struct otr_otlp_response rsp = {.is_zipkin = true};

	otr_sender_response(&z->to, &rsp);
	return otr_otlp_judge(&rsp, n, res);
}

static enum otr_push zipkin_send(void *state, struct otr_slice body, size_t n,
				 const _Atomic uint64_t *deadline_ns, struct otr_push_result *res)
{
	struct zipkin *z = state;
	uint64_t start = otr_now(), until = otr_sender_until(&z->to, start, *deadline_ns);
	CURLcode rc;

	if (otr_post(&z->to.post, body, until, deadline_ns, &rc))
		return judge(z, n, res);
	return otr_post_unanswered(&z->to.post, rc, otr_now() - start, res);
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
	return ((const struct zipkin *)state)->to.cfg.gzip ? "zipkin+gzip" : "zipkin";
}

static uint64_t zipkin_batch_ns(const void *state)
{
	return ((const struct zipkin *)state)->to.cfg.batch_ns;
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
