/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prometheus.c - metrics that Prometheus fetches: push() counts the spans, a thread answers with the
 * counts.
 *
 *	prometheus://HOST:PORT	where it listens; without HOST or PORT, as
 *				OTEL_EXPORTER_PROMETHEUS_HOST and _PORT say: localhost, 9464
 */

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/config/config.h"
#include "exporters/exporter.h"
#include "exporters/metrics.h"
#include "exporters/scrape.h"

struct settings {
	int64_t series;
};

static const struct otr_option options[] = {
	{.name = "series",
	 .type = OTR_OPTION_INT,
	 .min = 1,
	 .max = 10000,
	 .offset = offsetof(struct settings, series),
	 .value = "N",
	 .help = "Limit of the sets of labels of a metric; a page has 32 MiB of them at most. "
		 "Further ones are counted in one. Default: " OTR_TEXT(OTR_SERIES) "."},
	{.name = NULL},
};

struct prometheus {
	pthread_mutex_t lock; /* protects `metrics`, shared with the thread that answers */
	struct otr_metrics *metrics;
	struct otr_scrape *server;
	char where[160];
};

static int page(void *arg, struct otr_buf *out, enum otr_page format)
{
	struct prometheus *p = arg;

	pthread_mutex_lock(&p->lock);
	otr_metrics_write(p->metrics, out, format, otr_now());
	pthread_mutex_unlock(&p->lock);
	return out->rc;
}

static const char *env(const char *name, const char *fallback)
{
	const char *v = getenv(name);

	return v && *v ? v : fallback;
}

static int read_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (!isdigit((unsigned char)*text) || *end || n > 65535)
		return -EINVAL;
	*port = (uint16_t)n;
	return 0;
}

/* Takes "[::1]:80", "host:80", "host", ":80" or "" apart; a part that is missing is "". */
static int split(char *text, const char **host, const char **port)
{
	char *end;

	if (*text == '[') {
		end = strchr(text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return -EINVAL;
		*end++ = '\0';
		*host = text + 1;
	} else {
		end = text + strcspn(text, ":");
		*host = text;
	}
	*port = *end ? end + 1 : "";
	*end = '\0';
	return 0;
}

struct address {
	char text[128]; /* `host` is in it, or in the environment */
	const char *host;
	uint16_t port;
};

/* "prometheus:", "prometheus://HOST:PORT", also with the path /metrics. */
static int read_address(const char *url, struct address *out)
{
	const char *rest = strchr(url, ':') + 1, *port;
	size_t n;

	if (!strncmp(rest, "//", 2))
		rest += 2;
	n = strcspn(rest, "/");
	if (n >= sizeof(out->text) ||
	    (rest[n] && strcmp(rest + n, "/") && strcmp(rest + n, "/metrics")))
		return -EINVAL;
	memcpy(out->text, rest, n);
	out->text[n] = '\0';
	if (split(out->text, &out->host, &port))
		return -EINVAL;
	if (!*out->host)
		out->host = env("OTEL_EXPORTER_PROMETHEUS_HOST", "localhost");
	if (!*port)
		port = env("OTEL_EXPORTER_PROMETHEUS_PORT", "9464");
	return strpbrk(out->host, "@?#") ? -EINVAL : read_port(port, &out->port);
}

static int no_address(const struct otr_destination *dest, struct otr_err *err)
{
	otr_err_set(err, "export to prometheus:.. (from %s): this names no address to listen on",
		    dest->origin);
	otr_err_hint(err, "right: prometheus://127.0.0.1:9464, prometheus://0.0.0.0:9464");
	return -EINVAL;
}

static void prometheus_close(void *state)
{
	struct prometheus *p = state;

	otr_scrape_close(&p->server);
	otr_metrics_free(&p->metrics);
	pthread_mutex_destroy(&p->lock);
}

static int listen_at(struct prometheus *p, const struct otr_destination *dest,
		     const struct address *at, struct otr_err *err)
{
	struct otr_err why = {""};
	int rc = otr_scrape_open(&p->server, at->host, at->port, "/metrics", page, p, &why);

	if (!rc)
		return 0;
	otr_err_set(err, "export to %s (from %s): %s", p->where, dest->origin, why.text);
	if (rc == -EADDRINUSE)
		otr_err_hint(err, "another program has that port; try  prometheus://HOST:%u",
			     at->port + 1u);
	return rc;
}

static int prometheus_open(void *state, const struct otr_destination *dest, struct otr_err *err)
{
	const struct settings *set = dest->given & 1 ? dest->settings : NULL;
	struct prometheus *p = state;
	struct address at;
	int rc;

	if (read_address(dest->url, &at))
		return no_address(dest, err);
	snprintf(p->where, sizeof(p->where),
		 strchr(at.host, ':') ? "prometheus://[%s]:%u" : "prometheus://%s:%u", at.host,
		 at.port);
	pthread_mutex_init(&p->lock, NULL);
	rc = otr_metrics_new(&p->metrics, set ? (size_t)set->series : OTR_SERIES);
	if (rc)
		otr_err_set(err, "export to %s: out of memory", p->where);
	else
		rc = listen_at(p, dest, &at, err);
	if (rc)
		prometheus_close(p);
	return rc;
}

static const char *prometheus_where(const void *state)
{
	return ((const struct prometheus *)state)->where;
}

static enum otr_push prometheus_push(void *state, const struct otr_span *const *spans, size_t n,
				     const _Atomic uint64_t *deadline_ns,
				     struct otr_push_result *res)
{
	struct prometheus *p = state;
	uint64_t now = otr_now();

	(void)deadline_ns, (void)res;
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < n; i++)
		otr_metrics_add(p->metrics, spans[i], now);
	pthread_mutex_unlock(&p->lock);
	return OTR_PUSH_OK;
}

const struct otr_exporter_ops otr_exporter_prometheus = {
	.name = "prometheus",
	.schemes = (const char *const[]){"prometheus", NULL},
	.help = "A page of metrics, all requests counted, sampled or not. "
		"As prometheus://127.0.0.1:9464; Prometheus fetches /metrics from there.",
	.options = options,
	.settings_size = sizeof(struct settings),
	.state_size = sizeof(struct prometheus),
	.takes_unsampled = true,
	.open = prometheus_open,
	.where = prometheus_where,
	.push = prometheus_push,
	.close = prometheus_close,
};
