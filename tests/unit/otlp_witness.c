/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp_witness.c - spans as an ExportTraceServiceRequest by protobuf-c: what otlp_encode.c
 * writes by itself has to be these bytes.
 */

#include "tests/unit/otlp_witness.h"

#include <errno.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/utf8.h"
#include "agent/base/version.h"
#include "agent/span/resource.h"
#include "agent/span/span.h"
#include "exporters/otlp.pb-c.h"
#include "exporters/otlp_group.h"
#include "tests/unit/arena.h"

/* The header of protobuf-c wants char *, its packer only reads. */
#define TEXT(literal) ((char *)(uintptr_t)(literal))

/* `n` attributes under construction: pointers, keys and values side by side. */
struct kvs {
	Otlp__KeyValue **at;
	Otlp__KeyValue *kv;
	Otlp__AnyValue *value;
	size_t n;
};

static void *alloc(struct otr_arena *ar, size_t n, size_t size)
{
	return n ? otr_arena_alloc(ar, n * size) : NULL;
}

static char *text(struct otr_arena *ar, struct otr_slice s)
{
	bool whole = otr_utf8_valid(s) == s.len;
	char *to = NULL;

	if (s.len)
		to = otr_arena_alloc(ar, 1 + (whole ? s.len : OTR_UTF8_COPY_MAX(s.len)));
	if (!to)
		return TEXT("");
	if (whole)
		memcpy(to, s.data, s.len);
	to[whole ? s.len : otr_utf8_copy(to, s)] = '\0';
	return to;
}

static struct kvs kvs_new(struct otr_arena *ar, size_t max)
{
	struct kvs out = {0};

	out.at = alloc(ar, max, sizeof(*out.at));
	out.kv = alloc(ar, max, sizeof(*out.kv));
	out.value = alloc(ar, max, sizeof(*out.value));
	return out;
}

/* A new attribute; its value is still to be set. NULL when memory ran out. */
static Otlp__AnyValue *add(struct kvs *kvs, const char *key)
{
	static const Otlp__KeyValue kv0 = OTLP__KEY_VALUE__INIT;
	static const Otlp__AnyValue value0 = OTLP__ANY_VALUE__INIT;
	size_t i = kvs->n;

	if (!kvs->value)
		return NULL;
	kvs->value[i] = value0;
	kvs->kv[i] = kv0;
	kvs->kv[i].key = TEXT(key);
	kvs->kv[i].value = &kvs->value[i];
	kvs->at[i] = &kvs->kv[i];
	kvs->n++;
	return &kvs->value[i];
}

static void set_string(Otlp__AnyValue *v, const char *str)
{
	v->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
	v->string_value = TEXT(str);
}

static void add_string(struct kvs *kvs, const char *key, const char *str)
{
	Otlp__AnyValue *v = add(kvs, key);

	if (v)
		set_string(v, str);
}

/* NUL stands between the strings of `s`. */
static void set_strings(struct otr_arena *ar, Otlp__AnyValue *v, struct otr_slice s)
{
	Otlp__ArrayValue *list = alloc(ar, 1, sizeof(*list));
	Otlp__AnyValue *each;
	size_t max = 1, len;

	for (size_t i = 0; i < s.len; i++)
		max += s.data[i] == '\0';
	each = alloc(ar, max, sizeof(*each));
	if (!list || !each)
		return;
	otlp__array_value__init(list);
	list->values = alloc(ar, max, sizeof(Otlp__AnyValue *));
	for (; list->values && s.len; s = otr_slice_sub(s, len + 1, s.len)) {
		len = strnlen(s.data, s.len);
		otlp__any_value__init(each);
		set_string(each, text(ar, otr_slice_sub(s, 0, len)));
		list->values[list->n_values++] = each++;
	}
	v->value_case = OTLP__ANY_VALUE__VALUE_ARRAY_VALUE;
	v->array_value = list;
}

static void set_value(struct otr_arena *ar, Otlp__AnyValue *v, const struct otr_attr *at)
{
	switch ((enum otr_attr_type)at->type) {
	case OTR_ATTR_STRING:
		set_string(v, text(ar, at->string));
		break;
	case OTR_ATTR_INT:
		v->value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
		v->int_value = at->integer;
		break;
	case OTR_ATTR_BOOL:
		v->value_case = OTLP__ANY_VALUE__VALUE_BOOL_VALUE;
		v->bool_value = at->boolean;
		break;
	case OTR_ATTR_DOUBLE:
		v->value_case = OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE;
		v->double_value = at->real;
		break;
	case OTR_ATTR_STRINGS:
		set_strings(ar, v, at->string);
		break;
	}
}

