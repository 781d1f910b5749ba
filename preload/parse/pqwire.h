/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PQWIRE_H
#define OTR_PQWIRE_H

/*
 * pqwire.h - writes calls of libpq as messages of PostgreSQL's protocol 3, as far as the agent
 * reads them (agent/proto/pgsql*.c): which statements begin, and how they end. Parameters and rows
 * are left out.
 *
 * Pure; tests/unit/pqwire_test.c has the agent's parser read what is written here.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

enum otr_pq_kind {
	OTR_PQ_QUERY,	 /* Query: a text without parameters */
	OTR_PQ_PARAMS,	 /* Parse, Bind, Execute of the unnamed statement */
	OTR_PQ_PREPARE,	 /* Parse */
	OTR_PQ_PREPARED, /* Bind, Execute */
	OTR_PQ_FUNCTION, /* FunctionCall */
	OTR_PQ_FLUSH,
	OTR_PQ_SYNC,
};

#define OTR_PQ_TEXT   4096 /* bytes of the text of a Query that the agent reads at most */
#define OTR_PQ_KEPT   2048 /* bytes of the text of a Parse that are emitted at most */
#define OTR_PQ_NAME   63   /* bytes of a name that a server keeps */
#define OTR_PQ_PIECES 8
#define OTR_PQ_ANSWER 160 /* more than the length of each message of a server below */

/* Messages in a row: `iov` points to the caller's text, which is borrowed, and into `room`. */
struct otr_pq_words {
	struct iovec iov[OTR_PQ_PIECES];
	int n;
	uint64_t size; /* bytes of all pieces */
	size_t used;   /* bytes of `room` */
	char room[2 * OTR_PQ_NAME + 64];
};

/* Sets *w to the messages of a client for one statement. `name` may be NULL; `text` is NULL if the
 * kind has none. `sync`: a Sync follows, as it does outside of a pipeline. */
void otr_pq_ask(struct otr_pq_words *w, enum otr_pq_kind kind, const char *name, const char *text,
		int sync);

/* Writes a StartupMessage with user and database (may be NULL). Returns its length. */
size_t otr_pq_startup(char out[OTR_PQ_ANSWER], const char *user, const char *db);

/* Writes a CommandComplete of a server. Returns its length; 0: `tag` is no command tag. */
size_t otr_pq_complete(char out[OTR_PQ_ANSWER], const char *tag);
/* Writes an ErrorResponse with the SQLSTATE `code`. Returns its length; 0: `code` is no
 * SQLSTATE. */
size_t otr_pq_error(char out[OTR_PQ_ANSWER], const char *severity, const char *code);
/* Writes a message without content: ParseComplete ('1'), EmptyQueryResponse ('I'), ReadyForQuery
 * ('Z'). Returns its length. */
size_t otr_pq_short(char out[OTR_PQ_ANSWER], char type);

#pragma GCC visibility pop

#endif /* OTR_PQWIRE_H */
