/* SPDX-License-Identifier: Apache-2.0 */
/* inject.c - can a header be put into these bytes, and where? See inject.h. */

#include "preload/parse/inject.h"

#include <stdint.h>
#include <string.h>

#include "preload/parse/chars.h"
#include "preload/parse/environ.h"

/* A position in bytes that lie in several pieces. */
struct cursor {
	const struct iovec *iov;
	int left;   /* number of pieces from `iov` on */
	size_t off; /* offset in the first of them */
	size_t pos; /* offset from the beginning of all bytes */
};

/* Pieces end before one that was not copied (its base is NULL). */
static void step_over_empty(struct cursor *c)
{
	while (c->left && c->off >= c->iov->iov_len) {
		c->iov++;
		c->left--;
		c->off = 0;
	}
	if (c->left && !c->iov->iov_base)
		c->left = 0;
}

static struct cursor begin(const struct iovec *iov, int n)
{
	struct cursor c = {.iov = iov, .left = n};

	step_over_empty(&c);
	return c;
}

/* Copies up to `len` of the next bytes. Returns their number. */
static size_t peek(struct cursor c, char *out, size_t len)
{
	size_t got = 0, n;

	while (c.left && got < len) {
		n = c.iov->iov_len - c.off;
		if (n > len - got)
			n = len - got;
		memcpy(out + got, (const char *)c.iov->iov_base + c.off, n);
		got += n;
		c.off += n;
		step_over_empty(&c);
	}
	return got;
}

/* Returns up to *len of the next bytes, and sets *len to their number: in the caller's memory if
 * they lie in one piece, else copied to `out`. */
static inline const char *next_bytes(const struct cursor *c, char *out, size_t *len)
{
	if (c->left && c->iov->iov_len - c->off >= *len)
		return (const char *)c->iov->iov_base + c->off;
	*len = peek(*c, out, *len);
	return out;
}

/* Moves to the byte after the next line feed. Returns 0 if there is none. */
static int next_line(struct cursor *c)
{
	const char *from, *at;
	size_t n;

	while (c->left) {
		from = (const char *)c->iov->iov_base + c->off;
		n = c->iov->iov_len - c->off;
		at = memchr(from, '\n', n);
		if (at)
			n = (size_t)(at - from) + 1;
		c->off += n;
		c->pos += n;
		step_over_empty(c);
		if (at)
			return 1;
	}
	return 0;
}

static void forward(struct cursor *c, size_t n)
{
	size_t here;

	while (c->left && n) {
		here = c->iov->iov_len - c->off;
		if (here > n)
			here = n;
		c->off += here;
		c->pos += here;
		n -= here;
		step_over_empty(c);
	}
}

static enum otr_head read_method(const char *text, size_t len)
{
	const struct otr_method *m = len ? otr_method_of(text, len) : NULL;

	if (!m || !m->may_inject)
		return OTR_HEAD_NONE;
	return len < m->len ? OTR_HEAD_SPLIT : OTR_HEAD_WHOLE;
}

int otr_has_control(const char *text, size_t len)
{
	char padded[sizeof(otr_chars)];
	otr_chars found = {0};

	if (len < sizeof(padded)) {
		memset(padded, 'x', sizeof(padded));
		memcpy(padded, text, len);
		return otr_chars_any(otr_controls(padded));
	}
	for (size_t at = 0; at + sizeof(padded) <= len; at += sizeof(padded))
		found |= otr_controls(text + at);
	found |= otr_controls(text + len -
			      sizeof(padded)); /* the last sixteen bytes; some are checked twice */
	return otr_chars_any(found);
}

static int has_control(struct cursor c, size_t len)
{
	size_t n;

	for (; len && c.left; len -= n) {
		n = c.iov->iov_len - c.off < len ? c.iov->iov_len - c.off : len;
		if (otr_has_control((const char *)c.iov->iov_base + c.off, n))
			return 1;
		forward(&c, n);
	}
	return 0;
}

size_t otr_token_len(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && otr_is_token((unsigned char)text[n]))
		n++;
	return n;
}

/* Does a line begin with NAME ":", without a blank before the colon (RFC 9112 5.1)? */
static int begins_with_name(struct cursor c, size_t len)
{
	char text[16];
	size_t n;

	for (size_t at = 0; at < len; at += n) {
		n = peek(c, text, len - at < sizeof(text) ? len - at : sizeof(text));
		for (size_t i = 0; i < n; i++)
			if (text[i] == ':' || !otr_is_token((unsigned char)text[i]))
				return text[i] == ':' && at + i > 0;
		forward(&c, n);
	}
	return 0;
}

static int ends_with(struct cursor c, size_t len, const char *end, size_t n)
{
	char room[16];
	const char *text;
	size_t got = n;

	if (len < n)
		return 0;
	forward(&c, len - n);
	text = next_bytes(&c, room, &got);
	return got == n && !memcmp(text, end, n);
}

