/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PQ_CALL_H
#define OTR_PQ_CALL_H

/* pq_call.h - a libpq, and a call of it, as the wrappers of libpq.c describe it. */

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

#pragma GCC visibility pop

#endif /* OTR_PQ_CALL_H */
