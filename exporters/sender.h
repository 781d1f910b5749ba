/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SENDER_H
#define OTR_SENDER_H

/* sender.h - what exporters that send batches by POST have in common: OTLP and Zipkin. */

#include "exporters/gzip.h"
#include "exporters/otlp_config.h"
#include "exporters/post.h"

struct otr_otlp_response;

struct otr_sender { /* begins zeroed */
	struct otr_otlp_config cfg;
	struct curl_slist *headers;
	struct otr_post post;
	struct otr_gzip gz;
};

/* Gets ready to POST as `cfg` says, which is read already. `lines` are the headers that describe the
 * body; NULL ends. `on_header` and `arg` as in struct otr_post_target. Returns 0; or -ENOMEM with the
 * reason in `err`, and otr_sender_fini() is due. */
int otr_sender_open(struct otr_sender *s, const char *const *lines,
		    void (*on_header)(void *arg, struct otr_slice name, struct otr_slice value),
		    void *arg, struct otr_err *err);
void otr_sender_fini(struct otr_sender *s);

/* Until when an attempt that begins at `start_ns` waits for its answer; UINT64_MAX: without a limit. */
uint64_t otr_sender_until(const struct otr_sender *s, uint64_t start_ns, uint64_t deadline_ns);

/* The answer of HTTP to the last POST. */
void otr_sender_response(const struct otr_sender *s, struct otr_otlp_response *out);

#endif /* OTR_SENDER_H */
