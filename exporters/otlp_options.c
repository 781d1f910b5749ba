/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_options.c - the options of OTLP, one row each, behind the URL of --export. */

#include <stddef.h>

#include "exporters/otlp_config.h"

#define ENV(what)  "OTEL_EXPORTER_OTLP_TRACES_" what " OTEL_EXPORTER_OTLP_" what
#define FIELD(f)   .offset = offsetof(struct otr_otlp_settings, f)
#define FILE_OF(f) .type = OTR_OPTION_STRING, FIELD(f), .value = "FILE"

static const char *const compressions[] = {"gzip", "none", NULL};
const char *const otr_otlp_protocols[] = {"http/protobuf", "http/json", "grpc", NULL};

const struct otr_option otr_otlp_options[] = {
	{.name = "header",
	 .type = OTR_OPTION_LIST,
	 FIELD(headers),
	 .value = "NAME:VALUE",
	 .env = ENV("HEADERS"),
	 .help = "A header of each request, percent-encoded; repeatable. Other users see it in "
		 "ps, so a secret belongs in the variable."},
	{.name = "timeout",
	 .type = OTR_OPTION_DURATION,
	 FIELD(timeout_ns),
	 .value = "D",
	 .env = ENV("TIMEOUT"),
	 .help = "Limit of one attempt; 0: none. Default: 10s."},
	{.name = "deadline",
	 .type = OTR_OPTION_DURATION,
	 FIELD(deadline_ns),
	 .value = "D",
	 .help = "Limit of a batch with all its attempts. Default: 5m; with spool=: none."},
	{.name = "compression",
	 .type = OTR_OPTION_ENUM,
	 .words = compressions,
	 FIELD(compression),
	 .value = "WORD",
	 .env = ENV("COMPRESSION"),
	 .help = "gzip or none. Default: gzip, but none to this host."},
	{.name = "protocol",
	 .type = OTR_OPTION_ENUM,
	 .words = otr_otlp_protocols,
	 FIELD(protocol),
	 .value = "WORD",
	 .env = ENV("PROTOCOL"),
	 .help = "http/protobuf, http/json or grpc. Default: grpc for grpc: and port 4317, else "
		 "http/protobuf."},
	{.name = "ca",
	 FILE_OF(ca),
	 .env = ENV("CERTIFICATE"),
	 .help = "Certificates to trust, PEM. Default: those of this host."},
	{.name = "cert",
	 FILE_OF(cert),
	 .env = ENV("CLIENT_CERTIFICATE"),
	 .help = "Certificate of the client, PEM."},
	{.name = "key",
	 FILE_OF(key),
	 .env = ENV("CLIENT_KEY"),
	 .help = "Private key of the client, PEM."},
	OTR_SPOOL_OPTIONS(struct otr_otlp_settings, spool),
	{.name = NULL},
};
