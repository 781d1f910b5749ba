/* SPDX-License-Identifier: Apache-2.0 */
/*
 * response_boundary.c - do HTTP requests follow after this answer (RFC 9112 6.3)? They do not after
 * an answer that is no HTTP, that switches protocols, or that ends with the connection: some
 * servers then use the connection as a stream of bytes in both directions (Docker's attach). An
 * answer whose beginning was not read (splice, MSG_TRUNC) may be any of these.
 */

#include <string.h>

#include "preload/parse/inject.h"
#include "preload/parse/request_boundary.h"

static const char pattern[] = "HTTP/1.# ###"; /* #: a digit */
#define STATUS_LEN (sizeof(pattern) - 1)
#define STATUS_AT  9 /* of the status code */

/* Is `c` the next character of a status line? Reads the status code on the way. */
static int fits(struct otr_boundary *t, char c)
{
	char want = pattern[t->answer_len];

	if (want != '#')
		return c == want;
	if (c < '0' || c > '9')
		return 0;
	if (t->answer_len >= STATUS_AT)
		t->status = (uint16_t)(t->status * 10 + (c - '0'));
	return 1;
}

/* Does the head say where the answer ends? 1 also if the head is not complete, since it may. */
static int is_framed(const char *text, size_t len)
{
	const char *end = text + len, *line = text, *lf;

	for (; (lf = memchr(line, '\n', (size_t)(end - line))) != NULL; line = lf + 1) {
		size_t n = (size_t)(lf - line);

		if (!n || (n == 1 && *line == '\r'))
			return 0;
		if (otr_begins_as(line, n, "content-length:") ||
		    otr_begins_as(line, n, "transfer-encoding:"))
			return 1;
	}
	return 1;
}

static int has_no_body(const struct otr_boundary *t)
{
	return t->is_head || t->status < 200 || t->status == 204 || t->status == 304;
}

/* After the status line: `is_beginning`: `iov` begins with it. */
static void judge(struct otr_boundary *t, int is_beginning, const struct iovec *iov, size_t len)
{
	if (t->status == 101 || (is_beginning && !has_no_body(t) && !is_framed(iov->iov_base, len)))
		t->state = OTR_BOUNDARY_UNKNOWN;
}

static inline int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads the status line with which `text` begins. Returns 0 if it is not complete up to the status
 * code, which is rare, or not valid. */
static int take_status(struct otr_boundary *t, const char *text, size_t len)
{
	if (t->answer_len || len < STATUS_LEN || memcmp(text, pattern, 7) != 0 ||
	    !is_digit(text[7]) || text[8] != ' ' || !is_digit(text[9]) || !is_digit(text[10]) ||
	    !is_digit(text[11]))
		return 0;
	t->status = (uint16_t)((text[9] - '0') * 100 + (text[10] - '0') * 10 + (text[11] - '0'));
	t->answer_len = STATUS_LEN;
	return 1;
}

/* Reads the next bytes of the status line. */
static void read_status(struct otr_boundary *t, const char *text, size_t len)
{
	if (take_status(t, text, len))
		return;
	for (size_t i = 0; i < len && t->answer_len < STATUS_LEN; i++, t->answer_len++)
		if (!fits(t, text[i])) {
			t->state = OTR_BOUNDARY_UNKNOWN;
			return;
		}
}

void otr_boundary_answered(struct otr_boundary *t, int first, uint64_t moved,
			   const struct iovec *iov, int n)
{
	size_t len = n && iov->iov_base ? iov->iov_len : 0;

	if (first)
		t->answer_len = t->status = 0;
	if (t->state == OTR_BOUNDARY_UNKNOWN || t->answer_len >= STATUS_LEN)
		return;
	if (len > moved)
		len = (size_t)moved;
	if (len)
		read_status(t, iov->iov_base, len);
	else
		t->state = OTR_BOUNDARY_UNKNOWN; /* the beginning of the answer was not read */
	if (t->state != OTR_BOUNDARY_UNKNOWN && t->answer_len == STATUS_LEN)
		judge(t, first, iov, len);
}