static void add_attrs(struct otr_arena *ar, struct kvs *kvs, const struct otr_attr *at, size_t n)
{
	const struct otr_attr *end = at + n;
	Otlp__AnyValue *v;

	for (; at < end; at++) {
		v = add(kvs,
			at->key == OTR_KEY_CUSTOM ? text(ar, at->name) : otr_key_name(at->key));
		if (v)
			set_value(ar, v, at);
	}
}

static Otlp__Span__Link *link_of(struct otr_arena *ar, const struct otr_link *ln)
{
	const char *why = otr_otlp_evidence(ln->evidence);
	Otlp__Span__Link *out = alloc(ar, 1, sizeof(*out));
	struct kvs kvs = {0};

	if (!out)
		return NULL;
	otlp__span__link__init(out);
	out->trace_id.data = (uint8_t *)(uintptr_t)ln->trace_id;
	out->trace_id.len = sizeof(ln->trace_id);
	out->span_id.data = (uint8_t *)(uintptr_t)ln->span_id;
	out->span_id.len = sizeof(ln->span_id);
	if (why) {
		kvs = kvs_new(ar, 1);
		add_string(&kvs, otr_key_name(OTR_KEY_OTRACE_PARENT_EVIDENCE), why);
	}
	out->attributes = kvs.at;
	out->n_attributes = kvs.n;
	return out;
}

static void set_links(struct otr_arena *ar, Otlp__Span *out, const struct otr_span *sp)
{
	out->links = alloc(ar, sp->n_links, sizeof(*out->links));
	if (!out->links)
		return;
	for (; out->n_links < sp->n_links; out->n_links++)
		out->links[out->n_links] = link_of(ar, &sp->links[out->n_links]);
}

static void set_attrs(struct otr_arena *ar, Otlp__Span *out, const struct otr_span *sp)
{
	const char *why = otr_otlp_evidence(sp->evidence);
	const struct otr_attr *at;
	struct kvs kvs;
	size_t n = 0;

	while (otr_span_attr(sp, n))
		n++;
	kvs = kvs_new(ar, n + 2);
	for (n = 0; (at = otr_span_attr(sp, n)); n++)
		add_attrs(ar, &kvs, at, 1);
	if (why)
		add_string(&kvs, otr_key_name(OTR_KEY_OTRACE_PARENT_EVIDENCE), why);
	if (sp->cut && !otr_span_string(sp, OTR_KEY_OTRACE_CUT).len)
		add_string(&kvs, otr_key_name(OTR_KEY_OTRACE_CUT), "true");
	out->attributes = kvs.at;
	out->n_attributes = kvs.n;
}

static void set_ids(Otlp__Span *out, const struct otr_span *sp)
{
	static const uint8_t none[sizeof(sp->parent_id)];

	out->trace_id.data = (uint8_t *)(uintptr_t)sp->trace_id;
	out->trace_id.len = sizeof(sp->trace_id);
	out->span_id.data = (uint8_t *)(uintptr_t)sp->span_id;
	out->span_id.len = sizeof(sp->span_id);
	if (!memcmp(sp->parent_id, none, sizeof(none)))
		return;
	out->parent_span_id.data = (uint8_t *)(uintptr_t)sp->parent_id;
	out->parent_span_id.len = sizeof(sp->parent_id);
}

static void set_status(struct otr_arena *ar, Otlp__Span *out, const struct otr_span *sp)
{
	Otlp__Status *st = sp->failed ? alloc(ar, 1, sizeof(*st)) : NULL;

	if (!st)
		return;
	otlp__status__init(st);
	st->code = OTLP__STATUS__STATUS_CODE__STATUS_CODE_ERROR;
	st->message = text(ar, sp->status_text);
	out->status = st;
}

static Otlp__Span *span_of(struct otr_arena *ar, const struct otr_span *sp)
{
	Otlp__Span *out = alloc(ar, 1, sizeof(*out));

	if (!out)
		return NULL;
	otlp__span__init(out);
	set_ids(out, sp);
	out->trace_state = text(ar, sp->trace_state);
	out->name = text(ar, sp->name);
	out->kind = (Otlp__Span__SpanKind)sp->kind;
	out->start_time_unix_nano = sp->start_ns;
	out->end_time_unix_nano = sp->end_ns;
	out->flags = otr_otlp_flags(sp);
	set_attrs(ar, out, sp);
	set_links(ar, out, sp);
	set_status(ar, out, sp);
	return out;
}

