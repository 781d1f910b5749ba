/* SPDX-License-Identifier: Apache-2.0 */
/* post.c - POSTs to one URL by libcurl; see post.h. */

#include "exporters/post.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "agent/base/clock.h"
#include "agent/base/version.h"
#include "agent/resource/percent.h"

#define USER_AGENT    "otrace/" OTR_VERSION " OTel-OTLP-Exporter-C/" OTR_VERSION
#define ANSWER_MAX    (4u << 20)  /* bytes; a longer answer is cut off */
#define ANSWER_KEPT   (64u << 10) /* bytes of it that are kept, for its message */
#define LOOK_EVERY_MS 50	  /* how often the deadline is checked */

static void init_once(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

bool otr_post_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *more = curl_slist_append(*list, line);

	if (more)
		*list = more;
	return more != NULL;
}

static size_t on_answer(char *data, size_t size, size_t n, void *arg)
{
	struct otr_post *p = arg;
	size_t room = ANSWER_KEPT - p->answer.len;

	n *= size;
	p->answered += n;
	if (p->answered > ANSWER_MAX)
		return CURL_WRITEFUNC_ERROR;
	otr_buf_add(&p->answer, data, n < room ? n : room);
	return n;
}

/* One line of a header or trailer, "name: value\r\n"; the line of the status has no colon. */
static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	const struct otr_post *p = arg;
	struct otr_slice line = {data, size * n};
	const char *colon = memchr(line.data, ':', line.len);
	size_t name = colon ? (size_t)(colon - line.data) : 0;

	while (line.len && (line.data[line.len - 1] == '\n' || line.data[line.len - 1] == '\r'))
		line.len--;
	if (name)
		p->to.on_header(p->to.arg, otr_slice_sub(line, 0, name),
				otr_trim(otr_slice_sub(line, name + 1, line.len)));
	return size * n;
}

/* libcurl before 8.1 cannot use such a connection twice: the second POST fails by CURLE_HTTP2. */
static bool is_used_once(const struct otr_post *p)
{
	return !strncasecmp(p->to.url, "http:", 5) &&
	       curl_version_info(CURLVERSION_NOW)->version_num < 0x080100;
}

/* HTTP/2 keeps a connection whose stream failed, and the peer may be gone: one connection at most is
 * kept, and none after a failure (otr_post()). A proxy passes HTTP/2 through a tunnel only. */
