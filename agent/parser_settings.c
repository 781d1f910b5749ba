/* SPDX-License-Identifier: Apache-2.0 */
/* parser_settings.c - from the options of a command to the settings of the parsers. */

#include "agent/parser_settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/config/settings.h"
#include "agent/proto/proto.h"
#include "agent/proto/url.h"

/* `list`: "tracecontext,baggage", or "none"; NULL: both. */
static int set_propagators(struct otr_proto_settings *out, const char *list, const char *from,
			   struct otr_err *err)
{
	char text[256], *save = NULL;

	out->no_trace_context = true;
	out->no_baggage = true;
	snprintf(text, sizeof(text), "%s", list ? list : "tracecontext,baggage");
	for (char *word = strtok_r(text, ", ", &save); word; word = strtok_r(NULL, ", ", &save)) {
		if (!strcmp(word, "tracecontext"))
			out->no_trace_context = false;
		else if (!strcmp(word, "baggage"))
			out->no_baggage = false;
		else if (strcmp(word, "none")) {
			otr_err_set(err, "%s %s: %s is not supported", from, list, word);
			otr_err_hint(err, "right: tracecontext, baggage, none");
			return -EINVAL;
		}
	}
	return 0;
}

int otr_propagators_check(const char *text, const char *from, struct otr_err *err)
{
	struct otr_proto_settings unused;

	return set_propagators(&unused, text, from, err);
}

int otr_parser_settings_read(struct otr_proto_settings *out, const struct otr_settings *cfg,
			     struct otr_err *err)
{
	const char *methods = getenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS");
	const char *wrong = otr_url_redact_wrong(cfg->redact);

	out->no_query_text = cfg->no_query_text;
	out->http_methods = methods && *methods ? methods : NULL;
	out->redact = cfg->redact;
	if (wrong) {
		otr_err_set(err, "--redact %s: empty, too long, or one too many", wrong);
		return -EINVAL;
	}
	if (otr_header_names_set(&out->headers, cfg->headers, err))
		return -EINVAL;
	return set_propagators(out, cfg->propagators, "--propagators", err);
}
