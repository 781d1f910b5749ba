/* SPDX-License-Identifier: Apache-2.0 */
/* grpc_status.c - the status codes of gRPC; see grpc_status.h. */

#include "agent/base/grpc_status.h"

static const char *const names[OTR_GRPC_STATUSES] = {
	"OK",
	"CANCELLED",
	"UNKNOWN",
	"INVALID_ARGUMENT",
	"DEADLINE_EXCEEDED",
	"NOT_FOUND",
	"ALREADY_EXISTS",
	"PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED",
	"FAILED_PRECONDITION",
	"ABORTED",
	"OUT_OF_RANGE",
	"UNIMPLEMENTED",
	"INTERNAL",
	"UNAVAILABLE",
	"DATA_LOSS",
	"UNAUTHENTICATED",
};

const char *otr_grpc_status_name(enum otr_grpc_status status)
{
	return names[status];
}

enum otr_grpc_status otr_grpc_status_read(struct otr_slice text)
{
	int n = 0;

	if (!text.len || text.len > 3)
		return OTR_GRPC_UNKNOWN;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return OTR_GRPC_UNKNOWN;
		n = n * 10 + (text.data[i] - '0');
	}
	return n < OTR_GRPC_STATUSES ? (enum otr_grpc_status)n : OTR_GRPC_UNKNOWN;
}

enum otr_grpc_status otr_grpc_status_of_http(long http)
{
	switch (http) {
	case 400:
		return OTR_GRPC_INTERNAL;
	case 401:
		return OTR_GRPC_UNAUTHENTICATED;
	case 403:
		return OTR_GRPC_PERMISSION_DENIED;
	case 404:
		return OTR_GRPC_UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504:
		return OTR_GRPC_UNAVAILABLE;
	default:
		return OTR_GRPC_UNKNOWN;
	}
}
