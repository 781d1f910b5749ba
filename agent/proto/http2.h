/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HTTP2_H
#define OTR_HTTP2_H

/* http2.h - shared by the files of the HTTP/2 parser. Only they and tests include it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/proto/hpack.h"
#include "agent/proto/http.h"
#include "agent/proto/proto.h"

#define OTR_HTTP2_PREFACE OTR_SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
#define OTR_HTTP2_HEAD	  9	      /* bytes of the header of a frame */
#define OTR_HTTP2_BLOCK	  (64u << 10) /* bytes of a block of fields; a longer one is unknown */

/* An attribute of answers that is in no convention: a number. */
#define OTR_HTTP2_GRPC_STATUS OTR_SLICE("grpc-status")

enum otr_http2_type {
	OTR_HTTP2_DATA,
	OTR_HTTP2_HEADERS,
	OTR_HTTP2_PRIORITY,
	OTR_HTTP2_RST_STREAM,
	OTR_HTTP2_SETTINGS,
	OTR_HTTP2_PUSH_PROMISE,
	OTR_HTTP2_PING,
	OTR_HTTP2_GOAWAY,
	OTR_HTTP2_WINDOW_UPDATE,
	OTR_HTTP2_CONTINUATION,
	OTR_HTTP2_TYPES,
};

#define OTR_HTTP2_END_STREAM  0x01 /* also the ACK of SETTINGS and PING */
#define OTR_HTTP2_END_HEADERS 0x04
#define OTR_HTTP2_PADDED      0x08
#define OTR_HTTP2_PRIO	      0x20

struct otr_http2_frame {
	uint32_t len; /* of the payload */
	uint32_t stream;
	uint8_t type;
	uint8_t flags;
};

/* Reads the header of a frame; `in` has OTR_HTTP2_HEAD bytes. False: no frame is like that. */
bool otr_http2_frame_read(struct otr_http2_frame *fr, struct otr_slice in);

/* Does `in` begin with a frame for certain? `last`: the latest stream that is known, or 0. */
bool otr_http2_certain(struct otr_slice in, uint32_t last);

/* Does the block of HEADERS at the front of `in` begin with :status, or may it, as its first byte is
 * not there? */
bool otr_http2_may_answer(const struct otr_http2_frame *fr, struct otr_slice in);

/* Are these the first bytes of a connection, or of a run on one that was open before? */
bool otr_http2_sniff(enum otr_dir dir, struct otr_slice head);

/* A stream whose request was read and whose answer has not ended. */
struct otr_http2_stream {
	uint32_t id; /* 0: the slot is free */
	bool answered;
};

#define OTR_HTTP2_STREAMS 512 /* open at once, less one; requests beyond are counted as lost */

struct otr_http2_dir {
	struct otr_hpack hpack;
	uint32_t scanned; /* bytes of a block that are known not to hold its last frame */
	bool begun;	  /* a frame was read: no preface comes any more */
};

/* The state of one connection. Zeroed, it is ready. */
struct otr_http2 {
	struct otr_http2_dir dirs[2]; /* by enum otr_dir */
	uint32_t last;		      /* the latest stream of a request */
	uint8_t asker;		      /* 1 + enum otr_dir of requests; 0: not known */
	bool whole;		      /* it was read from its preface on */
	uint16_t n;
	struct otr_http2_stream streams[OTR_HTTP2_STREAMS]; /* a hash */
};

/* Finds, adds and removes open streams. add() returns NULL if there are too many. */
struct otr_http2_stream *otr_http2_find(struct otr_http2 *h2, uint32_t id);
struct otr_http2_stream *otr_http2_add(struct otr_http2 *h2, uint32_t id);
void otr_http2_remove(struct otr_http2 *h2, struct otr_http2_stream *stream);

/* What a block of fields says. */
struct otr_http2_fields {
	struct otr_http_request req;
	struct otr_slice content_type;
	struct otr_slice grpc_status;
	const struct otr_header_names *headers;	    /* that the user named; NULL: none */
	struct otr_slice of_user[OTR_HEADER_NAMES]; /* their values, by rows */
	int32_t status;
	bool unknown; /* there are others, or values, that could not be read */
};

/* Reads the block of fields that begins with `fr` at the front of `in`, over CONTINUATIONs. `size`:
 * its bytes, with headers, as far as they are there. */
void otr_http2_block(struct otr_http2_dir *d, struct otr_slice in, size_t size, bool whole,
		     struct otr_http2_fields *out);

/* Adds what the conventions ask for. */
void otr_http2_request_fill(const struct otr_http2_fields *f, struct otr_msg *msg);
void otr_http2_answer_fill(const struct otr_http2_fields *f, struct otr_msg *msg);

/* Is the request one of gRPC, by its content-type or that of its answer? */
bool otr_grpc_is(const struct otr_msg *req, const struct otr_msg *rsp);
int otr_grpc_describe(const struct otr_side *side, const struct otr_msg *req,
		      const struct otr_msg *rsp, struct otr_span_builder *sb);

extern const struct otr_proto_ops otr_http2;

#endif /* OTR_HTTP2_H */
