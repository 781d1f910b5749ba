/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp_config.c - where OTLP goes and how: a URL, its options, and OTEL_EXPORTER_OTLP_*.
 *
 * The OpenTelemetry specification, "OpenTelemetry Protocol Exporter". There are three departures.
 * Compression is gzip unless the user chooses, or the backend is on this host: gzip costs 1 us a
 * span, which is less than a network costs and more than loopback does. The timeout limits one
 * attempt, and the option deadline= limits a batch with all its attempts, since a batch that ends
 * with the first timeout is lost in each short outage. And port 4317 means gRPC, unless a protocol
 * is named. The URL: otlp_url.c.
 */

#include "exporters/otlp_config.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/own.h"
#include "exporters/exporter.h"
#include "exporters/post.h"

#define TIMEOUT_MS (OTR_TIMEOUT_S * 1000)

static const char *env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

/* OTEL_EXPORTER_OTLP_TRACES_`what`, else OTEL_EXPORTER_OTLP_`what`. Zipkin has one variable. */
static const char *var(enum otr_otlp_protocol protocol, const char *what)
{
	char name[64];
	const char *v;

	if (protocol == OTR_OTLP_ZIPKIN)
		return strcmp(what, "TIMEOUT") ? NULL : env("OTEL_EXPORTER_ZIPKIN_TIMEOUT");
	snprintf(name, sizeof(name), "OTEL_EXPORTER_OTLP_TRACES_%s", what);
	v = env(name);
	if (v)
		return v;
	snprintf(name, sizeof(name), "OTEL_EXPORTER_OTLP_%s", what);
	return env(name);
}

/* The settings, if the user gave the option called `name` behind the URL; else NULL. */
static const struct otr_otlp_settings *given(const struct otr_destination *dest, const char *name)
{
	return otr_given(dest, name) ? dest->settings : NULL;
}

const char *otr_otlp_env_endpoint(const char **origin)
{
	const char *v = env(OTR_OTLP_TRACES_VAR);

	*origin = v ? OTR_OTLP_TRACES_VAR : OTR_OTLP_BASE_VAR;
	return v ? v : env(OTR_OTLP_BASE_VAR);
}

/* The protocol that stands in a variable; `fallback` if none does, or none that is known. */
static enum otr_otlp_protocol variable_protocol(enum otr_otlp_protocol fallback)
{
	const char *v = var(OTR_OTLP_PROTOBUF, "PROTOCOL");

	for (int i = 0; v && otr_otlp_protocols[i]; i++)
		if (!strcasecmp(v, otr_otlp_protocols[i]))
			return (enum otr_otlp_protocol)i;
	if (v)
		otr_log(OTR_LOG_WARN,
			"OTEL_EXPORTER_OTLP_PROTOCOL: \"%s\" is ignored; "
			"right: http/protobuf, http/json, grpc",
			v);
	return fallback;
}

/* The scheme decides, then the option, then the variable, then the port: 4317 is that of gRPC. */
static int read_protocol(struct otr_otlp_config *cfg, const struct otr_destination *dest,
			 struct otr_err *err)
{
	const struct otr_otlp_settings *set = given(dest, "protocol");
	bool is_grpc = otr_otlp_url_is_grpc(dest->url);

	if (is_grpc && set && set->protocol != OTR_OTLP_GRPC) {
		otr_err_set(err, "export to grpc://.. (from %s): protocol=%s is none of gRPC",
			    dest->origin, otr_otlp_protocols[set->protocol]);
		otr_err_hint(err, "right: http://HOST:4318,protocol=%s, or grpc://HOST:4317",
			     otr_otlp_protocols[set->protocol]);
		return -EINVAL;
	}
	if (is_grpc)
		cfg->protocol = OTR_OTLP_GRPC;
	else if (set)
		cfg->protocol = (enum otr_otlp_protocol)set->protocol;
	else
		cfg->protocol = variable_protocol(otr_otlp_url_port(dest->url) == OTR_OTLP_GRPC_PORT
							  ? OTR_OTLP_GRPC
							  : OTR_OTLP_PROTOBUF);
	return 0;
}

char *otr_otlp_grpc_target(const char *url, const char *origin)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf out = {0};
	const char *insecure = var(OTR_OTLP_GRPC, "INSECURE");

	if (strncmp(origin, "OTEL_", 5) || strstr(url, "://") ||
	    variable_protocol(OTR_OTLP_PROTOBUF) != OTR_OTLP_GRPC)
		return NULL;
	otr_buf_str(&out, insecure && !strcasecmp(insecure, "true") ? "grpc://" : "grpcs://");
	otr_buf_str(&out, url);
	otr_buf_byte(&out, '\0');
	return out.rc ? NULL : OTR_TAKE(out.data);
}

static void read_compression(struct otr_otlp_config *cfg, const struct otr_destination *dest)
{
	const struct otr_otlp_settings *set = given(dest, "compression");
	const char *v = var(cfg->protocol, "COMPRESSION");

	if (set) {
		cfg->gzip = set->compression == 0;
		return;
	}
	cfg->gzip = v ? strcasecmp(v, "none") != 0 : !otr_post_is_here(cfg->to.host);
	if (v && cfg->gzip && strcasecmp(v, "gzip"))
		otr_log(OTR_LOG_WARN,
			"OTEL_EXPORTER_OTLP_COMPRESSION: \"%s\" is ignored; "
			"right: gzip, none",
			v);
}

