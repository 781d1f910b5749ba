/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nghttp2.c - HTTP/2 requests of clients that use libnghttp2 (curl): a traceparent is one more
 * field in the list that libnghttp2 is given. The bytes of the connection are never changed.
 *
 * Our library makes no ids of HTTP/2 requests. So the field names another span: that of the inbound
 * exchange that this thread works for, or that for which the process was started. If neither is
 * known, no field is added.
 */

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "preload/base/clock.h"
#include "preload/base/inbound.h"
#include "preload/base/next.h"
#include "preload/base/share.h"
#include "preload/base/shim.h"
#include "preload/parse/environ.h"
#include "preload/parse/fields.h"
#include "preload/ring/emit.h"
#include "preload/trace/decide.h"
#include "preload/trace/enter.h"
#include "preload/trace/header.h"
#include "preload/trace/io.h"

#define FROM	      __builtin_return_address(0)
#define INVALID_STATE (-519) /* NGHTTP2_ERR_INVALID_STATE */
#define LISTS	      16     /* one is in use while libnghttp2 copies it */

typedef int32_t (*submit_fn)(void *, const void *, const struct otr_nv *, size_t, const void *,
			     void *);

int32_t nghttp2_submit_request(void *session, const void *priority, const struct otr_nv *nv,
			       size_t n, const void *body, void *user);
int32_t nghttp2_submit_request2(void *session, const void *priority, const struct otr_nv *nv,
				size_t n, const void *body, void *user);

/* Not on the stack, which may be small. A list that the parent was using at fork is free in the
 * child. */
static struct otr_fields lists[LISTS];

/* Takes a list; NULL: all are in use. */
static struct otr_fields *take_list(void)
{
	int32_t was;

