/* SPDX-License-Identifier: Apache-2.0 */
/* target_info.c - the metric target_info; see target_info.h. */

#include "exporters/target_info.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/span/attr.h"
#include "agent/span/resource.h"
#include "exporters/series.h"

#define SILENT_NS 300000000000ull

/* The index of `res`, or where it is to be: a free place, or that of the longest silent one. */
static size_t place_of(const struct otr_targets *t, const struct otr_resource *res)
{
	size_t oldest = 0;

	for (size_t i = 0; i < OTR_TARGETS; i++) {
		if (t->at[i].resource == res)
			return i;
		if (t->at[oldest].resource &&
		    (!t->at[i].resource || t->at[i].seen_ns < t->at[oldest].seen_ns))
			oldest = i;
	}
	return oldest;
}

void otr_targets_add(struct otr_targets *t, const struct otr_resource *res, uint64_t now_ns)
{
	size_t i = t->last;

	if (!res)
		return;
	if (t->at[i].resource != res)
		i = t->last = place_of(t, res);
	t->at[i].seen_ns = now_ns;
	if (t->at[i].resource == res)
		return;
	if (t->at[i].resource)
		otr_resource_unref(&t->at[i].resource);
	t->at[i].resource = otr_resource_ref(res);
}

static struct otr_slice text_of(const struct otr_resource *res, enum otr_key key)
{
	for (size_t i = 0; i < res->n_attrs; i++)
		if (res->attrs[i].key == key && res->attrs[i].type == OTR_ATTR_STRING)
			return res->attrs[i].string;
	return OTR_SLICE_NONE;
}

/* The value as text, in `space` if it is none. */
static struct otr_slice value_of(const struct otr_attr *at, char *space, size_t size)
{
	switch ((enum otr_attr_type)at->type) {
	case OTR_ATTR_INT:
		snprintf(space, size, "%" PRId64, at->integer);
		return otr_slice_str(space);
	case OTR_ATTR_BOOL:
		return at->boolean ? OTR_SLICE("true") : OTR_SLICE("false");
	case OTR_ATTR_DOUBLE:
		snprintf(space, size, "%.17g", at->real);
		return otr_slice_str(space);
	default:
		return at->string;
	}
}

/* Two attributes may have one name as labels, and a page with a label twice is refused as a whole. */
static bool has_label(const struct otr_buf *labels, struct otr_slice name)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf want = {0};

	otr_buf_byte(&want, ',');
	otr_buf_slice(&want, name);
	otr_buf_str(&want, "=\"");
	if (want.rc || memmem(labels->data, labels->len, want.data, want.len))
		return true;
	return otr_slice_starts(otr_buf_view(labels),
				otr_slice_sub(otr_buf_view(&want), 1, want.len));
}

static void put_attr(struct otr_buf *labels, const struct otr_attr *at)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf name = {0};
	char space[32];

	otr_metric_label_name(&name, at->key == OTR_KEY_CUSTOM ? at->name : otr_key_slice(at->key));
	if (name.rc || has_label(labels, otr_buf_view(&name)))
		return;
	otr_buf_byte(&name, '\0');
	if (!name.rc)
		otr_metric_label(labels, name.data, value_of(at, space, sizeof(space)));
}

static void put_target(struct otr_buf *out, const struct otr_resource *res)
{
	struct otr_slice space = text_of(res, OTR_KEY_SERVICE_NAMESPACE);
	OTR_AUTO(otr_buf_fini) struct otr_buf labels = {0}, job = {0};

	otr_buf_slice(&job, space);
	otr_buf_str(&job, space.len ? "/" : "");
	otr_buf_slice(&job, res->service);
	otr_metric_label(&labels, "job", otr_buf_view(&job));
	otr_metric_label(&labels, "instance", text_of(res, OTR_KEY_SERVICE_INSTANCE_ID));
	for (size_t i = 0; i < res->n_attrs; i++)
		put_attr(&labels, &res->attrs[i]);
	if (!labels.rc)
		otr_buf_printf(out, "target_info{%.*s} 1\n", OTR_SLICE_ARG(otr_buf_view(&labels)));
}

void otr_targets_write(struct otr_targets *t, struct otr_buf *out, enum otr_page page,
		       uint64_t now_ns)
{
	bool any = false;

	for (size_t i = 0; i < OTR_TARGETS; i++) {
		if (t->at[i].resource && now_ns - t->at[i].seen_ns > SILENT_NS)
			otr_resource_unref(&t->at[i].resource);
		if (!t->at[i].resource)
			continue;
		if (!any)
			otr_metric_head(
				out, page, "target_info", "info",
				"The processes that are traced, and what is known of them.");
		any = true;
		put_target(out, t->at[i].resource);
	}
}

void otr_targets_fini(struct otr_targets *t)
{
	for (size_t i = 0; i < OTR_TARGETS; i++)
		if (t->at[i].resource)
			otr_resource_unref(&t->at[i].resource);
}
