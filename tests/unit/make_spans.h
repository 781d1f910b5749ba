/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_MAKE_SPANS_H
#define OTR_MAKE_SPANS_H

/* make_spans.h - spans for tests, in one line each. */

#include <stdint.h>

#include "agent/span/span.h"

/* Fields of struct make that a test does not set are zero. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define MAKE_EPOCH 1767355471207000000u /* 2026-01-02T12:04:31.207Z */

struct make {
	uint8_t kind, evidence;
	uint32_t id, parent;
	const char *service, *name;
	double start_ms, ms;
	int status; /* of HTTP */
	const char *db, *summary, *error;
	const char *host; /* server.address */
	int links;
	bool cut, remote;
	int exit; /* of a process */
};

/* One span of the trace numbered `trace`; gives one reference. */
struct otr_span *make_span(uint32_t trace, const struct make *m);

/* Makes the spans of a checkout: 58 spans, 4 services. Returns how many. */
size_t make_checkout(uint32_t trace, struct otr_span *out[64]);

#endif /* OTR_MAKE_SPANS_H */
