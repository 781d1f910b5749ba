/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PQ_H
#define OTR_PQ_H

/*
 * pq.h - calls of libpq, as what the program asks of a PostgreSQL server, whatever the
 * connection is made of. The wrappers of libpq.c describe their call.
 *
 * Nothing here changes what libpq knows: of its functions only those are called that read a
 * field, and none where the call stands in a pipeline of its own making.
 */

#include <stdint.h>

#include "preload/parse/pqwire.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* One libpq: there may be several in a process, and their structures differ. */
struct otr_pq_lib {
	uintptr_t begin, end; /* of its module; begin 0: none */
	int (*socket)(const void *conn);
	int (*status)(const void *conn);
	int (*transaction)(const void *conn);
	char *(*user)(const void *conn);
	char *(*db)(const void *conn);
	int (*result)(const void *res);
	char *(*tag)(void *res);
	char *(*field)(const void *res, int which);
	int (*pipeline)(const void *conn); /* NULL before PostgreSQL 14 */
	int32_t silent;			   /* what it calls of its own does not reach us */
};

/* The one that `fn` belongs to; NULL: not one we know our way about in. errno is kept. */
struct otr_pq_lib *otr_pq_lib_of(const void *fn);

struct otr_self;
struct otr_pq;

struct otr_pq_call {
	enum otr_pq_kind kind;
	const void *fn;	  /* libpq's own function; not NULL */
	const void *from; /* who called ours */
	const void *conn;
	const char *name; /* of a prepared statement, or NULL */
	const char *text; /* after otr_pq_begin(): what to call it with */
	int waits;	  /* for the answer, as PQexec does */

	/* pq.c's own */
	struct otr_self *self;
	struct otr_pq *pq; /* NULL: nothing is told of it */
	struct otr_pq_lib *lib;
	uint64_t start_ns;
	int pipelined;
	int emitted;	     /* before it was made */
	uintptr_t was_frame; /* of the call that this one was made in */
	const void *was_conn;
	int32_t was_asked;
};

/* Before libpq's own. */
void otr_pq_begin(struct otr_pq_call *c);
/* After one that only asks: `ok`, it did. After one that waits: what it got, or NULL. */
void otr_pq_asked(struct otr_pq_call *c, int ok);
void otr_pq_waited(struct otr_pq_call *c, void *res);
/* After PQgetResult (`fn`). */
void otr_pq_got(const void *fn, const void *conn, void *res);

#pragma GCC visibility pop

#endif /* OTR_PQ_H */
