/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PQ_EMIT_H
#define OTR_PQ_EMIT_H

/* pq_emit.h - what is kept of a connection of libpq's, and records of what it said. */

#include <stdint.h>

#include "preload/trace/pq_call.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

struct otr_pq {
	const void *conn; /* PGconn; NULL: free */
	uint64_t inode;	  /* of its socket */
	int32_t fd;
	uint32_t syncs;	  /* of a pipeline that were not answered */
	uint8_t busy;	  /* asked, and not over */
	uint8_t answered; /* a result came */
	uint8_t counted;  /* the last of chunks came, with its count */
	uint8_t open;	  /* asked since the last Sync */
	uint8_t missed;	  /* something was asked or answered past us: hold back until it is over */
};

struct otr_fd;

/* `f`: its socket, of which this layer is told. The layer begins; a statement was asked, or
 * is about to be; a result was read (returns 0 where more of it comes: rows, COPY); the
 * NULL behind the results was. */
void otr_pq_emit_startup(struct otr_self *self, const struct otr_pq_call *c, struct otr_fd *f);
void otr_pq_emit_statement(struct otr_self *self, const struct otr_pq_call *c, struct otr_fd *f);
int otr_pq_emit_result(struct otr_self *self, const struct otr_pq_lib *lib, struct otr_pq *pq,
		       struct otr_fd *f, void *res);
void otr_pq_emit_over(struct otr_self *self, struct otr_pq *pq, struct otr_fd *f);

#pragma GCC visibility pop

#endif /* OTR_PQ_EMIT_H */