static int has_byte(struct cursor c, size_t len, char byte)
{
	size_t n;

	for (; len && c.left; len -= n) {
		n = c.iov->iov_len - c.off < len ? c.iov->iov_len - c.off : len;
		if (memchr((const char *)c.iov->iov_base + c.off, byte, n))
			return 1;
		forward(&c, n);
	}
	return 0;
}

#define LINE_END " HTTP/1.1\r\n" /* or 1.0 */
#define END_LEN	 (sizeof(LINE_END) - 1)

/* METHOD SP request-target SP HTTP/1.x CR LF (RFC 9112 3). Returns the minor version, or -1. */
static int read_request_line(struct cursor c, size_t len, size_t method_len)
{
	int minor = ends_with(c, len, LINE_END, END_LEN)	  ? 1
		    : ends_with(c, len, " HTTP/1.0\r\n", END_LEN) ? 0
								  : -1;
	struct cursor target = c;

	if (minor < 0 || len < method_len + 1 + END_LEN)
		return -1;
	forward(&target, method_len);
	len -= method_len + END_LEN;
	if (has_byte(target, len, ' ') || has_byte(target, len, '\t') || has_control(target, len))
		return -1;
	return minor;
}

static int is_field_text(const char *text, size_t len)
{
	size_t at = otr_token_len(text, len);

	return at && at < len && text[at] == ':' && text[len - 2] == '\r' &&
	       !otr_has_control(text + at, len - 2 - at);
}

/* field-name ":" field-value CR LF, not folded (RFC 9112 5). `len` includes the line feed. */
static int is_field(struct cursor c, size_t len)
{
	if (len >= 3 && c.iov->iov_len - c.off >= len)
		return is_field_text((const char *)c.iov->iov_base + c.off, len);
	return ends_with(c, len, "\r\n", 2) && begins_with_name(c, len - 2) &&
	       !has_control(c, len - 2);
}

/* Does a line begin with the field name `name`? Blanks before the colon are accepted here. */
static inline int has_name(const char *line, size_t len, const char *name)
{
	size_t n = otr_begins_as(line, len, name);

	if (!n || len <= n)
		return 0;
	return line[n] == ':' || line[n] == ' ' || line[n] == '\t';
}

#define NAME_ROOM 16 /* more than the length of each name that is compared */

/*
 * Servers refuse a head beyond a limit. A head just within the limit would be refused with our
 * header in it, so it gets none. Default limits: 4 KiB uWSGI; 8 KiB Tomcat, Jetty, lighttpd; 16 KiB
 * Node, haproxy. 100 fields: Python, Apache httpd, gunicorn, Tomcat.
 */
#define FIELDS_MAX 97 /* 100, less the three that we add at most */

/* How many bytes can be added to a head of `len` bytes? */
static size_t room_in(size_t len)
{
	for (size_t limit = 4096; limit <= OTR_HEAD_MAX; limit *= 2)
		if (len <= limit)
			return limit - len;
	return SIZE_MAX; /* the head exceeds all limits already */
}

static int nears_limit(size_t len, int fields)
{
	return room_in(len) < OTR_PARENT_LINE || fields > FIELDS_MAX;
}

/* The result for a valid head of `len` bytes with `fields` fields, `hosts` of which are Host. */
static enum otr_head judge(size_t len, int fields, int hosts, int minor)
{
	int has_host = hosts == 1 || (!hosts && !minor);

	return has_host && !nears_limit(len, fields) ? OTR_HEAD_WHOLE : OTR_HEAD_ODD;
}

/* Reads the fields of a head from `c` on. One must be Host, which HTTP/1.0 may leave out (RFC 9112
 * 3.2). */
static enum otr_head read_fields(struct cursor c, int minor)
{
	struct cursor line = c;
	char room[NAME_ROOM];
	int hosts = 0, fields = 0;
	const char *text;
	size_t len;

	for (;; line = c, fields++) {
		len = sizeof(room);
		text = next_bytes(&c, room, &len);
		if (len >= 2 && text[0] == '\r' && text[1] == '\n')
			return judge(c.pos + 2, fields, hosts, minor);
		if (len && (text[0] == '\n' || (text[0] == '\r' && len > 1)))
			return OTR_HEAD_ODD; /* bare line feeds: servers read them differently */
		if (has_name(text, len, "traceparent"))
			return OTR_HEAD_HAS_ONE;
		hosts += has_name(text, len, "host");
		if (!next_line(&c))
			return OTR_HEAD_SPLIT;
		if (c.pos > OTR_HEAD_MAX || !is_field(line, c.pos - line.pos))
			return OTR_HEAD_ODD;
	}
}

/* Reads a head that otr_head_scan() cannot read: it is not valid, or lies in several pieces. */
static enum otr_head read_head(struct cursor start, size_t method_len, struct otr_head_facts *facts)
{
	struct cursor c = start;
	int minor;

	if (!next_line(&c))
		return OTR_HEAD_SPLIT;
	minor = read_request_line(start, c.pos, method_len);
	if (minor < 0)
		return OTR_HEAD_ODD;
	facts->line_end = (uint32_t)c.pos;
	return read_fields(c, minor);
}

