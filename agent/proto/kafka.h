/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_KAFKA_H
#define OTR_KAFKA_H

/* kafka.h - shared by the files of the Kafka parser. Only they and tests include it. */

#include "agent/proto/proto.h"
#include "agent/span/span_builder.h"

#define OTR_KAFKA_HEAD	  4096	     /* bytes of a message that are read, with its length */
#define OTR_KAFKA_PENDING 256	     /* requests that are not answered */
#define OTR_KAFKA_LINK	  24	     /* bytes of a trace id and a span id */
#define OTR_KAFKA_ID	  16	     /* bytes of the id of a topic */
#define OTR_KAFKA_TOPICS  1024	     /* bytes of the topics that an answer names */
#define OTR_KAFKA_TOPIC	  249	     /* bytes of the name of a topic, by the server's rule */
#define OTR_KAFKA_SIZE	  104857600u /* bytes of a message of a stream that is not known yet */

/* What is read of an API; the others are paired with their answers, and are no spans. */
enum otr_kafka_api {
	OTR_KAFKA_PRODUCE = 0,
	OTR_KAFKA_FETCH = 1,
	OTR_KAFKA_METADATA = 3,
	OTR_KAFKA_OFFSET_COMMIT = 8,
	OTR_KAFKA_SASL_HANDSHAKE = 17,
	OTR_KAFKA_SASL_AUTHENTICATE = 36,
	OTR_KAFKA_API_MAX = 128, /* no API has a number like this; today the last one is 92 */
};

/* Values of msg.op. Metadata is no span: its answer names topics by id. */
#define OTR_KAFKA_SEND	 OTR_SLICE("send")
#define OTR_KAFKA_POLL	 OTR_SLICE("poll")
#define OTR_KAFKA_COMMIT OTR_SLICE("commit")
#define OTR_KAFKA_NAMES	 OTR_SLICE("names")

/* Internal attributes of messages: the id of the topic if its name is not there; the contexts in
 * headers of records, OTR_KAFKA_LINK bytes each; topics, as | id | length 8 | name |. */
#define OTR_KAFKA_TOPIC_ID OTR_SLICE("topic id")
#define OTR_KAFKA_LINKS	   OTR_SLICE("links")
#define OTR_KAFKA_NAMED	   OTR_SLICE("topics")

/* A request that is not answered. */
struct otr_kafka_pending {
	uint32_t id; /* its correlation id */
	uint8_t api;
	uint8_t version;
	bool is_span; /* a message was made of it */
};

/* The state of one connection. Zero is the state of a new one. */
struct otr_kafka {
	uint8_t client;	   /* 1 + direction of the client's bytes; 0: not known */
	bool has_last;	   /* `last_id` is known */
	bool raw_login;	   /* SaslHandshake v0: the login that follows has no headers */
	uint16_t first, n; /* of `pending`, which is a ring */
	uint32_t last_id;  /* the correlation id of the latest request */
	uint64_t serial;   /* of the latest request that is pending */
	struct otr_kafka_pending pending[OTR_KAFKA_PENDING];
	union { /* of the latest message */
		char links[OTR_SPAN_LINKS][OTR_KAFKA_LINK];
		char topics[OTR_KAFKA_TOPICS];
	};
};

/* Reads a body from front to end. Behind the first thing that is not there, all reads give zeros. */
struct otr_kafka_reader {
	struct otr_slice in; /* what is there of the body */
	size_t at;
	bool is_flexible; /* compact texts and lists, and tagged fields */
	bool is_short;	  /* something was not there, or was no valid value */
};

uint32_t otr_kafka_u32(const char *at);
int otr_kafka_i8(struct otr_kafka_reader *rd);
int otr_kafka_i16(struct otr_kafka_reader *rd);
int32_t otr_kafka_i32(struct otr_kafka_reader *rd);
int64_t otr_kafka_i64(struct otr_kafka_reader *rd);
uint32_t otr_kafka_uvarint(struct otr_kafka_reader *rd);
int64_t otr_kafka_varint(struct otr_kafka_reader *rd); /* zigzag, up to 64 bits */