	for (int i = 0; i < LISTS; i++) {
		was = __atomic_load_n(&lists[i].taken, __ATOMIC_RELAXED);
		if (was != otr_shim.pid &&
		    __atomic_compare_exchange_n(&lists[i].taken, &was, otr_shim.pid, 0,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return &lists[i];
	}
	return NULL;
}

/* `fl` may be NULL. */
static void free_list(struct otr_fields *fl)
{
	if (fl)
		__atomic_store_n(&fl->taken, 0, __ATOMIC_RELEASE);
}

/*
 * The exchange that this thread works for, as R4 finds it for a request on a connection that does
 * not block. To open the connection, libcurl has waited for two descriptors (one wakes libcurl up),
 * after which no exchange is current (R5). But a thread that reads its requests from blocking
 * sockets works for only one of them.
 */
static const struct otr_xref *current(struct otr_strand *st)
{
	const struct otr_proc_state *proc = &otr_shim.proc;

	if (!st->cur.conn)
		return st->blocks && !otr_get(&proc->mux) &&
				       otr_xref_open(&st->last_read,
						     otr_exch_of(st->last_read.conn))
			       ? &st->last_read
			       : NULL;
	if (!otr_is_known(st) || !otr_current(st, proc, otr_clock_ns()))
		return NULL;
	return otr_is_loop(st, proc) && otr_get(&proc->doubt) && otr_get(&proc->open) != 1
		       ? NULL
		       : &st->cur;
}

/* Sets *out to the span of the exchange. Returns 0 if another thread has read the next request of
 * its connection. */
static int span_of_exchange(struct otr_named *out, const struct otr_inbound *inbound,
			    const struct otr_xref *ref)
{
	struct otr_span_ids ids;
	uint32_t seq;

	if (!otr_ids_read(inbound, ref->conn, &ids, &seq) || ids.state_len > sizeof(out->state) ||
	    ids.baggage_len > sizeof(out->baggage))
		return 0;
	memcpy(out->trace_id, ids.trace_id, sizeof(out->trace_id));
	memcpy(out->span_id, ids.span_id, sizeof(out->span_id));
	out->flags = ids.flags;
	out->state_len = ids.state_len;
	out->baggage_len = ids.baggage_len;
	otr_share_text(out->state, inbound->state, ids.state_len);
	otr_share_text(out->baggage, inbound->baggage, ids.baggage_len);
	return otr_inbound_is(inbound, ref->conn, ref->pos, seq);
}

/* Tells the agent, once, that the run span was used as a parent, so that the agent emits it. */
static void emit_named(void)
{
	static int32_t announced_by;

	if (__atomic_exchange_n(&announced_by, otr_shim.pid, __ATOMIC_RELAXED) != otr_shim.pid)
		otr_emit_named();
}

/* Sets *out to the span for which the process was started: that of `otrace run`, or, once that is
 * over, the span above it. Returns 0 if there is none. */
static int span_of_start(struct otr_named *out)
{
	const struct otr_started *st = &otr_shim.started;
	int over = otr_run_is_over(st, otr_get(&otr_shim.is_server), otr_clock_ns());

	if (!st->known || (over && !st->run.has_outer))
		return 0;
	otr_count_run_call();
	memcpy(out->trace_id, st->trace_id, sizeof(out->trace_id));
	memcpy(out->span_id, over ? st->run.outer : st->span_id, sizeof(out->span_id));
	out->flags = st->flags;
	out->state_len = st->state_len;
	out->baggage_len = st->baggage_len;
	memcpy(out->state, st->state, sizeof(out->state));
	memcpy(out->baggage, st->baggage, sizeof(out->baggage));
	if (!over)
		emit_named();
	return 1;
}

/* Sets *out to the span that a request names. Returns 0 if that is not known: while exchanges are
 * open, a request without a known parent may be made for one of them. */
static int choose_span(struct otr_named *out, struct otr_self *self)
{
	const struct otr_xref *by = current(&self->strand);
	const struct otr_inbound *inbound = by ? otr_inbound_of(by->conn) : NULL;

	if (by)
		return inbound && span_of_exchange(out, inbound, by);
	return !self->strand.cur.conn && !otr_get(&otr_shim.proc.open) && span_of_start(out);
}

/* Does --no-inject-to name the host of the request? */
static int is_denied(const struct otr_nv *nv, size_t n)
{
	const struct otr_nv *scheme = otr_fields_find(nv, n, ":scheme");
	const struct otr_nv *host = otr_fields_find(nv, n, ":authority");
	unsigned int port = scheme && scheme->valuelen == 4 ? 80 : 443;

	if (!host)
		host = otr_fields_find(nv, n, "host");
	return otr_host_denied(host ? (const char *)host->value : NULL, host ? host->valuelen : 0,
			       port);
}

/* Makes the list with our fields; NULL: the request gets none, which is counted. */
static struct otr_fields *make_list(struct otr_self *self, const struct otr_nv *nv, size_t n)
{
	struct otr_fields *fl;

	if (!otr_head_gets_header(otr_fields_read(nv, n), 1))
		return NULL;
	if (is_denied(nv, n)) {
		otr_count(OTR_SHIM_DENIED);
		return NULL;
	}
	fl = take_list();
	otr_refresh(&self->strand, otr_exch_of(self->strand.cur.conn));
	if (fl && choose_span(&fl->span, self)) {
		otr_fields_make(fl, nv, n);
		return fl;
	}
	otr_count(fl ? OTR_SHIM_UNKNOWN : OTR_SHIM_ODD);
	free_list(fl);
	return NULL;
}

/* Returns the list to submit in place of the caller's; NULL: the caller's own list. */
static struct otr_fields *prepare(const struct otr_nv *nv, size_t n)
{
	struct otr_fields *fl = NULL;
	struct otr_self *self;
	int error = errno;

	if (otr_is_off() || otr_switch_is_on(OTR_RING_NO_INJECT) || otr_get(&otr_shim.has_seccomp))
		return NULL;
	self = otr_enter();
	if (self) {
		fl = make_list(self, nv, n);
		otr_leave(self);
	}
	errno = error;
	return fl;
}

static int32_t submit(submit_fn next, void *session, const void *priority, const struct otr_nv *nv,
		      size_t n, const void *body, void *user)
{
	struct otr_fields *fl = next ? prepare(nv, n) : NULL;
	int32_t ret;

	if (!next)
		return INVALID_STATE;
	if (!fl)
		return next(session, priority, nv, n, body, user);
	ret = next(session, priority, fl->nv, fl->n, body, user);
	if (ret > 0) /* the stream id: the request will be sent */
		otr_count(OTR_SHIM_INJECTED);
	free_list(fl);
	return ret;
}

int32_t nghttp2_submit_request(void *session, const void *priority, const struct otr_nv *nv,
			       size_t n, const void *body, void *user)
{
	return submit(otr_next(OTR_NGHTTP2_REQUEST, FROM), session, priority, nv, n, body, user);
}

int32_t nghttp2_submit_request2(void *session, const void *priority, const struct otr_nv *nv,
				size_t n, const void *body, void *user)
{
	return submit(otr_next(OTR_NGHTTP2_REQUEST2, FROM), session, priority, nv, n, body, user);
}
