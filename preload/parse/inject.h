/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_INJECT_H
#define OTR_INJECT_H

/*
 * inject.h - can a header be put into these bytes, and where? How many bytes of the caller did the
 * kernel take then?
 *
 * Pure: no system call, no allocation, no state; tests/unit/inject_test.c tries every answer a
 * kernel can give.
 */

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "preload/parse/head_scan.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

enum otr_head {
	OTR_HEAD_WHOLE,	  /* a complete head without traceparent */
	OTR_HEAD_HAS_ONE, /* the head has a traceparent */
	OTR_HEAD_SPLIT,	  /* the head does not end in these bytes */
	OTR_HEAD_ODD,	  /* a request that is not valid, or near a limit of servers */
	OTR_HEAD_NONE,	  /* no HTTP/1 request */
};

/* Reads the head of an HTTP/1 request. WHOLE: all of it is valid by RFC 9110 and 9112, and with our
 * header it stays within the limits of servers (bytes, number of fields); facts->line_end is the
 * offset at which the request line ends, where a header goes in. ODD: a NUL in a value, a folded
 * line, a bare line feed, no Host. */
enum otr_head otr_head_read(const struct iovec *iov, int n, struct otr_head_facts *facts);

/* Copies the first bytes of the request-target of a head that is WHOLE, and bytes after it up to
 * `size`. Returns the number of bytes. */
size_t otr_head_target(const struct iovec *iov, int n, char *out, size_t size);

/* Does `text` have a control character other than a tab, which no line of a head may have (RFC 9110
 * 5.5)? */
int otr_has_control(const char *text, size_t len);
/* Does a line begin with `text`, which is lower case, in upper or lower case? Returns the length of
 * `text`, or 0. */
static inline size_t otr_begins_as(const char *line, size_t len, const char *text)
{
	size_t n = 0;

	while (text[n] && n < len && (line[n] | 0x20) == text[n])
		n++;
	return text[n] ? 0 : n;
}
/* Returns the length of the token with which `text` begins (RFC 9110 5.6.2). */
size_t otr_token_len(const char *text, size_t len);

/* Do these bytes begin a request? Only the first line is read. */
int otr_head_begins(const struct iovec *iov, int n);

/* A header to find in a head. Its value is that of the first line with a value, without blanks at
 * its ends. `len` 0: there is none, or it is longer than `size`. */
struct otr_want {
	const char *name; /* lower case */
	char *out;
	size_t size, len;
	int seen; /* 1: the head has such a line, with any value */
};

/* Finds `count` headers in one pass; `len` of each is 0 before. Returns whether the end of the head
 * was found. */
int otr_head_values(const struct iovec *iov, int n, struct otr_want *want, int count);

/* Finds one header. Returns the length of its value. *is_complete: the end of the head was
 * found. */
size_t otr_head_value(const struct iovec *iov, int n, const char *name, char *out, size_t size,
		      int *is_complete);

/* Does the head have a header of this name? */
int otr_head_has(const struct iovec *iov, int n, const char *name);

/* How many bytes can be added to a head before it exceeds a limit of servers? SIZE_MAX: it is no
 * complete head, or longer than any limit. */
size_t otr_head_room(const struct iovec *iov, int n);

/*
 * The caller's bytes were sent with `added` bytes of a header at offset `at` (0 < at, and more of
 * the caller's bytes follow), and the kernel took `k` (> 0) bytes in total. Returns how many of
 * these were the caller's. *unsent: how many bytes of the header still have to be sent before the
 * caller's next ones; *begun: 0 if none of the header was sent, so that none has to be.
 */
ssize_t otr_account(size_t at, size_t added, ssize_t k, size_t *unsent, int *begun);

#pragma GCC visibility pop

#endif /* OTR_INJECT_H */
