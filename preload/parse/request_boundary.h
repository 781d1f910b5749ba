/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_REQUEST_BOUNDARY_H
#define OTR_REQUEST_BOUNDARY_H

/*
 * request_boundary.h - does the next byte that a client sends begin an HTTP/1 request?
 *
 * A body may contain bytes that look like a request, and a server may answer before the body has
 * ended (100 Continue). So all bytes that go out are followed, whatever calls send them. If they
 * cannot be followed once, the connection gets no header any more.
 *
 * Pure: tests/unit/request_boundary_test.c.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "preload/parse/head_scan.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

enum otr_boundary_state {
	OTR_BOUNDARY_START,   /* the next byte begins a request */
	OTR_BOUNDARY_HEAD,    /* the next byte is in a head */
	OTR_BOUNDARY_BODY,    /* `left` bytes of a body follow */
	OTR_BOUNDARY_CHUNKS,  /* a line between chunks, or after the last, follows */
	OTR_BOUNDARY_CHUNK,   /* `left` bytes of a chunk follow, including its line end */
	OTR_BOUNDARY_UNKNOWN, /* it is not known where the next request begins */
};

enum otr_boundary_chunks { /* otr_boundary.chunks in OTR_BOUNDARY_CHUNKS: the next line */
	OTR_CHUNKS_SIZE = 1,
	OTR_CHUNKS_TRAILER, /* or the blank line at the end */
};

struct otr_boundary {
	uint64_t left;	     /* of a body or chunk; in a head: its Content-Length */
	uint8_t state;	     /* enum otr_boundary_state */
	uint8_t lines;	     /* 1: the request line of this head is complete */
	uint8_t chunks;	     /* in a head, 1: chunks follow; later enum otr_boundary_chunks */
	uint8_t is_unframed; /* 1: this head is not valid, or what follows it cannot be followed */
	uint8_t len;	     /* of `line` */
	uint8_t cr;	     /* 1: the last byte was a CR, and the line has not ended */
	uint8_t blanks;	     /* blanks in the request line, counted up to 3; a valid line has 2 */
	uint8_t hosts;	     /* Host fields, counted up to 2 */
	uint8_t minor;	     /* x of HTTP/1.x */
	uint8_t is_head;     /* 1: the last request is a HEAD */
	uint8_t answer_len;  /* bytes of the answer's status line that were read */
	uint16_t status;     /* status code of the answer */
	char end[9];	     /* the last bytes of the request line: " HTTP/1.x" */
	char line[OTR_BOUNDARY_LINE]; /* the first bytes of the present line */
};

/* Follows `moved` bytes that went out, the first of which are in `iov`; others were not read. */
void otr_boundary_sent(struct otr_boundary *t, uint64_t moved, const struct iovec *iov, int n);
/* The same for bytes that begin with a head that otr_head_scan() has read (facts->len 0: it has
 * not). `iov` has `added` bytes of our header after the request line, which `moved` does not
 * count. */
void otr_boundary_sent_with(struct otr_boundary *t, uint64_t moved, const struct iovec *iov, int n,
			    const struct otr_head_facts *facts, size_t added);
/* response_boundary.c: follows `moved` bytes of an answer; `first`: the answer begins with them. */
void otr_boundary_answered(struct otr_boundary *t, int first, uint64_t moved,
			   const struct iovec *iov, int n);

#pragma GCC visibility pop

#endif /* OTR_REQUEST_BOUNDARY_H */
