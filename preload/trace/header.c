/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header.c - which trace is a request in? The header that names it (W3C Trace Context). Ids are
 * made here: those of an inbound exchange when its request is read, those of an outbound request
 * when it gets a header.
 */

#include "preload/trace/header.h"

#include <stddef.h>
#include <string.h>

#include "bpf/sample.h"
#include "preload/base/clock.h"
#include "preload/base/inbound.h"
#include "preload/base/share.h"
#include "preload/base/shim.h"
#include "preload/base/thread.h"
#include "preload/parse/env_lists.h"
#include "preload/parse/environ.h"
#include "preload/parse/inject.h"

#define CALLS_MAX 4096 /* a process that sends more requests is a load generator */
/* Requests in a row without late evidence after which none is expected any more. Before the first
 * evidence it is fewer: R6c needs 100 wake-ups that confirm a thread. */
#define NO_EVIDENCE_MAX	  4096
#define NO_EVIDENCE_FIRST 512

/* splitmix64 of a counter that the threads share. */
uint64_t otr_random(void)
{
	uint64_t z =
		__atomic_add_fetch(&otr_shim.random[0], 0x9e3779b97f4a7c15ull, __ATOMIC_RELAXED) ^
		otr_shim.random[1];

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	z ^= z >> 31;
	return z ? z : 1;
}

static void random_id(uint8_t *id, size_t size)
{
	uint64_t bits;

	for (size_t at = 0; at < size; at += sizeof(bits)) {
		bits = otr_random();
		memcpy(id + at, &bits, sizeof(bits));
	}
}

/* Begins a trace, and decides whether it is sampled. Writes the `tracestate` that says so to
 * `state`, and returns its length; 0: there is none. */
static size_t begin_trace(uint8_t trace_id[16], uint8_t *flags, char state[OTR_SAMPLE_STATE])
{
	const struct otr_ring *ring = otr_ring_now();
	uint64_t threshold = ring ? otr_get(&ring->switches.threshold) : 0;

	if (!threshold) /* the agent has set none, or not yet */
		threshold = otr_shim.switches.threshold;

	random_id(trace_id, 16);
	*flags = otr_sample_low(trace_id) >= threshold;
	return *flags && threshold ? otr_sample_state(threshold, state) : 0;
}

/*
 * The ids of an inbound exchange. If its head has no traceparent, a trace begins here. If its head
 * is not complete, it may still name a trace, so it gets no ids. An exchange that is shed has no
 * span: the requests that are sent for it name the span above it, and no trace begins with it.
 */
enum {
	PARENT,
	STATE,
	BAGGAGE,
	WANTED
};

static void make_ids(struct otr_span_ids *ids, struct otr_inbound *inbound,
		     struct otr_want want[WANTED])
{
	char state[OTR_SAMPLE_STATE] __attribute__((aligned(8)));
	int has = otr_parent_read(want[PARENT].out, want[PARENT].len, ids->trace_id, ids->span_id,
				  &ids->flags);

	if (!has && ids->shed)
		return;
	if (!has) {
		ids->state_len = (uint16_t)begin_trace(ids->trace_id, &ids->flags, state);
		if (ids->state_len)
			otr_share_put(inbound->state, state, sizeof(state));
	}
	if (!ids->shed)
		random_id(ids->span_id, sizeof(ids->span_id));
	if (!has)
		want[STATE].seen = 0; /* a tracestate without a traceparent is ignored */
	ids->has_ids = 1;
}

/* Keeps tracestate or baggage; returns its length. Not inlined, since it needs room that an
 * alternate signal stack may not have: there the lists are left out. */
__attribute__((noinline)) static uint16_t keep_list(char *to, size_t most, const char *name,
						    const struct iovec *iov, int n)
{
	char text[OTR_BAGGAGE_MAX] __attribute__((aligned(8)));
	int is_complete;
	size_t len = otr_head_value(iov, n, name, text, most, &is_complete);

	otr_share_put(to, text, (len + 7) / 8 * 8);
	return (uint16_t)len;
}

