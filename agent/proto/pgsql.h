/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PGSQL_H
#define OTR_PGSQL_H

/* pgsql.h - shared by the files of the PostgreSQL parser. Only they and tests include it. */

#include "agent/proto/proto.h"

#define OTR_PGSQL_TEXT	  4096 /* bytes of a statement in a message */
#define OTR_PGSQL_KEPT	  2048 /* bytes of a prepared statement that are kept */
#define OTR_PGSQL_ARENA	  16384
#define OTR_PGSQL_STMTS	  64
#define OTR_PGSQL_PORTALS 8
#define OTR_PGSQL_QUEUE	  32
#define OTR_PGSQL_NAME	  64 /* NAMEDATALEN */

/* Values of msg.op. */
#define OTR_PGSQL_QUERY	  OTR_SLICE("Query")   /* text may hold literals */
#define OTR_PGSQL_EXECUTE OTR_SLICE("Execute") /* of a prepared statement */
#define OTR_PGSQL_PREPARE OTR_SLICE("Prepare") /* a batch that only prepares */
#define OTR_PGSQL_CALL	  OTR_SLICE("FunctionCall")
#define OTR_PGSQL_CANCEL  OTR_SLICE("CancelRequest")

/* A prepared statement. Its text lies in the arena. */
struct otr_pgsql_stmt {
	uint64_t name; /* hash; 0: free */
	uint16_t at;
	uint16_t len;
	bool cut; /* the text is longer than what is kept */
};

struct otr_pgsql_portal {
	uint64_t name; /* hash; 0: free */
	uint64_t stmt;
};

/* What the server still has to send for a request. */
enum otr_pgsql_owed {
	OTR_PGSQL_OWES_READY, /* an answer that ends at ReadyForQuery: Query, Prepare */
	OTR_PGSQL_OWES_ROWS,  /* an answer with an end of its own: Execute */
	OTR_PGSQL_OWES_PARSE, /* an answer that ends at ParseComplete: Prepare, flushed */
	OTR_PGSQL_OWES_SHAPE, /* the same, if it ends when the statement is described */
	OTR_PGSQL_OWES_SYNC,  /* ReadyForQuery alone */
};

/* `n` requests in a row for which the server has to send the same. */
struct otr_pgsql_debt {
	uint64_t serial; /* of the first request */
	uint32_t n;
	uint8_t owed; /* enum otr_pgsql_owed */
};

/* The answer that is being received. */
struct otr_pgsql_answer {
	bool failed;   /* ErrorResponse came */
	bool has_rows; /* a command that returns rows has completed */
	int64_t rows;
	char state[5]; /* SQLSTATE, if `failed` */
};

/* The state of one connection. Zero is the state of a new one. */
struct otr_pgsql {
	uint8_t client; /* 1 + direction of the client's bytes; 0: not known */
	bool asked;	/* SSLRequest or GSSENCRequest was sent: one byte answers it */
	bool encrypted;
	bool parsed;	/* the batch has a Parse */
	bool described; /* the batch has a Describe of a statement */
	bool executed;	/* the batch has an Execute */
	uint8_t first;	/* index of the oldest of `debts`, which is a ring */
	uint8_t n;
	uint8_t next_stmt;
	uint8_t next_portal;
	uint16_t arena_at;
	uint64_t serial; /* of the last request */
	struct otr_pgsql_answer answer;
	uint64_t running; /* hash of the statement that was bound or parsed last */
	uint64_t fresh;	  /* hash of the statement that this batch prepared, while `parsed` */
	char database[OTR_PGSQL_NAME];
	char user[OTR_PGSQL_NAME];
	struct otr_pgsql_debt debts[OTR_PGSQL_QUEUE];
	struct otr_pgsql_portal portals[OTR_PGSQL_PORTALS];
	struct otr_pgsql_stmt stmts[OTR_PGSQL_STMTS];
	char arena[OTR_PGSQL_ARENA];
};

