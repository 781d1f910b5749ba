/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_AMQP_H
#define OTR_AMQP_H

/* amqp.h - shared by the files of the AMQP 0-9-1 parser. Only they and tests include it. */

#include "agent/proto/proto.h"

#define OTR_AMQP_OPENS	OTR_SLICE("AMQP\0\0\x09\x01")
#define OTR_AMQP_HEAD	7	    /* bytes of the header of a frame */
#define OTR_AMQP_END	0xce	    /* its last byte */
#define OTR_AMQP_METHOD (64u << 10) /* bytes of a method, or of a content header, that are read */
#define OTR_AMQP_FRAME	(16u << 20) /* bytes of a method or header that is believed */
#define OTR_AMQP_NAME	64	    /* bytes of the name of a queue that are kept */
#define OTR_AMQP_TAG	((1ull << 46) - 1) /* the largest delivery tag that is read */

enum otr_amqp_type {
	OTR_AMQP_TYPE_METHOD = 1,
	OTR_AMQP_TYPE_HEADER = 2,
	OTR_AMQP_TYPE_BODY = 3,
	OTR_AMQP_TYPE_HEARTBEAT = 8,
};

/* Class and number of each method that the parser knows by name: 16 bits each. */
enum otr_amqp_method {
	OTR_AMQP_CONNECTION_TUNE = 10 << 16 | 30,
	OTR_AMQP_CONNECTION_CLOSE = 10 << 16 | 50,
	OTR_AMQP_CHANNEL_OPEN = 20 << 16 | 10,
	OTR_AMQP_CHANNEL_OPEN_OK = 20 << 16 | 11,
	OTR_AMQP_CHANNEL_CLOSE = 20 << 16 | 40,
	OTR_AMQP_CHANNEL_CLOSE_OK = 20 << 16 | 41,
	OTR_AMQP_CONSUME = 60 << 16 | 20,
	OTR_AMQP_CONSUME_OK = 60 << 16 | 21,
	OTR_AMQP_CANCEL = 60 << 16 | 30,
	OTR_AMQP_PUBLISH = 60 << 16 | 40,
	OTR_AMQP_RETURN = 60 << 16 | 50,
	OTR_AMQP_DELIVER = 60 << 16 | 60,
	OTR_AMQP_GET = 60 << 16 | 70,
	OTR_AMQP_GET_OK = 60 << 16 | 71,
	OTR_AMQP_GET_EMPTY = 60 << 16 | 72,
	OTR_AMQP_ACK = 60 << 16 | 80,
	OTR_AMQP_REJECT = 60 << 16 | 90,
	OTR_AMQP_RECOVER_ASYNC = 60 << 16 | 100,
	OTR_AMQP_RECOVER = 60 << 16 | 110,
	OTR_AMQP_NACK = 60 << 16 | 120,
	OTR_AMQP_CONFIRM_SELECT = 85 << 16 | 10,
};

struct otr_amqp_frame {
	uint8_t type; /* enum otr_amqp_type */
	uint16_t channel;
	uint32_t size;		/* of the payload */
	struct otr_slice whole; /* the payload, as far as it is there */
};

/* Reads the header of a frame at the front of `in`, which has OTR_AMQP_HEAD bytes. False: no frame
 * begins so. */
bool otr_amqp_frame_read(struct otr_amqp_frame *fr, struct otr_slice in);

/* Does `in` begin with a whole method or heartbeat, and only whole or plausible frames behind it? */
bool otr_amqp_certain(struct otr_slice in);

bool otr_amqp_sniff(enum otr_dir dir, struct otr_slice head);

/* Does a server send this method? A client? Some are sent by both. */
bool otr_amqp_is_server(uint32_t method);
bool otr_amqp_is_client(uint32_t method);

/* Numbers of big-endian bytes, taken off the front. Sets *bad if there are too few. */
struct otr_amqp_args {
	struct otr_slice left;
	bool bad;
};

uint64_t otr_amqp_int(struct otr_amqp_args *args, size_t bytes);
struct otr_slice otr_amqp_short(struct otr_amqp_args *args); /* a text of 255 bytes at most */
struct otr_slice otr_amqp_long(struct otr_amqp_args *args);

/* A method whose content follows. */
struct otr_amqp_content {
	uint32_t method; /* enum otr_amqp_method; 0: none */
	uint16_t channel;
	uint16_t code;	  /* RETURN: why */
	uint8_t consumer; /* DELIVER: 1 + its slot; 0: not known */
	bool partial;	  /* its texts were not read to the end */
	uint64_t tag;	  /* DELIVER, GET_OK */
	struct otr_slice exchange, key;
};

/* Channels whose answers are counted. On others a publish is a moment, and a `get` is dropped and
 * counted. */
#define OTR_AMQP_CHANNELS  64
#define OTR_AMQP_CONSUMERS 24 /* what is known of others is whether their channel confirms */
/* Requests after which a client that never asked twice at once is taken to be one that waits. */
#define OTR_AMQP_WAITS 8
#define OTR_AMQP_HELD  2 /* methods of a direction whose content is behind frames of others */

struct otr_amqp_channel {
	uint16_t id;   /* 0: the slot is free */
	bool confirms; /* confirm.select was read */
	bool counts;   /* and each publish since */
	bool ahead;    /* it has published again before all was confirmed */
	bool resumes;  /* the next confirmation tells what is published: see amqp_front_lost() */
	bool acks;     /* the client has confirmed a message */
	bool overlaps; /* it asked for a message before it had the answer to the request before */
	bool hole;     /* answers, or requests, were lost since the latest `get` */
	bool unsure;   /* which `get` an answer is for is not known any more */
	uint32_t gets, got; /* requests for a message, and answers */
	uint64_t published; /* since confirm.select */
	uint64_t low;	    /* all up to it are confirmed .. */
	uint64_t above;	    /* .. and of the next 64 those of which the bit is set */
};

