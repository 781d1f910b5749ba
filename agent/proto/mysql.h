/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_MYSQL_H
#define OTR_MYSQL_H

/* mysql.h - shared by the files of the MySQL parser. Only they and tests include it. */

#include "agent/proto/proto.h"

#define OTR_MYSQL_HEAD	  4
#define OTR_MYSQL_PACKET  0xffffffu /* a packet of this length is continued by the next one */
#define OTR_MYSQL_TEXT	  4096	    /* bytes of a command in a message */
#define OTR_MYSQL_LOGIN	  1024	    /* bytes of a login that are read */
#define OTR_MYSQL_ANSWER  32	    /* bytes of any other packet of the server */
#define OTR_MYSQL_KEPT	  2048	    /* bytes of a prepared statement that are kept */
#define OTR_MYSQL_ARENA	  16384
#define OTR_MYSQL_STMTS	  64
#define OTR_MYSQL_QUEUE	  32
#define OTR_MYSQL_NAME	  65	      /* 64 characters at most; longer ones of UTF-8 are not kept */
#define OTR_MYSQL_LAST_ID 0xffffffffu /* MariaDB: the statement that was prepared last */

/* Values of msg.op that depend on a statement; other commands have their name. */
#define OTR_MYSQL_QUERY	  OTR_SLICE("Query")
#define OTR_MYSQL_EXECUTE OTR_SLICE("Execute")
#define OTR_MYSQL_PREPARE OTR_SLICE("Prepare")
#define OTR_MYSQL_USE	  OTR_SLICE("USE")

/* Internal attributes of a request: the product of the server, and the fact that it is not known to
 * read a backslash in a string as an escape. */
#define OTR_MYSQL_SYSTEM    OTR_SLICE("system")
#define OTR_MYSQL_BACKSLASH OTR_SLICE("backslash")

/* Bits of the capabilities, and of the status in OK and EOF packets. */
#define OTR_MYSQL_CAN_DB	  (1u << 3)
#define OTR_MYSQL_CAN_COMPRESS	  (1u << 5)
#define OTR_MYSQL_CAN_41	  (1u << 9)
#define OTR_MYSQL_CAN_SSL	  (1u << 11)
#define OTR_MYSQL_CAN_SECURE	  (1u << 15)
#define OTR_MYSQL_CAN_LENENC_AUTH (1u << 21)
#define OTR_MYSQL_CAN_DEPRECATE	  (1u << 24)
#define OTR_MYSQL_CAN_NO_SHAPE	  (1u << 25)
#define OTR_MYSQL_CAN_ZSTD	  (1u << 26)
#define OTR_MYSQL_CAN_ATTRS	  (1u << 27)

#define OTR_MYSQL_MORE_RESULTS 0x0008u
#define OTR_MYSQL_CURSOR       0x0040u
#define OTR_MYSQL_NO_BACKSLASH 0x0200u

/* A prepared statement. Its text lies in the arena. */
struct otr_mysql_stmt {
	uint64_t serial; /* of the request that prepares it; 0: free */
	uint32_t id;	 /* 0: the server has not answered yet */
	uint16_t at;
	uint16_t len;
	bool cut; /* the text is longer than what is kept */
};

/* What the server still has to send for a request. */
enum otr_mysql_owed {
	OTR_MYSQL_OWES_RESULT,	/* OK, an error, or result sets */
	OTR_MYSQL_OWES_OK,	/* one packet */
	OTR_MYSQL_OWES_PREPARE, /* the id and the shape of a statement */
	OTR_MYSQL_OWES_ROWS,	/* rows without their shape: Fetch */
	OTR_MYSQL_OWES_FIELDS,	/* shapes up to EOF */
	OTR_MYSQL_OWES_LOGIN,	/* an exchange of authentication up to OK: ChangeUser */
};

/* `n` requests in a row for which the server has to send the same. */
struct otr_mysql_debt {
	uint64_t serial; /* of the first request */
	uint32_t n;
	uint8_t owed;	/* enum otr_mysql_owed */
	bool continued; /* the request has several packets: its answer begins at any number */
};

/* What the next packet of an answer is. */
enum otr_mysql_step {
	OTR_MYSQL_FIRST,
	OTR_MYSQL_TURN,	     /* the first one, once the client has sent a file or a response */
	OTR_MYSQL_SHAPES,    /* `shapes` definitions of columns or parameters */
	OTR_MYSQL_SHAPE_END, /* EOF, a row or the end */
	OTR_MYSQL_ROWS,
};

/* The answer that is being received. */
struct otr_mysql_answer {
	uint8_t step; /* enum otr_mysql_step */
	bool begun;   /* a packet of it was read */
	uint8_t seq;  /* number of the next packet, if `begun` */
	bool failed;
	bool has_rows;
	bool continued; /* the last packet is continued by the next one */
	uint16_t code;	/* of the error, if `failed` */
	uint32_t shapes, more_shapes;
	int64_t rows;
	char text[8]; /* `code` as text */
};

enum otr_mysql_phase {
	OTR_MYSQL_COMMANDS, /* also that of a connection that was open before */
	OTR_MYSQL_GREETED,
	OTR_MYSQL_LOGIN_SENT,
};

enum otr_mysql_known {
	OTR_MYSQL_UNKNOWN,
	OTR_MYSQL_NO,
	OTR_MYSQL_YES,
};