static void set_http2(struct otr_post *p)
{
	curl_easy_setopt(p->easy, CURLOPT_FORBID_REUSE, (long)is_used_once(p));
	curl_easy_setopt(p->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
	curl_easy_setopt(p->easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
	curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, 1L);
}

static void set_tls(struct otr_post *p)
{
	if (p->to.ca)
		curl_easy_setopt(p->easy, CURLOPT_CAINFO, p->to.ca);
	if (p->to.cert)
		curl_easy_setopt(p->easy, CURLOPT_SSLCERT, p->to.cert);
	if (p->to.key)
		curl_easy_setopt(p->easy, CURLOPT_SSLKEY, p->to.key);
}

int otr_post_open(struct otr_post *p, const struct otr_post_target *to)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, init_once);
	p->to = *to;
	p->multi = curl_multi_init();
	p->easy = curl_easy_init();
	if (!p->multi || !p->easy)
		return -ENOMEM;
	curl_easy_setopt(p->easy, CURLOPT_URL, to->url);
	curl_easy_setopt(p->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(p->easy, CURLOPT_HTTPHEADER, to->headers);
	curl_easy_setopt(p->easy, CURLOPT_USERAGENT, USER_AGENT);
	curl_easy_setopt(p->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(p->easy, CURLOPT_QUICK_EXIT, 1L);
	/* What a proxy answers to CONNECT is no answer of the backend. */
	curl_easy_setopt(p->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(p->easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(p->easy, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(p->easy, CURLOPT_WRITEDATA, p);
	curl_easy_setopt(p->easy, CURLOPT_ERRORBUFFER, p->error);
	if (to->on_header) {
		curl_easy_setopt(p->easy, CURLOPT_HEADERFUNCTION, on_header);
		curl_easy_setopt(p->easy, CURLOPT_HEADERDATA, p);
	}
	if (to->http2)
		set_http2(p);
	set_tls(p);
	return 0;
}

void otr_post_fini(struct otr_post *p)
{
	if (p->easy)
		otr_post_first_header(p, NULL);
	curl_easy_cleanup(p->easy);
	curl_multi_cleanup(p->multi);
	otr_buf_fini(&p->answer);
}

bool otr_post_first_header(struct otr_post *p, const char *line)
{
	if (p->first)
		p->first->next = NULL; /* the others belong to the target */
	curl_slist_free_all(p->first);
	p->first = line ? curl_slist_append(NULL, line) : NULL;
	if (p->first)
		p->first->next = p->to.headers;
	curl_easy_setopt(p->easy, CURLOPT_HTTPHEADER, p->first ? p->first : p->to.headers);
	return p->first || !line;
}

/* Returns how the transfer ended; CURLE_OK with `*done` false while it runs. */
static CURLcode poll_transfer(struct otr_post *p, bool *done)
{
	const CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(p->multi, &left))) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		*done = true;
		return msg->data.result;
	}
	return CURLE_OK;
}

/* Runs one transfer until it ends, or until `until_ns` or the deadline. */
static CURLcode run(struct otr_post *p, uint64_t until_ns, const _Atomic uint64_t *deadline_ns)
{
	CURLcode rc = CURLE_OUT_OF_MEMORY;
	bool done = false;
	int running;

	if (curl_multi_add_handle(p->multi, p->easy) != CURLM_OK)
		return rc;
	for (;;) {
		if (curl_multi_perform(p->multi, &running) != CURLM_OK)
			break;
		rc = poll_transfer(p, &done);
		if (done)
			break;
		rc = CURLE_OPERATION_TIMEDOUT;
		if (otr_now() >= until_ns || otr_now() >= *deadline_ns)
			break;
		if (curl_multi_poll(p->multi, NULL, 0, LOOK_EVERY_MS, NULL) != CURLM_OK)
			break;
	}
	curl_multi_remove_handle(p->multi, p->easy);
	return rc;
}

bool otr_post(struct otr_post *p, struct otr_slice body, uint64_t until_ns,
	      const _Atomic uint64_t *deadline_ns, CURLcode *rc)
{
	otr_buf_reset(&p->answer);
	p->answered = 0;
	p->error[0] = '\0';
	curl_easy_setopt(p->easy, CURLOPT_POSTFIELDS, body.data);
	curl_easy_setopt(p->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	curl_easy_setopt(p->easy, CURLOPT_FRESH_CONNECT, (long)p->failed);
	*rc = run(p, until_ns, deadline_ns);
	p->failed = *rc != CURLE_OK;
	return *rc == CURLE_OK || (*rc == CURLE_WRITE_ERROR && p->answered > ANSWER_MAX);
}

bool otr_post_is_here(const char *host)
{
	return host && (!strcasecmp(host, "localhost") || !strncmp(host, "127.", 4) ||
			!strcmp(host, "::1") || !strcmp(host, "[::1]"));
}

static void explain_refused(const struct otr_post *p, struct otr_push_result *res)
{
	int n = snprintf(res->why, sizeof(res->why), "connection refused");

	if (otr_post_is_here(p->to.host))
		snprintf(res->why + n, sizeof(res->why) - (size_t)n,
			 "\nNothing listens on port %u here.", p->to.port);
}

enum otr_push otr_post_unanswered(const struct otr_post *p, CURLcode rc, uint64_t waited_ns,
				  struct otr_push_result *res)
{
	long sys = 0;

	curl_easy_getinfo(p->easy, CURLINFO_OS_ERRNO, &sys);
	if (rc == CURLE_COULDNT_CONNECT && sys == ECONNREFUSED)
		explain_refused(p, res);
	else if (rc == CURLE_OPERATION_TIMEDOUT)
		snprintf(res->why, sizeof(res->why), "no answer in %.1f s",
			 (double)waited_ns / 1e9);
	else
		snprintf(res->why, sizeof(res->why), "%s",
			 p->error[0] ? p->error : curl_easy_strerror(rc));
	return OTR_PUSH_RETRY;
}
