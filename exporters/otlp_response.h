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
};

/* Returns the outcome of a batch of `n` spans by the answer; fills in `res`. */
enum otr_push otr_otlp_judge(const struct otr_otlp_response *rsp, size_t n,
			     struct otr_push_result *res);

#endif /* OTR_OTLP_RESPONSE_H */
