/* SPDX-License-Identifier: Apache-2.0 */
/* request_boundary.c - where do the requests of a client begin (RFC 9112)? See
 * request_boundary.h. */

#include "preload/parse/request_boundary.h"

#include <string.h>

#include "preload/parse/inject.h"

/* The number of bytes in t->line. */
static size_t kept(const struct otr_boundary *t)
{
	return t->len < sizeof(t->line) ? t->len : sizeof(t->line);
}

/* Adds the next bytes of the present line to t->line, as far as there is room. */
static void keep(struct otr_boundary *t, const char *from, size_t n)
{
	size_t len = kept(t);

	if (n > sizeof(t->line) - len)
		n = sizeof(t->line) - len;
	memcpy(t->line + len, from, n);
	t->len = (uint8_t)(len + n);
}

/* Does the line begin with `name`, which is lower case? */
static int begins_with(const struct otr_boundary *t, const char *name)
{
	return otr_begins_as(t->line, kept(t), name);
}

/* Reads the value of Content-Length, which begins at t->line + `at`. */
static void take_length(struct otr_boundary *t, size_t at)
{
	t->is_unframed |= !otr_length_read(t->line + at, t->len - at, &t->left);
}

/* The head has ended: sets which bytes follow. */
static void end_head(struct otr_boundary *t)
{
	int has_host = t->hosts == 1 || (!t->hosts && !t->minor);

	t->state = t->left ? OTR_BOUNDARY_BODY : OTR_BOUNDARY_START;
	if (t->chunks)
		t->state = OTR_BOUNDARY_CHUNKS;
	if (t->is_unframed || !has_host || (t->chunks && t->left))
		t->state = OTR_BOUNDARY_UNKNOWN;
	t->lines = 0;
	t->chunks = t->state == OTR_BOUNDARY_CHUNKS ? OTR_CHUNKS_SIZE : 0;
}

#define VERSION_LEN sizeof(t->end)

/* Reads METHOD SP request-target SP HTTP/1.x; the last bytes are in t->end. */
static void end_request_line(struct otr_boundary *t)
{
	const struct otr_method *m = otr_method_of(t->line, t->len);

	t->is_head = t->line[0] == 'H';
	t->minor = t->end[VERSION_LEN - 1] == '1';
	t->is_unframed |= !m || !m->may_inject /* CONNECT: a tunnel follows */ || t->blanks != 2 ||
			  memcmp(t->end, " HTTP/1.", VERSION_LEN - 1) != 0 ||
			  (!t->minor && t->end[VERSION_LEN - 1] != '0');
	t->lines = 1;
	t->left = 0;
	t->hosts = 0;
}

/* Does the line begin with a valid field name (RFC 9112 5.1), as far as the line is kept? */
static int is_field(const struct otr_boundary *t)
{
	size_t len = otr_token_len(t->line, t->len);

	return len && len < t->len && t->line[len] == ':';
}

static void end_line(struct otr_boundary *t)
{
	if (!t->lines) {
		end_request_line(t);
	} else if (t->line[0] == '\r' && t->len == 2) {
		end_head(t);
	} else if (!is_field(t)) {
		t->is_unframed = 1;
	} else if (begins_with(t, "content-length:")) {
		take_length(t, strlen("content-length:"));
	} else if (begins_with(t, "transfer-encoding:")) {
		t->chunks = 1;
	} else if (begins_with(t, "upgrade:")) {
		t->is_unframed = 1; /* another protocol follows */
	} else if (begins_with(t, "host:")) {
		t->hosts += t->hosts < 2;
	}
	t->len = 0;
}

/* Keeps the last bytes of the request line in t->end, and counts its blanks. `n` does not count the
 * line end. */
