/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nghttp2.c - HTTP/2 requests of clients on libnghttp2 (curl): a traceparent is one more field
 * in the list that the library is given. The bytes of the connection are never changed.
 *
 * The library does not read HTTP/2, so the request has no span of its own here: the field names
 * an existing span, that of the request this thread works for, or of what the process was
 * started for. Where neither is known no field is added.
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

#define FROM	__builtin_return_address(0)
#define STATE	(-519) /* NGHTTP2_ERR_INVALID_STATE */
#define AT_ONCE 16     /* lists; one is in use while libnghttp2 copies it */

typedef int32_t (*submit_fn)(void *, const void *, const struct otr_nv *, size_t, const void *,
			     void *);

int32_t nghttp2_submit_request(void *session, const void *priority, const struct otr_nv *nv,
			       size_t n, const void *body, void *user);
int32_t nghttp2_submit_request2(void *session, const void *priority, const struct otr_nv *nv,
				size_t n, const void *body, void *user);

/* Not on the stack, which may be small. Lists that a parent was using at fork are free in the
 * child. */
static struct otr_fields lists[AT_ONCE];

static struct otr_fields *claim(void)
{
	int32_t was;

	for (int i = 0; i < AT_ONCE; i++) {
		was = __atomic_load_n(&lists[i].taken, __ATOMIC_RELAXED);
		if (was != otr_shim.pid &&
		    __atomic_compare_exchange_n(&lists[i].taken, &was, otr_shim.pid, 0,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return &lists[i];
	}
	return NULL;
}

static void shed(struct otr_fields *fl)
{
	if (fl)
		__atomic_store_n(&fl->taken, 0, __ATOMIC_RELEASE);
}

/*
 * The exchange that this thread works for, as R4 decides it before a request goes out on a
 * connection that does not block. By now libcurl has waited for two descriptors to open a
 * connection (one is for waking it up), after which nothing is current (R5). Still, a thread
 * that reads its requests from sockets that block works for only one.
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

/* Names the span of the exchange, unless another thread has read the next request of its
 * connection. */
static int name_served(struct otr_named *out, const struct otr_inbound *sv,
		       const struct otr_xref *ref)
{
	struct otr_span_ids ids;
	uint32_t seq;

	if (!otr_ids_read(sv, ref->conn, &ids, &seq) || ids.state_len > sizeof(out->state) ||
	    ids.baggage_len > sizeof(out->baggage))
		return 0;
	memcpy(out->trace_id, ids.trace_id, sizeof(out->trace_id));
	memcpy(out->span_id, ids.span_id, sizeof(out->span_id));
	out->flags = ids.flags;
	out->state_len = ids.state_len;
	out->baggage_len = ids.baggage_len;
	otr_share_text(out->state, sv->state, ids.state_len);
	otr_share_text(out->baggage, sv->baggage, ids.baggage_len);
	return otr_inbound_is(sv, ref->conn, ref->pos, seq);
}

/* Tells the agent, once, that the run span was used as a parent, so that the agent emits it. */
static void emit_named(void)
{
	static int32_t announced_by;

	if (__atomic_exchange_n(&announced_by, otr_shim.pid, __ATOMIC_RELAXED) != otr_shim.pid)
		otr_emit_named();
}

/* Names the span that the process was started for: the program that `otrace run` started, while
 * that is one piece of work; otherwise the span above it. */
static int name_started(struct otr_named *out)
{
	const struct otr_started *st = &otr_shim.started;
	int over = otr_run_is_over(st, otr_get(&otr_shim.is_server), otr_clock_ns());

	if (!st->known || (over && !st->run.has_outer))
		return 0;
	otr_own_call();
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

/* While exchanges are open, a request without a known parent may be for one of them, so it
 * names nothing. */
static int name(struct otr_named *out, struct otr_self *self)
{
	const struct otr_xref *by = current(&self->strand);
	const struct otr_inbound *sv = by ? otr_inbound_of(by->conn) : NULL;

	if (by)
		return sv && name_served(out, sv, by);
	return !self->strand.cur.conn && !otr_get(&otr_shim.proc.open) && name_started(out);
}

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

static struct otr_fields *fill(struct otr_self *self, const struct otr_nv *nv, size_t n)
{
	struct otr_fields *fl;

	if (!otr_head_gets_header(otr_fields_read(nv, n), 1))
		return NULL;
	if (is_denied(nv, n)) {
		otr_count(OTR_SHIM_DENIED);
		return NULL;
	}
	fl = claim();
	otr_refresh(&self->strand, otr_exch_of(self->strand.cur.conn));
	if (fl && name(&fl->span, self)) {
		otr_fields_make(fl, nv, n);
		return fl;
	}
	otr_count(fl ? OTR_SHIM_UNKNOWN : OTR_SHIM_ODD);
	shed(fl);
	return NULL;
}

/* The list to submit in place of the caller's; NULL: submit the caller's. */
static struct otr_fields *prepare(const struct otr_nv *nv, size_t n)
{
	struct otr_fields *fl = NULL;
	struct otr_self *self;
	int error = errno;

	if (otr_is_off() || otr_switch_is_on(OTR_RING_NO_INJECT) || otr_get(&otr_shim.has_seccomp))
		return NULL;
	self = otr_enter();
	if (self) {
		fl = fill(self, nv, n);
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
		return STATE;
	if (!fl)
		return next(session, priority, nv, n, body, user);
	ret = next(session, priority, fl->nv, fl->n, body, user);
	if (ret > 0) /* the number of the stream: the request will be sent */
		otr_count(OTR_SHIM_INJECTED);
	shed(fl);
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
