/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_OTLP_RESPONSE_H
#define OTR_OTLP_RESPONSE_H

/* otlp_response.h - what the answer of an OTLP/HTTP server means for a batch. */

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/slice.h"
#include "exporters/exporter.h"

struct otr_otlp_response {
	long status;
	bool json, protobuf; /* by the Content-Type; neither: the body is not read */
	const char *type;    /* the Content-Type; NULL: there was none */
	struct otr_slice body;
	long retry_after_s; /* of Retry-After; 0: there was none */
	bool is_zipkin;	    /* for the messages */
};

/* Returns the outcome of a batch of `n` spans by the answer; fills in `res`. */
enum otr_push otr_otlp_judge(const struct otr_otlp_response *rsp, size_t n,
			     struct otr_push_result *res);

/* The same for the parts that gRPC has in common with it: the message of a success, protobuf; a
 * reason, added to what is there already, without control characters; a pause, bounded. */
void otr_otlp_partial(struct otr_slice body, size_t n, struct otr_push_result *res);
void otr_otlp_add_reason(struct otr_push_result *res, const char *text, size_t len);
uint64_t otr_otlp_pause_ns(int64_t seconds);

#endif /* OTR_OTLP_RESPONSE_H */
