/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_REQUEST_BOUNDARY_H
#define OTR_REQUEST_BOUNDARY_H

/*
 * request_boundary.h - where a client is in what it says: does its next byte begin a request?
 *
 * A body may hold anything, also what looks like a request, and a server may say something
 * before it is over (100 Continue). So all that went out is followed, whatever calls it
 * came in; where that fails once, nothing is put into this connection any more.
 * Pure: tests/unit/request_boundary_test.c.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

enum otr_boundary_state {
	OTR_BOUNDARY_START, /* the next byte begins a request */
	OTR_BOUNDARY_HEAD,
	OTR_BOUNDARY_BODY,   /* `left` bytes of it */
	OTR_BOUNDARY_CHUNKS, /* a line between chunks, or behind the last */
	OTR_BOUNDARY_CHUNK,  /* `left` bytes of one, the end of its line among them */
	OTR_BOUNDARY_OPAQUE, /* not to be followed */
};

enum otr_boundary_chunks { /* otr_boundary.chunks: the next line */
	OTR_CHUNKS_SIZE = 1,
	OTR_CHUNKS_TRAILER,
};

#define OTR_BOUNDARY_LINE 40 /* of a line that is kept: names and lengths are shorter */

struct otr_boundary {
	uint64_t left;
	uint8_t state;	/* enum otr_boundary_state */
	uint8_t lines;	/* whole ones of this head: 0, 1 = some */
	uint8_t chunks; /* what follows this head; enum otr_boundary_chunks */
	uint8_t opaque; /* this head is not valid, or not to be followed behind its end */
	uint8_t len;
	uint8_t cr;	    /* the last byte was one, and the line has not ended */
	uint8_t blanks;	    /* in the request line, at most 3 */
	uint8_t hosts;	    /* Host fields, at most 2 */
	uint8_t minor;	    /* of HTTP/1.x */
	uint8_t is_head;    /* the last request is a HEAD */
	uint8_t answer_len; /* bytes of the answer's front that were looked at */
	uint16_t status;    /* of the answer */
	char end[9];	    /* of the request line */
	char line[OTR_BOUNDARY_LINE];
};

/* `moved` bytes went out, the first of which are in `iov`. */
void otr_boundary_sent(struct otr_boundary *t, uint64_t moved, const struct iovec *iov, int n);
/* The same of what went out with `added` bytes of ours at `at`: `moved` counts the others. */
void otr_boundary_sent_with(struct otr_boundary *t, uint64_t moved, const struct iovec *iov, int n,
			    size_t at, size_t added);
/* `moved` bytes of an answer came, its first ones where `first`; response_boundary.c. */
void otr_boundary_answered(struct otr_boundary *t, int first, uint64_t moved,
			   const struct iovec *iov, int n);

#pragma GCC visibility pop

#endif /* OTR_REQUEST_BOUNDARY_H */
