/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_OTLP_GRPC_H
#define OTR_OTLP_GRPC_H

/*
 * otlp_grpc.h - a unary call of gRPC around the messages of OTLP.
 *
 *	request:   HEADERS, DATA: | compressed 1 | length 4 | message |
 *	answer:    HEADERS, DATA: the same, HEADERS: grpc-status, grpc-message,
 *	           grpc-status-details-bin	(a failed call may have one HEADERS alone)
 *
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md; libcurl does the HTTP/2 of it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/grpc_status.h"
#include "agent/base/slice.h"
#include "exporters/exporter.h"

#define OTR_GRPC_PREFIX	 5    /* bytes before a message */
#define OTR_GRPC_DETAILS 4096 /* bytes of details that are kept; more are not read */
#define OTR_GRPC_MESSAGE 256

/* Writes what stands before a message of `len` bytes. */
void otr_grpc_prefix(uint8_t out[OTR_GRPC_PREFIX], size_t len, bool is_gzip);

/* What the headers and trailers of an answer say. */
struct otr_grpc_answer {
	enum otr_grpc_status status;	/* of grpc-status; OTR_GRPC_NONE: there was none */
	char message[OTR_GRPC_MESSAGE]; /* decoded */
	size_t n_details;
	uint8_t details[OTR_GRPC_DETAILS]; /* a google.rpc.Status */
};

void otr_grpc_reset(struct otr_grpc_answer *a);

/* Takes one header or trailer; `answer` is a struct otr_grpc_answer. */
void otr_grpc_header(void *answer, struct otr_slice name, struct otr_slice value);

/* Returns the outcome of a batch of `n` spans by the answer: `http` is the status of HTTP, `body` the
 * bytes of DATA, as far as they were kept. Fills in `res`. */
enum otr_push otr_grpc_judge(const struct otr_grpc_answer *a, long http, struct otr_slice body,
			     size_t n, struct otr_push_result *res);

/* Writes the header grpc-timeout for `ns`: "grpc-timeout: 9500m". */
void otr_grpc_timeout(char *out, size_t size, uint64_t ns);

#endif /* OTR_OTLP_GRPC_H */
