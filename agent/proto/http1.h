/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HTTP1_H
#define OTR_HTTP1_H

/* http1.h - shared by the files of the HTTP/1 parser. Only they and tests include it. */

#include "agent/proto/http.h"
#include "agent/proto/proto.h"

#define OTR_HTTP1_HEAD_MAX 65536 /* bytes; a longer head is refused */
#define OTR_HTTP1_LINE_MAX 4096	 /* bytes of the size and extensions of a chunk */
#define OTR_HTTP1_PENDING  64	 /* requests in flight whose method is kept */

enum otr_http1_phase {
	OTR_HTTP1_HEAD,	   /* a head begins here */
	OTR_HTTP1_SIZE,	   /* the size of the first chunk */
	OTR_HTTP1_NEXT,	   /* the line end of a chunk's data, then a size */
	OTR_HTTP1_TRAILER, /* lines after the last chunk */
	OTR_HTTP1_LOST, /* the size of a chunk was not copied: only the tail of a run can show the end */
};

/* What the length of an answer depends on. */
enum otr_http1_method {
	OTR_HTTP1_UNKNOWN, /* the request was not seen */
	OTR_HTTP1_PLAIN,
	OTR_HTTP1_NO_BODY, /* HEAD */
	OTR_HTTP1_CONNECT,
};

struct otr_http1_dir {
	uint32_t scanned;  /* bytes of the head that are known not to hold its end */
	uint8_t phase;	   /* enum otr_http1_phase */
	bool ended_by_run; /* the last message was cut, so a resync loses nothing else */
};

/* The state of one connection. Zeroed, it is ready. */
struct otr_http1 {
	struct otr_http1_dir dirs[2]; /* by enum otr_dir */
	bool tunnel;		      /* after CONNECT or an upgrade */
	uint8_t first;		      /* of `methods`, which is a ring */
	uint8_t n;
	uint32_t more; /* requests behind those in the ring, whose methods are not kept */
	uint8_t methods[OTR_HTTP1_PENDING];	/* enum otr_http1_method */
	const struct otr_header_names *headers; /* to read from requests; NULL: none */
};

enum otr_http1_framing {
	OTR_HTTP1_NONE, /* no field of the head speaks of a body */
	OTR_HTTP1_LENGTH,
	OTR_HTTP1_CHUNKED,
	OTR_HTTP1_CODED,   /* coded, but not chunked: until the stream ends */
	OTR_HTTP1_UNCLEAR, /* lengths contradict each other */
};

/* A head that was read. */
struct otr_http1_head {
	bool response;
	int32_t status;
	enum otr_http1_framing framing;
	uint64_t length;
	struct otr_http_request req; /* of a response, only its version */
};

/* Could `in` be the beginning of a head? Looks at its first bytes only. */
bool otr_http1_plausible(struct otr_slice in);

/* Is there a first line at the front of `in` that is HTTP/1 without doubt? Its line end is
 * searched before `line_end` only. The method has to be a known one. */
bool otr_http1_certain(struct otr_slice in);

/* Is there a whole request line whose method is a known one in another case? Methods are
 * case-sensitive (RFC 9110, 9.1), so it is another method, and the server decides what that
 * means. */
bool otr_http1_any_case(struct otr_slice in);

/* Returns the end of the head that begins `in`, behind its empty line, or 0 if that line is not
 * there. No end lies before `from`. */
size_t otr_http1_head_end(struct otr_slice in, size_t from);

/* Reads the head that begins `in`, in one pass. Returns its end, behind its empty line; 0, `head`
 * in any state: the empty line is not there, or the first line is no HTTP/1. */
size_t otr_http1_head_take(struct otr_http1_head *head, struct otr_slice in);

/* Reads the head in `in`, which may be cut anywhere. Returns false, `head` in any state, if its
 * first line is no HTTP/1. */
bool otr_http1_head_read(struct otr_http1_head *head, struct otr_slice in);

/* The first letters of the fields that otr_http1_field() reads, a bit each; small and capital ones
 * have the same bit. */
#define OTR_HTTP1_LETTER(c) ((c)&31)
#define OTR_HTTP1_FIELD_LETTERS                                                                    \
	(1u << OTR_HTTP1_LETTER('b') | 1u << OTR_HTTP1_LETTER('c') | 1u << OTR_HTTP1_LETTER('f') | \
	 1u << OTR_HTTP1_LETTER('h') | 1u << OTR_HTTP1_LETTER('t') | 1u << OTR_HTTP1_LETTER('u') | \
	 1u << OTR_HTTP1_LETTER('x'))

/* Reads one field, a line that is not empty, without its line end. In http1_field.c. */
void otr_http1_field(struct otr_http1_head *head, struct otr_slice line);

/* Adds to `msg` what the conventions ask for. */
void otr_http1_head_fill(const struct otr_http1_head *head, struct otr_msg *msg);

/* Walks a chunked body, RFC 9112 section 7.1. */
enum otr_parse otr_http1_chunks(struct otr_http1_dir *d, struct otr_slice in, unsigned int flags,
				uint64_t *used, struct otr_msg *msg);

/* Do the last bytes of a run end a chunked body? */
enum otr_parse otr_http1_tail(struct otr_http1_dir *d, struct otr_slice in, uint64_t *used,
			      struct otr_msg *msg);

extern const struct otr_proto_ops otr_http1;

#endif /* OTR_HTTP1_H */
