/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_INJECT_H
#define OTR_INJECT_H

/*
 * inject.h - may a header be put into these bytes, where, and what is then true.
 *
 * Pure: no system call, no allocation, no state; tests/unit/inject_test.c tries every
 * answer a kernel can give.
 */

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

#define OTR_HEAD_MAX 16384 /* a longer head is left alone */

enum otr_head {
	OTR_HEAD_WHOLE,	  /* a whole head without traceparent */
	OTR_HEAD_HAS_ONE, /* there is a traceparent */
	OTR_HEAD_SPLIT,	  /* the head does not end in these bytes */
	OTR_HEAD_ODD,	  /* a request, but not one to touch */
	OTR_HEAD_NONE,	  /* no HTTP/1 request */
};

struct otr_method {
	const char *text; /* a blank at its end */
	size_t len;
	int add; /* a header may be put into its requests */
};

/* The first method that a request line of which `len` bytes are there can begin with; NULL:
 * it is none. */
const struct otr_method *otr_method_of(const char *line, size_t len);

/* Reads the head of an HTTP/1 request; WHOLE only where all of it is valid by RFC 9110 and 9112
 * (a NUL in a value, a folded line, a bare line feed, no Host: ODD) and it would stay within the
 * limits that servers have (bytes, number of fields) with a header more. Then *line_end is where the
 * request line ends, the only place where a header is put in. */
enum otr_head otr_head_read(const struct iovec *iov, int n, size_t *line_end);

/* The first bytes of the request-target of what otr_head_read() found WHOLE. */
size_t otr_head_target(const struct iovec *iov, int n, char *out, size_t size);

/* Is there a control in it that no line of a head may have (RFC 9110 5.5): all but a tab? */
int otr_has_control(const char *text, size_t len);
/* Does a line begin with `text`, which is lower case, in any case? Returns its length, or 0. */
static inline size_t otr_begins_as(const char *line, size_t len, const char *text)
{
	size_t n = 0;

	while (text[n] && n < len && (line[n] | 0x20) == text[n])
		n++;
	return text[n] ? 0 : n;
}
/* How many characters of a token it begins with (RFC 9110 5.6.2). */
size_t otr_token_len(const char *text, size_t len);

/* Do these bytes begin a request? The first line alone is looked at. */
int otr_head_begins(const struct iovec *iov, int n);

/* A header that is looked for, and where its value goes: that of the first one that has any,
 * cut at both ends of blanks. `len` 0: not there, empty, or longer than `size`. */
struct otr_want {
	const char *name; /* lower case */
	char *out;
	size_t size, len;
	int seen; /* there is such a line, whatever it says */
};

/* All of them in one pass; `len` of each is 0 before. Returns whether the head's end was
 * seen. */
int otr_head_values(const struct iovec *iov, int n, struct otr_want *want, int count);

/* Likewise of one. Returns its length. */
size_t otr_head_value(const struct iovec *iov, int n, const char *name, char *out, size_t size,
		      int *whole);

/* Is there such a header at all, whatever its value? */
int otr_head_has(const struct iovec *iov, int n, const char *name);

/* How many bytes a head can take until it reaches a limit that servers have; SIZE_MAX: it is no
 * head, or a longer one than any of these. */
size_t otr_head_room(const struct iovec *iov, int n);

/*
 * The caller's `n` bytes went out with `added` bytes put in at `at` (0 < at < n: what follows
 * carries the rest of them), and the kernel took
 * `k` (> 0) of the n + added. Returns what the caller is told it took; *rest is how many
 * of the added bytes still have to go before the caller's next ones. *whole is 0 where
 * none of the added ones went: nothing was put in.
 */
ssize_t otr_account(size_t at, size_t added, ssize_t k, size_t *rest, int *whole);

#pragma GCC visibility pop

#endif /* OTR_INJECT_H */
