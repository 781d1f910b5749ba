/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp_http.c - OTLP over HTTP: a POST for each batch, by libcurl (OTLP 1.11,
 * "OTLP/HTTP").
 *
 * There is one connection, kept alive, on one thread. The transfer runs in a loop of our own, not
 * in curl_easy_perform(), since a push has to end when its deadline is lowered. Proxies come from
 * the environment, as libcurl reads it. Redirects are not followed: spans go to the configured
 * host alone.
 */

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/base/version.h"
#include "exporters/exporter.h"
#include "exporters/gzip.h"
#include "exporters/otlp_config.h"
#include "exporters/otlp_encode.h"
#include "exporters/otlp_json.h"
#include "exporters/otlp_response.h"

#define USER_AGENT    "otrace/" OTR_VERSION " OTel-OTLP-Exporter-C/" OTR_VERSION
#define ANSWER_MAX    (4u << 20)  /* bytes; a longer answer is cut off */
#define ANSWER_KEPT   (64u << 10) /* bytes of it that are kept, for its message */
#define LOOK_EVERY_MS 50	  /* how often the deadline is checked */

struct http {
	struct otr_otlp_config cfg;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	struct otr_otlp_encoder enc;
	struct otr_gzip gz;
	struct otr_buf body, packed;
	struct otr_buf answer;
	size_t answered; /* bytes of the answer, kept or not */
	char error[CURL_ERROR_SIZE];
};

static void init_once(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static size_t on_answer(char *data, size_t size, size_t n, void *arg)
{
	struct http *h = arg;
	size_t room = ANSWER_KEPT - h->answer.len;

	n *= size;
	h->answered += n;
	if (h->answered > ANSWER_MAX)
		return CURL_WRITEFUNC_ERROR;
	otr_buf_add(&h->answer, data, n < room ? n : room);
	return n;
}

static bool add_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *more = curl_slist_append(*list, line);

	if (more)
		*list = more;
	return more != NULL;
}

static bool make_headers(struct http *h)
{
	const struct otr_otlp_config *cfg = &h->cfg;
	bool ok = add_header(&h->headers, cfg->json ? "Content-Type: application/json"
						    : "Content-Type: application/x-protobuf");

	if (cfg->gzip)
		ok = ok && add_header(&h->headers, "Content-Encoding: gzip");
	ok = ok && add_header(&h->headers, "Expect:"); /* no 100-continue */
	for (struct curl_slist *l = cfg->headers; ok && l; l = l->next)
		ok = add_header(&h->headers, l->data);
	return ok;
}

static void set_tls(struct http *h)
{
	const struct otr_otlp_config *cfg = &h->cfg;

	if (cfg->ca)
		curl_easy_setopt(h->easy, CURLOPT_CAINFO, cfg->ca);
	if (cfg->cert)
		curl_easy_setopt(h->easy, CURLOPT_SSLCERT, cfg->cert);
	if (cfg->key)
		curl_easy_setopt(h->easy, CURLOPT_SSLKEY, cfg->key);
}

static bool make_handles(struct http *h)
{
	h->multi = curl_multi_init();
	h->easy = curl_easy_init();
	if (!h->multi || !h->easy || !make_headers(h))
		return false;
	curl_easy_setopt(h->easy, CURLOPT_URL, h->cfg.url);
	curl_easy_setopt(h->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers);
	curl_easy_setopt(h->easy, CURLOPT_USERAGENT, USER_AGENT);
	curl_easy_setopt(h->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h->easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(h->easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->error);
	set_tls(h);
	return true;
}

static void http_close(void *state)
{
	struct http *h = state;

	curl_easy_cleanup(h->easy);
	curl_multi_cleanup(h->multi);
	curl_slist_free_all(h->headers);
	otr_otlp_config_fini(&h->cfg);
	otr_otlp_encoder_fini(&h->enc);
	otr_gzip_fini(&h->gz);
	otr_buf_fini(&h->body);
	otr_buf_fini(&h->packed);
	otr_buf_fini(&h->answer);
}

static int http_open(void *state, const struct otr_destination *dest, struct otr_err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct http *h = state;
	int rc;

	pthread_once(&once, init_once);
	rc = otr_otlp_config_read(&h->cfg, dest, err);
	if (rc)
		return rc;
	if (make_handles(h))
		return 0;
	otr_err_set(err, "export to %s: out of memory", h->cfg.shown);
	http_close(h);
	return -ENOMEM;
}

static const char *http_where(const void *state)
{
	return ((const struct http *)state)->cfg.shown;
}

/* Encodes a batch; `out` is the body to send. */
static int encode(struct http *h, const struct otr_span *const *spans, size_t n,
		  struct otr_slice *out)
{
	int rc;

	if (h->cfg.json) {
		otr_buf_reset(&h->body);
		rc = otr_otlp_json_line(&h->body, spans, n);
		*out = otr_buf_view(&h->body);
	} else {
		rc = otr_otlp_encode(&h->enc, spans, n, out);
	}
	if (rc || !h->cfg.gzip)
		return rc;
	otr_buf_reset(&h->packed);
	rc = otr_gzip(&h->gz, &h->packed, *out);
	*out = otr_buf_view(&h->packed);
	return rc;
}

/* Returns how the transfer ended; CURLE_OK with `*done` false while it runs. */
static CURLcode poll_transfer(struct http *h, bool *done)
{
	const CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(h->multi, &left))) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		*done = true;
		return msg->data.result;
	}
	return CURLE_OK;
}

