/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.c - the table of connections, and which event goes to which of them.
 *
 * The id of a connection is the inode of its socket. Inodes are used again: an OPEN with other
 * sequence numbers or another peer is another connection. When the table is full, the
 * connection that is idle longest is evicted.
 */

#include "agent/stream/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <utlist.h>

#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/proto/proto.h"
#include "agent/proto/side.h"
#include "agent/resource/resource.h"
#include "agent/stream/conn.h"
#include "agent/stream/feed.h"
#include "agent/stream/flow.h"
#include "agent/stream/flow_state.h"

#define TRIM_NS 1000000000ull

int otr_streams_new(struct otr_streams **out, const struct otr_stream_config *cfg,
		    const struct otr_stream_ops *ops, struct otr_procs *procs, void *arg)
{
	struct otr_streams *ss = calloc(1, sizeof(*ss));

	if (!ss)
		return -ENOMEM;
	ss->cfg = *cfg;
	ss->ops = *ops;
	ss->procs = procs;
	ss->arg = arg;
	ss->budget.max = cfg->max_bytes;
	*out = ss;
	return 0;
}

void otr_streams_bind(struct otr_streams *ss, const struct otr_feedback *feedback)
{
	ss->feedback = feedback;
}

static void conn_free(struct otr_conn *cn)
{
	struct otr_streams *ss = cn->ss;

	for (size_t i = 0; i < OTR_LAYER_MAX; i++)
		otr_flow_free(cn->flows[i]);
	DL_DELETE(ss->by_use, cn);
	HASH_DEL(ss->conns, cn);
	otr_recent_drop(&ss->recent, cn->facts.hdr.conn);
	ss->n--;
	otr_spares_put(&ss->old_conns, cn);
}

void otr_streams_free(struct otr_streams **sp)
{
	struct otr_streams *ss = OTR_TAKE(*sp);

	if (!ss)
		return;
	while (ss->by_use)
		conn_free(ss->by_use);
	otr_spares_fini(&ss->old_conns);
	otr_spares_fini(&ss->old_flows);
	otr_pool_fini(&ss->parsers);
	otr_spares_fini(&ss->budget.segments);
	otr_buf_fini(&ss->budget.spare);
	free(ss);
}

static bool is_read(const struct otr_conn *cn)
{
	for (size_t i = 0; i < OTR_LAYER_MAX; i++)
		if (cn->flows[i] && cn->flows[i]->proto && cn->flows[i]->life != OTR_FLOW_MUTED)
			return true;
	return cn->was_read;
}

static void emit_stat(const struct otr_conn *cn, void (*fn)(void *, const struct otr_stream_stat *),
		      void *arg)
{
	struct otr_stream_stat stat = {.conn = &cn->facts,
				       .tgid = cn->tgid ? cn->tgid : cn->facts.hdr.tgid,
				       .bypassed = cn->bypassed,
				       .read = is_read(cn),
				       .first = cn->head[cn->first],
				       .answer = cn->head[!cn->first]};

	for (size_t i = 0; i < OTR_LAYER_MAX; i++) {
		const struct otr_flow *fl = cn->flows[i];

		if (!fl)
			continue;
		stat.muted |= fl->life == OTR_FLOW_MUTED;
		stat.messages += fl->messages;
		stat.bytes += fl->dirs[0].hs.total + fl->dirs[1].hs.total;
		if (fl->proto)
			stat.proto = fl->proto->name;
	}
	/* At the end of a connection the source reports the sum, whatever was read. */
	if (cn->facts.bytes_in + cn->facts.bytes_out)
		stat.bytes = cn->facts.bytes_in + cn->facts.bytes_out;
	fn(arg, &stat);
}

static void end_conn(struct otr_conn *cn, int error, uint64_t now_ns)
{
	struct otr_streams *ss = cn->ss;

	cn->was_read = is_read(cn);
	for (size_t i = 0; i < OTR_LAYER_MAX; i++)
		if (cn->flows[i])
			otr_flow_end(cn->flows[i], error);
	ss->ops.close(ss->arg, &cn->facts, error, now_ns);
	if (ss->ops.ended)
		emit_stat(cn, ss->ops.ended, ss->arg);
	conn_free(cn);
}

static struct otr_conn *find(struct otr_streams *ss, uint64_t id)
{
	struct otr_conn *cn = otr_recent_find(&ss->recent, id);