/* A text, or none if it is null. */
struct otr_slice otr_kafka_text(struct otr_kafka_reader *rd);

/* The length of a list; 0 if it is null. */
uint32_t otr_kafka_list(struct otr_kafka_reader *rd);

/* The length of bytes, which follow; 0 if they are null. */
uint32_t otr_kafka_bytes(struct otr_kafka_reader *rd);

/* `n` bytes; they may be there in part: then is_short is set. */
struct otr_slice otr_kafka_take(struct otr_kafka_reader *rd, uint64_t n);

/* Steps over tagged fields, if the version has them. */
void otr_kafka_tags(struct otr_kafka_reader *rd);

/* A name, or from version `with_id` on an id. Returns false if it is short or invalid. */
struct otr_kafka_topic {
	struct otr_slice name; /* or none */
	struct otr_slice id;   /* or none */
};
bool otr_kafka_topic(struct otr_kafka_reader *rd, bool has_id, struct otr_kafka_topic *out);

/* The header of a request: | length 32 | api 16 | version 16 | correlation id 32 | client id | */
struct otr_kafka_head {
	uint32_t size; /* of the message behind its length */
	uint16_t api;
	uint16_t version;
	uint32_t id;
	struct otr_slice client;
	size_t len; /* of the header and the length before it */
};

enum otr_kafka_is {
	OTR_KAFKA_NO,
	OTR_KAFKA_MAYBE, /* `in` is too short to tell */
	OTR_KAFKA_YES,
};

/* Does a request begin at the front of `in`? `strict`: and could nothing else? */
enum otr_kafka_is otr_kafka_is_request(struct otr_slice in, bool strict,
				       struct otr_kafka_head *head);

/* What records hold: of several sets, one after the other. Begins zeroed. */
struct otr_kafka_records {
	uint64_t n;		 /* messages that were counted */
	bool any;		 /* there are some */
	bool uncounted;		 /* not all were counted */
	int64_t offset;		 /* of the first of the first batch */
	struct otr_slice parent; /* the first traceparent, of a header of a record .. */
	struct otr_slice state;	 /* .. and the tracestate beside it */
	uint16_t n_links;
	char (*links)[OTR_KAFKA_LINK]; /* distinct contexts: room for OTR_SPAN_LINKS */
};

/* Reads batches of records, of which `in` is there, and `size` bytes are in all. */
void otr_kafka_records(struct otr_kafka_records *rec, struct otr_slice in, uint64_t size);

/* Takes one request, one answer. */
enum otr_parse otr_kafka_front(struct otr_kafka *kf, struct otr_slice in, unsigned int flags,
			       uint64_t *used, struct otr_msg *msg);
enum otr_parse otr_kafka_back(struct otr_kafka *kf, struct otr_slice in, unsigned int flags,
			      uint64_t *used, struct otr_msg *msg);

/* Returns where the next answer to a request that is known may begin, or in.len. */
size_t otr_kafka_find_answer(const struct otr_kafka *kf, struct otr_slice in);

/* Reads the body of an answer; of a flexible version from behind its header on. */
void otr_kafka_answer(struct otr_kafka *kf, const struct otr_kafka_pending *of,
		      struct otr_slice body, struct otr_msg *msg);

/* Is the version of an API whose body is read flexible? */
bool otr_kafka_is_flexible(unsigned int api, unsigned int version);

/* The name of an error code, as "NOT_LEADER_OR_FOLLOWER"; "_OTHER" if it has none. */
struct otr_slice otr_kafka_error(int32_t code);

void otr_kafka_learn(struct otr_proto_memory *memory, const struct otr_msg *rsp);
int otr_kafka_describe(const struct otr_side *side, const struct otr_msg *req,
		       const struct otr_msg *rsp, struct otr_span_builder *sb);

extern const struct otr_blank_ops otr_kafka_blank;
extern const struct otr_proto_ops otr_kafka;

#endif /* OTR_KAFKA_H */
