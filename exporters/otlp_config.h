/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_OTLP_CONFIG_H
#define OTR_OTLP_CONFIG_H

/*
 * otlp_config.h - where OTLP goes and how: a URL, its options, and OTEL_EXPORTER_OTLP_*.
 *
 * An option wins over its variable, a variable with TRACES in its name over the one without; an
 * empty variable counts as unset. A variable that cannot be read is ignored with a warning, unless
 * data would go elsewhere or unprotected without it: that is an error, as every wrong option is.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/config.h"

struct curl_slist;
struct otr_destination;
struct otr_err;

/* What the options of the row fill (otlp_options.c). */
struct otr_otlp_settings {
	char **headers; /* "NAME:VALUE"; NULL ends, or NULL */
	uint64_t timeout_ns;
	int compression; /* 0: gzip, 1: none */
	int protocol;	 /* 0: http/protobuf, 1: http/json */
	char *ca, *cert, *key;
};

extern const struct otr_option otr_otlp_options[];

struct otr_otlp_config {
	char *url;   /* the whole URL of the POSTs */
	char *shown; /* the same for people: no credentials, no query */
	char *host;
	uint16_t port;
	bool json; /* http/json instead of http/protobuf */
	bool gzip;
	uint64_t timeout_ns;	     /* of one attempt; UINT64_MAX: none */
	struct curl_slist *headers;  /* that the user wants */
	const char *ca, *cert, *key; /* files; NULL: none. Valid as long as the destination */
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

/* Makes header lines of "k=v,k2=v2", percent-encoded. A pair that is no header is left out, with
 * a warning that shows its name alone. NULL: no header. */
struct curl_slist *otr_otlp_headers(const char *text);

/* Makes header lines of `items`, each "NAME:VALUE", percent-encoded; NULL ends. `where` is the URL
 * for messages. Returns 0, -EINVAL with the name, never the value, in `err`, or -ENOMEM. */
int otr_otlp_header_list(struct curl_slist **out, char *const *items, const char *where,
			 struct otr_err *err);

#endif /* OTR_OTLP_CONFIG_H */
