/* SPDX-License-Identifier: Apache-2.0 */
/* fields.c - a traceparent among the fields of an HTTP/2 request (RFC 9113); see fields.h. */

#include "preload/parse/fields.h"

#include <string.h>
#include <strings.h>

#include "preload/parse/environ.h"

static int has_name(const struct otr_nv *nv, const char *name)
{
	return nv->namelen == strlen(name) &&
	       !strncasecmp((const char *)nv->name, name, nv->namelen);
}

const struct otr_nv *otr_fields_find(const struct otr_nv *nv, size_t n, const char *name)
{
	for (; n; nv++, n--)
		if (has_name(nv, name))
			return nv;
	return NULL;
}

/* CONNECT asks for a tunnel to another server. */
static int is_tunnel(const struct otr_nv *method)
{
	return method->valuelen == 7 && !memcmp(method->value, "CONNECT", 7);
}

enum otr_head otr_fields_read(const struct otr_nv *nv, size_t n)
{
	const struct otr_nv *method;
	size_t bytes = 0;

	if (!nv || !n || n > OTR_FIELDS_MAX)
		return OTR_HEAD_ODD;
	for (size_t i = 0; i < n; i++) {
		if (nv[i].namelen > OTR_HEAD_MAX || nv[i].valuelen > OTR_HEAD_MAX)
			return OTR_HEAD_ODD;
		bytes += nv[i].namelen + nv[i].valuelen;
	}
	if (otr_fields_find(nv, n, "traceparent"))
		return OTR_HEAD_HAS_ONE;
	method = otr_fields_find(nv, n, ":method");
	return bytes > OTR_HEAD_MAX || !method || is_tunnel(method) ? OTR_HEAD_ODD : OTR_HEAD_WHOLE;
}

/* Adds a field, unless its value is empty or the program sends the field itself. */
static void add(struct otr_fields *fl, const char *name, char *value, size_t len)
{
	if (len && !otr_fields_find(fl->nv, fl->n, name))
		fl->nv[fl->n++] =
			(struct otr_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), len, 0};
}

void otr_fields_make(struct otr_fields *fl, const struct otr_nv *nv, size_t n)
{
	struct otr_named *span = &fl->span;
	char *out = fl->parent;

	memcpy(fl->nv, nv, n * sizeof(*nv));
	fl->n = n;
	memcpy(out, "00-", 3);
	out = otr_hex(out + 3, span->trace_id, sizeof(span->trace_id));
	*out++ = '-';
	out = otr_hex(out, span->span_id, sizeof(span->span_id));
	*out++ = '-';
	otr_hex(out, &span->flags, 1);
	add(fl, "traceparent", fl->parent, sizeof(fl->parent));
	add(fl, "tracestate", span->state, span->state_len);
	add(fl, "baggage", span->baggage, span->baggage_len);
}
