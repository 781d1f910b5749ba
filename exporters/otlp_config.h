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

#include "agent/config/config.h"
#include "exporters/otlp_url.h"
#include "exporters/spooled.h"

struct curl_slist;
struct otr_destination;
struct otr_err;

enum otr_otlp_protocol {
	OTR_OTLP_PROTOBUF,
	OTR_OTLP_JSON,
	OTR_OTLP_GRPC,
	OTR_OTLP_ZIPKIN, /* none of OTLP: set by otr_otlp_config_zipkin() alone */
};

/* The names of those of OTLP, in the order of the enum; NULL ends. */
extern const char *const otr_otlp_protocols[];

/* What the options of the row fill (otlp_options.c). */
struct otr_otlp_settings {
	char **headers; /* "NAME:VALUE"; NULL ends, or NULL */
	uint64_t timeout_ns, deadline_ns;
	int compression; /* 0: gzip, 1: none */
	int protocol;	 /* enum otr_otlp_protocol */
	char *ca, *cert, *key;
	struct otr_spool_settings spool;
};

#define OTR_TIMEOUT_S 10 /* of one attempt, unless timeout= is given */

extern const char *const otr_otlp_compressions[];
extern const struct otr_option otr_otlp_options[];

/* Rows of options that fill a struct otr_otlp_settings; `.env` and the like may follow. */
#define OTR_POST_FIELD(f) .offset = offsetof(struct otr_otlp_settings, f)

/* Which of them have variables differs: `e` is a macro that makes the name of one of its argument. */
#define OTR_POST_OPTIONS(e, header_help)                                                           \
	{.name = "header",                                                                         \
	 .type = OTR_OPTION_LIST,                                                                  \
	 OTR_POST_FIELD(headers),                                                                  \
	 .value = "NAME:VALUE",                                                                    \
	 .env = e(HEADERS),                                                                        \
	 .help = "A header of each request, percent-encoded; repeatable." header_help},            \
		{.name = "timeout",                                                                \
		 .type = OTR_OPTION_DURATION,                                                      \
		 OTR_POST_FIELD(timeout_ns),                                                       \
		 .value = "D",                                                                     \
		 .env = e(TIMEOUT),                                                                \
		 .help = "Limit of one attempt; 0: none. Default: " OTR_TEXT(OTR_TIMEOUT_S) "s."}, \
		{.name = "deadline",                                                               \
		 .type = OTR_OPTION_DURATION,                                                      \
		 OTR_POST_FIELD(deadline_ns),                                                      \
		 .value = "D",                                                                     \
		 .help = "Limit of a batch with all its attempts. Default: 5m; with "              \
			 "spool=: none."},                                                         \
		{.name = "compression",                                                            \
		 .type = OTR_OPTION_ENUM,                                                          \
		 .words = otr_otlp_compressions,                                                   \
		 OTR_POST_FIELD(compression),                                                      \
		 .value = "WORD",                                                                  \
		 .env = e(COMPRESSION),                                                            \
		 .help = "gzip or none. Default: gzip, but none to this host."},                   \
		{.name = "ca",                                                                     \
		 .type = OTR_OPTION_STRING,                                                        \
		 OTR_POST_FIELD(ca),                                                               \
		 .value = "FILE",                                                                  \
		 .env = e(CERTIFICATE),                                                            \
		 .help = "Certificates to trust, PEM. Default: those of this host."},              \
		{.name = "cert",                                                                   \
		 .type = OTR_OPTION_STRING,                                                        \
		 OTR_POST_FIELD(cert),                                                             \
		 .value = "FILE",                                                                  \
		 .env = e(CLIENT_CERTIFICATE),                                                     \
		 .help = "Certificate of the client, PEM."},                                       \
		{.name = "key",                                                                    \
		 .type = OTR_OPTION_STRING,                                                        \
		 OTR_POST_FIELD(key),                                                              \
		 .value = "FILE",                                                                  \
		 .env = e(CLIENT_KEY),                                                             \
		 .help = "Private key of the client, PEM."},                                       \
		OTR_SPOOL_OPTIONS(struct otr_otlp_settings, spool)

struct otr_otlp_config {
	struct otr_otlp_url to;
	enum otr_otlp_protocol protocol;
	bool gzip;
	uint64_t timeout_ns;	     /* of one attempt; UINT64_MAX: none */
	uint64_t batch_ns;	     /* of a batch with all its attempts; 0: that of the queue */
	struct curl_slist *headers;  /* that the user wants */
	const char *ca, *cert, *key; /* files; NULL: none. Valid as long as the destination */
};

/* Reads `dest` and the environment. Returns 0, or -EINVAL or -ENOMEM with the reason
 * in `err`; `cfg` then holds nothing. */
int otr_otlp_config_read(struct otr_otlp_config *cfg, const struct otr_destination *dest,
			 struct otr_err *err);

/* The same for Zipkin, whose exporter has the same settings but `protocol`, and one variable:
 * OTEL_EXPORTER_ZIPKIN_TIMEOUT. */
int otr_otlp_config_zipkin(struct otr_otlp_config *cfg, const struct otr_destination *dest,
			   struct otr_err *err);

void otr_otlp_config_fini(struct otr_otlp_config *cfg);

/* The endpoint that the environment names, and in which variable; NULL: none. */
const char *otr_otlp_env_endpoint(const char **origin);

/* A URL for "collector:4317", which has no scheme: the specification allows this in variables if the
 * protocol is gRPC. Gives it; NULL: it is none, or out of memory. */
char *otr_otlp_grpc_target(const char *url, const char *origin);

/* Makes header lines of "k=v,k2=v2", percent-encoded. A pair that is no header is left out, with
 * a warning that shows its name alone. NULL: no header. */
struct curl_slist *otr_otlp_headers(const char *text);

/* Makes header lines of `items`, each "NAME:VALUE", percent-encoded; NULL ends. `where` is the URL
 * for messages. Returns 0, -EINVAL with the name, never the value, in `err`, or -ENOMEM. */
int otr_otlp_header_list(struct curl_slist **out, char *const *items, const char *where,
			 struct otr_err *err);

#endif /* OTR_OTLP_CONFIG_H */