/* Finds the headers in a head. Returns whether it is a complete head of a request. */
static int find_lines(struct otr_want want[WANTED], const struct iovec *iov, int n)
{
	struct otr_head_facts facts;

	if (!n || !otr_head_scan(iov->iov_base, iov->iov_len, &facts) || facts.is_twice)
		return otr_head_begins(iov, n) && otr_head_values(iov, n, want, WANTED);
	want[PARENT].out = (char *)iov->iov_base + facts.parent.at;
	want[PARENT].len = facts.parent.len;
	want[STATE].seen = facts.state.at != 0;
	want[BAGGAGE].seen = facts.baggage.at != 0;
	return 1;
}

static void take_ids(struct otr_span_ids *ids, struct otr_inbound *inbound, const struct iovec *iov,
		     int n)
{
	char text[128];
	struct otr_want want[WANTED] = {
		[PARENT] = {.name = "traceparent", .out = text, .size = sizeof(text)},
		[STATE] = {.name = "tracestate"},
		[BAGGAGE] = {.name = "baggage"},
	};

	if (!find_lines(want, iov, n))
		return;
	make_ids(ids, inbound, want);
	if (!ids->has_ids || (!want[STATE].seen && !want[BAGGAGE].seen) || otr_on_other_stack())
		return;
	if (want[STATE].seen)
		ids->state_len =
			keep_list(inbound->state, sizeof(inbound->state), "tracestate", iov, n);
	if (want[BAGGAGE].seen)
		ids->baggage_len =
			keep_list(inbound->baggage, sizeof(inbound->baggage), "baggage", iov, n);
}

void otr_inbound_ids(struct otr_inbound *inbound, const struct otr_fd *f, const struct iovec *iov,
		     int n)
{
	struct otr_span_ids ids = {.layer = f->layer, .shed = f->shed, .is_binary = f->is_binary};

	if (!otr_inbound_lock(inbound, f->inode))
		return; /* the slot belongs to another connection by now */
	take_ids(&ids, inbound, iov, n);
	otr_share_put(&inbound->ids, &ids, sizeof(ids));
	otr_inbound_unlock(inbound);
}

static char *put(char *out, const char *text, size_t len)
{
	memcpy(out, text, len);
	return out + len;
}

/* Adds a line, unless it is longer than *room. */
static char *put_line(char *out, size_t *room, const char *name, const char *value, size_t len)
{
	if (strlen(name) + len + 2 > *room)
		return out;
	*room -= strlen(name) + len + 2;
	out = put(out, name, strlen(name));
	otr_share_text(out, value, len); /* another thread may write it */
	return put(out + len, "\r\n", 2);
}

/* The trace that a header names: its lists, and the span above the request. */
struct origin {
	char new_state[OTR_SAMPLE_STATE]
		__attribute__((aligned(8))); /* of a trace that begins here */
	const char *state, *baggage;
	size_t state_len, baggage_len;
	const uint8_t *above;	 /* span id of the span above; NULL: none */
	struct otr_span_ids ids; /* of the inbound exchange, if the request is sent for one */
	uint32_t seq;
};

/* The request begins a trace of its own. */
static void begin_own(struct otr_cause *cause, struct origin *out)
{
	out->state = out->new_state;
	out->state_len = begin_trace(cause->trace_id, &cause->flags, out->new_state);
}

static void set_trace(struct otr_cause *cause, const uint8_t trace_id[16], uint8_t flags)
{
	memcpy(cause->trace_id, trace_id, sizeof(cause->trace_id));
	cause->flags = flags;
}

void otr_count_run_call(void)
{
	if (otr_shim.started.by_run &&
	    __atomic_add_fetch(&otr_shim.run_calls, 1, __ATOMIC_RELAXED) > CALLS_MAX)
		otr_put(&otr_shim.is_server, 1);
}

