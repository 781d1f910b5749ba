/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_options.c - the options of OTLP, one row each, behind the URL of --export. */

#include <stddef.h>

#include "exporters/otlp_config.h"

#define ENV(what) "OTEL_EXPORTER_OTLP_TRACES_" #what " OTEL_EXPORTER_OTLP_" #what

const char *const otr_otlp_compressions[] = {"gzip", "none", NULL};
const char *const otr_otlp_protocols[] = {"http/protobuf", "http/json", "grpc", NULL};

const struct otr_option otr_otlp_options[] = {
	{.name = "protocol",
	 .type = OTR_OPTION_ENUM,
	 .words = otr_otlp_protocols,
	 OTR_POST_FIELD(protocol),
	 .value = "WORD",
	 .env = ENV(PROTOCOL),
	 .help = "http/protobuf, http/json or grpc. Default: grpc for grpc: and port 4317, else "
		 "http/protobuf."},
	OTR_POST_OPTIONS(ENV, " Other users see it in ps, so a secret belongs in the variable."),
	{.name = NULL},
};
