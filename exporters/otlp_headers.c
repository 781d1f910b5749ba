/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp_headers.c - header lines, of OTEL_EXPORTER_OTLP_HEADERS and of the option header.
 *
 * The variable is a list in the form of W3C Baggage, without properties: "k=v,k2=v2", blanks
 * around both, percent-encoded. After decoding, a name has to be a token and a value free of
 * control characters (RFC 9110, 5.1 and 5.5), or a value could begin another header. Values are
 * secrets: no message quotes them.
 */

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/own.h"
#include "agent/resource/percent.h"
#include "exporters/otlp_config.h"

static bool is_token(struct otr_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.data[i]) && !strchr("!#$%&'*+-.^_`|~", s.data[i]))
			return false;
	return s.len > 0 && !memchr(s.data, '\0', s.len);
}

static bool is_value(struct otr_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.data[i] < 0x20 && s.data[i] != '\t') || s.data[i] == 0x7f)
			return false;
	return true;
}

/* Headers that describe the body, or the call of gRPC, are set by otlp.c. */
static bool is_ours(struct otr_slice name)
{
	return otr_slice_eq_nocase(otr_slice_sub(name, 0, 5), OTR_SLICE("grpc-")) ||
	       otr_slice_eq_nocase(name, OTR_SLICE("te")) ||
	       otr_slice_eq_nocase(name, OTR_SLICE("content-type")) ||
	       otr_slice_eq_nocase(name, OTR_SLICE("content-encoding")) ||
	       otr_slice_eq_nocase(name, OTR_SLICE("content-length")) ||
	       otr_slice_eq_nocase(name, OTR_SLICE("transfer-encoding"));
}

/* "name: value" in `line`; libcurl wants "name;" for an empty value. */
static bool make_line(struct otr_buf *line, struct otr_slice key, struct otr_slice value)
{
	size_t name;

	if (!value.data || !otr_percent_decode(line, key))
		return false;
	name = line->len;
	if (!is_token(otr_buf_view(line)) || is_ours(otr_buf_view(line)))
		return false;
	otr_buf_str(line, ": ");
	if (!otr_percent_decode(line, value) ||
	    !is_value(otr_slice_sub(otr_buf_view(line), name, line->len)))
		return false;
	if (line->len == name + 2) {
		line->len = name;
		otr_buf_byte(line, ';');
	}
	otr_buf_byte(line, '\0');
	return !line->rc;
}

/* The part of a name that is no secret: of "Authorization: secret", "Authorization". */
static size_t shown_len(struct otr_slice key)
{
	size_t n = 0;

	while (n < key.len && key.data[n] != ':' && key.data[n] != ' ')
		n++;
	return n;
}

static void warn(struct otr_slice key)
{
	otr_log(OTR_LOG_WARN,
		"OTEL_EXPORTER_OTLP_HEADERS: \"%.*s\" is ignored; right: "
		"name=value,name=value, percent-encoded",
		(int)shown_len(key), key.data);
}

struct curl_slist *otr_otlp_headers(const char *text)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf line = {0};
	struct otr_slice list = otr_slice_str(text), key, value;
	struct curl_slist *out = NULL, *more;

	while (otr_pair_next(&list, &key, &value)) {
		otr_buf_reset(&line);
		if (!make_line(&line, key, value)) {
			warn(key);
			continue;
		}
		more = curl_slist_append(out, line.data);
		if (more)
			out = more;
	}
	return out;
}

/* "NAME:VALUE" in two; a value without data where there is no colon. */
static void split(const char *item, struct otr_slice *key, struct otr_slice *value)
{
	const char *colon = strchr(item, ':');

	*key = otr_trim((struct otr_slice){item, colon ? (size_t)(colon - item) : strlen(item)});
	*value = colon ? otr_trim(otr_slice_str(colon + 1)) : OTR_SLICE_NONE;
}

int otr_otlp_header_list(struct curl_slist **out, char *const *items, const char *where,
			 struct otr_err *err)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf line = {0};
	struct otr_slice key, value;
	struct curl_slist *more;

	for (; *items; items++) {
		split(*items, &key, &value);
		otr_buf_reset(&line);
		if (!make_line(&line, key, value)) {
			otr_err_set(err, "export to %s: header: \"%.*s\" is no header", where,
				    value.data ? (int)key.len : 0, key.data);
			otr_err_hint(err, "right: header=NAME:VALUE, percent-encoded, a comma as "
					  "%%2C");
			return -EINVAL;
		}
		more = curl_slist_append(*out, line.data);
		if (!more) {
			otr_err_set(err, "export: out of memory");
			return -ENOMEM;
		}
		*out = more;
	}
	return 0;
}
