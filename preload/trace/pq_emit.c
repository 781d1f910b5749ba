/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pq_emit.c - the records of a connection of libpq. A call that was not seen (the library was off,
 * or libpq failed without an SQLSTATE) is emitted as one byte that came and was not copied: the
 * agent then resynchronises.
 */

#include "preload/trace/pq_emit.h"

#include "preload/base/shim.h"
#include "preload/parse/pqwire.h"
#include "preload/ring/emit.h"
#include "preload/trace/flow.h"
#include "preload/trace/layer.h"

/* Values of ExecStatusType in libpq-fe.h. */
enum exec_status {
	EMPTY_QUERY = 0,
	COMMAND_OK = 1,
	TUPLES_OK = 2,
	BAD_RESPONSE = 5,
	FATAL_ERROR = 7,
	PIPELINE_SYNC = 10,
	TUPLES_CHUNK = 12,
};

static void emit_out(struct otr_self *self, struct otr_pq *pq, struct otr_fd *f,
		     const struct otr_pq_words *w, uint64_t start_ns)
{
	otr_moved(self, pq->fd, otr_fd_upper(f), OTR_DIR_OUT, w->size, start_ns, w->iov, w->n);
}

static void emit_in(struct otr_self *self, struct otr_pq *pq, struct otr_fd *f, const char *bytes,
		    size_t n)
{
	const struct iovec iov = {(void *)bytes, n};

	if (n)
		otr_moved(self, pq->fd, otr_fd_upper(f), OTR_DIR_IN, n, 0, &iov, 1);
}

static void emit_short(struct otr_self *self, struct otr_pq *pq, struct otr_fd *f, char type)
{
	char out[OTR_PQ_ANSWER];

	emit_in(self, pq, f, out, otr_pq_short(out, type));
}

static void emit_unread_byte(struct otr_self *self, struct otr_pq *pq, struct otr_fd *f)
{
	otr_moved(self, pq->fd, otr_fd_upper(f), OTR_DIR_IN, 1, 0, NULL, 0);
}

/* The program has sent no request, so no causality rule applies. */
void otr_pq_emit_startup(struct otr_self *self, const struct otr_pq_call *c, struct otr_fd *f)
{
	struct otr_fd *upper = otr_fd_upper(f);
	const char *user = c->lib->user(c->conn);
	const struct otr_cause none = {.evidence = 0};
	char out[OTR_PQ_ANSWER];
	struct iovec iov = {out, 0};

	iov.iov_len = otr_pq_startup(out, user ? user : "", c->lib->db(c->conn));
	otr_emit_data(upper, self, OTR_DIR_OUT, 0, iov.iov_len, c->start_ns, 1, &none, &iov, 1,
		      (uint32_t)iov.iov_len);
	upper->dirs[OTR_DIR_OUT].total = iov.iov_len;
}

/* Before a statement outside of a pipeline: ends the last one, whose results libpq must have
 * read. */
static void end_last(struct otr_self *self, struct otr_pq *pq, struct otr_fd *f)
{
	if (pq->missed || (pq->busy && !pq->answered))
		emit_unread_byte(self, pq, f);
	else if (pq->busy)
		emit_short(self, pq, f, 'Z');
	pq->missed = 0;
}

void otr_pq_emit_statement(struct otr_self *self, const struct otr_pq_call *c, struct otr_fd *f)
{
	struct otr_pq *pq = c->pq;
	struct otr_pq_words w;

	if (!c->pipelined || pq->missed)
		end_last(self, pq, f);
	otr_pq_ask(&w, c->kind, c->name, c->text, !c->pipelined || c->kind == OTR_PQ_SYNC);
	emit_out(self, pq, f, &w, c->start_ns);
	if (c->kind == OTR_PQ_FLUSH)
		return;
	pq->syncs += c->kind == OTR_PQ_SYNC;
	pq->open = c->kind != OTR_PQ_SYNC;
	pq->answered = pq->counted = 0;
	pq->busy = 1;
}

static void emit_error(struct otr_self *self, const struct otr_pq_lib *lib, struct otr_pq *pq,
		       struct otr_fd *f, void *res)
{
	char out[OTR_PQ_ANSWER];
	size_t n = otr_pq_error(out, lib->field(res, 'V'), lib->field(res, 'C'));

	emit_in(self, pq, f, out, n);
	pq->missed |= !n; /* an error of libpq itself: what the server did is not known */
}

/* A command has ended; `without`: the type of the message for a command without a tag. */
static void emit_done(struct otr_self *self, const struct otr_pq_lib *lib, struct otr_pq *pq,
		      struct otr_fd *f, void *res, char without)
{
	char out[OTR_PQ_ANSWER];
	size_t n = otr_pq_complete(out, lib->tag(res));

	emit_in(self, pq, f, out, n ? n : otr_pq_short(out, without));
}

/* The last rows. If they came in chunks, the last chunk has emitted their count. */
static void emit_rows(struct otr_self *self, const struct otr_pq_lib *lib, struct otr_pq *pq,
		      struct otr_fd *f, void *res)
{
	if (!pq->counted)
		emit_done(self, lib, pq, f, res, 'I');
	pq->counted = 0;
}

static void emit_chunk(struct otr_self *self, const struct otr_pq_lib *lib, struct otr_pq *pq,
		       struct otr_fd *f, void *res)
{
	char out[OTR_PQ_ANSWER];
	size_t n = otr_pq_complete(out, lib->tag(res));

	emit_in(self, pq, f, out, n);
	pq->counted = n > 0;
}

/* A Sync was answered. */
static void synced(struct otr_self *self, struct otr_pq *pq, struct otr_fd *f)
{
	emit_short(self, pq, f, 'Z');
	pq->syncs -= pq->syncs > 0;
	pq->busy = pq->syncs || pq->open;
}

/* Rows of a statement that goes on, and statements of an aborted pipeline, emit nothing; their end
 * does. */
int otr_pq_emit_result(struct otr_self *self, const struct otr_pq_lib *lib, struct otr_pq *pq,
		       struct otr_fd *f, void *res)
{
	int status = lib->result(res);

	if (status == EMPTY_QUERY)
		emit_short(self, pq, f, 'I');
	else if (status == COMMAND_OK)
		emit_done(self, lib, pq, f, res, '1');
	else if (status == TUPLES_OK)
		emit_rows(self, lib, pq, f, res);
	else if (status == TUPLES_CHUNK)
		emit_chunk(self, lib, pq, f, res);
	else if (status == FATAL_ERROR || status == BAD_RESPONSE)
		emit_error(self, lib, pq, f, res);
	else if (status == PIPELINE_SYNC)
		synced(self, pq, f);
	else
		return 0;
	pq->answered = status != TUPLES_CHUNK;
	return 1;
}

void otr_pq_emit_over(struct otr_self *self, struct otr_pq *pq, struct otr_fd *f)
{
	if (!pq->missed)
		emit_short(self, pq, f, 'Z');
	pq->busy = 0;
}
