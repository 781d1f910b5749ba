/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pq.c - calls of libpq and their results, emitted as messages of PostgreSQL's protocol; see pq.h.
 *
 *	PQexec("SELECT 1")	Query "SELECT 1"
 *				CommandComplete "SELECT 1", ReadyForQuery
 *	PQsendPrepare		Parse, Sync
 *	PQgetResult		ErrorResponse 42P01, ReadyForQuery
 *
 * The messages are a layer of the connection with positions of its own, which begins with a
 * StartupMessage, so that the agent reads it as any other. From its first statement on,
 * this layer has the state of the messages: the bytes of the socket, and TLS in them, are counted
 * alone, so that each statement is emitted once.
 *
 * A call that waits (PQexec) calls PQsendQuery and PQgetResult inside libpq. These mostly reach our
 * wrappers, too, and then the inner calls are emitted. If libpq is linked so that they do not
 * (-Bsymbolic), the outer call is emitted, with the last of its results: the first such call after
 * it has returned, later ones before they are made.
 */

#include "preload/trace/pq.h"

#include "preload/trace/pq_emit.h"

#include <errno.h>
#include <string.h>

#include "preload/base/alloc.h"
#include "preload/base/clock.h"
#include "preload/base/fd.h"
#include "preload/base/shim.h"
#include "preload/parse/comment.h"
#include "preload/ring/emit.h"
#include "preload/ring/ring.h"
#include "preload/trace/conn.h"
#include "preload/trace/enter.h"
#include "preload/trace/flow.h"
#include "preload/trace/header.h"
#include "preload/trace/layer.h"
#include "preload/trace/rules.h"

#define CONNS	  1024 /* connections that are followed at a time */
#define PROBES	  8
#define LIB_STACK 65536 /* libpq uses less stack than this below the frame of our wrapper */

/* values of libpq-fe.h */
enum {
	CONNECTION_OK,
	TRANSACTION_ACTIVE = 1
};

int otr_pq_alloc(int comment)
{
	otr_shim.pqs = otr_alloc(CONNS * sizeof(*otr_shim.pqs));
	otr_shim.pq_comment = comment != 0;
	return otr_shim.pqs != NULL;
}

static struct otr_pq *place(const void *conn, uint32_t i)
{
	return &otr_shim.pqs[(otr_ring_hash((uintptr_t)conn) + i) % CONNS];
}

static struct otr_pq *find(const void *conn)
{
	for (uint32_t i = 0; conn && otr_shim.pqs && i < PROBES; i++)
		if (__atomic_load_n(&place(conn, i)->conn, __ATOMIC_ACQUIRE) == conn)
			return place(conn, i);
	return NULL;
}

/* Has the connection ended without PQfinish() being seen: is its socket another one by now? */
static int is_over(const struct otr_pq *pq)
{
	const struct otr_fd *f = otr_fd_home(otr_get(&pq->fd));

	return !f || !otr_get(&f->has_upper) || otr_get(&f->inode) != otr_get(&pq->inode);
}

/* The socket of the connection, held; NULL: the connection has ended, or another thread holds
 * it. */
static struct otr_fd *socket_of(const struct otr_pq *pq)
{
	struct otr_fd *f = otr_fd_known(otr_get(&pq->fd));

	return f && f->has_upper && f->inode == pq->inode && otr_fd_upper(f)->layer == OTR_LAYER_LIB
		       ? f
		       : NULL;
}