	if (cn)
		return cn;
	HASH_FIND(hh, ss->conns, &id, sizeof(id), cn);
	if (cn)
		otr_recent_put(&ss->recent, id, cn);
	return cn;
}

__attribute__((noinline)) static struct otr_conn *make(struct otr_streams *ss,
						       const struct otr_event *ev)
{
	struct otr_conn *cn = otr_spares_get(&ss->old_conns, sizeof(*cn));

	if (!cn)
		return NULL;
	if (ss->n >= ss->cfg.max_conns && ss->by_use) {
		otr_conn_lost(ss->by_use, OTR_LOSS_EVICT);
		end_conn(ss->by_use, ECANCELED, ev->time_ns);
	}
	cn->ss = ss;
	cn->facts.hdr = *ev;
	HASH_ADD(hh, ss->conns, facts.hdr.conn, sizeof(uint64_t), cn);
	if (!cn->hh.tbl) {
		otr_loss_add(OTR_LOSS_EVICT, 1);
		otr_spares_put(&ss->old_conns, cn);
		return NULL;
	}
	DL_APPEND(ss->by_use, cn);
	ss->n++;
	return cn;
}

static struct otr_conn *get(struct otr_streams *ss, const struct otr_event *ev)
{
	struct otr_conn *cn = find(ss, ev->conn);

	if (!cn)
		return make(ss, ev);
	if (cn->next) { /* it is not the last already */
		DL_DELETE(ss->by_use, cn);
		DL_APPEND(ss->by_use, cn);
	}
	return cn;
}

static bool is_reused(const struct otr_conn *cn, const struct otr_ev_conn *ev)
{
	const struct otr_ev_conn *was = &cn->facts;

	if (!cn->known)
		return false;
	return (was->isn_out | was->isn_in &&
		(was->isn_out != ev->isn_out || was->isn_in != ev->isn_in)) ||
	       (was->peer && ev->peer && was->peer != ev->peer);
}

static void on_open(struct otr_streams *ss, const struct otr_ev_conn *ev)
{
	struct otr_conn *cn = find(ss, ev->hdr.conn);
	uint8_t role;

	if (cn && is_reused(cn, ev))
		end_conn(cn, ECANCELED, ev->hdr.time_ns);
	cn = get(ss, &ev->hdr);
	if (!cn)
		return;
	role = cn->facts.role;
	cn->facts = *ev;
	cn->known = true;
	if (cn->facts.role == OTR_ROLE_UNKNOWN)
		cn->facts.role = role;
	otr_addr_unmap(&cn->facts.local);
	otr_addr_unmap(&cn->facts.remote);
	ss->ops.open(ss->arg, &cn->facts);
}

static void on_close(struct otr_streams *ss, const struct otr_ev_conn *ev)
{
	struct otr_conn *cn = find(ss, ev->hdr.conn);

	if (!cn)
		return;
	cn->facts.bytes_in = ev->bytes_in;
	cn->facts.bytes_out = ev->bytes_out;
	end_conn(cn, ev->error, ev->hdr.time_ns);
}

static struct otr_flow *flow_of(struct otr_conn *cn, uint8_t layer)
{
	struct otr_flow *fl = cn->flows[layer];

	if (fl)
		return fl;
	fl = otr_flow_new(cn, layer, &cn->ss->budget);
	if (!fl)
		return NULL;
	fl->knows_asker = cn->facts.role != OTR_ROLE_UNKNOWN;
	fl->seen_open = cn->facts.seen_open;
	fl->pauses = cn->ss->pauses;
	fl->asker = cn->facts.role == OTR_ROLE_CLIENT ? OTR_DIR_OUT : OTR_DIR_IN;
	cn->flows[layer] = fl;
	return fl;
}

static void keep_head(struct otr_conn *cn, const struct otr_ev_data *ev)
{
	struct otr_stream_head *head = &cn->head[ev->dir & 1];

	if (head->len || !ev->cap)
		return;
	if (!cn->head[!(ev->dir & 1)].len)
		cn->first = ev->dir & 1;
	head->len = (uint8_t)(ev->cap < sizeof(head->bytes) ? ev->cap : sizeof(head->bytes));
	memcpy(head->bytes, ev->data, head->len);
}

/* Where a client library reports its calls, the bytes of the connection repeat them. They are
 * muted from its first record on, which comes before the first bytes. */