/* The state of one connection. Zero is the state of a new one. */
struct otr_mysql {
	uint8_t client; /* 1 + direction of the client's bytes; 0: not known */
	uint8_t phase;	/* enum otr_mysql_phase */
	bool opaque;	/* TLS or compression follows */
	bool compress;	/* it begins when the login is over */
	bool has_server_caps;
	bool infile;	   /* the client sends a file */
	bool continued;	   /* the client's last packet is continued by the next one */
	bool open;	   /* its message ends with those packets */
	bool attrs;	   /* queries begin with attributes */
	bool no_shape;	   /* results may come without their shape */
	uint8_t mariadb;   /* enum otr_mysql_known */
	uint8_t escapes;   /* likewise: is a backslash in a string an escape? */
	uint8_t deprecate; /* likewise: is there no EOF behind shapes? */
	uint8_t first;	   /* index of the oldest of `debts`, which is a ring */
	uint8_t n;
	uint8_t next_stmt;
	uint16_t arena_at;
	uint32_t server_caps;
	uint64_t serial;    /* of the last request */
	uint64_t db_serial; /* of the request that sets `next_db` if it succeeds; 0: none does */
	struct otr_mysql_answer answer;
	char database[OTR_MYSQL_NAME]; /* "": none, or not known */
	char next_db[OTR_MYSQL_NAME];
	struct otr_mysql_debt debts[OTR_MYSQL_QUEUE];
	struct otr_mysql_stmt stmts[OTR_MYSQL_STMTS];
	char arena[OTR_MYSQL_ARENA];
};

/* One packet: | length (3, little-endian) | number | body | */
struct otr_mysql_packet {
	uint32_t len;
	uint8_t seq;
	bool whole;	       /* `body` is all of it */
	struct otr_slice body; /* as many of its bytes as were copied and are needed */
};

/* Which bytes can begin a connection, or are a command or an answer for certain. Each looks at
 * otr_mysql_decisive() bytes at most, and is false for fewer. */
bool otr_mysql_is_greeting(struct otr_slice in);
bool otr_mysql_is_login(struct otr_slice in);
bool otr_mysql_is_command(struct otr_slice in);
bool otr_mysql_is_answer(struct otr_slice in);
size_t otr_mysql_decisive(struct otr_slice in);

/* Each takes one packet of the client, or of the server. The caller spends its bytes. */
enum otr_parse otr_mysql_front(struct otr_mysql *my, const struct otr_mysql_packet *pk,
			       struct otr_msg *msg);
enum otr_parse otr_mysql_back(struct otr_mysql *my, const struct otr_mysql_packet *pk,
			      struct otr_msg *msg);
enum otr_parse otr_mysql_back_part(struct otr_mysql *my, struct otr_msg *msg);

/* Takes the tail of an answer whose middle was not copied. */
enum otr_parse otr_mysql_back_tail(struct otr_mysql *my, struct otr_slice in, struct otr_msg *msg);

/* How many bytes of rows at the front of `in`, each whole, need no further look? */
size_t otr_mysql_rows(struct otr_mysql *my, struct otr_slice in);

/* Greeting and login. */
void otr_mysql_greeting(struct otr_mysql *my, struct otr_slice body);
enum otr_parse otr_mysql_login(struct otr_mysql *my, const struct otr_mysql_packet *pk);
enum otr_parse otr_mysql_login_answer(struct otr_mysql *my, const struct otr_mysql_packet *pk);

/* The query behind the attributes that may stand before it; a none slice if they are not all there.
 * `*context`: the value of the attribute traceparent, or none. */
struct otr_slice otr_mysql_query(struct otr_slice body, struct otr_slice *context);

/* Sets the text of the database, or of the next one. */
void otr_mysql_keep_db(char to[OTR_MYSQL_NAME], struct otr_slice name);
void otr_mysql_expect_db(struct otr_mysql *my, struct otr_slice name);

/* Debts of the server; serials of requests are consecutive. */
void otr_mysql_owe(struct otr_mysql *my, enum otr_mysql_owed owed, bool continued);
struct otr_mysql_debt *otr_mysql_debt(struct otr_mysql *my); /* the oldest one, or NULL */
void otr_mysql_paid(struct otr_mysql *my); /* one request of the oldest debt was answered */
uint32_t otr_mysql_unpaid(const struct otr_mysql *my); /* how many requests */

/* Prepared statements: `serial` is that of the request. */
void otr_mysql_prepare(struct otr_mysql *my, uint64_t serial, struct otr_slice text, bool cut);
void otr_mysql_prepared(struct otr_mysql *my, uint64_t serial, uint32_t id);
void otr_mysql_close(struct otr_mysql *my, uint32_t id);
const struct otr_mysql_stmt *otr_mysql_stmt(const struct otr_mysql *my, uint32_t id);

static inline uint32_t otr_mysql_u16(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return u[0] | (uint32_t)u[1] << 8;
}

static inline uint32_t otr_mysql_u24(const char *p)
{
	return otr_mysql_u16(p) | (uint32_t)(unsigned char)p[2] << 16;
}

static inline uint32_t otr_mysql_u32(const char *p)
{
	return otr_mysql_u24(p) | (uint32_t)(unsigned char)p[3] << 24;
}

/* Takes an integer that says its own length off `in`. False: it is not there whole, or is none. */
bool otr_mysql_lenenc(struct otr_slice *in, uint64_t *value);

/* Takes a text that begins with its length off `in`. */
bool otr_mysql_text(struct otr_slice *in, struct otr_slice *text);

/* Takes a text up to its NUL off `in`, the NUL included. */
bool otr_mysql_string(struct otr_slice *in, struct otr_slice *text);

int otr_mysql_describe(const struct otr_side *side, const struct otr_msg *req,
		       const struct otr_msg *rsp, struct otr_span_builder *sb);

extern const struct otr_proto_ops otr_mysql;

/* mysql_blank.c */
extern const struct otr_blank_ops otr_mysql_blank;

#endif /* OTR_MYSQL_H */