static void keep_end(struct otr_boundary *t, const char *from, size_t n)
{
	size_t last = n < VERSION_LEN ? n : VERSION_LEN;
	const char *at;

	memmove(t->end, t->end + last, VERSION_LEN - last);
	memcpy(t->end + VERSION_LEN - last, from + n - last, last);
	for (at = from; (at = memchr(at, ' ', (size_t)(from + n - at))); at++)
		t->blanks += t->blanks < 3;
	t->is_unframed |= memchr(from, '\t', n) != NULL;
}

/* Checks a part of a line for control characters: there may be none but the CR LF at its end, which
 * may come in two calls. `ends`: the part ends with LF. */
static void check_text(struct otr_boundary *t, const char *from, size_t n, int ends)
{
	size_t text = n - (size_t)ends;

	if (t->cr && !(ends && n == 1))
		t->is_unframed = 1; /* a bare CR */
	if (text)
		t->cr = from[text - 1] == '\r';
	t->is_unframed |= ends && !t->cr;
	text -= text && t->cr;
	t->is_unframed |= otr_has_control(from, text);
	if (!t->lines)
		keep_end(t, from, text);
	if (ends)
		t->cr = 0;
}

/* The next bytes are a head that otr_head_scan() has read. */
static void take_head(struct otr_boundary *t, const struct otr_head_facts *facts)
{
	t->left = facts->length;
	t->chunks = facts->chunks;
	t->is_unframed = facts->is_unframed;
	t->hosts = facts->hosts;
	t->minor = facts->minor;
	t->is_head = facts->is_head;
	end_head(t);
}

/* Each of the functions below follows bytes in one state, and returns how many. */

static size_t in_head(struct otr_boundary *t, const char *from, size_t n)
{
	const char *lf = memchr(from, '\n', n);
	size_t took = lf ? (size_t)(lf - from) + 1 : n;

	if (t->state == OTR_BOUNDARY_START) {
		t->state = OTR_BOUNDARY_HEAD;
		t->is_unframed = t->blanks = t->cr = 0;
	}
	keep(t, from, took);
	check_text(t, from, took, lf != NULL);
	if (!t->lines && !otr_method_of(t->line, t->len))
		t->state = OTR_BOUNDARY_UNKNOWN;
	else if (lf)
		end_line(t);
	return took;
}

static size_t in_body(struct otr_boundary *t, size_t n)
{
	size_t took = n < t->left ? n : (size_t)t->left;

	t->left -= took;
	if (!t->left)
		t->state = OTR_BOUNDARY_START;
	return took;
}

/* Reads the chunk size of "5;name=value" CR LF. *digits is 0 if the line begins with none. */
static uint64_t chunk_size(const struct otr_boundary *t, size_t *digits)
{
	uint64_t n = 0;
	size_t at = 0;
	char c;

	for (; at < t->len && n < 1ull << 54; at++) {
		c = t->line[at];
		if (c >= '0' && c <= '9')
			n = n * 16 + (uint64_t)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			n = n * 16 + (uint64_t)((c | 0x20) - 'a' + 10);
		else
			break;
	}
	*digits = at < t->len && memchr("\r; \t", t->line[at], 4) ? at : 0;
	return n;
}

/* The line with the size of the next chunk has ended. */
static void end_size(struct otr_boundary *t)
{
	size_t digits;
	uint64_t n = chunk_size(t, &digits);

	if (!digits || !t->cr) {
		t->state = OTR_BOUNDARY_UNKNOWN;
	} else if (n) {
		t->state = OTR_BOUNDARY_CHUNK;
		t->left = n + 2; /* including its line end */
	} else {
		t->chunks = OTR_CHUNKS_TRAILER;
	}
}

/* Reads a line between chunks or after the last one. */
static size_t in_chunks(struct otr_boundary *t, const char *from, size_t n)
{
	const char *lf = memchr(from, '\n', n);
	size_t text = lf ? (size_t)(lf - from) : n, took = text + (lf != NULL);

	keep(t, from, took);
	if (text)
		t->cr = from[text - 1] == '\r';
	if (!lf)
		return took;
	if (t->chunks != OTR_CHUNKS_TRAILER) {
		end_size(t);
	} else if (t->len == 2 && t->cr) {
		t->state = OTR_BOUNDARY_START;
		t->chunks = 0;
	}
	t->len = t->cr = 0;
	return took;
}

