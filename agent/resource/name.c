/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name.c - names a process from its facts.
 *
 * It follows the OpenTelemetry semantic conventions, "Service", and the specification of
 * OTEL_RESOURCE_ATTRIBUTES. Departure: if one pair cannot be decoded, that pair alone is discarded,
 * not all pairs.
 */

#include "agent/resource/name.h"

#include <ctype.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/text.h"
#include "agent/base/utf8.h"
#include "agent/resource/name_guess.h"
#include "agent/resource/name_path.h"
#include "agent/resource/percent.h"

#define CONTAINER_ID 64

struct otr_slice otr_name_env(struct otr_slice env, const char *name)
{
	size_t n = strlen(name), len;

	for (; env.len; env = otr_slice_sub(env, len + 1, env.len)) {
		len = strnlen(env.data, env.len);
		if (len > n && env.data[n] == '=' && !memcmp(env.data, name, n))
			return otr_slice_sub(env, n + 1, len - n - 1);
	}
	return OTR_SLICE_NONE;
}

static bool decode_pair(struct otr_buf *buf, struct otr_slice key, struct otr_slice value,
			struct otr_slice *k, struct otr_slice *v)
{
	size_t at;

	otr_buf_reset(buf);
	if (!value.data || !key.len || !otr_percent_decode(buf, key))
		return false;
	at = buf->len;
	if (!otr_percent_decode(buf, value) || buf->rc)
		return false;
	*k = otr_slice_sub(otr_buf_view(buf), 0, at);
	*v = otr_slice_sub(otr_buf_view(buf), at, buf->len);
	return true;
}

bool otr_name_pairs(struct otr_slice text, otr_name_pair_fn fn, void *arg, struct otr_slice *bad)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf buf = {0};
	struct otr_slice key, value, k, v, rest = text;
	bool sound = true;

	while (otr_pair_next(&rest, &key, &value)) {
		if (decode_pair(&buf, key, value, &k, &v)) {
			if (fn)
				fn(arg, k, v);
			continue;
		}
		if (sound && bad)
			*bad = otr_slice_sub(text, (size_t)(key.data - text.data),
					     key.len + (value.data ? 1 + value.len : 0));
		sound = false;
	}
	return sound;
}

const char *otr_name_language(struct otr_slice exe)
{
	static const char *const rows[][2] = {
		{"python", "python"},	{"pypy", "python"},   {"uwsgi", "python"},
		{"node", "nodejs"},	{"nodejs", "nodejs"}, {"bun", "nodejs"},
		{"bunx", "nodejs"},	{"deno", "nodejs"},   {"java", "java"},
		{"go", "go"},		{"ruby", "ruby"},     {"php", "php"},
		{"php-fpm", "php"},	{"php-cgi", "php"},   {"dotnet", "dotnet"},
		{"beam.smp", "erlang"},
	};
	struct otr_slice family = otr_name_family(exe);

	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++)
		if (otr_slice_eq(family, otr_slice_str(rows[i][0])))
			return rows[i][1];
	return "cpp";
}

struct otr_slice otr_name_container(struct otr_slice cgroup)
{
	struct otr_slice found = OTR_SLICE_NONE;
	size_t run = 0;

	for (size_t i = 0; i <= cgroup.len; i++) {
		if (i < cgroup.len && isxdigit((unsigned char)cgroup.data[i])) {
			run++;
			continue;
		}
		if (run == CONTAINER_ID) /* of nested containers, the innermost is the last */
			found = otr_slice_sub(cgroup, i - run, run);
		run = 0;
	}
	return found;
}

struct found {
	char *out;
	size_t len;
};

/* Writes bytes from any source as a name: cut, valid UTF-8, without control characters. */
static size_t write_clean(char *out, struct otr_slice s)
{
	size_t len = 0, n;

	for (s = otr_trim(s); s.len; s = otr_slice_sub(s, n, s.len)) {
		n = otr_text_char(otr_slice_sub(s, 0, 4));
		if (len + (n ? n : 3) > OTR_SERVICE_MAX)
			break;
		memcpy(out + len, n ? s.data : "\xef\xbf\xbd", n ? n : 3);
		len += n ? n : 3;
		/* A valid character that must not be shown is replaced as a whole. */
		n = n ? n : otr_utf8_char(s);
		n = n ? n : 1;
	}
	out[len] = '\0';
	return len;
}

static void on_pair(void *arg, struct otr_slice key, struct otr_slice value)
{
	struct found *f = arg;

	if (otr_slice_eq(key, OTR_SLICE("service.name")))
		f->len = write_clean(f->out, value);
}

static size_t set_by_env(struct otr_slice env, char *out)
{
	struct found f = {out, write_clean(out, otr_name_env(env, "OTEL_SERVICE_NAME"))};

	if (!f.len)
		otr_name_pairs(otr_name_env(env, "OTEL_RESOURCE_ATTRIBUTES"), on_pair, &f, NULL);
	return f.len;
}

size_t otr_name_service(const struct otr_facts *facts, char out[OTR_SERVICE_MAX + 1])
{
	size_t n = write_clean(out, facts->text[OTR_META_SERVICE]);

	if (!n)
		n = write_clean(out, facts->text[OTR_META_ENDPOINT]);
	if (!n)
		n = set_by_env(facts->text[OTR_META_ENV], out);
	if (!n)
		n = write_clean(out, otr_name_guess(facts));
	if (!n)
		n = write_clean(out, facts->comm);
	return n ? n : write_clean(out, OTR_SLICE("unknown_service"));
}