/* One typed message: | type | length, itself included (4, big-endian) | body | */
struct otr_pgsql_frame {
	char type;
	uint64_t size;	       /* with its header */
	struct otr_slice body; /* as many of its bytes as were copied */
	bool whole;
};

/* Can `in` begin with a message? Checks the header and the beginning of the body; the fewer
 * bytes there are, the more is possible. */
bool otr_pgsql_valid(bool client, struct otr_slice in);

/* The same of at least one byte. Gives how many bytes of the body are read, at most. */
bool otr_pgsql_begins(bool client, struct otr_slice in, size_t *need);

/* Stricter: are its type, length and body unlikely to be chance? Only the message at the front
 * counts, so that the result does not depend on how bytes were cut. */
bool otr_pgsql_strong(bool client, struct otr_slice in);

/* Stricter still: is the message followed by messages of the same side, as far as `in` goes?
 * Used to find where a message begins. */
bool otr_pgsql_certain(bool client, struct otr_slice in);

/* Is `in` a packet without a type: StartupMessage, SSLRequest, CancelRequest ..? */
bool otr_pgsql_startup_valid(struct otr_slice in);
enum otr_parse otr_pgsql_startup(struct otr_pgsql *pg, struct otr_slice in, unsigned int flags,
				 uint64_t *used, struct otr_msg *msg);

/* Each takes one message of the client, or of the server, whole or cut. The caller spends its
 * bytes. */
enum otr_parse otr_pgsql_front(struct otr_pgsql *pg, const struct otr_pgsql_frame *fr,
			       struct otr_msg *msg);
enum otr_parse otr_pgsql_back(struct otr_pgsql *pg, const struct otr_pgsql_frame *fr,
			      struct otr_msg *msg);

/* Takes a message of the server of which fewer bytes than its header were copied. */
enum otr_parse otr_pgsql_back_part(struct otr_pgsql *pg, struct otr_msg *msg);

/* Take the tail of a run whose middle was not copied. */
enum otr_parse otr_pgsql_front_tail(struct otr_pgsql *pg, struct otr_slice in, struct otr_msg *msg);
enum otr_parse otr_pgsql_back_tail(struct otr_pgsql *pg, struct otr_slice in, struct otr_msg *msg);

/* Adds a debt of the server. */
void otr_pgsql_owe(struct otr_pgsql *pg, enum otr_pgsql_owed owed);
struct otr_pgsql_debt *otr_pgsql_debt(struct otr_pgsql *pg); /* the oldest debt, or NULL */
void otr_pgsql_paid(struct otr_pgsql *pg); /* one request of the oldest debt was answered */

/* Prepared statements and portals, by name. */
void otr_pgsql_prepare(struct otr_pgsql *pg, struct otr_slice name, struct otr_slice text,
		       bool cut);
void otr_pgsql_bind(struct otr_pgsql *pg, struct otr_slice portal, struct otr_slice stmt);
void otr_pgsql_close(struct otr_pgsql *pg, char what, struct otr_slice name);
const struct otr_pgsql_stmt *otr_pgsql_stmt(const struct otr_pgsql *pg, uint64_t name);
uint64_t otr_pgsql_portal(const struct otr_pgsql *pg, struct otr_slice name);
uint64_t otr_pgsql_hash(struct otr_slice name);

/* The client's bytes have a hole: forgets what a lost message may have replaced. */
void otr_pgsql_doubt(struct otr_pgsql *pg);

/* Takes the text up to its NUL off `in`, the NUL included; `*whole`: there was a NUL. */
struct otr_slice otr_pgsql_string(struct otr_slice *in, bool *whole);

static inline uint32_t otr_pgsql_u32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

int otr_pgsql_describe(const struct otr_side *side, const struct otr_msg *req,
		       const struct otr_msg *rsp, struct otr_span_builder *sb);

extern const struct otr_proto_ops otr_pgsql;

/* pgsql_blank.c */
extern const struct otr_blank_ops otr_pgsql_blank;

#endif /* OTR_PGSQL_H */
