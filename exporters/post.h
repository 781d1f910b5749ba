/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_POST_H
#define OTR_POST_H

/*
 * post.h - POSTs to one URL by libcurl, one after the other, each with a deadline.
 *
 * There is one connection, kept alive, on one thread. The transfer runs in a loop of our own, not
 * in curl_easy_perform(), since a POST has to end when its deadline is lowered. Proxies come from
 * the environment, as libcurl reads it. Redirects are not followed: spans go to the configured
 * host alone. libcurl before 8.1 needs a connection for each POST of HTTP/2 without TLS.
 */

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "exporters/exporter.h"

/* Where the POSTs go. All of it is borrowed, for as long as the POSTs are open. */
struct otr_post_target {
	const char *url, *host;
	uint16_t port;
	const char *ca, *cert, *key; /* PEM files; NULL: none */
	struct curl_slist *headers;
	bool http2; /* from the first byte, without an upgrade of HTTP/1 */

	/* Called for each header and trailer of an answer of the backend; or NULL. */
	void (*on_header)(void *arg, struct otr_slice name, struct otr_slice value);
	void *arg;
};

struct otr_post { /* begins zeroed */
	struct otr_post_target to;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *first; /* a header of the next POST; linked to those of the target */
	bool failed;		  /* the last POST had no answer: the connection is not reused */
	struct otr_buf answer;	  /* the first 64 KiB of the body */
	size_t answered;	  /* bytes of the body, kept or not */
	char error[CURL_ERROR_SIZE];
};

/* Returns 0 or -ENOMEM; otr_post_fini() is due in both cases. */
int otr_post_open(struct otr_post *p, const struct otr_post_target *to);
void otr_post_fini(struct otr_post *p);

/* Sends `body`, and waits for the answer until `until_ns` or `*deadline_ns` (CLOCK_MONOTONIC). True
 * if there is an answer, which may be cut off for its length. */
bool otr_post(struct otr_post *p, struct otr_slice body, uint64_t until_ns,
	      const _Atomic uint64_t *deadline_ns, CURLcode *rc);

/* What it means that no answer came after `waited_ns`: the batch is tried again, whatever the reason is,
 * since nobody has refused it. A certificate may be missing for a moment while it is replaced. Writes
 * the reason. */
enum otr_push otr_post_unanswered(const struct otr_post *p, CURLcode rc, uint64_t waited_ns,
				  struct otr_push_result *res);

/* True for loopback, by name or address. */
bool otr_post_is_here(const char *host);

/* Puts `line` before the headers of the target, for the POSTs until the next call; NULL: those of the
 * target alone. False: out of memory, and as with NULL. */
bool otr_post_first_header(struct otr_post *p, const char *line);

/* Appends `line` to `list`. False: out of memory, `list` is unchanged. */
bool otr_post_header(struct curl_slist **list, const char *line);

#endif /* OTR_POST_H */
