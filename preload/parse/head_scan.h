/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HEAD_SCAN_H
#define OTR_HEAD_SCAN_H

/*
 * head_scan.h - reads all that the library needs of the head of a request, in one pass.
 *
 * Nearly every head is valid and lies in one piece. Of such a head the pass finds what
 * otr_head_read() (inject.c), otr_boundary_sent() (request_boundary.c) and otr_head_values() would
 * find. Any other head is left to these, which read it themselves.
 *
 * Pure: tests/unit/head_scan_test.c.
 */

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

#define OTR_HEAD_MAX 16384 /* a longer head gets no header */
#define OTR_BOUNDARY_LINE \
	40 /* bytes of a line that request_boundary.c keeps: names and lengths are
			      * shorter */

struct otr_method {
	char text[8]; /* the name, a blank, and zeros */
	uint8_t len;
	uint8_t may_inject; /* 1: a header may be put into requests with this method */
};

/* Returns the method with which the request line begins, by its first `len` bytes, which may be a
 * part of the name alone; NULL: none. */
const struct otr_method *otr_method_of(const char *line, size_t len);

/* The offset and length of the value of a field, without blanks at its ends. */
struct otr_value {
	uint32_t at, len; /* `at` 0: there is no such field */
};

struct otr_head_facts {
	uint32_t len;	     /* of the head, its blank line included; 0: nothing is known */
	uint32_t line_end;   /* length of the request line */
	uint64_t length;     /* Content-Length */
	uint16_t fields;     /* number of fields */
	uint8_t hosts;	     /* Host fields, counted up to 2 */
	uint8_t minor;	     /* x of HTTP/1.x */
	uint8_t is_head;     /* 1: the method is HEAD */
	uint8_t is_path;     /* 1: the request-target is a path, which names no host */
	uint8_t chunks;	     /* 1: there is a Transfer-Encoding */
	uint8_t is_unframed; /* 1: what follows the head cannot be followed: an upgrade, or a length
			      * that is no number */
	uint8_t is_twice;    /* 1: the head has one of the fields below twice */
	struct otr_value parent, state, baggage; /* traceparent, tracestate, baggage */
};

/* Reads the head with which `text` begins. Returns 1 if the head is valid and complete in these
 * `len` bytes; otherwise 0, and facts->len is 0. */
int otr_head_scan(const char *text, size_t len, struct otr_head_facts *facts);

/* Reads the value of a Content-Length, `len` bytes with the line end, into *length, which has the
 * value of an earlier such field, or 0. Returns 0 if the value is no number, or there are two. */
int otr_length_read(const char *text, size_t len, uint64_t *length);

#pragma GCC visibility pop

#endif /* OTR_HEAD_SCAN_H */
