/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_OTLP_URL_H
#define OTR_OTLP_URL_H

/*
 * otlp_url.h - the URL of a backend of OTLP: as a person wrote it, as libcurl takes it, and as
 * messages show it.
 *
 *	http://c:4318/x		http://c:4318/x/v1/traces	the same, without secrets
 *	grpc://c		http://c:4317/SERVICE/Export	grpc://c:4317
 *	https://c:4317		https://c:4317/SERVICE/Export	grpcs://c:4317	(the protocol is gRPC)
 *	http://c:9411		http://c:9411/api/v2/spans	the same	(of zipkin+http)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OTR_OTLP_BASE_VAR   "OTEL_EXPORTER_OTLP_ENDPOINT"
#define OTR_OTLP_TRACES_VAR "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
#define OTR_OTLP_GRPC_PORT  4317

struct otr_destination;
struct otr_err;

enum otr_url_kind {
	OTR_URL_OTLP,
	OTR_URL_GRPC,
	OTR_URL_ZIPKIN,
};

struct otr_otlp_url {
	char *url;   /* of the POSTs */
	char *shown; /* the same for people: no credentials, no query */
	char *host;
	uint16_t port;
};

/* True for grpc:// and grpcs://. */
bool otr_otlp_url_is_grpc(const char *url);

/* The port of `url`; 0 for no URL. */
uint16_t otr_otlp_url_port(const char *url);

/* Reads the URL of `dest`, which is of one kind. Returns 0, or -EINVAL or -ENOMEM with the reason in
 * `err`; otr_otlp_url_fini() is due in all cases. */
int otr_otlp_url_read(struct otr_otlp_url *out, const struct otr_destination *dest,
		      enum otr_url_kind kind, struct otr_err *err);
void otr_otlp_url_fini(struct otr_otlp_url *url);

/* Host and port that `url` leads to, so that the agent can know its own traffic.
 * Returns 0, -EINVAL for no URL, -ENAMETOOLONG. */
int otr_otlp_http_endpoint(const char *url, char *host, size_t size, uint16_t *port);

#endif /* OTR_OTLP_URL_H */
