/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header.c - which trace is a request in, and the header that names it (W3C Trace Context). Ids
 * are made here: of an inbound exchange when its request is read, of an outbound request when it
 * gets a header.
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

#define PARENT_LEN 70	/* of a traceparent line */
#define CALLS_MAX  4096 /* a process that sends more is a load generator, not one piece of work */
/* Requests in a row for which the kernel side found no parent, and requests before it found the
 * first one (R6c needs 100 wake-ups that confirm a thread after one that did not). */
#define UNCLAIMED_MAX	4096
#define UNCLAIMED_FIRST 512

/* splitmix64 over a counter that the threads share: no two values are equal. */
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

/* A trace begins here: whether it is sampled is decided once, now. Writes what `tracestate` says of
 * that, and returns its length; 0: nothing. */
static size_t begin_trace(uint8_t trace_id[16], uint8_t *flags, char state[OTR_SAMPLE_STATE])
{
	const struct otr_ring *ring = otr_ring_now();
	uint64_t threshold = ring ? otr_get(&ring->say.threshold) : 0;

	if (!threshold) /* the agent says nothing, or nothing yet */
		threshold = otr_shim.switches.threshold;

	random_id(trace_id, 16);
	*flags = otr_sample_low(trace_id) >= threshold;
	return *flags && threshold ? otr_sample_state(threshold, state) : 0;
}

/*
 * A head that is not complete may still name a trace, so no trace is made up for it. Without a
 * traceparent the trace begins here, and requests that are sent on its behalf carry its id. A
 * request that is shed has no span of its own: what is sent for it names the span above, and no
 * trace begins with it.
 */
enum {
	PARENT,
	STATE,
	BAGGAGE,
	WANTED
};

static void make_ids(struct otr_span_ids *ids, struct otr_inbound *sv, struct otr_want want[WANTED])
{
	char state[OTR_SAMPLE_STATE] __attribute__((aligned(8)));
	int has = otr_parent_read(want[PARENT].out, want[PARENT].len, ids->trace_id, ids->span_id,
				  &ids->flags);

	if (!has && ids->shed)
		return;
	if (!has) {
		ids->state_len = (uint16_t)begin_trace(ids->trace_id, &ids->flags, state);
		if (ids->state_len)
			otr_share_put(sv->state, state, sizeof(state));
	}
	if (!ids->shed)
		random_id(ids->span_id, sizeof(ids->span_id));
	if (!has)
		want[STATE].seen = 0; /* a tracestate without a traceparent is not used */
	ids->has_ids = 1;
}

/* Keeps a list that belongs to the trace. Not inlined, since it needs room on the stack, which
 * a handler of a signal may not have: there the list is left out. */
__attribute__((noinline)) static uint16_t keep_list(char *to, size_t most, const char *name,
						    const struct iovec *iov, int n)
{
	char text[OTR_BAGGAGE_MAX] __attribute__((aligned(8)));
	int whole;
	size_t len = otr_head_value(iov, n, name, text, most, &whole);

	otr_share_put(to, text, (len + 7) / 8 * 8);
	return (uint16_t)len;
}

/* Finds the lines of our headers. Returns whether it is a complete head of a request. */
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

static void take_ids(struct otr_span_ids *ids, struct otr_inbound *sv, const struct iovec *iov,
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
	make_ids(ids, sv, want);
	if (!ids->has_ids || (!want[STATE].seen && !want[BAGGAGE].seen) || otr_on_other_stack())
		return;
	if (want[STATE].seen)
		ids->state_len = keep_list(sv->state, sizeof(sv->state), "tracestate", iov, n);
	if (want[BAGGAGE].seen)
		ids->baggage_len = keep_list(sv->baggage, sizeof(sv->baggage), "baggage", iov, n);
}

void otr_inbound_ids(struct otr_inbound *sv, const struct otr_fd *f, const struct iovec *iov, int n)
{
	struct otr_span_ids ids = {.layer = f->layer, .shed = f->shed, .is_binary = f->is_binary};

	if (!otr_inbound_lock(sv, f->inode))
		return; /* the slot is another connection's by now */
	take_ids(&ids, sv, iov, n);
	otr_share_put(&sv->ids, &ids, sizeof(ids));
	otr_inbound_unlock(sv);
}

