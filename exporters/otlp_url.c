/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp_url.c - the URL of a backend of OTLP; see otlp_url.h.
 *
 * A URL of --export that ends in /v1/traces is taken as it is, since people paste both forms. gRPC
 * has one path, the name of the method, so a path in its URL is left out, with a warning.
 */

#include "exporters/otlp_url.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/own.h"
#include "agent/base/secret.h"
#include "agent/proto/url.h"
#include "exporters/exporter.h"

#define SIGNAL_PATH "v1/traces"
#define METHOD	    "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

static void url_free(CURLU **up)
{
	curl_url_cleanup(OTR_TAKE(*up));
}

static void str_free(char **sp)
{
	curl_free(OTR_TAKE(*sp));
}

bool otr_otlp_url_is_grpc(const char *url)
{
	return !strncasecmp(url, "grpc://", 7) || !strncasecmp(url, "grpcs://", 8);
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

	if (!strcmp(origin, OTR_OTLP_TRACES_VAR))
		return 0; /* an empty path is "/" to libcurl already */
	if (curl_url_get(u, CURLUPART_PATH, &path, 0))
		return -EINVAL;
	if (strcmp(origin, OTR_OTLP_BASE_VAR) && ends_in(path, "/" SIGNAL_PATH))
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

/* Leaves what is no secret in `u`. */
static int hide_secrets(CURLU *u)
{
	if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD)) {
		curl_url_set(u, CURLUPART_USER, "REDACTED", 0);
		curl_url_set(u, CURLUPART_PASSWORD, "REDACTED", 0);
	}
	if (has_part(u, CURLUPART_QUERY))
		curl_url_set(u, CURLUPART_QUERY, "REDACTED", 0);
	curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
	return hide_path(u);
}

/* The URL as messages show it. Changes `u`. NULL: out of memory. */
static char *shown(CURLU *u, bool is_grpc)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf out = {0};
	OTR_AUTO(str_free) char *text = NULL;

	if (is_grpc) /* the path is no news */
		curl_url_set(u, CURLUPART_PATH, "/", 0);
	if (hide_secrets(u) || curl_url_get(u, CURLUPART_URL, &text, 0))
		return NULL;
	if (is_grpc) { /* "http://c:4317/" is "grpc://c:4317" to people */
		otr_buf_str(&out, "grpc");
		otr_buf_add(&out, text + 4, strlen(text) - 4 - 1);
	} else {
		otr_buf_str(&out, text);
	}
	otr_buf_byte(&out, '\0');
	return out.rc ? NULL : OTR_TAKE(out.data);
}

/* Takes grpc:// for http://, and grpcs:// for https://, with the port of gRPC. */
static int set_grpc(CURLU *u, const char *url)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};

	otr_buf_str(&text, "http");
	otr_buf_str(&text, url + strlen("grpc"));
	otr_buf_byte(&text, '\0');
	if (text.rc || curl_url_set(u, CURLUPART_URL, text.data, 0))
		return -EINVAL;
	if (!has_part(u, CURLUPART_PORT) && curl_url_set(u, CURLUPART_PORT, "4317", 0))
		return -EINVAL;
	return 0;
}

static CURLU *parse(const char *url)
{
	OTR_AUTO(url_free) CURLU *u = curl_url();
	OTR_AUTO(str_free) char *scheme = NULL;
	bool is_grpc = otr_otlp_url_is_grpc(url);

	if (!u || (is_grpc ? set_grpc(u, url) : (int)curl_url_set(u, CURLUPART_URL, url, 0)) ||
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

uint16_t otr_otlp_url_port(const char *url)
{
	OTR_AUTO(url_free) CURLU *u = parse(url);
	OTR_AUTO(str_free) char *name = NULL;
	uint16_t port = 0;

	return u && !host_port(u, &name, &port) ? port : 0;
}

static int set_method(CURLU *u)
{
	OTR_AUTO(str_free) char *path = NULL;

	if (curl_url_get(u, CURLUPART_PATH, &path, 0))
		return -EINVAL;
	if (strcmp(path, "/") || has_part(u, CURLUPART_QUERY))
		otr_log(OTR_LOG_WARN, "export: the path of a URL of gRPC is ignored; "
				      "right: grpc://HOST:4317");
	curl_url_set(u, CURLUPART_QUERY, NULL, 0);
	curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
	return curl_url_set(u, CURLUPART_PATH, METHOD, 0) ? -EINVAL : 0;
}

/* Of a URL that cannot be parsed, http://HOST:PORT alone is shown: the rest may hold a password
 * or a token. */
static int bad_url(const struct otr_destination *dest, enum otr_url_kind kind, struct otr_err *err)
{
	const char *colon = strstr(dest->url, "://"), *host = colon ? colon + 3 : dest->url;
	size_t n = (size_t)(host - dest->url) + strcspn(host, "/?#");
	bool secret = strchr(dest->url, '@') || otr_secret_within((struct otr_slice){dest->url, n});

	otr_err_set(err, "export to %.*s%s (from %s): this is no URL of %s", secret ? 0 : (int)n,
		    dest->url,
		    secret	   ? "a URL with credentials"
		    : dest->url[n] ? "/.."
				   : "",
		    dest->origin, kind == OTR_URL_ZIPKIN ? "Zipkin" : "OTLP");
	otr_err_hint(err, kind == OTR_URL_ZIPKIN
				  ? "right: zipkin+http://localhost:9411"
				  : "right: http://localhost:4318, "
				    "https://collector.example/otlp, grpc://localhost:4317");
	return -EINVAL;
}

/* Zipkin's path, if the URL has none. */
static int set_zipkin(CURLU *u)
{
	OTR_AUTO(str_free) char *path = NULL;

	if (curl_url_get(u, CURLUPART_PATH, &path, 0))
		return -EINVAL;
	if (strcmp(path, "/"))
		return 0;
	return curl_url_set(u, CURLUPART_PATH, "/api/v2/spans", 0) ? -EINVAL : 0;
}

static int set_kind(CURLU *u, enum otr_url_kind kind, const char *origin)
{
	if (kind == OTR_URL_GRPC)
		return set_method(u);
	return kind == OTR_URL_ZIPKIN ? set_zipkin(u) : set_path(u, origin);
}

int otr_otlp_url_read(struct otr_otlp_url *out, const struct otr_destination *dest,
		      enum otr_url_kind kind, struct otr_err *err)
{
	OTR_AUTO(url_free) CURLU *u = parse(dest->url);

	memset(out, 0, sizeof(*out));
	if (!u || set_kind(u, kind, dest->origin) || host_port(u, &out->host, &out->port) ||
	    curl_url_get(u, CURLUPART_URL, &out->url, 0))
		return bad_url(dest, kind, err);
	out->shown = shown(u, kind == OTR_URL_GRPC);
	if (out->shown)
		return 0;
	otr_err_set(err, "export: out of memory");
	return -ENOMEM;
}

void otr_otlp_url_fini(struct otr_otlp_url *url)
{
	curl_free(url->url);
	curl_free(url->host);
	free(url->shown);
	memset(url, 0, sizeof(*url));
}
