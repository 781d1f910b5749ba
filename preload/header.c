/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header.c - traces: which one a request is in, and the header that says so (W3C Trace
 * Context). An id is made here only where it goes on a wire.
 */

#include "preload/header.h"

#include <stddef.h>
#include <string.h>

#include "preload/inject.h"
#include "preload/told.h"

#define SAMPLE_BITS 56
#define CALLS_MAX 4096 /* more, and it is a load generator: no one piece of work */

/* splitmix64 over a counter that threads share: no two values alike. */
uint64_t otr_random(void)
{
	uint64_t z = __atomic_add_fetch(&otr_shim.random[0], 0x9e3779b97f4a7c15ull,
					__ATOMIC_RELAXED) ^
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

/* Consistent probability: who else looks at this id with this threshold says the same. */
int otr_sampled(const uint8_t trace_id[16], uint64_t threshold)
{
	uint64_t low = 0;

	for (int i = 16 - SAMPLE_BITS / 8; i < 16; i++)
		low = low << 8 | trace_id[i];
	return low >= threshold;
}

/* A trace begins here: whether it is sampled is decided once, now. */
static void begin_trace(uint8_t trace_id[16], uint8_t *flags)
{
	const struct otr_ring *ring = otr_shim.ring;

	random_id(trace_id, 16);
	*flags = (uint8_t)otr_sampled(trace_id, ring ? ring->say.threshold : 0);
}

/*
 * A head that did not come whole may still name a trace, so nothing is made up for it.
 * Without a traceparent the trace begins here, under an id that is told to whoever is asked
 * on its behalf. A request that is let go has no span of its own: what is asked for it names
 * the one above, and no trace begins with it.
 */
static void take_ids(struct otr_served *sv, const struct iovec *iov, int n, int let_go)
{
	enum { PARENT, STATE, BAGGAGE, WANTED };
	char text[128];
	struct otr_want want[WANTED] = {
		[PARENT] = {"traceparent", text, sizeof(text), 0},
		[STATE] = {"tracestate", sv->state, sizeof(sv->state), 0},
		[BAGGAGE] = {"baggage", sv->baggage, sizeof(sv->baggage), 0},
	};
	int has;

	sv->has_ids = 0;
	sv->state_len = sv->baggage_len = 0;
	if (!otr_head_begins(iov, n) || !otr_head_values(iov, n, want, WANTED))
		return;
	has = otr_parent_read(text, want[PARENT].len, sv->trace_id, sv->span_id,
			      &sv->flags);
	if (!has && let_go)
		return;
	if (!has)
		begin_trace(sv->trace_id, &sv->flags);
	if (!let_go)
		random_id(sv->span_id, sizeof(sv->span_id));
	if (has)
		sv->state_len = (uint16_t)want[STATE].len;
	sv->baggage_len = (uint16_t)want[BAGGAGE].len;
	sv->has_ids = 1;
}

/* Other threads may read them meanwhile: they find `seq` odd, or changed. */
void otr_served_ids(struct otr_served *sv, const struct iovec *iov, int n, int let_go)
{
	__atomic_fetch_add(&sv->seq, 1, __ATOMIC_ACQ_REL);
	take_ids(sv, iov, n, let_go);
	__atomic_fetch_add(&sv->seq, 1, __ATOMIC_ACQ_REL);
}

static char *put(char *out, const char *text, size_t len)
{
	memcpy(out, text, len);
	return out + len;
}

static char *put_line(char *out, const char *name, const char *value, size_t len)
{
	out = put(out, name, strlen(name));
	out = put(out, value, len);
	return put(out, "\r\n", 2);
}

/* The lists that go with a trace, and the span above; NULL: there is none. */
struct chosen {
	const char *state, *baggage;
	size_t state_len, baggage_len;
	const uint8_t *above;
};

static void choose(struct otr_cause *cause, const uint8_t trace_id[16], uint8_t flags)
{
	memcpy(cause->trace_id, trace_id, sizeof(cause->trace_id));
	cause->flags = flags;
}

void otr_own_call(void)
{
	if (otr_shim.started.by_run && ++otr_shim.calls > CALLS_MAX)
		otr_shim.alone = 1;
}

/* Nobody's request: it is in the trace this process was started in, or in one of its own.
 * While others are served it may be for one of them. */
static void choose_own(struct otr_cause *cause, struct chosen *out)
{
	const struct otr_started *st = &otr_shim.started;

	if (otr_shim.mind.open ||
	    !otr_started_holds(st, otr_shim.alone, otr_clock_ns())) {
		begin_trace(cause->trace_id, &cause->flags);
		return;
	}
	otr_own_call();
	choose(cause, st->trace_id, st->flags);
	*out = (struct chosen){st->state, st->baggage, st->state_len, st->baggage_len, NULL};
	/* The root of `run` is a span only if something below it is. */
	if (!st->by_run)
		out->above = st->span_id;
	else if (st->run.has_outer)
		out->above = st->run.outer;
}

/* A thread of a pool, which reads no requests itself, asks while some are open: for whom is
 * known when it wakes who waits for it. Who says so then finds no other trace on the wire. */
static int is_told_later(void)
{
	const struct otr_self *self = otr_self_peek();

	return otr_shim.ring && otr_shim.ring->late && otr_shim.mind.open && self &&
	       !self->strand.mine.conn;
}

/* The trace these bytes are in; 0: it cannot be told. */
static int choose_trace(struct otr_cause *cause, const struct otr_served *sv,
			struct chosen *out)
{
	*out = (struct chosen){.state = NULL};
	if (!cause->parent.conn && is_told_later())
		return 0;
	if (!cause->parent.conn) {
		choose_own(cause, out);
		return 1;
	}
	if (sv && sv->foreign) {
		begin_trace(cause->trace_id, &cause->flags);
		return 1;
	}
	if (!sv || !sv->has_ids)
		return 0;
	choose(cause, sv->trace_id, sv->flags);
	*out = (struct chosen){sv->state, sv->baggage, sv->state_len, sv->baggage_len,
			       sv->span_id};
	return 1;
}

static uint32_t seq_of(const struct otr_served *sv)
{
	return sv ? __atomic_load_n(&sv->seq, __ATOMIC_ACQUIRE) : 0;
}

static int is_same(const struct otr_served *sv, uint64_t conn, uint32_t seq)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return !sv || (sv->conn == conn && !(seq & 1) && seq_of(sv) == seq);
}

