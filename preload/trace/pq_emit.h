/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PQ_EMIT_H
#define OTR_PQ_EMIT_H

/* pq_emit.h - the state of a connection of libpq, and its records. */

#include <stdint.h>

#include "preload/trace/pq_call.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

struct otr_pq {
	const void *conn; /* PGconn; NULL: the slot is free */
	uint64_t inode;	  /* of its socket */
	int32_t fd;
	uint32_t syncs;	  /* Syncs of a pipeline that are not answered yet */
	uint8_t busy;	  /* a statement was sent, and its results are not complete */
	uint8_t answered; /* a result came */
	uint8_t counted;  /* the last of several chunks came, with the count of rows */
	uint8_t open;	  /* a statement was sent since the last Sync */
	uint8_t missed;	  /* a call was not seen: emit nothing until the statement is over */
};

struct otr_fd;

/* `f`: the socket, whose upper layer this is. In order: the layer begins; a statement was sent,
 * or is about to be; a result was read (returns 0 where more of it comes: rows, COPY); the NULL
 * behind the results was read. */
void otr_pq_emit_startup(struct otr_self *self, const struct otr_pq_call *c, struct otr_fd *f);
void otr_pq_emit_statement(struct otr_self *self, const struct otr_pq_call *c, struct otr_fd *f);
int otr_pq_emit_result(struct otr_self *self, const struct otr_pq_lib *lib, struct otr_pq *pq,
		       struct otr_fd *f, void *res);
void otr_pq_emit_over(struct otr_self *self, struct otr_pq *pq, struct otr_fd *f);

#pragma GCC visibility pop

#endif /* OTR_PQ_EMIT_H */
