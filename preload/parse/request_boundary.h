/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_REQUEST_BOUNDARY_H
#define OTR_REQUEST_BOUNDARY_H

/*
 * request_boundary.h - where in its requests is a client: does its next byte begin a request?
 *
 * A body may hold anything, also what looks like a request, and a server may answer before the
 * body is over (100 Continue). So all bytes that go out are followed, whatever calls send them;
 * where that fails once, no header goes into this connection any more.
 *
 * Pure: tests/unit/request_boundary_test.c.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "preload/parse/head_scan.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

enum otr_boundary_state {
	OTR_BOUNDARY_START, /* the next byte begins a request */
	OTR_BOUNDARY_HEAD,
	OTR_BOUNDARY_BODY,    /* `left` bytes of a body follow */
	OTR_BOUNDARY_CHUNKS,  /* a line between chunks, or behind the last */
	OTR_BOUNDARY_CHUNK,   /* `left` bytes of a chunk follow, its line end among them */
	OTR_BOUNDARY_UNKNOWN, /* not known any more */
};

enum otr_boundary_chunks { /* otr_boundary.chunks: what the next line is */
	OTR_CHUNKS_SIZE = 1,
	OTR_CHUNKS_TRAILER,
};

struct otr_boundary {
	uint64_t left;
	uint8_t state;	     /* enum otr_boundary_state */
	uint8_t lines;	     /* complete lines of this head: 0, or 1 for some */
	uint8_t chunks;	     /* whether chunks follow this head; enum otr_boundary_chunks */
	uint8_t is_unframed; /* 1: this head is not valid, or what follows it cannot be followed */
	uint8_t len;
	uint8_t cr;	    /* 1: the last byte was a CR, and the line has not ended */
	uint8_t blanks;	    /* blanks in the request line, counted up to 3 */
	uint8_t hosts;	    /* Host fields, counted up to 2 */
	uint8_t minor;	    /* x of HTTP/1.x */
	uint8_t is_head;    /* 1: the last request is a HEAD */
	uint8_t answer_len; /* bytes of the beginning of the answer that were read */
	uint16_t status;    /* status code of the answer */
	char end[9];	    /* the last bytes of the request line */
	char line[OTR_BOUNDARY_LINE];
};

/* `moved` bytes went out, the first of which are in `iov`. */
void otr_boundary_sent(struct otr_boundary *t, uint64_t moved, const struct iovec *iov, int n);
/* The same for bytes of which `facts` is known (facts->len 0: nothing is), and which went out with
 * `added` bytes of a header behind the request line; `moved` counts the others. */
void otr_boundary_sent_with(struct otr_boundary *t, uint64_t moved, const struct iovec *iov, int n,
			    const struct otr_head_facts *facts, size_t added);
/* response_boundary.c: `moved` bytes of an answer came; `first`: the answer begins with them. */
void otr_boundary_answered(struct otr_boundary *t, int first, uint64_t moved,
			   const struct iovec *iov, int n);

#pragma GCC visibility pop

#endif /* OTR_REQUEST_BOUNDARY_H */