enum otr_head otr_head_read(const struct iovec *iov, int n, struct otr_head_facts *facts)
{
	struct cursor c = begin(iov, n);
	char room[NAME_ROOM];
	size_t len = sizeof(room);
	const char *text = next_bytes(&c, room, &len);
	enum otr_head is = read_method(text, len);

	facts->len = facts->is_path = 0;
	if (is != OTR_HEAD_WHOLE)
		return is;
	if (!otr_head_scan(c.iov->iov_base, c.iov->iov_len, facts))
		return read_head(c, otr_method_of(text, len)->len, facts);
	if (facts->parent.at)
		return OTR_HEAD_HAS_ONE;
	return judge(facts->len, facts->fields, facts->hosts, facts->minor);
}

size_t otr_head_target(const struct iovec *iov, int n, char *out, size_t size)
{
	struct cursor c = begin(iov, n);
	char room[NAME_ROOM] = "";
	size_t len = sizeof(room);
	const char *text = next_bytes(&c, room, &len);
	const struct otr_method *m = otr_method_of(text, len);

	if (!m)
		return 0;
	forward(&c, m->len);
	return peek(c, out, size);
}

int otr_head_begins(const struct iovec *iov, int n)
{
	struct cursor c = begin(iov, n);
	char room[NAME_ROOM];
	size_t len = sizeof(room);
	const char *text = next_bytes(&c, room, &len);

	return read_method(text, len) != OTR_HEAD_NONE;
}

/* Moves to the next line of a head and returns its first bytes, up to NAME_ROOM, in *text. Returns
 * 0 if there is none, or the head is longer than OTR_HEAD_MAX. */
static inline int next_line_text(struct cursor *c, char *room, const char **text, size_t *len)
{
	if (!next_line(c) || c->pos > OTR_HEAD_MAX)
		return 0;
	*len = NAME_ROOM;
	*text = next_bytes(c, room, len);
	return 1;
}

static inline int is_blank(const char *text, size_t len)
{
	return len >= 2 && text[0] == '\r' && text[1] == '\n';
}

int otr_head_has(const struct iovec *iov, int n, const char *name)
{
	struct cursor c = begin(iov, n);
	char room[NAME_ROOM];
	const char *text;
	size_t len;

	while (next_line_text(&c, room, &text, &len)) {
		if (is_blank(text, len))
			return 0;
		if (has_name(text, len, name))
			return 1;
	}
	return 0;
}

size_t otr_head_room(const struct iovec *iov, int n)
{
	struct cursor c = begin(iov, n);
	char room[NAME_ROOM];
	const char *text;
	size_t len;

	while (next_line_text(&c, room, &text, &len))
		if (is_blank(text, len))
			return room_in(c.pos + 2);
	return SIZE_MAX;
}

/* Copies the rest of the line without the blanks at its ends. Returns its length; 0: it is longer
 * than `size`, or has a control character. */
static size_t take_value(struct cursor c, char *out, size_t size)
{
	struct cursor end = c;
	size_t len, skip = 0;

	if (!size || !next_line(&end) || end.pos - c.pos > size)
		return 0;
	len = peek(c, out, end.pos - c.pos);
	while (len && (out[len - 1] == '\n' || out[len - 1] == '\r' || out[len - 1] == ' ' ||
		       out[len - 1] == '\t'))
		len--;
	while (skip < len && (out[skip] == ' ' || out[skip] == '\t'))
		skip++;
	if (otr_has_control(out + skip, len - skip))
		return 0;
	memmove(out, out + skip, len - skip);
	return len - skip;
}

static void take(struct cursor c, const char *line, size_t len, struct otr_want *want)
{
	size_t until = strlen(want->name);

	while (until < len && line[until] != ':')
		until++;
	if (until == len)
		return; /* blanks before the colon: not a valid field */
	forward(&c, until + 1);
	want->seen = 1;
	want->len = take_value(c, want->out, want->size);
}

int otr_head_values(const struct iovec *iov, int n, struct otr_want *want, int count)
{
	struct cursor c = begin(iov, n);
	char room[NAME_ROOM];
	const char *text;
	size_t len;

	while (next_line_text(&c, room, &text, &len)) {
		if (is_blank(text, len))
			return 1;
		for (int i = 0; i < count; i++)
			if (!want[i].len && has_name(text, len, want[i].name))
				take(c, text, len, &want[i]);
	}
	return 0;
}

size_t otr_head_value(const struct iovec *iov, int n, const char *name, char *out, size_t size,
		      int *is_complete)
{
	struct otr_want want = {.name = name, .out = out, .size = size};

	*is_complete = otr_head_values(iov, n, &want, 1);
	return want.len;
}

ssize_t otr_account(size_t at, size_t added, ssize_t k, size_t *unsent, int *begun)
{
	size_t took = (size_t)k;

	*unsent = 0;
	*begun = took > at;
	if (took <= at)
		return k;
	if (took < at + added) {
		*unsent = at + added - took;
		return (ssize_t)at;
	}
	return (ssize_t)(took - added);
}
