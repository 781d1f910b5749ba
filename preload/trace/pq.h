/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PQ_H
#define OTR_PQ_H

/*
 * pq.h - calls of libpq, emitted as statements of a PostgreSQL client, whether the connection is
 * TCP, TLS or a Unix socket. The wrappers of libpq.c describe their call.
 *
 * The state of libpq does not change: only functions that read a field are called.
 */

#include <stdint.h>

#include "preload/trace/pq_call.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* Returns the libpq that has the function `fn`; NULL: its functions were not found. errno stays as
 * it is. */
struct otr_pq_lib *otr_pq_lib_of(const void *fn);

/* In the constructor: allocates the connections. Returns 0 if there is no memory. `comments`:
 * statements get a comment that names the trace. */
int otr_pq_alloc(int comments);

/* Each wrapper calls this before libpq's own function. */
void otr_pq_begin(struct otr_pq_call *c);
/* After a call that only sends; `ok`: it succeeded. After a call that waits: `res`, its result or
 * NULL. */
void otr_pq_asked(struct otr_pq_call *c, int ok);
void otr_pq_waited(struct otr_pq_call *c, void *res);
/* After PQgetResult() of libpq, at the address `fn`, returned `res`. */
void otr_pq_got(const void *fn, const void *conn, void *res);

#pragma GCC visibility pop

#endif /* OTR_PQ_H */
