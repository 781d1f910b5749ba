/* SPDX-License-Identifier: Apache-2.0 */
/* tcp_emit.c - events of the two ends of a captured connection; see tcp_emit.h. */

#include "agent/source/tcp_emit.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static void put(struct otr_tcp_emit *to, const void *ev)
{
	int rc = to->fn(to->arg, ev);

	if (rc && !to->rc)
		to->rc = rc;
}

static struct otr_event head(const struct otr_tcp_conn *cn, int end, uint16_t kind, size_t size,
			     uint64_t time_ns)
{
	return (struct otr_event){
		.kind = kind,
		.hook = OTR_HOOK_CAPTURE,
		.size = (uint32_t)size,
		.time_ns = time_ns,
		.tgid = cn->endpoint[end],
		.tid = cn->endpoint[end],
		.strand = cn->endpoint[end],
		.conn = 2 * cn->id + (uint64_t)end,
	};
}

static enum otr_role role_of(const struct otr_tcp_conn *cn, int end)
{
	if (!cn->seen_open)
		return OTR_ROLE_UNKNOWN;
	return end == OTR_NEAR ? OTR_ROLE_CLIENT : OTR_ROLE_SERVER;
}

static struct otr_ev_conn conn_event(const struct otr_tcp_conn *cn, int end, uint16_t kind,
				     uint64_t time_ns)
{
	bool has_isn = cn->side[OTR_NEAR].has_isn && cn->side[OTR_FAR].has_isn;

	return (struct otr_ev_conn){
		.hdr = head(cn, end, kind, sizeof(struct otr_ev_conn), time_ns),
		.local = cn->addr[end],
		.remote = cn->addr[!end],
		.bytes_out = cn->side[end].sent,
		.bytes_in = cn->side[!end].sent,
		.isn_out = has_isn ? cn->side[end].isn : 0,
		.isn_in = has_isn ? cn->side[!end].isn : 0,
		.type = SOCK_STREAM,
		.protocol = IPPROTO_TCP,
		.role = role_of(cn, end),
		.seen_open = cn->seen_open,
		.by_lib = OTR_BY_LIB_NO,
	};
}

void otr_tcp_emit_open(struct otr_tcp_emit *to, struct otr_tcp_conn *cn, uint64_t time_ns)
{
	struct otr_ev_conn ev;

	if (cn->announced)
		return;
	cn->announced = true;
	for (int end = OTR_NEAR; end <= OTR_FAR; end++) {
		ev = conn_event(cn, end, OTR_EV_CONN_OPEN, time_ns);
		put(to, &ev);
	}
}

void otr_tcp_emit_close(struct otr_tcp_emit *to, const struct otr_tcp_conn *cn, int error,
			uint64_t time_ns)
{
	struct otr_ev_conn ev;

	for (int end = OTR_NEAR; cn->announced && end <= OTR_FAR; end++) {
		ev = conn_event(cn, end, OTR_EV_CONN_CLOSE, time_ns);
		ev.error = error;
		put(to, &ev);
	}
}

void otr_tcp_emit_refused(struct otr_tcp_emit *to, const struct otr_tcp_conn *cn, uint64_t time_ns)
{
	struct otr_ev_failed ev = {
		.hdr = head(cn, OTR_NEAR, OTR_EV_CONN_FAILED, sizeof(ev), time_ns),
		.start_ns = cn->syn_ns,
		.remote = cn->addr[OTR_FAR],
		.error = ECONNREFUSED,
	};

	put(to, &ev);
}

/* What `from` sent since the other end sent last: at its own end OUT, at the other IN. */
static void emit_run(struct otr_tcp_emit *to, const struct otr_tcp_conn *cn, int from, bool eof,
		     uint64_t time_ns)
{
	const struct otr_tcp_side *side = &cn->side[from];
	struct otr_ev_run ev = {
		.pos = side->run_pos,
		.bytes = side->run_bytes,
		.first_ns = side->run_first_ns,
		.last_ns = side->run_last_ns,
		.calls = side->run_calls,
		.pos_kind = OTR_POS_TCP_SEQ,
		.layer = OTR_LAYER_SOCKET,
		.eof = eof,
	};

	memcpy(ev.tail, side->tail, sizeof(ev.tail));
	for (int dir = OTR_DIR_OUT; dir >= OTR_DIR_IN; dir--) {
		ev.hdr = head(cn, dir == OTR_DIR_OUT ? from : !from, OTR_EV_RUN, sizeof(ev),
			      time_ns);
		ev.dir = (uint8_t)dir;
		put(to, &ev);
	}
}

