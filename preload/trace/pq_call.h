/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PQ_CALL_H
#define OTR_PQ_CALL_H

/* pq_call.h - a copy of libpq in the process, and a call of it, as the wrappers of libpq.c describe
 * it. */

#include <stdint.h>

#include "preload/parse/pqwire.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* One copy of libpq. A process may have several, of different versions. */
struct otr_pq_lib {
	uintptr_t begin, end; /* addresses of its module; begin 0: the slot is free */
	int (*socket)(const void *conn);
	int (*status)(const void *conn);
	int (*transaction)(const void *conn);
	char *(*user)(const void *conn);
	char *(*db)(const void *conn);
	int (*result)(const void *res);
	char *(*tag)(void *res);
	char *(*field)(const void *res, int which);
	int (*pipeline)(const void *conn); /* NULL before PostgreSQL 14 */
	int32_t is_silent; /* 1: calls that libpq makes itself do not reach our wrappers */
};

struct otr_self;
struct otr_pq;

struct otr_pq_call {
	enum otr_pq_kind kind;
	const void *fn;	  /* libpq's own function; not NULL */
	const void *from; /* return address of our wrapper */
	const void *conn;
	const char *name; /* of a prepared statement, or NULL */
	const char *text; /* after otr_pq_begin(): the text to call libpq with */
	int waits;	  /* 1: the call waits for the result, as PQexec does */

	/* Set by pq.c. */
	struct otr_self *self;
	struct otr_pq *pq; /* NULL: nothing is emitted for the call */
	struct otr_pq_lib *lib;
	uint64_t start_ns;
	int pipelined;
	int emitted; /* 1: emitted before the call was made */
	/* What otr_self says of the call that waits inside which this one was made. */
	uintptr_t was_frame;
	const void *was_conn;
	int32_t was_asked;
};

#pragma GCC visibility pop

#endif /* OTR_PQ_CALL_H */
