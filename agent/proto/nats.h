/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_NATS_H
#define OTR_NATS_H

/* nats.h - shared by the files of the NATS parser. Only they and tests include it. */

#include "agent/proto/proto.h"

#define OTR_NATS_LINE	 4096	    /* bytes of a line, but of INFO and CONNECT */
#define OTR_NATS_LOGIN	 32768	    /* bytes of INFO and CONNECT, which hold JSON */
#define OTR_NATS_HEADERS 8192	    /* bytes of the headers that are read */
#define OTR_NATS_PAYLOAD (1u << 30) /* of a message; a server takes 64 MiB at most */
#define OTR_NATS_ASKED	 384	    /* requests without a reply that are remembered */

enum otr_nats_verb {
	OTR_NATS_INFO,
	OTR_NATS_CONNECT,
	OTR_NATS_PUB,
	OTR_NATS_HPUB, /* with headers */
	OTR_NATS_SUB,
	OTR_NATS_UNSUB,
	OTR_NATS_MSG,
	OTR_NATS_HMSG, /* with headers */
	OTR_NATS_PING,
	OTR_NATS_PONG,
	OTR_NATS_OK,
	OTR_NATS_ERR,
	OTR_NATS_OTHER, /* between servers */
};

enum otr_nats_side {
	OTR_NATS_EITHER,
	OTR_NATS_CLIENT,
	OTR_NATS_SERVER,
};

/* A line with what follows it. */
struct otr_nats_line {
	enum otr_nats_verb verb;
	enum otr_nats_side side; /* who may send it */
	uint32_t size;		 /* of the line, with its end */
	struct otr_slice subject;
	struct otr_slice sid;	/* of MSG, HMSG, SUB: the number of the subscription */
	struct otr_slice reply; /* or none */
	uint32_t n_headers;	/* bytes */
	uint32_t n_body;	/* bytes of headers and payload, without the CR LF behind them */
	bool has_body;
};

enum otr_nats_is {
	OTR_NATS_NO,
	OTR_NATS_MAYBE, /* it may be the beginning of a line */
	OTR_NATS_YES,
};

/* Reads the line that `in` begins with. *scanned: how many bytes are known to hold no LF. */
enum otr_nats_is otr_nats_read(struct otr_nats_line *line, struct otr_slice in, uint32_t *scanned);

/* Is `head`, OTR_SNIFF_MAX bytes at most, a line, or the beginning of one, that no other protocol
 * has? */
bool otr_nats_is_sure(struct otr_slice head);

/* Sets the contexts of `msg`. Returns the status of the first line, as 503; 0: it has none. */
int otr_nats_headers(struct otr_slice headers, struct otr_msg *msg);

/* The state of one connection. Zero is the state of a new one. */
struct otr_nats {
	uint8_t client;	     /* 1 + direction of the client's bytes; 0: not known */
	uint16_t n_asked;    /* of `asked` */
	uint32_t scanned[2]; /* bytes of the next line, by direction, that hold no LF */
	uint64_t serial;     /* of messages that are no requests */
	uint64_t asked
		[OTR_NATS_ASKED]; /* reply subjects of requests, as numbers; the oldest first */
};

/* Names of subjects that a client made for one reply begin so. */
bool otr_nats_is_inbox(struct otr_slice subject);

int otr_nats_describe(const struct otr_side *side, const struct otr_msg *req,
		      const struct otr_msg *rsp, struct otr_span_builder *sb);

extern const struct otr_blank_ops otr_nats_blank;
extern const struct otr_proto_ops otr_nats;

#endif /* OTR_NATS_H */