static int take(struct otr_pq *pq, const void *was, const void *conn)
{
	return __atomic_compare_exchange_n(&pq->conn, &was, conn, 0, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

/* Finds the slot of a connection, or takes one; NULL: none is free. */
static struct otr_pq *make(const void *conn)
{
	struct otr_pq *pq = find(conn);

	for (uint32_t i = 0; !pq && i < PROBES; i++)
		if (!otr_get(&place(conn, i)->conn) && take(place(conn, i), NULL, conn))
			pq = place(conn, i);
	for (uint32_t i = 0; !pq && i < PROBES; i++) {
		struct otr_pq *old = place(conn, i);

		if (is_over(old) && take(old, otr_get(&old->conn), conn))
			pq = old;
	}
	return pq;
}

/* Begins the upper layer of a connection: from here on its statements are emitted here. */
static struct otr_pq *begin_layer(struct otr_self *self, const struct otr_pq_call *c, int fd,
				  struct otr_fd *f)
{
	int emitted = !otr_switch_is_on(OTR_RING_NO_OBSERVE);
	struct otr_pq *pq = make(c->conn);
	struct otr_fd *upper;

	if (!pq)
		return NULL;
	otr_end_runs(f);
	otr_put(&f->role, OTR_ROLE_CLIENT);
	if (f->announced_by != otr_shim.pid && emitted)
		otr_emit_conn(fd, f, OTR_EV_CONN_OPEN, 0);
	upper = otr_fd_begin_upper(f, OTR_LAYER_LIB);
	upper->announced_by = f->announced_by;
	otr_put(&pq->fd, fd);
	otr_put(&pq->inode, f->inode);
	pq->syncs = 0;
	pq->busy = pq->answered = pq->counted = pq->open = pq->missed = 0;
	if (emitted)
		otr_pq_emit_startup(self, c, f);
	return pq;
}

/* Did the program make this call, itself or by another call of libpq? A statement that libpq makes
 * on its own (on connecting) does not begin the layer: the bytes of the connection show it. */
static int is_of_program(const struct otr_self *self, const struct otr_pq_call *c)
{
	uintptr_t from = (uintptr_t)c->from;

	return self->pq_conn == c->conn || from < c->lib->begin || from >= c->lib->end;
}

/* Returns the connection of a statement that is about to be sent; NULL: the statement is not
 * emitted. */
static struct otr_pq *connection_of(struct otr_self *self, struct otr_pq_call *c)
{
	int fd = c->conn && c->lib->status(c->conn) == CONNECTION_OK ? c->lib->socket(c->conn) : -1;
	struct otr_fd *f = fd < 0 ? NULL : otr_fd_of(fd);
	struct otr_pq *pq = find(c->conn);

	if (f && f->kind == OTR_FD_STREAM)
		f = otr_fd_recheck(fd, f);
	if (!f || f->kind != OTR_FD_STREAM || f->role == OTR_ROLE_SERVER)
		return NULL;
	if (pq && pq->fd == fd && socket_of(pq) == f) {
		if (pq->missed && c->lib->transaction(c->conn) == TRANSACTION_ACTIVE)
			return NULL;
		return pq;
	}
	return is_of_program(self, c) && otr_ring_ready() ? begin_layer(self, c, fd, f) : NULL;
}

/* How many bytes of the text of such a call are emitted? The comment, at the end, has to be among
 * them. */
static size_t emitted_bytes(const struct otr_pq_call *c)
{
	return c->kind == OTR_PQ_QUERY && !c->pipelined ? OTR_PQ_TEXT : OTR_PQ_KEPT;
}

static char *text_of(const struct otr_pq *pq)
{
	char *texts = otr_alloc_once(&otr_shim.pq_texts, CONNS * OTR_PQ_TEXT);

	return texts ? texts + (pq - otr_shim.pqs) * OTR_PQ_TEXT : NULL;
}

/* The counter for each reason for which a statement gets no comment. */
static const uint8_t count_of[] = {
	[OTR_COMMENT_HAS_ONE] = OTR_SHIM_HAD_ONE,
	[OTR_COMMENT_ODD] = OTR_SHIM_ODD,
};

/* Puts a comment that names the trace after the text of the call, if that is possible. */
static void add_comment(struct otr_pq_call *c, struct otr_fd *upper)
{
	static const size_t name_len = sizeof("traceparent: ") - 1;
	size_t len = strnlen(c->text, OTR_PQ_TEXT);
	enum otr_comment may = len + OTR_COMMENT_LEN < emitted_bytes(c)
				       ? otr_comment_may(c->text, len)
				       : OTR_COMMENT_ODD;
	char header[OTR_HEADER_MAX];

	if (may != OTR_COMMENT_MAY) {
		otr_count(count_of[may]);
	} else if (!otr_header_make(upper, NULL, 0, header)) {
		otr_count(OTR_SHIM_UNKNOWN);
	} else {
		otr_comment_put(text_of(c->pq), c->text, len, header + name_len);
		c->text = text_of(c->pq);
		otr_count(OTR_SHIM_INJECTED);
	}
}

/* R4 for a statement, and its comment. `within`: the call is made by one that waits. */
static void ask(struct otr_self *self, struct otr_pq_call *c, int within)
{
	struct otr_fd *upper = otr_fd_upper(socket_of(c->pq));

	if (!within)
		upper->has_cause = 0; /* an earlier call may have been left by longjmp() */
	otr_rules_ask(self, upper, c->start_ns);
	if (!otr_shim.pq_comment || !c->text || !text_of(c->pq) || c->text == text_of(c->pq) ||
	    otr_switch_is_on(OTR_RING_NO_INJECT))
		return;
	upper->cause.ids = OTR_IDS_NONE; /* an earlier call may have set them, and have failed */
	if (c->kind == OTR_PQ_QUERY || c->kind == OTR_PQ_PARAMS)
		add_comment(c, upper);
}

/* Forgets the call that waits, if it was left by longjmp(): then its frame is not close above
 * `c`. */
static void drop_left_frame(struct otr_self *self, const struct otr_pq_call *c)
{
	uintptr_t here = (uintptr_t)c;

	if (!self->pq_frame || here >= self->pq_frame || self->pq_frame - here > LIB_STACK)
		self->pq_frame = 0;
	if (!self->pq_frame)
		self->pq_conn = NULL;
}

/* The thread is in a call that waits, until leave_frame(). */
static void enter_frame(struct otr_self *self, struct otr_pq_call *c)
{
	c->self = self;
	c->was_frame = self->pq_frame;
	c->was_conn = self->pq_conn;
	c->was_asked = self->pq_asked;
	self->pq_frame = (uintptr_t)c;
	self->pq_conn = c->conn;
	self->pq_asked = 0;
}

/* Sets *asked to whether the call made another one that sends a statement. */
static void leave_frame(struct otr_pq_call *c, int *asked)
{
	struct otr_self *self = c->self;

	*asked = self && self->pq_asked;
	if (!self)
		return;
	self->pq_frame = c->was_frame;
	self->pq_conn = c->was_conn;
	self->pq_asked = c->was_asked;
}

/* Does the call have the text and the name that it needs? libpq refuses it otherwise. */
static int is_complete(const struct otr_pq_call *c)
{
	switch (c->kind) {
	case OTR_PQ_QUERY:
	case OTR_PQ_PARAMS:
		return c->text != NULL;
	case OTR_PQ_PREPARE:
		return c->text && c->name;
	case OTR_PQ_PREPARED:
		return c->name != NULL;
	default:
		return 1;
	}
}

/* Emits a statement before the call if no inner call will emit it. */
static void emit_before(struct otr_self *self, struct otr_pq_call *c)
{
	c->emitted = c->waits && !c->pipelined && (c->lib->is_silent || c->kind == OTR_PQ_FUNCTION);
	if (c->emitted)
		otr_pq_emit_statement(self, c, socket_of(c->pq));
}

static void begin_call(struct otr_self *self, struct otr_pq_call *c)
{
	int within;

	drop_left_frame(self, c);
	within = self->pq_conn == c->conn && !c->waits;
	if (within)
		self->pq_asked = 1;
	c->lib = otr_pq_lib_of(c->fn);
	c->pq = c->lib && is_complete(c) ? connection_of(self, c) : NULL;
	if (c->pq) {
		c->pipelined = c->lib->pipeline && c->lib->pipeline(c->conn);
		ask(self, c, within);
		emit_before(self, c);
	}
	if (c->waits)
		enter_frame(self, c);
}

/* A call of this connection was not seen. */
static void mark_missed(const void *conn)
{
	struct otr_pq *pq = find(conn);

	if (pq)
		pq->missed = 1;
}

void otr_pq_begin(struct otr_pq_call *c)
{
	int error = errno;
	struct otr_self *self = otr_is_off() ? NULL : otr_enter();

	if (self) {
		c->start_ns = otr_clock_ns();
		begin_call(self, c);
		otr_leave(self);
	} else {
		mark_missed(c->conn);
	}
	errno = error;
}

/* After a call: enters and returns the socket, held; NULL: the call is not emitted. */
static struct otr_fd *enter_after(struct otr_pq_call *c, struct otr_self **self)
{
	struct otr_fd *f;

	if (!c->pq || c->pq->conn != c->conn)
		return NULL;
	*self = otr_is_off() ? NULL : otr_enter();
	if (!*self) {
		c->pq->missed = 1;
		return NULL;
	}
	f = socket_of(c->pq);
	if (!f)
		otr_leave(*self);
	return f;
}

void otr_pq_asked(struct otr_pq_call *c, int ok)
{
	int error = errno;
	struct otr_self *self;
	struct otr_fd *f = enter_after(c, &self);

	if (f) {
		if (ok)
			otr_pq_emit_statement(self, c, f);
		else
			otr_fd_upper(f)->has_cause = 0;
		otr_leave(self);
	}
	errno = error;
}

/* Emits a call that waits, and its result: no inner call has reached our wrappers. */
static void emit_outer(struct otr_self *self, struct otr_pq_call *c, struct otr_fd *f, void *res)
{
	if (!c->emitted)
		otr_pq_emit_statement(self, c, f);
	c->lib->is_silent |= c->kind != OTR_PQ_FUNCTION;
	if (otr_pq_emit_result(self, c->lib, c->pq, f, res))
		otr_pq_emit_over(self, c->pq, f);
}

void otr_pq_waited(struct otr_pq_call *c, void *res)
{
	int error = errno, asked;
	struct otr_self *self;
	struct otr_fd *f;

	leave_frame(c, &asked);
	f = enter_after(c, &self);
	if (f) {
		if (!asked && res)
			emit_outer(self, c, f, res);
		otr_fd_upper(f)->has_cause = 0;
		otr_leave(self);
	}
	errno = error;
}

static void got(struct otr_self *self, const struct otr_pq_lib *lib, struct otr_pq *pq,
		const void *conn, void *res)
{
	struct otr_fd *f = socket_of(pq);

	if (!f || !lib)
		return;
	if (res && !pq->missed)
		otr_pq_emit_result(self, lib, pq, f, res);
	else if (!res && !(lib->pipeline && lib->pipeline(conn)))
		otr_pq_emit_over(self, pq, f);
}

void otr_pq_got(const void *fn, const void *conn, void *res)
{
	struct otr_pq *pq = find(conn);
	int error = errno;
	struct otr_self *self;

	if (!pq || !pq->busy)
		return;
	self = otr_is_off() ? NULL : otr_enter();
	if (self) {
		got(self, otr_pq_lib_of(fn), pq, conn, res);
		otr_leave(self);
	} else {
		pq->missed = 1;
	}
	errno = error;
}
