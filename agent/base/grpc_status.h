/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_GRPC_STATUS_H
#define OTR_GRPC_STATUS_H

/* grpc_status.h - the status codes of gRPC (doc/statuscodes.md), for the calls that are traced and
 * for those that otrace makes. */

#include "agent/base/slice.h"

enum otr_grpc_status {
	OTR_GRPC_NONE = -1, /* there is none */
	OTR_GRPC_OK,
	OTR_GRPC_CANCELLED,
	OTR_GRPC_UNKNOWN,
	OTR_GRPC_INVALID_ARGUMENT,
	OTR_GRPC_DEADLINE_EXCEEDED,
	OTR_GRPC_NOT_FOUND,
	OTR_GRPC_ALREADY_EXISTS,
	OTR_GRPC_PERMISSION_DENIED,
	OTR_GRPC_RESOURCE_EXHAUSTED,
	OTR_GRPC_FAILED_PRECONDITION,
	OTR_GRPC_ABORTED,
	OTR_GRPC_OUT_OF_RANGE,
	OTR_GRPC_UNIMPLEMENTED,
	OTR_GRPC_INTERNAL,
	OTR_GRPC_UNAVAILABLE,
	OTR_GRPC_DATA_LOSS,
	OTR_GRPC_UNAUTHENTICATED,
	OTR_GRPC_STATUSES,
};

/* "DEADLINE_EXCEEDED". `status` is not NONE. */
const char *otr_grpc_status_name(enum otr_grpc_status status);

/* Reads a grpc-status. What is no code that gRPC has is UNKNOWN, as to clients. */
enum otr_grpc_status otr_grpc_status_read(struct otr_slice text);

/* The status of an answer without grpc-status (doc/http-grpc-status-mapping.md). */
enum otr_grpc_status otr_grpc_status_of_http(long http);

#endif /* OTR_GRPC_STATUS_H */
