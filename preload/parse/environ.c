/* SPDX-License-Identifier: Apache-2.0 */
/* environ.c - traces in environments; see environ.h. */

#include "preload/parse/environ.h"

#include <string.h>

static const char *const trace_entries[] = {"TRACEPARENT=", "TRACESTATE=", "BAGGAGE="};

/* The value of a hex digit; NO_DIGIT for any other character. A table, since the CPU predicts
 * branches on random digits badly. */
#define NO_DIGIT 0x80
static const uint8_t digit_value[256] = {
	[0 ... '0' - 1] = NO_DIGIT,
	['0'] = 0,
	['1'] = 1,
	['2'] = 2,
	['3'] = 3,
	['4'] = 4,
	['5'] = 5,
	['6'] = 6,
	['7'] = 7,
	['8'] = 8,
	['9'] = 9,
	['9' + 1 ... 'a' - 1] = NO_DIGIT,
	['a'] = 10,
	['b'] = 11,
	['c'] = 12,
	['d'] = 13,
	['e'] = 14,
	['f'] = 15,
	['f' + 1 ... 255] = NO_DIGIT,
};

/* Reads 2 * `size` hex digits. Returns 0 if they are not valid, or all bytes of an id are 0. */
static int unhex(const char *text, uint8_t *out, size_t size)
{
	uint8_t any = 0, digits = 0;

	for (size_t i = 0; i < size; i++) {
		uint8_t high = digit_value[(uint8_t)text[2 * i]],
			low = digit_value[(uint8_t)text[2 * i + 1]];

		digits |= high | low;
		out[i] = (uint8_t)(high << 4 | low);
		any |= out[i];
	}
	return !(digits & NO_DIGIT) && (any || size == 1);
}

typedef uint8_t otr_digits __attribute__((vector_size(16)));

/* Writes the sixteen digits of eight bytes. */
static inline char *put_hex8(char *out, const uint8_t bytes[8])
{
	const otr_digits pairs = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23};
	otr_digits in = {0}, value;

	memcpy(&in, bytes, 8);
	value = __builtin_shuffle(in >> 4, in & 15, pairs);
	value += '0' + ((otr_digits)(value > 9) & ('a' - '9' - 1));
	memcpy(out, &value, sizeof(value));
	return out + sizeof(value);
}

char *otr_hex(char *out, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (; n >= 8; n -= 8, bytes += 8)
		out = put_hex8(out, bytes);
	for (size_t i = 0; i < n; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	return out;
}

int otr_parent_read(const char *text, size_t len, uint8_t trace_id[16], uint8_t span_id[8],
		    uint8_t *flags)
{
	uint8_t version;

	if (len < OTR_PARENT_LEN || text[2] != '-' || text[35] != '-' || text[52] != '-')
		return 0;
	if (!unhex(text, &version, 1) || version == 0xff || (!version && len != OTR_PARENT_LEN) ||
	    (len > OTR_PARENT_LEN && text[OTR_PARENT_LEN] != '-'))
		return 0;
	return unhex(text + 3, trace_id, 16) && unhex(text + 36, span_id, 8) &&
	       unhex(text + 53, flags, 1);
}

const char *otr_env_get(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; env && *env; env++)
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}

/* Copies a value that will go into a header; returns its length. A value with a control character,
 * which might end the line, is left out. */
static uint16_t keep(char *out, size_t size, const char *value)
{
	size_t len = value ? strlen(value) : 0;

	if (len > size)
		return 0;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
			return 0;
	if (len)
		memcpy(out, value, len);
	return (uint16_t)len;
}

/* Reads OTRACE_RUN. */
#define RUN_LEN 50 /* three numbers of 16 digits, with - between */
static void read_run(struct otr_run_root *run, const char *text)
{
	uint8_t until[8];
	uint64_t ns = 0;

	if (!text || strlen(text) != RUN_LEN || text[16] != '-' || text[33] != '-' ||
	    !unhex(text, run->span_id, 8) || !unhex(text + 34, until, 8))
		return;
	run->has_outer = (uint8_t)unhex(text + 17, run->outer, 8);
	for (int i = 0; i < 8; i++)
		ns = ns << 8 | until[i];
	run->until_ns = ns;
}

/* Adds an entry to those that are emitted. */
static void add_emitted(struct otr_started *st, const char *name, const char *value)
{
	size_t n = strlen(name), len = value ? strlen(value) : 0;
	char *to = st->emitted + st->emitted_len;

	if (!len || st->emitted_len + n + len + 2 > sizeof(st->emitted))
		return;
	if (st->emitted_len)
		*to++ = 0;
	memcpy(to, name, n);
	memcpy(to + n, value, len);
	st->emitted_len = (uint16_t)(to + n + len - st->emitted);
}

static void set_emitted(struct otr_started *st, char *const *env)
{
	if (st->known)
		add_emitted(st, "TRACEPARENT=", st->parent);
	add_emitted(st, "OTEL_SERVICE_NAME=", otr_env_get(env, "OTEL_SERVICE_NAME"));
	add_emitted(st, "OTEL_RESOURCE_ATTRIBUTES=", otr_env_get(env, "OTEL_RESOURCE_ATTRIBUTES"));
}