/* The trace of a request without a parent: that in which this process was started, or, if that does
 * not apply, one of its own. While exchanges are open the request may be made for one of them, so
 * its trace is its own. */
static void choose_started(struct otr_cause *cause, struct origin *out)
{
	const struct otr_started *st = &otr_shim.started;

	if (otr_get(&otr_shim.proc.open) ||
	    !otr_started_holds(st, otr_get(&otr_shim.is_server), otr_clock_ns())) {
		begin_own(cause, out);
		return;
	}
	otr_count_run_call();
	set_trace(cause, st->trace_id, st->flags);
	out->state = st->state;
	out->baggage = st->baggage;
	out->state_len = st->state_len;
	out->baggage_len = st->baggage_len;
	/* The root span of `otrace run` exists only if there are spans below it. */
	if (!st->by_run)
		out->above = st->span_id;
	else if (st->run.has_outer)
		out->above = st->run.outer;
}

/* Late evidence about threads of pools (R6c), in this process or its parent. */
static struct {
	int32_t blocking_pid;	/* process of which a thread reads from blocking sockets */
	uint32_t late_evidence; /* `late_evidence` of the ring, as it was last read */
	uint32_t no_evidence;	/* requests since then whose parent the kernel side has not found */
} pools;

void otr_reader_blocks(void)
{
	if (otr_get(&pools.blocking_pid) == otr_shim.pid)
		return;
	otr_put(&pools.late_evidence, 0);
	otr_put(&pools.blocking_pid, otr_shim.pid);
}

/*
 * Does the kernel side find the parent of a request that a thread of a pool sends? It can if the
 * thread that has read the inbound request sleeps until the pool has done the work; the loop of an
 * event-driven runtime (Bun, asyncio) does not. If it can, late evidence comes again and again. For
 * a client whose threads end the work otherwise (sendAsync of Java) it never comes, so requests of
 * such a client get their header at once.
 */
static int kernel_finds_parents(const struct otr_ring *ring)
{
	uint32_t late_evidence = otr_get(&ring->late_evidence);

	if (!late_evidence || (late_evidence == 1 && otr_get(&pools.blocking_pid) != otr_shim.pid))
		return 0;
	if (late_evidence != otr_get(&pools.late_evidence)) {
		otr_put(&pools.late_evidence, late_evidence);
		otr_put(&pools.no_evidence, 0);
	}
	return __atomic_add_fetch(&pools.no_evidence, 1, __ATOMIC_RELAXED) <=
	       (late_evidence == 1 ? NO_EVIDENCE_FIRST : NO_EVIDENCE_MAX);
}

/* Will late evidence give the parent of the request? A thread that reads no requests itself, as one
 * of a pool, sends it while exchanges are open. Its parent is known when the thread that waits for
 * the work wakes up; a header that is sent before would name another trace. */
static int is_decided_later(void)
{
	const struct otr_ring *ring = otr_ring_now();
	const struct otr_self *self = otr_self_peek();

	return ring && otr_get(&otr_shim.proc.open) && self && !self->strand.last_read.conn &&
	       kernel_finds_parents(ring);
}

/* The trace of a request with a parent. Returns 0 if it is not known. */
static int choose_of_parent(struct otr_cause *cause, const struct otr_inbound *inbound,
			    struct origin *out)
{
	if (!inbound)
		return 0;
	if (!otr_ids_read(inbound, cause->parent.conn, &out->ids, &out->seq)) {
		if (!out->ids.is_binary)
			return 0;
		begin_own(cause, out);
		return 1;
	}
	set_trace(cause, out->ids.trace_id, out->ids.flags);
	out->state = inbound->state;
	out->baggage = inbound->baggage;
	out->state_len = out->ids.state_len;
	out->baggage_len = out->ids.baggage_len;
	out->above = out->ids.span_id;
	return 1;
}