/* What one call works on. */
struct job {
	struct otr_arena *ar;
	const struct otr_otlp_groups *groups;
	const struct otr_span *const *spans;
};

static Otlp__InstrumentationScope *scope_of(struct otr_arena *ar, const char *name)
{
	Otlp__InstrumentationScope *out = alloc(ar, 1, sizeof(*out));

	if (!out)
		return NULL;
	otlp__instrumentation_scope__init(out);
	out->name = TEXT(name);
	out->version = TEXT(OTR_VERSION);
	return out;
}

static Otlp__ScopeSpans *scope_spans(const struct job *job, const struct otr_otlp_group *gr)
{
	const uint32_t *after = job->groups->after;
	Otlp__ScopeSpans *out = alloc(job->ar, 1, sizeof(*out));
	size_t n = 0;

	if (!out)
		return NULL;
	otlp__scope_spans__init(out);
	out->schema_url = TEXT(OTR_OTLP_SCHEMA);
	out->scope = scope_of(job->ar, gr->scope);
	for (uint32_t i = gr->first; i != OTR_GROUP_END; i = after[i])
		n++;
	out->spans = alloc(job->ar, n, sizeof(*out->spans));
	if (!out->spans)
		return NULL;
	for (uint32_t i = gr->first; i != OTR_GROUP_END; i = after[i])
		out->spans[out->n_spans++] = span_of(job->ar, job->spans[i]);
	return out;
}

static Otlp__Resource *resource_of(struct otr_arena *ar, const struct otr_resource *res)
{
	Otlp__Resource *out = alloc(ar, 1, sizeof(*out));
	struct kvs kvs = kvs_new(ar, res ? res->n_attrs : 1);

	if (!out)
		return NULL;
	otlp__resource__init(out);
	if (res)
		add_attrs(ar, &kvs, res->attrs, res->n_attrs);
	else
		add_string(&kvs, otr_key_name(OTR_KEY_SERVICE_NAME), OTR_OTLP_UNKNOWN);
	out->attributes = kvs.at;
	out->n_attributes = kvs.n;
	return out;
}

static Otlp__ResourceSpans *resource_spans(const struct job *job, uint32_t lead)
{
	const struct otr_otlp_group *at = job->groups->at;
	Otlp__ResourceSpans *out = alloc(job->ar, 1, sizeof(*out));
	size_t n = 0;

	if (!out)
		return NULL;
	otlp__resource_spans__init(out);
	out->schema_url = TEXT(OTR_OTLP_SCHEMA);
	out->resource = resource_of(job->ar, at[lead].resource);
	for (uint32_t i = lead; i != OTR_GROUP_END; i = at[i].peer)
		n++;
	out->scope_spans = alloc(job->ar, n, sizeof(*out->scope_spans));
	if (!out->scope_spans)
		return NULL;
	for (uint32_t i = lead; i != OTR_GROUP_END; i = at[i].peer)
		out->scope_spans[out->n_scope_spans++] = scope_spans(job, &at[i]);
	return out;
}

static void build(const struct job *job, Otlp__ExportTraceServiceRequest *req)
{
	const struct otr_otlp_groups *g = job->groups;

	req->resource_spans = alloc(job->ar, g->n, sizeof(*req->resource_spans));
	for (uint32_t i = 0; req->resource_spans && i < g->n; i++)
		if (g->at[i].lead)
			req->resource_spans[req->n_resource_spans++] = resource_spans(job, i);
}

static int pack(const Otlp__ExportTraceServiceRequest *req, struct otr_buf *out)
{
	size_t len = otlp__export_trace_service_request__get_packed_size(req);
	char *to = otr_buf_room(out, len + 1);
	int rc = out->rc;

	if (!to) {
		out->rc = 0; /* nothing was written: it is as it was */
		return rc;
	}
	out->len += otlp__export_trace_service_request__pack(req, (uint8_t *)to);
	return 0;
}

int otlp_witness(const struct otr_span *const *spans, size_t n, struct otr_buf *out)
{
	Otlp__ExportTraceServiceRequest req = OTLP__EXPORT_TRACE_SERVICE_REQUEST__INIT;
	struct otr_otlp_groups groups = {0};
	struct otr_arena arena = {0};
	struct job job = {&arena, &groups, spans};
	int rc = otr_otlp_group(&groups, spans, n);

	if (!rc)
		build(&job, &req);
	rc = rc || arena.rc ? -ENOMEM : pack(&req, out);
	otr_arena_fini(&arena);
	otr_otlp_groups_fini(&groups);
	return rc;
}