static void in_chunk(struct otr_boundary *t, size_t n)
{
	t->left -= n;
	if (!t->left)
		t->state = OTR_BOUNDARY_CHUNKS;
}

static size_t at_start(struct otr_boundary *t, const char *from, size_t n)
{
	struct otr_head_facts facts;

	if (!otr_head_scan(from, n, &facts))
		return in_head(t, from, n);
	take_head(t, &facts);
	return facts.len;
}

static size_t step(struct otr_boundary *t, const char *from, size_t n)
{
	switch (t->state) {
	case OTR_BOUNDARY_START:
		return at_start(t, from, n);
	case OTR_BOUNDARY_HEAD:
		return in_head(t, from, n);
	case OTR_BOUNDARY_BODY:
		return in_body(t, n);
	case OTR_BOUNDARY_CHUNKS:
		return in_chunks(t, from, n);
	case OTR_BOUNDARY_CHUNK:
		n = n < t->left ? n : (size_t)t->left;
		in_chunk(t, n);
	}
	return n;
}

/* `n` bytes were not read: if they go beyond the body or chunk, the boundary is not known any
 * more. */
static void skip_unread(struct otr_boundary *t, uint64_t n)
{
	if (t->state == OTR_BOUNDARY_BODY && n <= t->left) {
		t->left -= n;
		t->state = t->left ? OTR_BOUNDARY_BODY : OTR_BOUNDARY_START;
	} else if (t->state == OTR_BOUNDARY_CHUNK && n <= t->left) {
		in_chunk(t, (size_t)n);
	} else if (n) {
		t->state = OTR_BOUNDARY_UNKNOWN;
	}
}

void otr_boundary_sent(struct otr_boundary *t, uint64_t moved, const struct iovec *iov, int n)
{
	for (; n && moved && t->state != OTR_BOUNDARY_UNKNOWN; iov++, n--) {
		const char *from = iov->iov_base;
		size_t len = iov->iov_len < moved ? iov->iov_len : (size_t)moved;

		moved -= len;
		if (!from)
			skip_unread(t, len);
		for (size_t at = 0; from && at < len;)
			at += step(t, from + at, len - at);
	}
	skip_unread(t, moved);
}

/* Follows `moved` bytes of `iov` after its first `skip` ones. */
static void sent_after(struct otr_boundary *t, uint64_t moved, const struct iovec *iov, int n,
		       size_t skip)
{
	struct iovec first;
	uint64_t in_first;

	for (; n && skip >= iov->iov_len; iov++, n--)
		skip -= iov->iov_len;
	if (!n || !moved) {
		skip_unread(t, moved);
		return;
	}
	first = (struct iovec){iov->iov_base ? (char *)iov->iov_base + skip : NULL,
			       iov->iov_len - skip};
	in_first = first.iov_len < moved ? first.iov_len : moved;
	otr_boundary_sent(t, in_first, &first, 1);
	otr_boundary_sent(t, moved - in_first, iov + 1, n - 1);
}

void otr_boundary_sent_with(struct otr_boundary *t, uint64_t moved, const struct iovec *iov, int n,
			    const struct otr_head_facts *facts, size_t added)
{
	uint64_t before = added && facts->line_end < moved ? facts->line_end : moved;

	if (t->state == OTR_BOUNDARY_START && facts->len && facts->len <= moved) {
		before = facts->len;
		take_head(t, facts);
	} else {
		otr_boundary_sent(t, before, iov, n);
	}
	if (before < moved)
		sent_after(t, moved - before, iov, n, (size_t)before + added);
}
