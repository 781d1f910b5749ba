/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_OTLP_CONFIG_H
#define OTR_OTLP_CONFIG_H

/*
 * otlp_config.h - where OTLP goes and how: OTEL_EXPORTER_OTLP_* and a URL, read.
 *
 * A variable with TRACES in its name wins over the one without; an empty one counts
 * as unset; what cannot be understood is warned of and ignored, but for what would
 * send data elsewhere or unprotected: that is an error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct curl_slist;
struct otr_destination;
struct otr_err;

struct otr_otlp_config {
	char *url;   /* the whole URL of the POSTs */
	char *shown; /* the same for people: no credentials, no query */
	char *host;
	uint16_t port;
	bool json; /* http/json instead of http/protobuf */
	bool gzip;
	uint64_t timeout_ns;	     /* of one attempt; UINT64_MAX: none */
	struct curl_slist *headers;  /* the user's */
	const char *ca, *cert, *key; /* files; NULL: none. Of the environment */
};

/* Reads `dest` and the environment. Returns 0, or -EINVAL or -ENOMEM with the reason
 * in `err`; `cfg` then holds nothing. */
int otr_otlp_config_read(struct otr_otlp_config *cfg, const struct otr_destination *dest,
			 struct otr_err *err);
void otr_otlp_config_fini(struct otr_otlp_config *cfg);

/* The endpoint that the environment names, and in which variable; NULL: none. */
const char *otr_otlp_env_endpoint(const char **origin);

/* Host and port that `url` leads to, so that the agent can know its own traffic.
 * Returns 0, -EINVAL for no URL, -ENAMETOOLONG. */
int otr_otlp_http_endpoint(const char *url, char *host, size_t size, uint16_t *port);

/* "k=v,k2=v2", percent-encoded, as header lines. Bad ones are warned of by name and
 * left out. NULL: none. */
struct curl_slist *otr_otlp_headers(const char *text);

#endif /* OTR_OTLP_CONFIG_H */
