/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_REDIS_H
#define OTR_REDIS_H

/* redis.h - shared by the files of the Redis parser. Only they and tests include it. */

#include "agent/proto/proto.h"

#define OTR_REDIS_OP	24   /* bytes of the longest command, and its NUL */
#define OTR_REDIS_TEXT	512  /* bytes of a query text */
#define OTR_REDIS_PROC	64   /* bytes of the name of a function, or of the digest of a script */
#define OTR_REDIS_WORD	24   /* bytes of the first word of an error */
#define OTR_REDIS_DEBTS 2048 /* rows of requests without an answer */
#define OTR_REDIS_ARG	256  /* bytes of an argument; of longer ones nothing is read */
#define OTR_REDIS_ARGS	(1u << 20)
#define OTR_REDIS_BULK	(1ll << 30)
#define OTR_REDIS_OTHER OTR_SLICE("_OTHER") /* a command that is not known */

/* What the server owes for a request: which types of answers are possible, and what else the
 * answer means. */
enum otr_redis_owed {
	OTR_REDIS_ANY,
	OTR_REDIS_STATUS,
	OTR_REDIS_INT,
	OTR_REDIS_BULK_OR_NULL,
	OTR_REDIS_LIST,	     /* an array, a map, a set or null */
	OTR_REDIS_SET,	     /* a status; with GET, a bulk string or null */
	OTR_REDIS_PING,	     /* a status, a bulk string, or an array ("pong", text) */
	OTR_REDIS_SUBSCRIBE, /* these six: a confirmation for each channel */
	OTR_REDIS_PSUBSCRIBE,
	OTR_REDIS_SSUBSCRIBE,
	OTR_REDIS_UNSUBSCRIBE,
	OTR_REDIS_PUNSUBSCRIBE,
	OTR_REDIS_SUNSUBSCRIBE,
	OTR_REDIS_SELECT,
	OTR_REDIS_HELLO,
	OTR_REDIS_MULTI,
	OTR_REDIS_EXEC,
	OTR_REDIS_DISCARD,
	OTR_REDIS_STREAM, /* MONITOR, PSYNC: what follows the answer is not read */
	OTR_REDIS_RESET,
	OTR_REDIS_UNKNOWN, /* requests that were not seen, of any number */
};

/* Which arguments are keys. The first argument has number 1; -1 is the last one. */
enum otr_redis_keys {
	OTR_REDIS_NO_KEYS,
	OTR_REDIS_KEY,		/* 1 */
	OTR_REDIS_KEYS2,	/* 1, 2 */
	OTR_REDIS_KEYS,		/* 1 to -1 */
	OTR_REDIS_KEYS_TIMEOUT, /* 1 to -2 */
	OTR_REDIS_KEY_VALUES,	/* 1, 3, 5 .. */
	OTR_REDIS_KEY2,		/* 2: OBJECT ENCODING k; 1 is a subcommand */
	OTR_REDIS_KEYS_FROM_2,	/* 2 to -1 */
	OTR_REDIS_KEY3,		/* 3: MIGRATE */
	OTR_REDIS_FIELD,	/* 1, and 2, the field of a hash */
	OTR_REDIS_FIELDS,	/* 1, and the fields from 2 to -1 */
	OTR_REDIS_FIELD_VALUES, /* 1, and the fields 2, 4, 6 .. */
	OTR_REDIS_COUNTED_1,	/* 1 is the number of the keys, which follow */
	OTR_REDIS_COUNTED_2,	/* 2 is the number of the keys, which follow */
	OTR_REDIS_STORE,	/* 1, and as COUNTED_2 */
	OTR_REDIS_SCRIPT,	/* 1 names a procedure; as COUNTED_2 */
	OTR_REDIS_STREAMS,	/* the first half of what follows STREAMS */
	OTR_REDIS_SUBCOMMAND,	/* none; 1 is a subcommand */
};

struct otr_redis_command {
	char name[OTR_REDIS_OP];
	int8_t arity; /* with the command; negative: at least so many */
	uint8_t keys; /* enum otr_redis_keys */
	uint8_t owed; /* enum otr_redis_owed */
	bool plain;   /* the word is common in data, as "type", or another protocol has it */
};

/* Returns the command of that name, in any case, or NULL. */
const struct otr_redis_command *otr_redis_command(struct otr_slice name);

/* Is it the command of a module, as JSON.SET? */
bool otr_redis_is_module(struct otr_slice name);

/* Is it the subcommand of a command, as SETNAME of CLIENT? */
bool otr_redis_is_subcommand(struct otr_slice name);

/* The request that is being read. */
struct otr_redis_request {
	const struct otr_redis_command *command; /* NULL: not known */
	uint32_t argc;				 /* 0: none is being read */
	uint32_t argi;				 /* of the next argument; 0: the command */
	uint32_t n_keys;			 /* of COUNTED_1 .. SCRIPT */
	uint32_t streams;			 /* the number of the argument STREAMS, or 0 */
	uint32_t index;				 /* SELECT: 1 + the index; 0: not a number */
	uint8_t reply;				 /* CLIENT REPLY: 'N', 'F' or 'S': ON, OFF, SKIP */
	bool is_reply;				 /* CLIENT REPLY */
	bool cut;				 /* an argument was not copied whole */
	bool full;				 /* the text has no room for more */
	uint8_t op_len, proc_len;
	uint16_t text_len;
	char op[OTR_REDIS_OP];
	char proc[OTR_REDIS_PROC];
	char text[OTR_REDIS_TEXT];
};

