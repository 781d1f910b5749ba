/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make.c - makes a resource from the facts of a process and its host, by the OpenTelemetry semantic
 * conventions 1.44: service, process, host, os, container, telemetry.
 *
 * An attribute in OTEL_RESOURCE_ATTRIBUTES of the process overrides the one that was found, except
 * for service.name (name.h) and telemetry.*.
 *
 * A resource is one allocation:
 *
 *	| struct otr_resource | attrs[n_attrs] | text |
 */

#include "agent/resource/make.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/utf8.h"
#include "agent/base/version.h"
#include "agent/resource/name_path.h"
#include "agent/resource/uuid5.h"

#define ATTRS_MAX 64
#define VALUE_MAX 4096

/* The namespace of service.instance.id, as the conventions give it. */
static const uint8_t instance_ns[16] = {
	0x4d, 0x63, 0x00, 0x9a, 0x8d, 0x0f, 0x11, 0xee,
	0xaa, 0xd7, 0x4c, 0x79, 0x6e, 0xd8, 0xe3, 0x20,
};

/* A resource that is being made: slices of strings hold offsets into `text`. */
struct draft {
	struct otr_attr at[ATTRS_MAX];
	size_t n;
	struct otr_buf text;
};

static void draft_fini(struct draft *d)
{
	otr_buf_fini(&d->text);
}

static struct otr_slice keep_text(struct draft *d, struct otr_slice s)
{
	size_t at = d->text.len;
	char *to;

	s = otr_slice_sub(s, 0, VALUE_MAX);
	to = otr_buf_room(&d->text, OTR_UTF8_COPY_MAX(s.len) + 1);
	if (to)
		d->text.len += otr_utf8_copy(to, s);
	return (struct otr_slice){(const char *)at, d->text.len - at};
}

static bool has_attr(const struct draft *d, enum otr_key key)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->at[i].key == key)
			return true;
	return false;
}

static struct otr_attr *add(struct draft *d, enum otr_key key)
{
	if (d->n == ATTRS_MAX || (key != OTR_KEY_CUSTOM && has_attr(d, key)))
		return NULL;
	d->at[d->n] = (struct otr_attr){.key = (uint16_t)key};
	return &d->at[d->n++];
}

/* Adds an attribute, unless the value is empty or the attribute is there already. */
static void add_text(struct draft *d, enum otr_key key, struct otr_slice value)
{
	struct otr_attr *at = value.len ? add(d, key) : NULL;

	if (!at)
		return;
	at->type = OTR_ATTR_STRING;
	at->string = keep_text(d, value);
}

static void add_str(struct draft *d, enum otr_key key, const char *value)
{
	add_text(d, key, otr_slice_str(value));
}

static enum otr_key key_of(struct otr_slice name)
{
	for (enum otr_key k = OTR_KEY_NONE + 1; k < OTR_KEY_CUSTOM; k++)
		if (otr_slice_eq(name, otr_slice_str(otr_key_name(k))))
			return k;
	return OTR_KEY_CUSTOM;
}

static bool is_twice(const struct draft *d, struct otr_slice name)
{
	struct otr_slice have;

	for (size_t i = 0; i < d->n; i++) {
		have = d->at[i].name;
		if (have.len == name.len && d->text.data &&
		    !memcmp(d->text.data + (size_t)have.data, name.data, name.len))
			return true;
	}
	return false;
}

static void on_pair(void *arg, struct otr_slice name, struct otr_slice value)
{
	enum otr_key key = key_of(name);
	struct draft *d = arg;
	struct otr_attr *at;

	if (key == OTR_KEY_SERVICE_NAME || !value.len ||
	    otr_slice_starts(name, OTR_SLICE("telemetry.")))
		return;
	if (key != OTR_KEY_CUSTOM) {
		add_text(d, key, value);
		return;
	}
	at = is_twice(d, name) ? NULL : add(d, key);
	if (!at)
		return;
	at->type = OTR_ATTR_STRING;
	at->name = keep_text(d, name);
	at->string = keep_text(d, value);
}

/* Writes the time as ISO 8601 in milliseconds; /proc has no finer times. */
static size_t write_iso(char *out, size_t size, uint64_t ns)
{
	time_t s = (time_t)(ns / 1000000000u);
	struct tm tm;

	gmtime_r(&s, &tm);
	return (size_t)snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900,
				tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
				(unsigned int)(ns / 1000000u % 1000u));
}

/* Sets the id of the process, which no other process has, and which is the same when otrace is
 * started again. */
static void add_instance(struct draft *d, const struct otr_make *from)
{
	struct otr_slice host = from->host->text[OTR_META_HOST_ID];
	char id[OTR_UUID_TEXT], name[256];
	int n = snprintf(name, sizeof(name), "%.*s,%" PRIu32 ",%" PRIu64,
			 host.len < 128 ? (int)host.len : 128, host.len ? host.data : "",
			 from->tgid, from->created_ns / 1000000u);

	otr_uuid5(id, instance_ns, (struct otr_slice){name, (size_t)n});
	add_str(d, OTR_KEY_SERVICE_INSTANCE_ID, id);
}

