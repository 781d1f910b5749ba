/* SPDX-License-Identifier: Apache-2.0 */
/* inject.c - may a header be put into these bytes, and where; see inject.h. */

#include "preload/inject.h"

#include <string.h>

/* A place in bytes that lie in several pieces. */
struct cursor {
	const struct iovec *iov;
	int left;   /* pieces, the current one included */
	size_t off; /* in the current piece */
	size_t pos; /* from the beginning */
};

static void step_over_empty(struct cursor *c)
{
	while (c->left && c->off >= c->iov->iov_len) {
		c->iov++;
		c->left--;
		c->off = 0;
	}
}

static struct cursor begin(const struct iovec *iov, int n)
{
	struct cursor c = {.iov = iov, .left = n};

	step_over_empty(&c);
	return c;
}

/* Copies what comes next without moving: up to `len` bytes. */
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

/* Behind the next line feed. Returns 0 where there is none. */
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

#define METHOD(text, add) {text, sizeof(text) - 1, add}
/* CONNECT and TRACE are nobody's to add to; unknown methods may be another protocol. */
static const struct otr_method methods[] = {
	METHOD("GET ", 1),	METHOD("POST ", 1),  METHOD("PUT ", 1),
	METHOD("HEAD ", 1),	METHOD("DELETE ", 1), METHOD("PATCH ", 1),
	METHOD("OPTIONS ", 1), METHOD("TRACE ", 0), METHOD("CONNECT ", 0),
};

const struct otr_method *otr_method_of(const char *line, size_t len)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (!memcmp(line, methods[i].text,
			    len < methods[i].len ? len : methods[i].len))
			return &methods[i];
	return NULL;
}

static enum otr_head read_method(const char *text, size_t len)
{
	const struct otr_method *m = len ? otr_method_of(text, len) : NULL;

	if (!m || !m->add)
		return OTR_HEAD_NONE;
	return len < m->len ? OTR_HEAD_SPLIT : OTR_HEAD_WHOLE;
}

static int ends_as_http1(const struct cursor *start, size_t line)
{
	struct cursor c = *start;
	char end[11];

	if (line < sizeof(end) + 4)
		return 0;
	forward(&c, line - sizeof(end));
	peek(c, end, sizeof(end));
	return !memcmp(end, " HTTP/1.1\r\n", 11) ||
	       !memcmp(end, " HTTP/1.0\r\n", 11);
}

/* Does a line begin with this name? Any case, and whatever stands before the colon. */
static int names(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name), i;

	if (len <= n || (line[0] | 0x20) != name[0])
		return 0;
	for (i = 0; i < n; i++)
		if ((line[i] | 0x20) != name[i])
			return 0;
	return line[n] == ':' || line[n] == ' ' || line[n] == '\t';
}

#define NAME_ROOM 16 /* of the longest name we look for, and one more */

enum otr_head otr_head_read(const struct iovec *iov, int n, size_t *line_end)
{
	struct cursor start = begin(iov, n), c = start;
	char text[NAME_ROOM];
	size_t len = peek(c, text, sizeof(text));

	enum otr_head is = read_method(text, len);

	if (is != OTR_HEAD_WHOLE)
		return is;
	if (!next_line(&c))
		return OTR_HEAD_SPLIT;
	if (!ends_as_http1(&start, c.pos))
		return OTR_HEAD_ODD;
	*line_end = c.pos;
	for (;;) {
		len = peek(c, text, sizeof(text));
		if (len >= 2 && text[0] == '\r' && text[1] == '\n')
			return OTR_HEAD_WHOLE;
		if (len > (text[0] == '\r') && (text[0] == '\n' || text[0] == '\r'))
			return OTR_HEAD_ODD; /* bare line feeds: readers differ */
		if (names(text, len, "traceparent"))
			return OTR_HEAD_HAS_ONE;
		if (!next_line(&c))
			return OTR_HEAD_SPLIT;
		if (c.pos > OTR_HEAD_MAX)
			return OTR_HEAD_ODD;
	}
}

int otr_head_begins(const struct iovec *iov, int n)
{
	char text[NAME_ROOM];

	return read_method(text, peek(begin(iov, n), text, sizeof(text))) != OTR_HEAD_NONE;
}

int otr_head_has(const struct iovec *iov, int n, const char *name)
{
	struct cursor c = begin(iov, n);
	char text[NAME_ROOM];
	size_t len;

	while (next_line(&c) && c.pos <= OTR_HEAD_MAX) {
		len = peek(c, text, sizeof(text));
		if (len >= 2 && text[0] == '\r' && text[1] == '\n')
			return 0;
		if (names(text, len, name))
			return 1;
	}
	return 0;
}

/* The rest of the line, without the blanks at its ends. */
static size_t take_value(struct cursor c, char *out, size_t size)
{
	struct cursor end = c;
	size_t len, skip = 0;

	if (!next_line(&end) || end.pos - c.pos > size)
		return 0;
	len = peek(c, out, end.pos - c.pos);
	while (len && (out[len - 1] == '\n' || out[len - 1] == '\r' ||
		       out[len - 1] == ' ' || out[len - 1] == '\t'))
		len--;
	while (skip < len && (out[skip] == ' ' || out[skip] == '\t'))
		skip++;
	for (size_t i = skip; i < len; i++)
		if ((unsigned char)out[i] < 0x20 && out[i] != '\t')
			return 0; /* nobody's list is broken by what we pass on */
	memmove(out, out + skip, len - skip);
	return len - skip;
}

static void take(struct cursor c, const char *line, size_t len, struct otr_want *want)
{
	size_t until = strlen(want->name);

	while (until < len && line[until] != ':')
		until++;
	if (until == len)
		return; /* blanks before the colon: not for us */
	forward(&c, until + 1);
	want->len = take_value(c, want->out, want->size);
}

int otr_head_values(const struct iovec *iov, int n, struct otr_want *want, int count)
{
	struct cursor c = begin(iov, n);
	char text[NAME_ROOM];
	size_t len;

	while (next_line(&c) && c.pos <= OTR_HEAD_MAX) {
		len = peek(c, text, sizeof(text));
		if (len >= 2 && text[0] == '\r' && text[1] == '\n')
			return 1;
		for (int i = 0; i < count; i++)
			if (!want[i].len && names(text, len, want[i].name))
				take(c, text, len, &want[i]);
	}
	return 0;
}

size_t otr_head_value(const struct iovec *iov, int n, const char *name, char *out,
		      size_t size, int *whole)
{
	struct otr_want want = {name, out, size, 0};

	*whole = otr_head_values(iov, n, &want, 1);
	return want.len;
}

ssize_t otr_account(size_t at, size_t added, ssize_t k, size_t *rest, int *whole)
{
	size_t took = (size_t)k;

	*rest = 0;
	*whole = took > at;
	if (took <= at)
		return k;
	if (took < at + added) {
		*rest = at + added - took;
		return (ssize_t)at;
	}
	return (ssize_t)(took - added);
}
