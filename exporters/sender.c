/* SPDX-License-Identifier: Apache-2.0 */
/* sender.c - batches by POST; see sender.h. */

#include "exporters/sender.h"

#include <errno.h>
#include <strings.h>

#include "agent/base/err.h"
#include "exporters/otlp_response.h"

static bool make_headers(struct otr_sender *s, const char *const *lines)
{
	bool ok = otr_post_header(&s->headers, "Expect:"); /* no 100-continue */

	for (; ok && *lines; lines++)
		ok = otr_post_header(&s->headers, *lines);
	for (struct curl_slist *l = s->cfg.headers; ok && l; l = l->next)
		ok = otr_post_header(&s->headers, l->data);
	return ok;
}

int otr_sender_open(struct otr_sender *s, const char *const *lines,
		    void (*on_header)(void *arg, struct otr_slice name, struct otr_slice value),
		    void *arg, struct otr_err *err)
{
	struct otr_post_target to = {
		.url = s->cfg.to.url,
		.host = s->cfg.to.host,
		.port = s->cfg.to.port,
		.ca = s->cfg.ca,
		.cert = s->cfg.cert,
		.key = s->cfg.key,
		.http2 = s->cfg.protocol == OTR_OTLP_GRPC,
		.on_header = on_header,
		.arg = arg,
	};
	int rc = make_headers(s, lines) ? 0 : -ENOMEM;

	to.headers = s->headers;
	if (!rc)
		rc = otr_post_open(&s->post, &to);
	if (rc)
		otr_err_set(err, "export to %s: out of memory", s->cfg.to.shown);
	return rc;
}

void otr_sender_fini(struct otr_sender *s)
{
	otr_post_fini(&s->post);
	curl_slist_free_all(s->headers);
	otr_otlp_config_fini(&s->cfg);
	otr_gzip_fini(&s->gz);
}

uint64_t otr_sender_until(const struct otr_sender *s, uint64_t start_ns, uint64_t deadline_ns)
{
	uint64_t until = UINT64_MAX;

	if (s->cfg.timeout_ns != UINT64_MAX)
		until = start_ns + s->cfg.timeout_ns;
	return deadline_ns < until ? deadline_ns : until;
}

void otr_sender_response(const struct otr_sender *s, struct otr_otlp_response *out)
{
	curl_off_t retry_after = 0;
	char *type = NULL;

	curl_easy_getinfo(s->post.easy, CURLINFO_RESPONSE_CODE, &out->status);
	curl_easy_getinfo(s->post.easy, CURLINFO_RETRY_AFTER, &retry_after);
	curl_easy_getinfo(s->post.easy, CURLINFO_CONTENT_TYPE, &type);
	out->body = otr_buf_view(&s->post.answer);
	out->retry_after_s = (long)retry_after;
	out->type = type;
}
