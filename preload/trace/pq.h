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

#include "preload/trace/pq_call.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* The one that `fn` belongs to; NULL: not one we know our way about in. errno is kept. */
struct otr_pq_lib *otr_pq_lib_of(const void *fn);

/* In the constructor: 0 where there is no memory. `comments`: statements get one. */
int otr_pq_alloc(int comments);

/* Before libpq's own. */
void otr_pq_begin(struct otr_pq_call *c);
/* After one that only asks: `ok`, it did. After one that waits: what it got, or NULL. */
void otr_pq_asked(struct otr_pq_call *c, int ok);
void otr_pq_waited(struct otr_pq_call *c, void *res);
/* After PQgetResult (`fn`). */
void otr_pq_got(const void *fn, const void *conn, void *res);

#pragma GCC visibility pop

#endif /* OTR_PQ_H */
