/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PQ_H
#define OTR_PQ_H

/*
 * pq.h - calls of libpq, emitted as statements of a PostgreSQL client, whatever the connection
 * is made of. The wrappers of libpq.c describe their call.
 *
 * Nothing here changes the state of libpq: only functions that read a field are called, and
 * none where the call is in a pipeline of the program's own.
 */

#include <stdint.h>

#include "preload/trace/pq_call.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* The libpq that has the function `fn`; NULL: one whose functions were not found. errno stays
 * as it is. */
struct otr_pq_lib *otr_pq_lib_of(const void *fn);

/* In the constructor: 0 where there is no memory. `comments`: statements get one. */
int otr_pq_alloc(int comments);

/* Before libpq's own function is called. */
void otr_pq_begin(struct otr_pq_call *c);
/* After a call that only sends: `ok`, it did. After a call that waits: its result, or NULL. */
void otr_pq_asked(struct otr_pq_call *c, int ok);
void otr_pq_waited(struct otr_pq_call *c, void *res);
/* After PQgetResult (`fn`). */
void otr_pq_got(const void *fn, const void *conn, void *res);

#pragma GCC visibility pop

#endif /* OTR_PQ_H */
