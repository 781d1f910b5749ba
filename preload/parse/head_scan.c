/* SPDX-License-Identifier: Apache-2.0 */
/* head_scan.c - reads the head of a request in one pass (RFC 9110, RFC 9112); see head_scan.h. */

#include "preload/parse/head_scan.h"

#include "preload/parse/chars.h"

#define METHOD(text, may_inject)                   \
	{                                          \
		text, sizeof(text) - 1, may_inject \
	}
/* After CONNECT comes a tunnel, and TRACE returns the request. An unknown method may be another
 * protocol. */
static const struct otr_method methods[] = {
	METHOD("GET ", 1),     METHOD("POST ", 1),   METHOD("PUT ", 1),
	METHOD("HEAD ", 1),    METHOD("DELETE ", 1), METHOD("PATCH ", 1),
	METHOD("OPTIONS ", 1), METHOD("TRACE ", 0),  METHOD("CONNECT ", 0),
};

#define METHODS (sizeof(methods) / sizeof(methods[0]))

/* The first `len` of eight bytes, in one word. */
static inline uint64_t front(const char text[8], size_t len)
{
	uint64_t word;

	memcpy(&word, text, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return word & ~0ull >> (64 - 8 * len);
#else
	return word & ~0ull << (64 - 8 * len);
#endif
}

const struct otr_method *otr_method_of(const char *line, size_t len)
{
	const struct otr_method *m;
	char eight[8] = "";

	if (!len)
		return NULL;
	if (len < sizeof(eight))
		line = memcpy(eight, line, len);
	for (m = methods; m < methods + METHODS; m++)
		if (front(line, m->len) == front(m->text, len < m->len ? len : m->len))
			return m;
	return NULL;
}

/* The index of the first byte that is 0xff among sixteen, of which at least one is. */
static inline size_t first_of(otr_chars found)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint64_t half[2];

	memcpy(half, &found, sizeof(half));
	return half[0] ? (size_t)__builtin_ctzll(half[0]) / 8
		       : 8 + (size_t)__builtin_ctzll(half[1]) / 8;
#else
	size_t at = 0;

	while (!found[at])
		at++;
	return at;
#endif
}

/* The first control character from `at` on, or `end`. */
static inline const char *find_control(const char *at, const char *end)
{
	otr_chars found;

	while (end - at >= 2 * (ptrdiff_t)sizeof(found) &&
	       !otr_chars_any(otr_controls(at) | otr_controls(at + sizeof(found))))
		at += 2 * sizeof(found);
	for (; end - at >= (ptrdiff_t)sizeof(found); at += sizeof(found)) {
		found = otr_controls(at);
		if (otr_chars_any(found))
			return at + first_of(found);
	}
	while (at < end && !otr_is_control((unsigned char)*at))
		at++;
	return at;
}

/* The first blank or control character from `at` on, or `end`. */
static inline const char *find_blank(const char *at, const char *end)
{
	otr_chars c, found;

	for (; end - at >= (ptrdiff_t)sizeof(c); at += sizeof(c)) {
		memcpy(&c, at, sizeof(c));
		found = (otr_chars)(c <= ' ') | (otr_chars)(c == 0x7f);
		if (otr_chars_any(found))
			return at + first_of(found);
	}
	while (at < end && (unsigned char)*at > ' ' && *at != 0x7f)
		at++;
	return at;
}

#define VERSION_LEN 11 /* of " HTTP/1.1\r\n" */

/* METHOD SP request-target SP HTTP/1.x CR LF (RFC 9112 3). Returns the end of the line; NULL: it is
 * no request line. */
static const char *read_request_line(const char *text, const char *end, struct otr_head_facts *out)
{
	const struct otr_method *m = otr_method_of(text, (size_t)(end - text));
	const char *target, *at;

	if (!m || !m->may_inject || (size_t)(end - text) <= m->len)
		return NULL;
	target = text + m->len;
	at = find_blank(target, end);
	if (at == target || end - at < VERSION_LEN || memcmp(at, " HTTP/1.", 8) != 0 ||
	    (at[8] != '0' && at[8] != '1') || at[9] != '\r' || at[10] != '\n')
		return NULL;
	out->minor = at[8] == '1';
	out->is_head = *text == 'H';
	out->is_path = *target == '/';
	out->line_end = (uint32_t)(at + VERSION_LEN - text);
	return at + VERSION_LEN;
}