static void set_run(struct otr_tcp_side *side, uint32_t seq, uint64_t time_ns)
{
	side->cut = false;
	side->run_pos = seq;
	side->run_calls = 0;
	side->run_bytes = 0;
	side->run_first_ns = side->run_last_ns = time_ns;
}

static void begin_run(struct otr_tcp_emit *to, struct otr_tcp_conn *cn, int from, uint32_t seq,
		      uint64_t time_ns)
{
	if (cn->last >= 0 && cn->side[cn->last].cut)
		emit_run(to, cn, cn->last, false, time_ns);
	cn->last = (int8_t)from;
	set_run(&cn->side[from], seq, time_ns);
}

/* Keeps the last 8 bytes of the run: zeros where they were not captured. */
static void keep_tail(struct otr_tcp_side *side, uint32_t len, struct otr_slice data)
{
	size_t n = data.len < sizeof(side->tail) ? data.len : sizeof(side->tail);

	if (data.len < len) {
		memset(side->tail, 0, sizeof(side->tail));
		return;
	}
	memmove(side->tail, side->tail + n, sizeof(side->tail) - n);
	memcpy(side->tail + sizeof(side->tail) - n, data.data + data.len - n, n);
}

/* One record at each end: `len` bytes, of which `data` was captured, at most OTR_DATA_MAX. */
static void emit_piece(struct otr_tcp_emit *to, const struct otr_tcp_conn *cn, int from, bool first,
		       uint32_t seq, uint32_t len, struct otr_slice data, uint64_t time_ns)
{
	struct otr_ev_data *ev = (void *)to->record;
	size_t size = sizeof(*ev) + data.len;

	*ev = (struct otr_ev_data){
		.start_ns = time_ns,
		.pos = seq,
		.moved = len,
		.cap = (uint32_t)data.len,
		.pos_kind = OTR_POS_TCP_SEQ,
		.layer = OTR_LAYER_SOCKET,
		.first = first,
	};
	if (data.len)
		memcpy(ev->data, data.data, data.len);
	ev->hdr = head(cn, from, OTR_EV_DATA, size, time_ns);
	ev->dir = OTR_DIR_OUT;
	put(to, ev);
	ev->hdr = head(cn, !from, OTR_EV_DATA, size, time_ns);
	ev->dir = OTR_DIR_IN;
	put(to, ev);
}

void otr_tcp_emit_data(struct otr_tcp_emit *to, struct otr_tcp_conn *cn, int from, uint32_t seq,
		       uint32_t len, struct otr_slice data, uint64_t time_ns)
{
	struct otr_tcp_side *side = &cn->side[from];
	bool first = cn->last != from;
	uint32_t n;

	otr_tcp_emit_open(to, cn, time_ns);
	if (first)
		begin_run(to, cn, from, seq, time_ns);
	side->run_calls++;
	side->run_bytes += len;
	side->run_last_ns = time_ns;
	side->sent += len;
	side->cut |= data.len < len;
	keep_tail(side, len, data);
	/* The last record is about all bytes that were not captured, however many. */
	for (; len; len -= n, seq += n, first = false) {
		n = data.len > OTR_DATA_MAX ? OTR_DATA_MAX : len;
		emit_piece(to, cn, from, first, seq, n, otr_slice_sub(data, 0, n), time_ns);
		data = otr_slice_sub(data, n, data.len);
	}
}

void otr_tcp_emit_eof(struct otr_tcp_emit *to, struct otr_tcp_conn *cn, int from, uint64_t time_ns)
{
	struct otr_tcp_side *side = &cn->side[from];

	if (!cn->announced)
		return;
	if (cn->last != from)
		set_run(side, side->fin, time_ns);
	emit_run(to, cn, from, true, time_ns);
	side->cut = false;
}
