/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_MEMCACHED_H
#define OTR_MEMCACHED_H

/* memcached.h - shared by the files of the Memcached parser. Only they and tests include it. */

#include "agent/proto/proto.h"

#define OTR_MEMCACHED_TEXT  512	  /* bytes of a query text */
#define OTR_MEMCACHED_WORD  16	  /* bytes of the longest command, and its NUL */
#define OTR_MEMCACHED_KEY   250	  /* bytes of a key */
#define OTR_MEMCACHED_DEBTS 1024  /* requests without an answer */
#define OTR_MEMCACHED_LINE  65536 /* bytes of a line: a `get` may name many keys */
#define OTR_MEMCACHED_VALUE (1ull << 30)

/* What the server owes for a request. */
enum otr_memcached_owed {
	OTR_MEMCACHED_NONE,
	OTR_MEMCACHED_STORE,  /* STORED, NOT_STORED, EXISTS, NOT_FOUND */
	OTR_MEMCACHED_VALUES, /* VALUE .., then END */
	OTR_MEMCACHED_DELETE, /* DELETED, NOT_FOUND */
	OTR_MEMCACHED_NUMBER, /* digits, NOT_FOUND */
	OTR_MEMCACHED_TOUCH,  /* TOUCHED, NOT_FOUND */
	OTR_MEMCACHED_STATS,  /* STAT .. or ITEM .., then END; RESET */
	OTR_MEMCACHED_VERSION,
	OTR_MEMCACHED_META,   /* VA, HD, EN, NS, EX, NF, ME */
	OTR_MEMCACHED_MN,     /* the answer to mn: all before it are answered */
	OTR_MEMCACHED_LINE_,  /* any line, such as OK */
	OTR_MEMCACHED_QUIT,   /* nothing: the connection is closed */
	OTR_MEMCACHED_STREAM, /* watch: nothing behind it is read */
};

struct otr_memcached_command {
	char name[OTR_MEMCACHED_WORD];
	uint8_t owed;	  /* enum otr_memcached_owed */
	uint8_t min_args; /* without `noreply` */
	uint8_t max_args; /* 255: any number */
	uint8_t keys;	  /* how many arguments are keys: 0, 1; 255: all from `key_at` on */
	uint8_t key_at;	  /* the first argument that is a key; the first argument is 1 */
	uint8_t size_at; /* the argument that is the length of the data that follows; 0: none does */
	bool is_sure;	 /* no other protocol has such a line */
};

/* Returns the command of that name, or NULL. Names are in small letters on the wire. */
const struct otr_memcached_command *otr_memcached_command(struct otr_slice name);

/* Of a debt: the request names one key, so it has one value at most. */
#define OTR_MEMCACHED_ONE_KEY 0x80u

/* The state of one connection. Zero is the state of a new one. */
struct otr_memcached {
	uint8_t client; /* 1 + direction of the client's bytes; 0: not known */
	bool ended;	/* nothing more is read */
	bool overlaps;	/* the client does not wait for an answer before it asks again */
	bool hole;	/* answers, or requests, were lost since the last answer that was paired */
	bool quiet;	/* requests that may be answered or not came since the last `mn` */
	bool opens;	/* the answer has begun: VALUE, STAT */
	bool cut;	/* some of its lines were not seen */
	uint16_t first, n;   /* of `debts`, which is a ring */
	uint32_t hits;	     /* values of the answer so far */
	uint32_t scanned[2]; /* bytes of the next line, by direction, that hold no LF */
	uint64_t serial;     /* of the last request that is answered */
	uint16_t text_len;
	char text[OTR_MEMCACHED_TEXT];
	uint8_t debts[OTR_MEMCACHED_DEBTS];
};

/* Takes one request, or one answer or a part of it. */
enum otr_parse otr_memcached_front(struct otr_memcached *mc, struct otr_slice in,
				   unsigned int flags, uint64_t *used, struct otr_msg *msg);
enum otr_parse otr_memcached_back(struct otr_memcached *mc, struct otr_slice in, unsigned int flags,
				  uint64_t *used, struct otr_msg *msg);

/* Are the first bytes a whole, valid request line, or the first line of an answer, that no other
 * protocol has? `any`: or one that others have as well. */
bool otr_memcached_is_request(struct otr_slice head, bool any);
bool otr_memcached_is_answer(struct otr_slice head, bool any);

/* Requests, or answers, were lost. */
void otr_memcached_requests_lost(struct otr_memcached *mc);
void otr_memcached_answers_lost(struct otr_memcached *mc);

/* A request begins. After a hole, a client that is known to wait for each answer has all of them;
 * of another the answers that come now cannot be paired. */
void otr_memcached_turn(struct otr_memcached *mc);

/* The first line of `in`, without its end; `*size` with it. A none slice: there is no LF.
 * `*scanned`: how many bytes are known to hold none. */
struct otr_slice otr_memcached_line(struct otr_slice in, uint32_t *scanned, size_t *size);

/* Takes the next word off a line. */
struct otr_slice otr_memcached_word(struct otr_slice *line);

/* Reads a decimal number; false: `word` is none below 2^63. */
bool otr_memcached_number(struct otr_slice word, uint64_t *number);

extern const struct otr_proto_ops otr_memcached;

#endif /* OTR_MEMCACHED_H */