static inline int is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Sets the value of a field, which lies from `at` to `end`. */
static void take(struct otr_head_facts *out, struct otr_value *v, const char *text, const char *at,
		 const char *end)
{
	out->is_twice |= v->at != 0;
	while (at < end && is_blank(*at))
		at++;
	while (at < end && is_blank(end[-1]))
		end--;
	v->at = (uint32_t)(at - text);
	v->len = (uint32_t)(end - at);
}

int otr_length_read(const char *text, size_t len, uint64_t *length)
{
	size_t at = 0, first;
	uint64_t n = 0, earlier = *length;

	while (at < len && is_blank(text[at]))
		at++;
	for (first = at; at < len && text[at] >= '0' && text[at] <= '9'; at++)
		n = n < 1ull << 58 ? n * 10 + (uint64_t)(text[at] - '0') : n;
	*length = n;
	/* 0: two lengths, no number, or a number that is longer than OTR_BOUNDARY_LINE. */
	return !earlier && n < 1ull << 58 && at > first && at < len &&
	       (text[at] == '\r' || text[at] == '\n' || text[at] == ' ');
}

/* Reads a Content-Length, as far as request_boundary.c keeps a line. */
static void take_length(struct otr_head_facts *out, const char *line, const char *at,
			const char *end)
{
	const char *kept = line + OTR_BOUNDARY_LINE < end ? line + OTR_BOUNDARY_LINE : end;

	out->is_unframed |= !otr_length_read(at, (size_t)(kept - at), &out->length);
}

/* Takes a field whose name has `n` characters, and whose value lies from `at` to the line end at
 * `cr`. */
static void take_field(struct otr_head_facts *out, const char *text, const char *line, size_t n,
		       const char *at, const char *cr)
{
	if (n == 4 && otr_is_name(line, "host", 4))
		out->hosts += out->hosts < 2;
	else if (n == 7 && otr_is_name(line, "upgrade", 7))
		out->is_unframed = 1; /* another protocol follows */
	else if (n == 7 && otr_is_name(line, "baggage", 7))
		take(out, &out->baggage, text, at, cr);
	else if (n == 10 && otr_is_name(line, "tracestate", 10))
		take(out, &out->state, text, at, cr);
	else if (n == 11 && otr_is_name(line, "traceparent", 11))
		take(out, &out->parent, text, at, cr);
	else if (n == 14 && otr_is_name(line, "content-length", 14))
		take_length(out, line, at, cr + 2);
	else if (n == 17 && otr_is_name(line, "transfer-encoding", 17))
		out->chunks = 1;
}

/* field-name ":" field-value CR LF, not folded (RFC 9112 5). Returns the end of the line; NULL: it
 * is no valid field, or its name is longer than what request_boundary.c keeps of a line. */
static const char *read_field(const char *text, const char *line, const char *end,
			      struct otr_head_facts *out)
{
	const char *name = line, *cr;

	while (name < end && otr_is_token((unsigned char)*name))
		name++;
	if (name == line || name == end || *name != ':' || name - line >= OTR_BOUNDARY_LINE)
		return NULL;
	cr = find_control(name + 1, end);
	if (end - cr < 2 || cr[0] != '\r' || cr[1] != '\n')
		return NULL;
	take_field(out, text, line, (size_t)(name - line), name + 1, cr);
	out->fields++;
	return cr + 2;
}

static inline int ends_head(const char *at, const char *end)
{
	return end - at >= 2 && at[0] == '\r' && at[1] == '\n';
}

int otr_head_scan(const char *text, size_t len, struct otr_head_facts *out)
{
	const char *end = text + (len < OTR_HEAD_MAX ? len : OTR_HEAD_MAX), *at;

	*out = (struct otr_head_facts){.len = 0};
	for (at = read_request_line(text, end, out); at && !ends_head(at, end);)
		at = read_field(text, at, end, out);
	if (at)
		out->len = (uint32_t)(at + 2 - text);
	return at != NULL;
}
