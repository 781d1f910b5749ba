/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp_config.c - where OTLP goes and how: a URL, its options, and OTEL_EXPORTER_OTLP_*.
 *
 * The OpenTelemetry specification, "OpenTelemetry Protocol Exporter". There are two departures.
 * Compression is gzip unless the user chooses, or the backend is on this host: gzip costs 1 us a
 * span, which is less than a network costs and more than loopback does. And a URL of --export that
 * ends in /v1/traces is taken as it is, since people paste both forms. A URL for gRPC is refused
 * here: HTTP/1 is never sent to it.
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
#include "agent/base/secret.h"
#include "agent/proto/url.h"
#include "exporters/exporter.h"

#define BASE_VAR    "OTEL_EXPORTER_OTLP_ENDPOINT"
#define TRACES_VAR  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
#define SIGNAL_PATH "v1/traces"
#define GRPC_PORT   4317
#define TIMEOUT_MS  10000

static void url_free(CURLU **up)
{
	curl_url_cleanup(OTR_TAKE(*up));
}

static void str_free(char **sp)
{
	curl_free(OTR_TAKE(*sp));
}

static const char *env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

/* OTEL_EXPORTER_OTLP_TRACES_`what`, else OTEL_EXPORTER_OTLP_`what`. */
static const char *var(const char *what)
{
	char name[64];
	const char *v;

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
	for (size_t i = 0; otr_otlp_options[i].name; i++)
		if (!strcmp(otr_otlp_options[i].name, name))
			return dest->given & (1u << i) ? dest->settings : NULL;
	return NULL;
}

const char *otr_otlp_env_endpoint(const char **origin)
{
	const char *v = env(TRACES_VAR);

	*origin = v ? TRACES_VAR : BASE_VAR;
	return v ? v : env(BASE_VAR);
}

static bool ends_in(const char *path, const char *end)
{
	size_t n = strlen(path), m = strlen(end);

	return n >= m && !strcmp(path + n - m, end);
}

/* The path of the POSTs: v1/traces is added to a URL for all signals, not to one for traces. */
static int set_path(CURLU *u, const char *origin)
{
	OTR_AUTO(str_free) char *path = NULL;
	OTR_AUTO(otr_buf_fini) struct otr_buf out = {0};

	if (!strcmp(origin, TRACES_VAR))
		return 0; /* an empty path is "/" to libcurl already */
	if (curl_url_get(u, CURLUPART_PATH, &path, 0))
		return -EINVAL;
	if (strcmp(origin, BASE_VAR) && ends_in(path, "/" SIGNAL_PATH))
		return 0;
	otr_buf_str(&out, path);
	if (!ends_in(path, "/"))
		otr_buf_byte(&out, '/');
	otr_buf_str(&out, SIGNAL_PATH);
	otr_buf_byte(&out, '\0');
	if (out.rc)
		return out.rc;
	return curl_url_set(u, CURLUPART_PATH, out.data, 0) ? -EINVAL : 0;
}

static bool has_part(CURLU *u, CURLUPart part)
{
	OTR_AUTO(str_free) char *v = NULL;

	return !curl_url_get(u, part, &v, 0) && v && *v;
}

static int hide_path(CURLU *u)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf out = {0};
	OTR_AUTO(str_free) char *path = NULL;

	if (curl_url_get(u, CURLUPART_PATH, &path, 0))
		return -ENOMEM;
	otr_url_path_words(&out, otr_slice_str(path));
	otr_buf_byte(&out, 0);
	return out.rc || curl_url_set(u, CURLUPART_PATH, out.data, 0) ? -ENOMEM : 0;
}

/* The URL as messages show it. Changes `u`. */
static char *shown(CURLU *u)
{
	char *out = NULL;

	if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD)) {
		curl_url_set(u, CURLUPART_USER, "REDACTED", 0);
		curl_url_set(u, CURLUPART_PASSWORD, "REDACTED", 0);
	}
	if (has_part(u, CURLUPART_QUERY))
		curl_url_set(u, CURLUPART_QUERY, "REDACTED", 0);
	curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
	if (hide_path(u))
		return NULL;
	curl_url_get(u, CURLUPART_URL, &out, 0);
	return out;
}

static CURLU *parse(const char *url)
{
	OTR_AUTO(url_free) CURLU *u = curl_url();
	OTR_AUTO(str_free) char *scheme = NULL;

	if (!u || curl_url_set(u, CURLUPART_URL, url, 0) ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) ||
	    (strcmp(scheme, "http") && strcmp(scheme, "https")))
		return NULL;
	return OTR_TAKE(u);
}

static int host_port(CURLU *u, char **host, uint16_t *port)
{
	OTR_AUTO(str_free) char *text = NULL;

	if (curl_url_get(u, CURLUPART_PORT, &text, CURLU_DEFAULT_PORT) ||
	    curl_url_get(u, CURLUPART_HOST, host, 0))
		return -EINVAL;
	*port = (uint16_t)atoi(text);
	return 0;
}

int otr_otlp_http_endpoint(const char *url, char *host, size_t size, uint16_t *port)
{
	OTR_AUTO(url_free) CURLU *u = parse(url);
	OTR_AUTO(str_free) char *name = NULL;
	uint16_t p = 0;

	if (!u || host_port(u, &name, &p))
		return -EINVAL;
	if (strlen(name) >= size)
		return -ENAMETOOLONG;
	strcpy(host, name);
	*port = p;
	return 0;
}

/* Of a URL that cannot be parsed, http://HOST:PORT alone is shown: the rest may hold a password
 * or a token. */