static char *put_lists(char *out, const struct chosen *from, const struct iovec *iov, int n)
{
	size_t state = from->state_len, baggage = from->baggage_len;

	if (state && state <= OTR_TRACESTATE_MAX && !otr_head_has(iov, n, "tracestate"))
		out = put_line(out, "tracestate: ", from->state, from->state_len);
	if (baggage && baggage <= OTR_BAGGAGE_MAX && !otr_head_has(iov, n, "baggage"))
		out = put_line(out, "baggage: ", from->baggage, from->baggage_len);
	return out;
}

/* Of the request that goes out; where that will not be told it is the one above, which is.
 * Returns 0 where there is none to name. */
static int choose_span(struct otr_fd *f, const struct chosen *from)
{
	uint8_t *id = f->cause.span_id;

	if (!f->let_next)
		random_id(id, sizeof(f->cause.span_id));
	else if (from->above)
		memcpy(id, from->above, sizeof(f->cause.span_id));
	return !f->let_next || from->above;
}

/* A list that the program sends by itself stays alone. */
size_t otr_header_make(struct otr_fd *f, const struct iovec *iov, int n, char *out)
{
	struct otr_cause *cause = &f->cause;
	const struct otr_served *sv = otr_served_of(cause->parent.conn);
	const char *begin = out;
	uint32_t seq = seq_of(sv);
	struct chosen from;

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
	if (!is_same(sv, cause->parent.conn, seq))
		return 0; /* its next request was read meanwhile, by another thread */
	cause->ids = OTR_IDS_INJECTED;
	return (size_t)(out - begin);
}

int otr_header_may(const struct otr_fd *f)
{
	const struct otr_served *sv = otr_served_of(f->cause.parent.conn);

	if (!f->let_next)
		return 1;
	return f->cause.parent.conn ? sv && sv->has_ids : !otr_shim.alone;
}

int otr_header_left(const struct otr_fd *f, struct iovec *rest)
{
	uint16_t place = __atomic_load_n(&f->header, __ATOMIC_ACQUIRE);
	uint16_t len = __atomic_load_n(&f->rest, __ATOMIC_RELAXED);
	uint16_t at = __atomic_load_n(&f->rest_at, __ATOMIC_RELAXED);

	if (!place || !len || len + at > OTR_HEADER_MAX)
		return 0;
	*rest = (struct iovec){otr_shim.headers[place - 1].text + at, len};
	return 1;
}

int otr_host_denied(const char *host, size_t len, unsigned int port)
{
	const struct otr_ring_hosts *own = &otr_shim.say.hosts;
	const struct otr_ring_hosts *agents = &otr_shim.ring->say.hosts;

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

	if (!otr_shim.say.hosts.n && !otr_shim.ring->say.hosts.n)
		return 0;
	len = otr_head_value(iov, n, "host", host, sizeof(host), &whole);
	return otr_host_denied(host, len, f->layer == OTR_LAYER_SOCKET ? 80 : 443);
}

struct otr_header *otr_header_claim(struct otr_fd *f)
{
	uint32_t none;
	uint16_t free = 0;

	for (uint16_t i = 0; i < OTR_HEADERS; i++) {
		none = 0;
		if (otr_shim.headers[i].taken ||
		    !__atomic_compare_exchange_n(&otr_shim.headers[i].taken, &none, 1, 0,
						 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		if (__atomic_compare_exchange_n(&f->header, &free, (uint16_t)(i + 1), 0,
						__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return &otr_shim.headers[i];
		__atomic_store_n(&otr_shim.headers[i].taken, 0, __ATOMIC_RELEASE);
		break;
	}
	return NULL;
}

void otr_header_rest(struct otr_fd *f, size_t rest, size_t at)
{
	uint16_t had;

	f->rest_at = (uint16_t)at;
	had = __atomic_exchange_n(&f->rest, (uint16_t)rest, __ATOMIC_ACQ_REL);
	if (rest && !had)
		__atomic_fetch_add(&otr_shim.owing, 1, __ATOMIC_RELAXED);
	if (!rest && had)
		__atomic_fetch_sub(&otr_shim.owing, 1, __ATOMIC_RELAXED);
}

void otr_header_free(struct otr_fd *f)
{
	uint16_t place;

	otr_header_rest(f, 0, 0);
	place = __atomic_exchange_n(&f->header, 0, __ATOMIC_ACQ_REL);
	if (place)
		__atomic_store_n(&otr_shim.headers[place - 1].taken, 0, __ATOMIC_RELEASE);
}