/* What the elements that are being read belong to. */
enum otr_redis_unit {
	OTR_REDIS_NOTHING, /* the next byte begins an answer or a push */
	OTR_REDIS_ANSWER,  /* it was emitted */
	OTR_REDIS_WHOLE,   /* the answer to EXEC: it is emitted at its end */
	OTR_REDIS_CONFIRM, /* of SUBSCRIBE and the like */
	OTR_REDIS_PUSH,
	OTR_REDIS_ATTRIBUTE, /* the answer follows */
};

/* The state of one connection. Zero is the state of a new one. */
struct otr_redis {
	uint8_t client;	 /* 1 + direction of the client's bytes; 0: not known */
	bool ended;	 /* nothing more is read */
	bool confirmed;	 /* the other side has sent what only a server sends */
	bool spoke;	 /* the server has answered since the last request */
	bool doubtful;	 /* the client went on without all answers, if none of them was lost */
	bool overlaps;	 /* the client does not wait for all answers before it goes on */
	bool resp3;	 /* pushes have a type of their own */
	bool subscribed; /* messages may come in place of answers */
	bool in_multi;
	bool no_replies;  /* CLIENT REPLY OFF */
	bool skips_next;  /* CLIENT REPLY SKIP */
	bool failed;	  /* the answer, or an element of the answer to EXEC */
	uint8_t unit;	  /* enum otr_redis_unit */
	uint8_t confirms; /* enum otr_redis_owed: what the unit CONFIRM confirms */
	uint8_t word_len;
	uint16_t first, n; /* of `debts`, which is a ring */
	uint32_t db;	   /* 1 + the index of the database; 0: not known */
	uint32_t db_before;
	uint32_t scanned[2]; /* bytes of the next line, by side, that hold no LF */
	uint64_t rest;	     /* elements that are still to come */
	uint64_t serial;     /* of the last request */
	uint64_t answered;   /* serial of the last request that needs no answer any more */
	uint64_t batch;	     /* serial of the first request since the server spoke */
	char word[OTR_REDIS_WORD];
	char db_text[12];
	struct otr_redis_request request;
	uint16_t debts[OTR_REDIS_DEBTS]; /* kind << 11 | number */
};

/* Takes one request, or a part of one. */
enum otr_parse otr_redis_front(struct otr_redis *rd, struct otr_slice in, unsigned int flags,
			       uint64_t *used, struct otr_msg *msg);

/* Takes one answer or push, or a part of one. */
enum otr_parse otr_redis_back(struct otr_redis *rd, struct otr_slice in, unsigned int flags,
			      uint64_t *used, struct otr_msg *msg);

/* Reads the argument of the number `request->argi`, and counts it. `whole`: all of its bytes are
 * in `arg`. */
void otr_redis_argument(struct otr_redis_request *request, struct otr_slice arg, bool whole);

/* Debts of the server, oldest first. `n`: of SUBSCRIBE, its confirmations. */
void otr_redis_owe(struct otr_redis *rd, enum otr_redis_owed owed, uint32_t n);
bool otr_redis_owes(const struct otr_redis *rd, enum otr_redis_owed *owed); /* the oldest */
void otr_redis_paid(struct otr_redis *rd); /* the oldest request is answered */

/* A confirmation came for the oldest request, a SUBSCRIBE. Returns whether it was the last one;
 * then the request is still to be paid. */
bool otr_redis_confirmed(struct otr_redis *rd);

/* A request begins: notes whether the client has waited for all answers. */
void otr_redis_turn(struct otr_redis *rd);

/* Requests were lost, or answers. Forgets what cannot be paired any more. */
void otr_redis_requests_lost(struct otr_redis *rd);
void otr_redis_answers_lost(struct otr_redis *rd);

/* The oldest request cannot have the answer that came. */
void otr_redis_mispaired(struct otr_redis *rd);

enum otr_redis_like {
	OTR_REDIS_NO,
	OTR_REDIS_YES,
	OTR_REDIS_SHORT, /* more bytes are needed */
};

/* Is `in` the beginning of a request, or an answer, and of no other protocol and no part of a
 * text? `strict`: the side is not known. */
enum otr_redis_like otr_redis_like_request(struct otr_slice in, bool strict);
enum otr_redis_like otr_redis_like_inline(struct otr_slice in);
enum otr_redis_like otr_redis_like_answer(struct otr_slice in);

/* Can an answer begin here, and after it the next one, as far as `in` goes? */
bool otr_redis_chain(struct otr_slice in);

static inline bool otr_redis_is_subscribe(enum otr_redis_owed owed)
{
	return owed >= OTR_REDIS_SUBSCRIBE && owed <= OTR_REDIS_SUNSUBSCRIBE;
}

/* Reads | mark | number | CR LF |. Returns its size; 0: more bytes are needed; -1: it is none. */
static inline int otr_redis_number(struct otr_slice in, int64_t *number)
{
	size_t i = 1, digits = 0;
	bool minus = in.len > 1 && in.data[1] == '-';
	int64_t n = 0;

	for (i += minus; i < in.len && in.data[i] >= '0' && in.data[i] <= '9'; i++) {
		if (++digits > 18)
			return -1;
		n = n * 10 + (in.data[i] - '0');
	}
	if (i == in.len)
		return 0;
	if (!digits || in.data[i] != '\r')
		return -1;
	if (i + 1 == in.len)
		return 0;
	*number = minus ? -n : n;
	return in.data[i + 1] == '\n' ? (int)i + 2 : -1;
}

int otr_redis_describe(const struct otr_side *side, const struct otr_msg *req,
		       const struct otr_msg *rsp, struct otr_span_builder *sb);

extern const struct otr_proto_ops otr_redis;

/* redis_blank.c */
extern const struct otr_blank_ops otr_redis_blank;

#endif /* OTR_REDIS_H */