static char *put(char *out, const char *text, size_t len)
{
	memcpy(out, text, len);
	return out + len;
}

/* Adds a list where *room bytes are enough for it; otherwise it is left out. */
static char *put_line(char *out, size_t *room, const char *name, const char *value, size_t len)
{
	if (strlen(name) + len + 2 > *room)
		return out;
	*room -= strlen(name) + len + 2;
	out = put(out, name, strlen(name));
	otr_share_text(out, value, len); /* another thread may be writing it */
	return put(out + len, "\r\n", 2);
}

/* What a header is made of: the lists of a trace, and the span above. */
struct origin {
	char begun[OTR_SAMPLE_STATE] __attribute__((aligned(8))); /* of a trace that begins here */
	const char *state, *baggage;
	size_t state_len, baggage_len;
	const uint8_t *above;	 /* span id of the span above; NULL: none */
	struct otr_span_ids ids; /* of the inbound exchange, if the request is sent for one */
	uint32_t seq;
};

static void begin_own(struct otr_cause *cause, struct origin *out)
{
	out->state = out->begun;
	out->state_len = begin_trace(cause->trace_id, &cause->flags, out->begun);
}

static void set_trace(struct otr_cause *cause, const uint8_t trace_id[16], uint8_t flags)
{
	memcpy(cause->trace_id, trace_id, sizeof(cause->trace_id));
	cause->flags = flags;
}

void otr_own_call(void)
{
	if (otr_shim.started.by_run &&
	    __atomic_add_fetch(&otr_shim.run_calls, 1, __ATOMIC_RELAXED) > CALLS_MAX)
		otr_put(&otr_shim.is_server, 1);
}

/* A request that is sent for no exchange is in the trace that this process was started in, or
 * in a trace of its own. While exchanges are open it may be for one of them, so its trace is
 * its own. */