static bool is_repeated(struct otr_conn *cn, uint8_t layer)
{
	if (layer == OTR_LAYER_LIB && !cn->flows[layer])
		for (uint8_t i = 0; i < OTR_LAYER_LIB; i++)
			if (cn->flows[i] && cn->flows[i]->life != OTR_FLOW_MUTED)
				otr_flow_mute(cn->flows[i]);
	return layer != OTR_LAYER_LIB && cn->flows[OTR_LAYER_LIB];
}

static void on_data(struct otr_streams *ss, const struct otr_ev_data *ev)
{
	struct otr_conn *cn = ev->hdr.conn ? get(ss, &ev->hdr) : NULL;
	struct otr_flow *fl = cn && !is_repeated(cn, ev->layer) ? flow_of(cn, ev->layer) : NULL;

	if (!fl)
		return;
	cn->tgid = ev->hdr.tgid;
	keep_head(cn, ev);
	otr_flow_data(fl, ev);
}

static void on_lost(struct otr_streams *ss, const struct otr_ev_lost *ev)
{
	ss->pauses += otr_lost_is_pause(ev);
	ss->lossy |= ev->cause == OTR_LOSS_RING || ev->cause == OTR_LOSS_FACTS;
}

static void on_run(struct otr_streams *ss, const struct otr_ev_run *ev)
{
	struct otr_conn *cn = find(ss, ev->hdr.conn);

	if (cn && cn->flows[ev->layer])
		otr_flow_run(cn->flows[ev->layer], ev);
}

static void on_bypassed(struct otr_streams *ss, const struct otr_ev_bypassed *ev)
{
	struct otr_conn *cn = find(ss, ev->hdr.conn);

	if (cn)
		cn->bypassed += ev->bytes;
}

/* Sockets of AF_UNIX, and those that only the library reports, have no close event when their
 * process ends. */
static void on_exit_of(struct otr_streams *ss, const struct otr_event *ev)
{
	struct otr_conn *cn, *tmp;

	DL_FOREACH_SAFE(ss->by_use, cn, tmp)
		if (cn->tgid == ev->tgid &&
		    (cn->facts.local.family == AF_UNIX || cn->facts.hdr.hook == OTR_HOOK_PRELOAD))
			end_conn(cn, 0, ev->time_ns);
}

__attribute__((noinline)) static void take_other(struct otr_streams *ss, const struct otr_event *ev)
{
	const void *rec = ev;

	switch (ev->kind) {
	case OTR_EV_CONN_OPEN:
		on_open(ss, rec);
		break;
	case OTR_EV_CONN_CLOSE:
		on_close(ss, rec);
		break;
	case OTR_EV_RUN:
		on_run(ss, rec);
		break;
	case OTR_EV_LOST:
		on_lost(ss, rec);
		break;
	case OTR_EV_BYPASSED:
		on_bypassed(ss, rec);
		break;
	case OTR_EV_PROC_EXIT:
		on_exit_of(ss, ev);
		break;
	default:
		break;
	}
}

/* Once a second, gives back what was not needed. */
static void trim_memory(struct otr_streams *ss, uint64_t now_ns)
{
	if (now_ns < ss->trimmed_ns + TRIM_NS)
		return;
	ss->trimmed_ns = now_ns;
	otr_spares_trim(&ss->old_conns);
	otr_spares_trim(&ss->old_flows);
	otr_pool_trim(&ss->parsers);
	otr_spares_trim(&ss->budget.segments);
}

void otr_streams_event(struct otr_streams *ss, const struct otr_event *ev)
{
	if (ev->kind == OTR_EV_DATA) /* nearly all are */
		on_data(ss, (const struct otr_ev_data *)ev);
	else
		take_other(ss, ev);
}

void otr_streams_tick(struct otr_streams *ss, uint64_t now_ns)
{
	struct otr_flow *fl, *tmp;

	trim_memory(ss, now_ns);
	DL_FOREACH_SAFE(ss->waiting, fl, tmp)
		otr_flow_tick(fl, now_ns);
}

void otr_streams_flush(struct otr_streams *ss, uint64_t now_ns)
{
	while (ss->by_use)
		end_conn(ss->by_use, ECANCELED, now_ns);
}

void otr_streams_each(const struct otr_streams *ss,
		      void (*fn)(void *arg, const struct otr_stream_stat *stat), void *arg)
{
	const struct otr_conn *cn;

	DL_FOREACH(ss->by_use, cn)
		emit_stat(cn, fn, arg);
}
