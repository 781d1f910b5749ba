/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PQWIRE_H
#define OTR_PQWIRE_H

/*
 * pqwire.h - calls of libpq as messages of PostgreSQL's protocol 3, as far as the agent reads
 * them (agent/proto/pgsql*.c): that statements begin, what they are called, how they end.
 * Parameters and rows are left out.
 *
 * Pure; tests/unit/pqwire_test.c has the agent's parser read what is written here.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

enum otr_pq_kind {
	OTR_PQ_QUERY,	 /* Query: a text alone */
	OTR_PQ_PARAMS,	 /* Parse, Bind, Execute of the statement without a name */
	OTR_PQ_PREPARE,	 /* Parse */
	OTR_PQ_PREPARED, /* Bind, Execute */
	OTR_PQ_FUNCTION, /* FunctionCall */
	OTR_PQ_FLUSH,
	OTR_PQ_SYNC,
};

#define OTR_PQ_TEXT   4096 /* of a Query, the agent reads so much .. */
#define OTR_PQ_KEPT   2048 /* .. and of what is parsed: more is cut there */
#define OTR_PQ_NAME   63   /* what a server keeps of a name */
#define OTR_PQ_PIECES 8
#define OTR_PQ_ANSWER 160

/* Messages in a row: the caller's text where it lies, the rest in `room`. */
struct otr_pq_words {
	struct iovec iov[OTR_PQ_PIECES];
	int n;
	uint64_t size; /* of all the pieces */
	size_t used;
	char room[2 * OTR_PQ_NAME + 64];
};

/* What goes out for a statement. `name` may be NULL, `text` where the kind has none. `sync`:
 * Sync follows it, as outside of a pipeline. */
void otr_pq_ask(struct otr_pq_words *w, enum otr_pq_kind kind, const char *name, const char *text,
		int sync);

/* StartupMessage: who connects, and to what. Returns its length. */
size_t otr_pq_startup(char out[OTR_PQ_ANSWER], const char *user, const char *db);

/* What comes in: CommandComplete; returns 0 where `tag` cannot be one. */
size_t otr_pq_complete(char out[OTR_PQ_ANSWER], const char *tag);
/* ErrorResponse with its SQLSTATE; 0: `code` is none. */
size_t otr_pq_error(char out[OTR_PQ_ANSWER], const char *severity, const char *code);
/* ParseComplete ('1'), EmptyQueryResponse ('I'), ReadyForQuery ('Z'). */
size_t otr_pq_short(char out[OTR_PQ_ANSWER], char type);

#pragma GCC visibility pop

#endif /* OTR_PQWIRE_H */
