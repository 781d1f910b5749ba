/* SPDX-License-Identifier: Apache-2.0 */
/* spec.c - one --export as a person wrote it, read; see spec.h. */

#include "exporters/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/base/secret.h"
#include "agent/config/config_value.h"
#include "exporters/otlp_config.h"

#define NAME_MAX_LEN 32 /* of a scheme or an option; what is longer is not quoted */

static bool has_scheme(const struct otr_exporter_ops *ops, const char *url)
{
	size_t n = strcspn(url, ":");

	for (const char *const *s = ops->schemes; *s; s++)
		if (url[n] && strlen(*s) == n && !strncasecmp(url, *s, n))
			return true;
	return false;
}

const struct otr_exporter_ops *otr_exporter_of(const char *url)
{
	for (const struct otr_exporter_ops *const *ops = otr_exporters; *ops; ops++)
		if (has_scheme(*ops, url))
			return *ops;
	return NULL;
}

static void list_schemes(struct otr_buf *out)
{
	for (const struct otr_exporter_ops *const *ops = otr_exporters; *ops; ops++)
		for (const char *const *s = (*ops)->schemes; *s; s++)
			otr_buf_printf(out, "%s%s:", out->len ? ", " : "", *s);
}

/* The scheme alone: what is behind it may hold a password. */
static struct otr_slice shown_part(const char *url)
{
	size_t n = strcspn(url, ":");
	bool any = url[n] && n < NAME_MAX_LEN;
	struct otr_slice shown = {url, any ? n + 1 : strcspn(url, "@/:?")};

	return otr_secret_within(shown) ? OTR_SLICE(OTR_SECRET_HIDDEN) : shown;
}

static void no_exporter(const struct otr_destination *dest, struct otr_err *err)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf list = {0};

	list_schemes(&list);
	otr_err_set(err, "export to %.*s (from %s): no exporter for that",
		    OTR_SLICE_ARG(shown_part(dest->url)), dest->origin);
	otr_err_hint(err, "right: a URL that begins with %.*s", OTR_SLICE_ARG(otr_buf_view(&list)));
}

/* ",header=K:V, ,timeout=D" of the exporter. */
static void list_options(struct otr_buf *out, const struct otr_exporter_ops *ops)
{
	for (const struct otr_option *o = ops->options; o && o->name; o++)
		otr_buf_printf(out, "%s,%s=%s", out->len ? "  " : "", o->name, o->value);
}

/* An item that is no NAME=VALUE is quoted by no message: it may be a part of the URL. */
static int no_option(const struct otr_export_spec *spec, const char *name, struct otr_err *err)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf list = {0};
	struct otr_slice url = shown_part(spec->dest.url);

	list_options(&list, spec->ops);
	if (name && strlen(name) < NAME_MAX_LEN &&
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz-")] == 0 &&
	    !otr_secret_within(otr_slice_str(name)))
		otr_err_set(err, "export to %.*s.. (from %s): no option \"%s\"", OTR_SLICE_ARG(url),
			    spec->dest.origin, name);
	else
		otr_err_set(err, "export to %.*s.. (from %s): a comma is followed by no NAME=VALUE",
			    OTR_SLICE_ARG(url), spec->dest.origin);
	if (list.len)
		otr_err_hint(err, "right: %.*s", OTR_SLICE_ARG(otr_buf_view(&list)));
	otr_err_hint(err, "a comma that belongs to the URL or to a value is written %%2C");
	return -EINVAL;
}

/* One NAME=VALUE; `item` is changed. */
static int set_option(struct otr_export_spec *spec, char *item, struct otr_err *err)
{
	const struct otr_option *opt = spec->ops->options;
	char *value = strchr(item, '=');
	struct otr_slice url = shown_part(spec->dest.url);
	char from[160];
	int rc;

	if (!value)
		return no_option(spec, NULL, err);
	*value++ = 0;
	while (opt && opt->name && strcmp(opt->name, item))
		opt++;
	if (!opt || !opt->name)
		return no_option(spec, item, err);
	otr_export_decode_commas(value);
	snprintf(from, sizeof(from), "export to %.*s.. (from %s): %s", OTR_SLICE_ARG(url),
		 spec->dest.origin, opt->name);
	rc = otr_value_parse(opt, value, from, (char *)spec->settings + opt->offset, err);
	if (!rc)
		spec->dest.given |= 1u << (opt - spec->ops->options);
	return rc;
}

static int read_options(struct otr_export_spec *spec, struct otr_err *err)
{
	char *rest = spec->text, *item;
	int rc = 0;

	if (!strncmp(spec->dest.origin, "OTEL_", 5))
		return 0;
	strsep(&rest, ",");
	while (!rc && (item = strsep(&rest, ",")))
		rc = set_option(spec, item, err);
	return rc;
}

/* The URL as the exporter is given it: without NAME+ of the scheme. */
static const char *without_name(const char *url)
{
	const char *plus = memchr(url, '+', strcspn(url, ":"));

	return plus ? plus + 1 : url;
}

static int copy(struct otr_export_spec *spec, struct otr_err *err)
{
	if (!spec->text)
		spec->text = strdup(spec->dest.url);
	spec->settings = calloc(1, spec->ops->settings_size + 1);
	if (spec->text && spec->settings)
		return 0;
	otr_err_set(err, "export: out of memory");
	return -ENOMEM;
}

int otr_export_spec_read(struct otr_export_spec *spec, const char *text, const char *origin,
			 struct otr_err *err)
{
	const char *traces_origin, *traces = otr_otlp_env_endpoint(&traces_origin);
	int rc;

	*spec = (struct otr_export_spec){.dest = {.url = text, .origin = origin}};
	if (traces && !strcmp(origin, "OTEL_EXPORTER_OTLP_ENDPOINT"))
		spec->dest = (struct otr_destination){.url = traces, .origin = traces_origin};
	spec->text = otr_otlp_grpc_target(spec->dest.url, spec->dest.origin);
	if (spec->text)
		spec->dest.url = spec->text;
	spec->ops = otr_exporter_of(spec->dest.url);
	if (!spec->ops) {
		no_exporter(&spec->dest, err);
		otr_export_spec_fini(spec);
		return -EINVAL;
	}
	rc = copy(spec, err);
	if (!rc)
		rc = read_options(spec, err);
	if (rc) {
		otr_export_spec_fini(spec);
		return rc;
	}
	spec->dest.url = without_name(spec->text);
	spec->dest.settings = spec->settings;
	spec->dest.options = spec->ops->options;
	return 0;
}

void otr_export_spec_fini(struct otr_export_spec *spec)
{
	const struct otr_option *opt = spec->ops ? spec->ops->options : NULL;

	for (; spec->settings && opt && opt->name; opt++)
		otr_value_clear(opt, (char *)spec->settings + opt->offset);
	free(spec->settings);
	free(spec->text);
	memset(spec, 0, sizeof(*spec));
}

void otr_export_decode_commas(char *text)
{
	char *out = text;

	while (*text) {
		if (!strncasecmp(text, "%2C", 3)) {
			*out++ = ',';
			text += 3;
		} else {
			*out++ = *text++;
		}
	}
	*out = 0;
}