/* Runs one transfer until it ends, or until `until_ns` or the deadline. */
static CURLcode run(struct http *h, uint64_t until_ns, const _Atomic uint64_t *deadline_ns)
{
	CURLcode rc = CURLE_OUT_OF_MEMORY;
	bool done = false;
	int running;

	if (curl_multi_add_handle(h->multi, h->easy) != CURLM_OK)
		return rc;
	for (;;) {
		if (curl_multi_perform(h->multi, &running) != CURLM_OK)
			break;
		rc = poll_transfer(h, &done);
		if (done)
			break;
		rc = CURLE_OPERATION_TIMEDOUT;
		if (now_ns() >= until_ns || now_ns() >= *deadline_ns)
			break;
		if (curl_multi_poll(h->multi, NULL, 0, LOOK_EVERY_MS, NULL) != CURLM_OK)
			break;
	}
	curl_multi_remove_handle(h->multi, h->easy);
	return rc;
}

static bool is_here(const char *host)
{
	return !strcasecmp(host, "localhost") || !strcmp(host, "[::1]") ||
	       !strncmp(host, "127.", 4);
}

static void explain_refused(const struct http *h, struct otr_push_result *res)
{
	int n = snprintf(res->why, sizeof(res->why), "connection refused");

	if (is_here(h->cfg.host))
		snprintf(res->why + n, sizeof(res->why) - (size_t)n,
			 "\nNothing listens on port %u here.", h->cfg.port);
}

/* No answer came. The batch is tried again, unless the fault lies in our settings. */
static enum otr_push no_answer(const struct http *h, CURLcode rc, uint64_t waited_ns,
			       struct otr_push_result *res)
{
	long sys = 0;

	curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &sys);
	if (rc == CURLE_COULDNT_CONNECT && sys == ECONNREFUSED)
		explain_refused(h, res);
	else if (rc == CURLE_OPERATION_TIMEDOUT)
		snprintf(res->why, sizeof(res->why), "no answer in %.1f s",
			 (double)waited_ns / 1e9);
	else
		snprintf(res->why, sizeof(res->why), "%s",
			 h->error[0] ? h->error : curl_easy_strerror(rc));
	switch (rc) {
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
		return OTR_PUSH_DROP;
	default:
		return OTR_PUSH_RETRY;
	}
}

static enum otr_push judge(struct http *h, size_t n, struct otr_push_result *res)
{
	struct otr_otlp_response rsp = {.body = otr_buf_view(&h->answer)};
	curl_off_t retry_after = 0;
	char *type = NULL;

	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &rsp.status);
	curl_easy_getinfo(h->easy, CURLINFO_RETRY_AFTER, &retry_after);
	curl_easy_getinfo(h->easy, CURLINFO_CONTENT_TYPE, &type);
	rsp.retry_after_s = (long)retry_after;
	rsp.type = type;
	rsp.json = type && !strncasecmp(type, "application/json", 16);
	rsp.protobuf = type && !strncasecmp(type, "application/x-protobuf", 22);
	return otr_otlp_judge(&rsp, n, res);
}

/* True if there is a status: an answer that was cut off for its length has one too. */
static bool answered(const struct http *h, CURLcode rc)
{
	return rc == CURLE_OK || (rc == CURLE_WRITE_ERROR && h->answered > ANSWER_MAX);
}

static enum otr_push http_push(void *state, const struct otr_span *const *spans, size_t n,
			       const _Atomic uint64_t *deadline_ns, struct otr_push_result *res)
{
	uint64_t start = now_ns(), until = UINT64_MAX;
	struct http *h = state;
	struct otr_slice body;
	CURLcode rc;

	if (encode(h, spans, n, &body)) {
		snprintf(res->why, sizeof(res->why),
			 "a batch of %zu spans does not fit into memory", n);
		return OTR_PUSH_DROP;
	}
	if (h->cfg.timeout_ns != UINT64_MAX)
		until = start + h->cfg.timeout_ns;
	otr_buf_reset(&h->answer);
	h->answered = 0;
	h->error[0] = '\0';
	curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, body.data);
	curl_easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	rc = run(h, until, deadline_ns);
	return answered(h, rc) ? judge(h, n, res) : no_answer(h, rc, now_ns() - start, res);
}

const struct otr_exporter_ops otr_exporter_otlp_http = {
	.name = "otlp-http",
	.schemes = (const char *const[]){"http", "https", NULL},
	.help = "OTLP over HTTP, to a Collector, Jaeger or Tempo. As http://HOST:4318.",
	.options = otr_otlp_options,
	.settings_size = sizeof(struct otr_otlp_settings),
	.state_size = sizeof(struct http),
	.open = http_open,
	.where = http_where,
	.push = http_push,
	.close = http_close,
};
