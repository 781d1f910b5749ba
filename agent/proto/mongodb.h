/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_MONGODB_H
#define OTR_MONGODB_H

/* mongodb.h - shared by the files of the MongoDB parser. Only they and tests include it. */

#include "agent/proto/proto.h"

#define OTR_MONGODB_HEAD 16
#define OTR_MONGODB_MAX	 (48u << 20) /* bytes of a message: no server takes more */
#define OTR_MONGODB_LOOK 16384u	     /* of which so many are looked at */
#define OTR_MONGODB_OPEN 64	     /* requests without an answer; servers answer one at a time */
#define OTR_MONGODB_NAME 255u	     /* bytes of the name of a collection */

/* The opcodes that are read. Those from 2001 to 2007 are of servers before 5.1. */
enum otr_mongodb_code {
	OTR_MONGODB_REPLY = 1,
	OTR_MONGODB_QUERY = 2004,
	OTR_MONGODB_COMPRESSED = 2012,
	OTR_MONGODB_MSG = 2013,
};

/* Flags of OP_MSG. Others of the lower half are not allowed. */
#define OTR_MONGODB_CHECKSUM 1u
#define OTR_MONGODB_MORE     2u
#define OTR_MONGODB_EXHAUST  (1u << 16)

/* | length 32 | request 32 | answers 32 | opcode 32 |, all little-endian */
struct otr_mongodb_head {
	uint32_t size, id, to, code;
};

/* Reads the header at the front of `in`, which has OTR_MONGODB_HEAD bytes. False: there is none, or
 * what follows it, as far as it is there, is not of its opcode. */
bool otr_mongodb_head_read(struct otr_mongodb_head *head, struct otr_slice in);

/* What becomes of the answer to a request. */
enum otr_mongodb_kind {
	OTR_MONGODB_HIDDEN, /* no span: a handshake, a login, an opcode that is not read */
	OTR_MONGODB_SPAN,
	OTR_MONGODB_UNKNOWN, /* a span of a compressed request */
};

/* The state of one connection. Zero is the state of a new one. */
struct otr_mongodb {
	uint8_t client;	   /* 1 + direction of the client's bytes; 0: not known */
	bool streams;	   /* answers to one request follow: SKIPs */
	bool is_open;	   /* and the first one was emitted */
	uint16_t first, n; /* of `open`, which is a ring */
	uint64_t serial;   /* of the last request that is answered */
	char code[16];	   /* of the last answer that is an error */
	struct {
		uint32_t id;
		uint8_t kind; /* enum otr_mongodb_kind */
	} open[OTR_MONGODB_OPEN];
};

/* A message, as far as it is looked at. */
struct otr_mongodb_part {
	struct otr_mongodb_head head;
	struct otr_slice in; /* with the header */
};

enum otr_parse otr_mongodb_front(struct otr_mongodb *mg, const struct otr_mongodb_part *part,
				 struct otr_msg *msg);
enum otr_parse otr_mongodb_back(struct otr_mongodb *mg, const struct otr_mongodb_part *part,
				struct otr_msg *msg);

/* The flags of OP_MSG. */
uint32_t otr_mongodb_flags(struct otr_slice in);

/* A document of BSON, as far as it is there; begins with its size. */
struct otr_bson {
	struct otr_slice in; /* behind the size */
	uint32_t size;	     /* of what is behind it, by itself */
	size_t at;
	bool ended; /* it was read to its end */
};

struct otr_bson_field {
	uint8_t type;
	bool whole; /* all of its value is there */
	struct otr_slice key;
	struct otr_slice value; /* as far as it is there */
};

/* The document at `at`. */
struct otr_bson otr_bson_at(struct otr_slice in, size_t at);

/* Takes the next field. False: there is none, or it is not there, or is no field. */
bool otr_bson_next(struct otr_bson *doc, struct otr_bson_field *field);

/* Is it a field of this name? */
static inline bool otr_bson_is(const struct otr_bson_field *field, struct otr_slice key)
{
	return otr_slice_eq(field->key, key);
}

/* A string; a none slice: it is another type, or is not there whole. */
struct otr_slice otr_bson_text(const struct otr_bson_field *field);

/* An integer of any type, or `fallback`. */
int64_t otr_bson_int(const struct otr_bson_field *field, int64_t fallback);

/* The document or array that the field is, empty if it is another type. */
struct otr_bson otr_bson_within(const struct otr_bson_field *field);

/* May a document of `max` bytes at most be at `at`, as far as its bytes are there? */
bool otr_bson_may_be(struct otr_slice in, size_t at, uint64_t max);

/* Reads 32 bits, little-endian. */
static inline uint32_t otr_mongodb_u32(const char *at)
{
	const unsigned char *p = (const unsigned char *)at;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int otr_mongodb_describe(const struct otr_side *side, const struct otr_msg *req,
			 const struct otr_msg *rsp, struct otr_span_builder *sb);

extern const struct otr_blank_ops otr_mongodb_blank;
extern const struct otr_proto_ops otr_mongodb;

#endif /* OTR_MONGODB_H */