static uint64_t variable_timeout_ms(enum otr_otlp_protocol protocol)
{
	const char *v = var(protocol, "TIMEOUT");
	unsigned long long ms;
	char *end;

	if (!v)
		return TIMEOUT_MS;
	errno = 0;
	ms = strtoull(v, &end, 10);
	if (isdigit((unsigned char)*v) && !*end && !errno && ms <= UINT32_MAX)
		return ms;
	otr_log(OTR_LOG_WARN,
		"OTEL_EXPORTER_%s_TIMEOUT: \"%s\" is ignored; right: milliseconds, as 10000",
		protocol == OTR_OTLP_ZIPKIN ? "ZIPKIN" : "OTLP", v);
	return TIMEOUT_MS;
}

static void read_timeout(struct otr_otlp_config *cfg, const struct otr_destination *dest)
{
	const struct otr_otlp_settings *set = given(dest, "timeout");

	cfg->timeout_ns = set ? set->timeout_ns : variable_timeout_ms(cfg->protocol) * 1000000u;
	if (!cfg->timeout_ns)
		cfg->timeout_ns = UINT64_MAX;
	set = given(dest, "deadline");
	cfg->batch_ns = set ? set->deadline_ns : 0;
}

/* Checks that `path`, the value of `name`, can be read. */
static int check_file(const struct otr_otlp_config *cfg, const char *path, const char *name,
		      struct otr_err *err)
{
	if (!path || !access(path, R_OK))
		return 0;
	otr_err_set(err, "export to %s: cannot read %s (from %s): %s", cfg->to.shown, path, name,
		    strerror(errno));
	return -EINVAL;
}

/* One file of TLS: the option if it is given, else the variable for `what`. */
static int read_file(const struct otr_otlp_config *cfg, const char *option, const char *what,
		     const char **file, struct otr_err *err)
{
	char name[64];

	if (option) {
		*file = option;
		return check_file(cfg, option, "--export", err);
	}
	*file = var(cfg->protocol, what);
	snprintf(name, sizeof(name), "OTEL_EXPORTER_OTLP_%s", what);
	return check_file(cfg, *file, name, err);
}

static int read_files(struct otr_otlp_config *cfg, const struct otr_destination *dest,
		      struct otr_err *err)
{
	static const struct otr_otlp_settings none;
	const struct otr_otlp_settings *set = dest->settings ? dest->settings : &none;

	if (read_file(cfg, set->ca, "CERTIFICATE", &cfg->ca, err) ||
	    read_file(cfg, set->cert, "CLIENT_CERTIFICATE", &cfg->cert, err) ||
	    read_file(cfg, set->key, "CLIENT_KEY", &cfg->key, err))
		return -EINVAL;
	return 0;
}

static int read_headers(struct otr_otlp_config *cfg, const struct otr_destination *dest,
			struct otr_err *err)
{
	const struct otr_otlp_settings *set = given(dest, "header");

	if (set)
		return otr_otlp_header_list(&cfg->headers, set->headers, cfg->to.shown, err);
	cfg->headers = otr_otlp_headers(var(cfg->protocol, "HEADERS"));
	return 0;
}

/* Reads all but the protocol. */
static int read_config(struct otr_otlp_config *cfg, const struct otr_destination *dest,
		       struct otr_err *err)
{
	enum otr_url_kind kind = cfg->protocol == OTR_OTLP_GRPC	    ? OTR_URL_GRPC
				 : cfg->protocol == OTR_OTLP_ZIPKIN ? OTR_URL_ZIPKIN
								    : OTR_URL_OTLP;
	int rc = otr_otlp_url_read(&cfg->to, dest, kind, err);

	if (!rc)
		rc = read_files(cfg, dest, err);
	if (!rc)
		rc = read_headers(cfg, dest, err);
	if (rc) {
		otr_otlp_config_fini(cfg);
		return rc;
	}
	read_compression(cfg, dest);
	read_timeout(cfg, dest);
	return 0;
}

int otr_otlp_config_read(struct otr_otlp_config *cfg, const struct otr_destination *dest,
			 struct otr_err *err)
{
	int rc;

	memset(cfg, 0, sizeof(*cfg));
	rc = read_protocol(cfg, dest, err);
	return rc ? rc : read_config(cfg, dest, err);
}

int otr_otlp_config_zipkin(struct otr_otlp_config *cfg, const struct otr_destination *dest,
			   struct otr_err *err)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->protocol = OTR_OTLP_ZIPKIN;
	return read_config(cfg, dest, err);
}

void otr_otlp_config_fini(struct otr_otlp_config *cfg)
{
	otr_otlp_url_fini(&cfg->to);
	curl_slist_free_all(cfg->headers);
	memset(cfg, 0, sizeof(*cfg));
}