struct otr_amqp_consumer {
	uint16_t channel; /* 0: the slot is free */
	bool named;	  /* its tag is known; else the server will choose one */
	bool no_ack;
	uint8_t queue_len; /* 0: not known, or longer than what is kept */
	uint64_t tag_sum;
	char queue[OTR_AMQP_NAME];
};

/* The state of one connection. Zero is the state of a new one. */
struct otr_amqp {
	uint8_t client; /* 1 + direction of the client's bytes; 0: not known */
	bool whole;	/* it was read from its first byte on */
	bool lost;	/* not any more */
	bool several;	/* the client has opened another channel than 1 */
	struct otr_amqp_channel channels[OTR_AMQP_CHANNELS];
	struct otr_amqp_consumer consumers[OTR_AMQP_CONSUMERS];
	struct {
		struct otr_amqp_content content;
		char texts[2 * 255];
	} held[2][OTR_AMQP_HELD]; /* by enum otr_dir */
};

/* The channel `id`, or NULL. add() makes one if there is none; NULL: there are too many. */
struct otr_amqp_channel *otr_amqp_channel(struct otr_amqp *aq, uint16_t id);
struct otr_amqp_channel *otr_amqp_channel_add(struct otr_amqp *aq, uint16_t id);
void otr_amqp_channel_close(struct otr_amqp *aq, uint16_t id);

void otr_amqp_consume(struct otr_amqp *aq, uint16_t channel, struct otr_slice tag,
		      struct otr_slice queue, bool no_ack);
void otr_amqp_consume_ok(struct otr_amqp *aq, uint16_t channel, struct otr_slice tag);
void otr_amqp_cancel(struct otr_amqp *aq, uint16_t channel, struct otr_slice tag);
/* 1 + the slot of a consumer; 0: it is not known. */
uint8_t otr_amqp_consumer(const struct otr_amqp *aq, uint16_t channel, struct otr_slice tag);

/* The server confirmed the publish number `tag`; `multiple`: and all before it. */
void otr_amqp_confirmed(struct otr_amqp_channel *ch, uint64_t tag, bool multiple);

/* Keeps `c`, as its content comes behind frames of other channels. False: there is no room. */
bool otr_amqp_hold(struct otr_amqp *aq, enum otr_dir dir, const struct otr_amqp_content *c);
/* What is held for a channel; its texts live until the next hold(). False: nothing is. */
bool otr_amqp_held(struct otr_amqp *aq, enum otr_dir dir, uint16_t channel,
		   struct otr_amqp_content *c);
void otr_amqp_release(struct otr_amqp *aq, enum otr_dir dir, uint16_t channel);

/* Numbers of exchanges (`stream`). */
#define OTR_AMQP_GETS (1ull << 47) /* those of basic.get are above it */
static inline uint64_t otr_amqp_stream(uint16_t channel, uint64_t number)
{
	return (uint64_t)channel << 48 | number;
}

/* Adds the properties of a content header; `*size` is that of the body. `header`: its payload. */
void otr_amqp_properties(struct otr_slice header, struct otr_msg *msg, uint64_t *size);

/* Is it a method whose content follows? */
static inline bool otr_amqp_has_content(uint32_t method)
{
	return method == OTR_AMQP_PUBLISH || method == OTR_AMQP_RETURN ||
	       method == OTR_AMQP_DELIVER || method == OTR_AMQP_GET_OK;
}

/* Reads a method of the client, or of the server, that has no content. `args`: behind class and
 * number. False: it is no message. */
bool otr_amqp_front(struct otr_amqp *aq, uint16_t channel, uint32_t method,
		    struct otr_amqp_args *args, struct otr_msg *msg);
bool otr_amqp_back(struct otr_amqp *aq, uint16_t channel, uint32_t method,
		   struct otr_amqp_args *args, struct otr_msg *msg);

/* Reads the arguments of one that has. */
void otr_amqp_content(struct otr_amqp *aq, uint16_t channel, uint32_t method,
		      struct otr_amqp_args *args, struct otr_amqp_content *c);

/* Does a method of the server answer what is still to be read? */
bool otr_amqp_is_early(struct otr_amqp *aq, uint16_t channel, uint32_t method,
		       struct otr_amqp_args args);

/* The parts of a message that are in no convention: names of texts. */
#define OTR_AMQP_QUEUE OTR_SLICE("queue")

/* Fills in the message of a content. False: it is none that is told of. */
bool otr_amqp_tell(struct otr_amqp *aq, const struct otr_amqp_content *c, struct otr_msg *msg);

/* Bytes were lost, or not copied, that the client sent, or the server. */
void otr_amqp_front_lost(struct otr_amqp *aq);
void otr_amqp_back_lost(struct otr_amqp *aq);

int otr_amqp_describe(const struct otr_side *side, const struct otr_msg *req,
		      const struct otr_msg *rsp, struct otr_span_builder *sb);

/* Requests for messages, or answers to them, were lost. */
void otr_amqp_gets_lost(struct otr_amqp *aq);

/* The channel, or the connection (0), is closed. */
bool otr_amqp_close(struct otr_amqp *aq, uint16_t channel, struct otr_msg *msg);

/* The name of a reply code, "NOT_FOUND"; OTR_SLICE_NONE: it has none. */
struct otr_slice otr_amqp_code(uint16_t code);

extern const struct otr_blank_ops otr_amqp_blank;
extern const struct otr_proto_ops otr_amqp;

#endif /* OTR_AMQP_H */