static void choose_own(struct otr_cause *cause, struct origin *out)
{
	const struct otr_started *st = &otr_shim.started;

	if (otr_get(&otr_shim.proc.open) ||
	    !otr_started_holds(st, otr_get(&otr_shim.is_server), otr_clock_ns())) {
		begin_own(cause, out);
		return;
	}
	otr_own_call();
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

/* Threads of pools, in this process or its parent. */
static struct {
	int32_t sleeper;    /* pid of the process in which a thread that reads requests may sleep
			  * until the work is done */
	uint32_t late;	    /* `late` of the ring, as it was read last */
	uint32_t unclaimed; /* requests since then whose parent the kernel side has not found */
} pools;

void otr_may_sleep(void)
{
	if (otr_get(&pools.sleeper) == otr_shim.pid)
		return;
	otr_put(&pools.late, 0);
	otr_put(&pools.sleeper, otr_shim.pid);
}

/*
 * Does the kernel side find for which request a pool of this process works? It can where a
 * thread that has read a request sleeps until the work is done. The loop of an event-driven
 * runtime (Bun, asyncio) does not sleep so. Where the kernel side can, it does so again and
 * again; of a client whose threads finish otherwise (sendAsync of Java) it never does, so
 * requests of such a client get their header at once.
 */
static int kernel_finds_parents(const struct otr_ring *ring)
{
	uint32_t late = otr_get(&ring->late);

	if (!late || (late == 1 && otr_get(&pools.sleeper) != otr_shim.pid))
		return 0;
	if (late != otr_get(&pools.late)) {
		otr_put(&pools.late, late);
		otr_put(&pools.unclaimed, 0);
	}
	return __atomic_add_fetch(&pools.unclaimed, 1, __ATOMIC_RELAXED) <=
	       (late == 1 ? UNCLAIMED_FIRST : UNCLAIMED_MAX);
}

/* A thread of a pool, which reads no requests itself, sends a request while exchanges are open.
 * Its parent is known when the thread that waits for it wakes up; a header sent before would
 * name another trace. */
static int is_decided_later(void)
{
	const struct otr_ring *ring = otr_ring_now();
	const struct otr_self *self = otr_self_peek();

	return ring && otr_get(&otr_shim.proc.open) && self && !self->strand.last_read.conn &&
	       kernel_finds_parents(ring);
}

static int choose_served(struct otr_cause *cause, const struct otr_inbound *sv, struct origin *out)
{
	if (!sv)
		return 0;
	if (!otr_ids_read(sv, cause->parent.conn, &out->ids, &out->seq)) {
		if (!out->ids.is_binary)
			return 0;
		begin_own(cause, out);
		return 1;
	}
	set_trace(cause, out->ids.trace_id, out->ids.flags);
	out->state = sv->state;
	out->baggage = sv->baggage;
	out->state_len = out->ids.state_len;
	out->baggage_len = out->ids.baggage_len;
	out->above = out->ids.span_id;
	return 1;
}

/* Chooses the trace of these bytes. Returns 0 where it is not known. */
static int choose_trace(struct otr_cause *cause, const struct otr_inbound *sv, struct origin *out)
{
	out->state_len = out->baggage_len = 0;
	out->above = NULL;
	if (cause->parent.conn)
		return choose_served(cause, sv, out);
	if (is_decided_later())
		return 0;
	choose_own(cause, out);
	return 1;
}

static char *put_lists(char *out, const struct origin *from, const struct iovec *iov, int n)
{
	size_t state = from->state_len, baggage = from->baggage_len, room;

	if (!state && !baggage)
		return out;
	room = otr_head_room(iov, n) - PARENT_LEN; /* there is room for it: see otr_head_read() */
	if (state && state <= OTR_TRACESTATE_MAX && !otr_head_has(iov, n, "tracestate"))
		out = put_line(out, &room, "tracestate: ", from->state, state);
	if (baggage && baggage <= OTR_BAGGAGE_MAX && !otr_head_has(iov, n, "baggage"))
		out = put_line(out, &room, "baggage: ", from->baggage, baggage);
	return out;
}

/* Chooses the span id that the header names: that of the request, or, where the request is
 * shed, of the span above. Returns 0 where there is none. */
static int choose_span(struct otr_fd *f, const struct origin *from)
{
	uint8_t *id = f->cause.span_id;

	if (!f->shed_next)
		random_id(id, sizeof(f->cause.span_id));
	else if (from->above)
		memcpy(id, from->above, sizeof(f->cause.span_id));
	return !f->shed_next || from->above;
}

/* A list that the program sends itself stays as it is. */
size_t otr_header_make(struct otr_fd *f, const struct iovec *iov, int n, char *out)
{
	struct otr_cause *cause = &f->cause;
	const struct otr_ref *parent = &cause->parent;
	const struct otr_inbound *sv = otr_inbound_of(parent->conn);
	const char *begin = out;
	struct origin from;

	if (!choose_trace(cause, sv, &from) || !choose_span(f, &from))
		return 0;
	out = put(out, "traceparent: 00-", 16);
	out = otr_hex(out, cause->trace_id, 16);
	*out++ = '-';
	out = otr_hex(out, cause->span_id, 8);
	*out++ = '-';
	out = otr_hex(out, &cause->flags, 1);
	out = put(out, "\r\n", 2);
	out = put_lists(out, &from, iov, n);
	if (parent->conn && !otr_inbound_is(sv, parent->conn, parent->pos, from.seq))
		return 0; /* another thread has read the next request of the connection */
	cause->ids = OTR_IDS_INJECTED;
	return (size_t)(out - begin);
}

int otr_header_has_span(const struct otr_fd *f)
{
	const struct otr_inbound *sv = otr_inbound_of(f->cause.parent.conn);

	if (!f->shed_next)
		return 1;
	return f->cause.parent.conn ? sv && otr_get(&sv->ids.has_ids)
				    : !otr_get(&otr_shim.is_server);
}

int otr_host_denied(const char *host, size_t len, unsigned int port)
{
	const struct otr_ring_hosts *own = &otr_shim.switches.hosts;
	const struct otr_ring_hosts *agents = &otr_ring_now()->say.hosts;

	if (!own->n && !agents->n)
		return 0;
	return !len || otr_hosts_have(own, host, len, port) ||
	       otr_hosts_have(agents, host, len, port);
}

int otr_header_denied(const struct otr_fd *f, const struct iovec *iov, int n)
{
	char host[256];
	int whole;
	size_t len;

	if (!otr_shim.switches.hosts.n && !otr_ring_now()->say.hosts.n)
		return 0;
	len = otr_head_value(iov, n, "host", host, sizeof(host), &whole);
	return otr_host_denied(host, len, f->layer == OTR_LAYER_SOCKET ? 80 : 443);
}