static void read_parent(struct otr_started *st, char *const *env)
{
	const char *parent = otr_env_get(env, "TRACEPARENT");
	size_t len = parent ? strlen(parent) : 0;

	if (!len || !otr_parent_read(parent, len, st->trace_id, st->span_id, &st->flags))
		return;
	st->known = 1;
	memcpy(st->parent, parent, OTR_PARENT_LEN);
	st->state_len = keep(st->state, sizeof(st->state), otr_env_get(env, "TRACESTATE"));
	st->baggage_len = keep(st->baggage, sizeof(st->baggage), otr_env_get(env, "BAGGAGE"));
	read_run(&st->run, otr_env_get(env, "OTRACE_RUN"));
	st->by_run = st->run.until_ns && !memcmp(st->run.span_id, st->span_id, 8);
}

void otr_started_read(struct otr_started *st, char *const *env)
{
	memset(st, 0, sizeof(*st));
	read_parent(st, env);
	set_emitted(st, env);
}

int otr_run_is_over(const struct otr_started *st, int served, uint64_t now_ns)
{
	return st->by_run && (served || now_ns > st->run.until_ns);
}

int otr_started_holds(const struct otr_started *st, int served, uint64_t now_ns)
{
	return st->known && (!otr_run_is_over(st, served, now_ns) || st->run.has_outer);
}

void otr_carry_parent(struct otr_carry *carry, const uint8_t trace_id[16], const uint8_t span_id[8],
		      uint8_t flags)
{
	char *out = carry->parent;

	memcpy(out, "TRACEPARENT=00-", 15);
	out = otr_hex(out + 15, trace_id, 16);
	*out++ = '-';
	out = otr_hex(out, span_id, 8);
	*out++ = '-';
	out = otr_hex(out, &flags, 1);
	*out = 0;
}

static void put(char *out, const char *name, const char *value, size_t len)
{
	size_t n = strlen(name);

	out[0] = 0;
	if (!len)
		return;
	memcpy(out, name, n);
	memcpy(out + n, value, len);
	out[n + len] = 0;
}

void otr_carry_lists(struct otr_carry *carry, const char *state, size_t state_len,
		     const char *baggage, size_t baggage_len)
{
	put(carry->state, trace_entries[1], state, state_len);
	put(carry->baggage, trace_entries[2], baggage, baggage_len);
}

/* The next path in a value of LD_PRELOAD, from `at` on. */
static const char *next_path(const char *at, size_t *len)
{
	at += strspn(at, " :");
	*len = strcspn(at, " :");
	return *len ? at : NULL;
}

static int is_our_library(const char *path, size_t len)
{
	static const char name[] = "/libotrace.so";
	const size_t n = sizeof(name) - 1;

	return len >= n && !memcmp(path + len - n, name, n);
}

const char *otr_preload_path(const char *value, size_t *len)
{
	const char *at = value;

	while (at && (at = next_path(at, len))) {
		if (is_our_library(at, *len))
			return at;
		at += *len;
	}
	return NULL;
}

int otr_carry_unload(struct otr_carry *carry, const char *value)
{
	static const char name[] = "LD_PRELOAD=";
	size_t len, to = sizeof(name) - 1;
	const char *at = value;

	if (!otr_preload_path(value, &len))
		return 0;
	memcpy(carry->preload, name, to);
	while ((at = next_path(at, &len))) {
		if (!is_our_library(at, len)) {
			if (to + len + 2 > sizeof(carry->preload))
				return 0;
			if (to >= sizeof(name))
				carry->preload[to++] = ':';
			memcpy(carry->preload + to, at, len);
			to += len;
		}
		at += len;
	}
	carry->preload[to >= sizeof(name) ? to : 0] = 0;
	return 1;
}

size_t otr_carry_room(char *const *env)
{
	size_t n = 0;

	while (n < OTR_ENTRIES_MAX && env[n])
		n++;
	return n < OTR_ENTRIES_MAX ? n + 5 : 0;
}

static int is_trace_entry(const char *entry)
{
	for (int i = 0; i < 3; i++)
		if (!strncmp(entry, trace_entries[i], strlen(trace_entries[i])))
			return 1;
	return 0;
}

char *const *otr_carry_copy(const struct otr_carry *carry, char *const *env, char **out)
{
	const char *const ours[] = {carry->parent, carry->state, carry->baggage};
	char **to = out;

	for (; *env; env++)
		if (!(carry->has_trace && is_trace_entry(*env)) &&
		    !(carry->unloaded && !strncmp(*env, "LD_PRELOAD=", 11)))
			*to++ = *env;
	for (int i = 0; carry->has_trace && i < 3; i++)
		if (ours[i][0])
			*to++ = (char *)ours[i];
	if (carry->unloaded && carry->preload[0])
		*to++ = (char *)carry->preload;
	*to = NULL;
	return out;
}
