/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PQ_EMIT_H
#define OTR_PQ_EMIT_H

/* pq_emit.h - the state of a connection of libpq, and its records. */

#include <stdint.h>

#include "preload/trace/pq_call.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

struct otr_pq {
	const void *conn; /* PGconn; NULL: the slot is free */
	uint64_t inode;	  /* of its socket */
	int32_t fd;
	uint32_t syncs;	  /* Syncs of a pipeline that are not answered yet */
	uint8_t busy;	  /* 1: a statement was sent, and its results are not complete */
	uint8_t answered; /* 1: a result of it was read */
	uint8_t counted;  /* 1: the last chunk of rows was read, with the count of rows */
	uint8_t open;	  /* 1: a statement was sent since the last Sync */
	uint8_t missed; /* 1: a call was not seen: no result is emitted until the statement ends */
};

struct otr_fd;

/* In all functions `f` is the socket, held, whose upper layer emits the record.
 * A StartupMessage, with which the layer begins. */
void otr_pq_emit_startup(struct otr_self *self, const struct otr_pq_call *c, struct otr_fd *f);
/* A statement that was sent, or is about to be sent. */
void otr_pq_emit_statement(struct otr_self *self, const struct otr_pq_call *c, struct otr_fd *f);
/* A result that was read. Returns 0 if more of it will come (rows, COPY). */
int otr_pq_emit_result(struct otr_self *self, const struct otr_pq_lib *lib, struct otr_pq *pq,
		       struct otr_fd *f, void *res);
/* The end of all results: PQgetResult() returned NULL. */
void otr_pq_emit_over(struct otr_self *self, struct otr_pq *pq, struct otr_fd *f);

#pragma GCC visibility pop

#endif /* OTR_PQ_EMIT_H */
