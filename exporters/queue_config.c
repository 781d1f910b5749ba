/* SPDX-License-Identifier: Apache-2.0 */
/* queue_config.c - OTEL_BSP_*, and which exporter a URL is for. */

#include "exporters/queue_config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/own.h"
#include "agent/base/secret.h"
#include "exporters/exporter.h"
#include "exporters/otlp_config.h"

#define MS 1000000ull

static uint64_t number(const char *name, uint64_t fallback, uint64_t min, uint64_t max)
{
	const char *v = getenv(name);
	unsigned long long n;
	char *end;

	if (!v || !*v)
		return fallback;
	errno = 0;
	n = strtoull(v, &end, 10);
	if (isdigit((unsigned char)*v) && !*end && !errno && n >= min && n <= max)
		return n;
	otr_log(OTR_LOG_WARN, "%s: \"%s\" is ignored; right: %llu to %llu, usually %llu", name, v,
		(unsigned long long)min, (unsigned long long)max, (unsigned long long)fallback);
	return fallback;
}

void otr_queue_config_read(struct otr_queue_config *cfg)
{
	uint64_t push = number("OTEL_BSP_EXPORT_TIMEOUT", 30000, 0, 3600000);

	cfg->queue_max = number("OTEL_BSP_MAX_QUEUE_SIZE", 2048, 1, 1 << 20);
	cfg->batch_max = number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512, 1, 1 << 16);
	if (cfg->batch_max > cfg->queue_max)
		cfg->batch_max = cfg->queue_max;
	cfg->delay_ns = number("OTEL_BSP_SCHEDULE_DELAY", 1000, 0, 3600000) * MS;
	cfg->push_ns = push ? push * MS : UINT64_MAX;
}

static bool has_scheme(const struct otr_exporter_ops *ops, const char *url)
{
	size_t n = strcspn(url, ":");

	for (const char *const *s = ops->schemes; *s; s++)
		if (url[n] && strlen(*s) == n && !strncasecmp(url, *s, n))
			return true;
	return false;
}

static void list_schemes(struct otr_buf *out)
{
	for (const struct otr_exporter_ops *const *ops = otr_exporters; *ops; ops++)
		for (const char *const *s = (*ops)->schemes; *s; s++)
			otr_buf_printf(out, "%s%s:", out->len ? ", " : "", *s);
}

/* The text may hold a password: nothing behind the scheme is quoted. */
static void no_exporter(const struct otr_destination *dest, struct otr_err *err)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf list = {0};
	size_t n = strcspn(dest->url, ":");
	bool any = dest->url[n] && n < 32;
	struct otr_slice shown = {dest->url, any ? n + 1 : strcspn(dest->url, "@/:?")};

	if (otr_secret_within(shown))
		shown = OTR_SLICE(OTR_SECRET_HIDDEN);
	list_schemes(&list);
	otr_err_set(err, "export to %.*s (from %s): no exporter for that", OTR_SLICE_ARG(shown),
		    dest->origin);
	otr_err_hint(err, "right: a URL that begins with %.*s", OTR_SLICE_ARG(otr_buf_view(&list)));
	if (!strncasecmp(dest->url, "grpc", 4))
		otr_err_hint(err, "try  http://HOST:4318, the port for "
				  "OTLP over HTTP of the same Collector");
}

const struct otr_exporter_ops *otr_exporter_of(struct otr_destination *dest, struct otr_err *err)
{
	const char *origin, *url = otr_otlp_env_endpoint(&origin);

	if (url && !strcmp(dest->origin, "OTEL_EXPORTER_OTLP_ENDPOINT"))
		*dest = (struct otr_destination){url, origin};
	for (const struct otr_exporter_ops *const *ops = otr_exporters; *ops; ops++)
		if (has_scheme(*ops, dest->url))
			return *ops;
	no_exporter(dest, err);
	return NULL;
}