static void add_process(struct draft *d, const struct otr_make *from)
{
	const struct otr_facts *f = from->facts;
	struct otr_slice exe = otr_name_exe(f->text[OTR_META_EXE]);
	struct otr_attr *at = add(d, OTR_KEY_PROCESS_PID);
	char when[64];

	if (at) {
		at->type = OTR_ATTR_INT;
		at->integer = from->tgid;
	}
	if (from->created_ns) {
		write_iso(when, sizeof(when), from->created_ns);
		add_str(d, OTR_KEY_PROCESS_CREATION_TIME, when);
	}
	add_text(d, OTR_KEY_PROCESS_EXECUTABLE_NAME, exe.len ? otr_name_base(exe) : f->comm);
	add_text(d, OTR_KEY_PROCESS_EXECUTABLE_PATH, exe);
	add_text(d, OTR_KEY_PROCESS_OWNER, f->text[OTR_META_OWNER]);
	if (f->text[OTR_META_GO].len)
		add_str(d, OTR_KEY_PROCESS_RUNTIME_NAME, "go");
	add_text(d, OTR_KEY_PROCESS_RUNTIME_VERSION, f->text[OTR_META_GO]);
	add_text(d, OTR_KEY_CONTAINER_ID, otr_name_container(f->text[OTR_META_CGROUP]));
}

static void add_host(struct draft *d, const struct otr_facts *f)
{
	add_text(d, OTR_KEY_HOST_NAME, f->text[OTR_META_HOST]);
	add_text(d, OTR_KEY_HOST_ID, f->text[OTR_META_HOST_ID]);
	add_text(d, OTR_KEY_HOST_ARCH, f->text[OTR_META_ARCH]);
	add_str(d, OTR_KEY_OS_TYPE, "linux");
}

/* The name is not "opentelemetry", which is reserved for the SDKs of the project. */
static void add_telemetry(struct draft *d, const struct otr_facts *f)
{
	struct otr_slice exe = otr_name_exe(f->text[OTR_META_EXE]);

	add_str(d, OTR_KEY_TELEMETRY_SDK_NAME, "otrace");
	add_str(d, OTR_KEY_TELEMETRY_SDK_LANGUAGE,
		f->text[OTR_META_GO].len ? "go" : otr_name_language(exe.len ? exe : f->comm));
	add_str(d, OTR_KEY_TELEMETRY_SDK_VERSION, OTR_VERSION);
	add_str(d, OTR_KEY_TELEMETRY_DISTRO_NAME, "otrace");
	add_str(d, OTR_KEY_TELEMETRY_DISTRO_VERSION, OTR_VERSION);
}

static void fill(struct draft *d, const struct otr_make *from)
{
	char service[OTR_SERVICE_MAX + 1];
	size_t len = otr_name_service(from->facts, service);

	add_text(d, OTR_KEY_SERVICE_NAME, (struct otr_slice){service, len});
	add_telemetry(d, from->facts);
	if (from->facts->text[OTR_META_ENDPOINT].len)
		return; /* nothing is known of its process or its host */
	otr_name_pairs(otr_name_env(from->facts->text[OTR_META_ENV], "OTEL_RESOURCE_ATTRIBUTES"),
		       on_pair, d, NULL);
	add_instance(d, from);
	add_process(d, from);
	add_host(d, from->host);
}

static void resolve_slice(struct otr_slice *s, const char *base)
{
	s->data = s->len ? base + (size_t)s->data : NULL;
}

static struct otr_resource *finish(const struct draft *d, uint32_t tgid)
{
	size_t attrs = d->n * sizeof(d->at[0]);
	struct otr_resource *res = malloc(sizeof(*res) + attrs + d->text.len);
	struct otr_attr *at = (struct otr_attr *)(res + 1);
	char *base = (char *)at + attrs;

	if (!res)
		return NULL;
	memset(res, 0, sizeof(*res));
	atomic_init(&res->refs, 1);
	memcpy(at, d->at, attrs);
	memcpy(base, d->text.data, d->text.len);
	for (size_t i = 0; i < d->n; i++) {
		resolve_slice(&at[i].name, base);
		if (at[i].type == OTR_ATTR_STRING)
			resolve_slice(&at[i].string, base);
	}
	res->tgid = tgid;
	res->attrs = at;
	res->n_attrs = (uint16_t)d->n;
	res->service = at[0].string; /* the attribute that fill() adds first */
	return res;
}

struct otr_resource *otr_resource_make(const struct otr_make *from)
{
	OTR_AUTO(draft_fini) struct draft d = {0};

	fill(&d, from);
	return d.text.rc ? NULL : finish(&d, from->tgid);
}