static int bad_url(const struct otr_destination *dest, struct otr_err *err)
{
	const char *colon = strstr(dest->url, "://"), *host = colon ? colon + 3 : dest->url;
	size_t n = (size_t)(host - dest->url) + strcspn(host, "/?#");
	bool secret = strchr(dest->url, '@') || otr_secret_within((struct otr_slice){dest->url, n});

	otr_err_set(err, "export to %.*s%s (from %s): this is no URL of OTLP/HTTP",
		    secret ? 0 : (int)n, dest->url,
		    secret	   ? "a URL with credentials"
		    : dest->url[n] ? "/.."
				   : "",
		    dest->origin);
	otr_err_hint(err, "right: http://localhost:4318, https://collector.example/otlp");
	return -EINVAL;
}

static int read_url(struct otr_otlp_config *cfg, const struct otr_destination *dest,
		    struct otr_err *err)
{
	OTR_AUTO(url_free) CURLU *u = parse(dest->url);

	if (!u || set_path(u, dest->origin) || host_port(u, &cfg->host, &cfg->port) ||
	    curl_url_get(u, CURLUPART_URL, &cfg->url, 0))
		return bad_url(dest, err);
	cfg->shown = shown(u);
	return cfg->shown ? 0 : -ENOMEM;
}

static int no_grpc(const struct otr_otlp_config *cfg, const char *why, struct otr_err *err)
{
	otr_err_set(err, "export to %s: %s, and otrace speaks OTLP over HTTP only", cfg->shown,
		    why);
	otr_err_hint(err, "try  the collector's HTTP port, usually 4318, with "
			  "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf");
	return -EINVAL;
}

static int read_protocol(struct otr_otlp_config *cfg, const struct otr_destination *dest,
			 struct otr_err *err)
{
	const struct otr_otlp_settings *set = given(dest, "protocol");
	const char *v = var("PROTOCOL");

	if (set) {
		cfg->json = set->protocol == 1;
		return 0;
	}
	if (!v && cfg->port == GRPC_PORT)
		return no_grpc(cfg, "port 4317 is that of OTLP/gRPC", err);
	if (!v || !strcasecmp(v, "http/protobuf"))
		return 0;
	if (!strcasecmp(v, "grpc"))
		return no_grpc(cfg, "OTEL_EXPORTER_OTLP_PROTOCOL is grpc", err);
	cfg->json = !strcasecmp(v, "http/json");
	if (!cfg->json)
		otr_log(OTR_LOG_WARN,
			"OTEL_EXPORTER_OTLP_PROTOCOL: \"%s\" is ignored; "
			"right: http/protobuf, http/json",
			v);
	return 0;
}

/* True for loopback, by name or address. */
static bool is_here(const char *host)
{
	return host && (!strcasecmp(host, "localhost") || !strncmp(host, "127.", 4) ||
			!strcmp(host, "::1") || !strcmp(host, "[::1]"));
}

static void read_compression(struct otr_otlp_config *cfg, const struct otr_destination *dest)
{
	const struct otr_otlp_settings *set = given(dest, "compression");
	const char *v = var("COMPRESSION");

	if (set) {
		cfg->gzip = set->compression == 0;
		return;
	}
	cfg->gzip = v ? strcasecmp(v, "none") != 0 : !is_here(cfg->host);
	if (v && cfg->gzip && strcasecmp(v, "gzip"))
		otr_log(OTR_LOG_WARN,
			"OTEL_EXPORTER_OTLP_COMPRESSION: \"%s\" is ignored; "
			"right: gzip, none",
			v);
}

static uint64_t variable_timeout_ms(void)
{
	const char *v = var("TIMEOUT");
	unsigned long long ms;
	char *end;

	if (!v)
		return TIMEOUT_MS;
	errno = 0;
	ms = strtoull(v, &end, 10);
	if (isdigit((unsigned char)*v) && !*end && !errno && ms <= UINT32_MAX)
		return ms;
	otr_log(OTR_LOG_WARN,
		"OTEL_EXPORTER_OTLP_TIMEOUT: \"%s\" is "
		"ignored; "
		"right: milliseconds, as 10000",
		v);
	return TIMEOUT_MS;
}

static void read_timeout(struct otr_otlp_config *cfg, const struct otr_destination *dest)
{
	const struct otr_otlp_settings *set = given(dest, "timeout");

	cfg->timeout_ns = set ? set->timeout_ns : variable_timeout_ms() * 1000000u;
	if (!cfg->timeout_ns)
		cfg->timeout_ns = UINT64_MAX;
}

/* Checks that `path`, the value of `name`, can be read. */
static int check_file(const struct otr_otlp_config *cfg, const char *path, const char *name,
		      struct otr_err *err)
{
	if (!path || !access(path, R_OK))
		return 0;
	otr_err_set(err, "export to %s: cannot read %s (from %s): %s", cfg->shown, path, name,
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
	*file = var(what);
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
		return otr_otlp_header_list(&cfg->headers, set->headers, cfg->shown, err);
	cfg->headers = otr_otlp_headers(var("HEADERS"));
	return 0;
}

int otr_otlp_config_read(struct otr_otlp_config *cfg, const struct otr_destination *dest,
			 struct otr_err *err)
{
	int rc;

	memset(cfg, 0, sizeof(*cfg));
	rc = read_url(cfg, dest, err);
	if (!rc)
		rc = read_protocol(cfg, dest, err);
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

void otr_otlp_config_fini(struct otr_otlp_config *cfg)
{
	curl_free(cfg->url);
	curl_free(cfg->shown);
	curl_free(cfg->host);
	curl_slist_free_all(cfg->headers);
	memset(cfg, 0, sizeof(*cfg));
}