/* Chooses the trace of a request. Returns 0 if it is not known. */
static int choose_trace(struct otr_cause *cause, const struct otr_inbound *inbound,
			struct origin *out)
{
	out->state_len = out->baggage_len = 0;
	out->above = NULL;
	if (cause->parent.conn)
		return choose_of_parent(cause, inbound, out);
	if (is_decided_later())
		return 0;
	choose_started(cause, out);
	return 1;
}

/* Adds tracestate and baggage. One that the program sends itself stays as it is. */
static char *put_lists(char *out, const struct origin *from, const struct iovec *iov, int n)
{
	size_t state = from->state_len, baggage = from->baggage_len, room;

	if (!state && !baggage)
		return out;
	room = otr_head_room(iov, n) - OTR_PARENT_LINE; /* not less than 0: see otr_head_read() */
	if (state && state <= OTR_TRACESTATE_MAX && !otr_head_has(iov, n, "tracestate"))
		out = put_line(out, &room, "tracestate: ", from->state, state);
	if (baggage && baggage <= OTR_BAGGAGE_MAX && !otr_head_has(iov, n, "baggage"))
		out = put_line(out, &room, "baggage: ", from->baggage, baggage);
	return out;
}

/* Chooses the span that the header names: a new one for the request, or, if the request is shed,
 * the span above it. Returns 0 if there is none. */
static int choose_span(struct otr_fd *f, const struct origin *from)
{
	uint8_t *id = f->cause.span_id;

	if (!f->shed_next)
		random_id(id, sizeof(f->cause.span_id));
	else if (from->above)
		memcpy(id, from->above, sizeof(f->cause.span_id));
	return !f->shed_next || from->above;
}

size_t otr_header_make(struct otr_fd *f, const struct iovec *iov, int n, char *out)
{
	struct otr_cause *cause = &f->cause;
	const struct otr_ref *parent = &cause->parent;
	const struct otr_inbound *inbound = otr_inbound_of(parent->conn);
	const char *begin = out;
	struct origin from;

	if (!choose_trace(cause, inbound, &from) || !choose_span(f, &from))
		return 0;
	out = put(out, "traceparent: 00-", 16);
	out = otr_hex(out, cause->trace_id, 16);
	*out++ = '-';
	out = otr_hex(out, cause->span_id, 8);
	*out++ = '-';
	out = otr_hex(out, &cause->flags, 1);
	out = put(out, "\r\n", 2);
	out = put_lists(out, &from, iov, n);
	if (parent->conn && !otr_inbound_is(inbound, parent->conn, parent->pos, from.seq))
		return 0; /* another thread has read the next request of the connection */
	cause->ids = OTR_IDS_INJECTED;
	return (size_t)(out - begin);
}

int otr_header_has_span(const struct otr_fd *f)
{
	const struct otr_inbound *inbound = otr_inbound_of(f->cause.parent.conn);

	if (!f->shed_next)
		return 1;
	return f->cause.parent.conn ? inbound && otr_get(&inbound->ids.has_ids)
				    : !otr_get(&otr_shim.is_server);
}

int otr_host_denied(const char *host, size_t len, unsigned int port)
{
	const struct otr_ring_hosts *own = &otr_shim.switches.hosts;
	const struct otr_ring_hosts *agents = &otr_ring_now()->switches.hosts;

	if (!own->n && !agents->n)
		return 0;
	return !len || otr_hosts_have(own, host, len, port) ||
	       otr_hosts_have(agents, host, len, port);
}

int otr_header_denied(const struct otr_fd *f, const struct iovec *iov, int n)
{
	char host[256];
	int is_complete;
	size_t len;

	if (!otr_shim.switches.hosts.n && !otr_ring_now()->switches.hosts.n)
		return 0;
	len = otr_head_value(iov, n, "host", host, sizeof(host), &is_complete);
	return otr_host_denied(host, len, f->layer == OTR_LAYER_SOCKET ? 80 : 443);
}
