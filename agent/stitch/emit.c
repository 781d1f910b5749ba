/* SPDX-License-Identifier: Apache-2.0 */
/*
 * emit.c - the span of an exchange that is over.
 *
 * describe() of its protocol sets the name and the attributes of both messages. This file sets
 * times, ids, and errors outside of messages (error.type of the semantic conventions).
 */

#include "agent/stitch/emit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/resource/resource.h"
#include "agent/stitch/exchange.h"
#include "bpf/sample.h"

static struct otr_slice error_type(int error)
{
	switch (error) {
	case ETIMEDOUT:
		return OTR_SLICE("timeout");
	case ECONNREFUSED:
		return OTR_SLICE("connection_refused");
	case EHOSTUNREACH:
	case EHOSTDOWN:
		return OTR_SLICE("host_unreachable");
	case ENETUNREACH:
	case ENETDOWN:
		return OTR_SLICE("network_unreachable");
	case ECONNRESET:
	case EPIPE:
		return OTR_SLICE("connection_reset");
	case 0:
		return OTR_SLICE("connection_closed");
	default:
		return OTR_SLICE("_OTHER");
	}
}

/* The connection ended before the answer. An error at the server's end means that the client
 * closed it; without an error it is not known which side closed first. */
static void set_error(struct otr_stitch *st, const struct otr_exchange *ex)
{
	bool broken = ex->error || ex->answer == OTR_ANSWER_MISSING;
	struct otr_slice type = error_type(ex->error);

	if (!broken || ex->cut || st->sb.span.failed || otr_exchange_after_loss(st, ex))
		return;
	if (otr_is_server(ex) && !ex->pushed && ex->error)
		type = OTR_SLICE("client_disconnect");
	otr_sb_error(&st->sb, type);
}

/* An answer is sent no later than it is read. If the client has read the answer before the server's
 * record says it was sent, the client's time holds. */
static uint64_t end_of(const struct otr_exchange *ex)
{
	const struct otr_exchange *reader = otr_is_server(ex) ? ex->peer : NULL;

	if (!reader || otr_is_open(reader) || reader->cut || reader->error || ex->cut ||
	    reader->end_ns > ex->end_ns || reader->end_ns < ex->start_ns)
		return ex->end_ns;
	return reader->end_ns;
}

/* A request is sent no later than it is read. If the server has read the request before the
 * client's record says it was sent, the server's time holds. If any other child begins before its
 * parent, two clocks differ. */
static void set_times(struct otr_stitch *st, const struct otr_exchange *ex)
{
	struct otr_span *sp = &st->sb.span;
	uint64_t start = ex->start_ns;

	if (!otr_is_server(ex) && ex->peer && ex->peer->start_ns < start)
		start = ex->peer->start_ns;
	if (ex->evidence != OTR_EVIDENCE_WIRE && start < ex->parent_start_ns)
		otr_sb_string(&st->sb, OTR_KEY_OTRACE_CLOCK, OTR_SLICE("before parent"));
	sp->start_ns = start + st->epoch_ns;
	sp->end_ns = end_of(ex) + st->epoch_ns;
}

/* Takes the next member off a tracestate, without the blanks around it (W3C Trace Context, 3.3.1).
 */
static struct otr_slice next_member(struct otr_slice *state)
{
	const char *comma = state->len ? memchr(state->data, ',', state->len) : NULL;
	struct otr_slice member =
		otr_slice_sub(*state, 0, comma ? (size_t)(comma - state->data) : state->len);

	*state = otr_slice_sub(*state, member.len + 1, state->len);
	while (member.len && (member.data[0] == ' ' || member.data[0] == '\t'))
		member = otr_slice_sub(member, 1, member.len);
	while (member.len &&
	       (member.data[member.len - 1] == ' ' || member.data[member.len - 1] == '\t'))
		member.len--;
	return member;
}

static bool has_ot_member(struct otr_slice state)
{
	while (state.len)
		if (otr_slice_starts(next_member(&state), OTR_SLICE("ot=")))
			return true;
	return false;
}

/* Writes "ot=th:.." and the members of `state`, but for its own `ot`. */
static void put_threshold(struct otr_buf *out, uint64_t threshold, struct otr_slice state)
{
	char text[OTR_SAMPLE_STATE];
	struct otr_slice member;

	otr_buf_add(out, text, otr_sample_state(threshold, text));
	while (state.len) {
		member = next_member(&state);
		if (!member.len || otr_slice_starts(member, OTR_SLICE("ot=")))
			continue;
		otr_buf_byte(out, ',');
		otr_buf_slice(out, member);
	}
}

static void set_threshold(struct otr_stitch *st, uint64_t threshold, struct otr_slice state)
{
	char room[512];
	OTR_AUTO(otr_buf_fini) struct otr_buf text = OTR_BUF_ON(room, 8192);

	put_threshold(&text, threshold, state);
	otr_sb_trace_state(&st->sb, text.rc ? state : otr_buf_view(&text));
}

/* The spans of a trace that was sampled here carry the threshold, so that counts can be scaled. The
 * `ot` of a caller stays, unless the sampler ignores callers. */
static void set_trace_state(struct otr_stitch *st, const struct otr_exchange *ex)
{
	struct otr_slice state = ex->req->trace_state;

	if (ex->trace->carries_threshold && (ex->remote || !has_ot_member(state)))
		set_threshold(st, ex->trace->threshold, state);
	else
		otr_sb_trace_state(&st->sb, state);
}

/* A consumer's span has a link to the context in which its message was made, also where that is
 * its parent: semantic conventions of messaging, "Consumer spans". */
static void link_to_producer(struct otr_stitch *st, const struct otr_exchange *ex)
{
	struct otr_link link = {0}; /* no candidate for the parent */

	if (!ex->pushed || !ex->has_header)
		return;
	memcpy(link.trace_id, ex->header.trace_id, sizeof(link.trace_id));
	memcpy(link.span_id, ex->header.span_id, sizeof(link.span_id));
	otr_sb_link(&st->sb, &link);
}

static void set_ids(struct otr_stitch *st, const struct otr_exchange *ex)
{
	struct otr_span *sp = &st->sb.span;

	memcpy(sp->trace_id, ex->trace->id, sizeof(sp->trace_id));
	memcpy(sp->span_id, ex->span_id, sizeof(sp->span_id));
	memcpy(sp->parent_id, ex->parent_id, sizeof(sp->parent_id));
	sp->flags = ex->trace->flags;
	sp->evidence = ex->evidence;
	sp->parent_remote = ex->remote;
	set_trace_state(st, ex);
	link_to_producer(st, ex);
	for (uint8_t i = 0; i < ex->n_links; i++)
		otr_sb_link(&st->sb, &ex->links[i]);
}

/* The connection is seen at both ends, but this request at one end only. */
static bool lacks_mate(const struct otr_stitch *st, const struct otr_exchange *ex)
{
	return ex->wire->peer && !ex->peer && otr_exchange_paused(st, ex);
}

/* If a pause began during the exchange, the pause is the cause, whatever came later. */
static struct otr_slice why_thinned(const struct otr_stitch *st, const struct otr_exchange *ex)
{
	bool paused = ex->start_ns <= st->paused_ns || st->paused_ns >= st->behind_ns;

	return paused ? OTR_SLICE("budget") : OTR_SLICE("behind");
}

/* Its head was not seen to the end, so it may name a parent that was not read. */
static bool is_unread(const struct otr_exchange *ex)
{
	return ex->partial && !ex->has_header && !ex->evidence;
}

static void set_cut(struct otr_stitch *st, const struct otr_exchange *ex)
{
	bool thinned = ex->thinned || lacks_mate(st, ex);
	bool cut = ex->cut || otr_exchange_after_loss(st, ex);

	if (is_unread(ex)) /* describe() has set otrace.cut */
		st->sb.span.cut = true;
	if (!cut && !thinned)
		return;
	st->sb.span.cut = true;
	if (!cut) { /* the requests that were shed are counted already */
		otr_sb_string(&st->sb, OTR_KEY_OTRACE_CUT, why_thinned(st, ex));
		return;
	}
	otr_exchange_lost(st, ex, OTR_LOSS_CUT);
	otr_sb_string(&st->sb, OTR_KEY_OTRACE_CUT,
		      ex->answer == OTR_ANSWER_BEGUN ? OTR_SLICE("end") : OTR_SLICE("answer"));
}

/* A trace was seen because it began while requests were traced: its spans have one share. */
static void set_share(struct otr_stitch *st, const struct otr_exchange *ex)
{
	const struct otr_exchange *top = ex;
	uint32_t millionths;

	if (!st->shares.n || ex == st->run.ex)
		return;
	while (top->parent && top->parent != st->run.ex)
		top = top->parent;
	millionths = otr_shares_at(&st->shares, top->start_ns);
	if (millionths < OTR_SHARE_WHOLE)
		otr_sb_double(&st->sb, OTR_KEY_OTRACE_SAMPLED_SHARE,
			      (double)millionths / OTR_SHARE_WHOLE);
}

static void count(struct otr_stitch *st, const struct otr_exchange *ex)
{
	struct otr_stitch_stats *stats = &st->stats;

	stats->spans++;
	if (otr_is_proved(ex->evidence))
		stats->proved++;
	else if (ex->evidence)
		stats->weak++;
	else if (ex->disputed)
		stats->contradicted++;
	else if ((!otr_is_server(ex) && ex->may_be_orphan) || is_unread(ex))
		stats->orphans++;
	else
		stats->roots++;
}

static enum otr_span_kind kind_of(const struct otr_exchange *ex)
{
	if (ex->pushed)
		return OTR_SPAN_CONSUMER;
	return otr_is_server(ex) ? OTR_SPAN_SERVER : OTR_SPAN_CLIENT;
}

static int describe(struct otr_stitch *st, const struct otr_exchange *ex)
{
	struct otr_side side = {
		.ref = ex->ref,
		.conn = &ex->wire->facts,
		.tgid = ex->tgid,
		.strand = ex->strand,
		.start_ns = ex->start_ns,
		.proto = ex->proto,
		.settings = st->cfg.settings,
		.memory = &st->memory,
		.memo = &ex->wire->memo,
		.resource = ex->resource,
		.service = ex->resource ? ex->resource->service : OTR_SLICE_NONE,
		.same_host = ex->same_host,
		.role = otr_is_server(ex) && !ex->pushed ? OTR_ROLE_SERVER : OTR_ROLE_CLIENT,
	};

	otr_sb_reset(&st->sb);
	st->sb.span.kind = kind_of(ex);
	st->sb.span.scope = ex->proto->scope;
	st->sb.span.resource = ex->resource;
	return ex->proto->describe(&side, ex->req, ex->rsp, &st->sb);
}

/* Frees the messages of an exchange that is emitted. Its ids are kept for two more seconds; at
 * thousands of exchanges a second, messages would be most of the memory of the agent. */
static void free_messages(struct otr_stitch *st, struct otr_exchange *ex)
{
	otr_pool_put(&st->messages, ex->req);
	otr_pool_put(&st->messages, ex->rsp);
	ex->req = ex->rsp = NULL;
	if (ex->resource)
		otr_resource_unref(&ex->resource);
}

struct otr_span *otr_exchange_now(struct otr_stitch *st, const struct otr_exchange *ex)
{
	if (!ex->req || describe(st, ex))
		return NULL;
	st->sb.span.start_ns = ex->start_ns + st->epoch_ns;
	st->sb.span.end_ns = st->now_ns + st->epoch_ns;
	return otr_sb_finish(&st->sb);
}

/* The server's end of a database is no span, nor is a first process without children. */
static bool is_span(const struct otr_stitch *st, const struct otr_exchange *ex)
{
	if (ex == st->run.ex)
		return ex->n_kids || st->run.emitted;
	return otr_end_shown(ex);
}

void otr_exchange_emit(struct otr_stitch *st, struct otr_exchange *ex)
{
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;
	int rc = is_span(st, ex) ? describe(st, ex) : OTR_NO_SPAN;

	if (rc == OTR_NO_SPAN) {
		free_messages(st, ex);
		return;
	}
	if (!rc) {
		set_ids(st, ex);
		set_times(st, ex);
		set_cut(st, ex);
		set_share(st, ex);
		set_error(st, ex);
		sp = otr_sb_finish(&st->sb);
	}
	if (!sp)
		otr_exchange_lost(st, ex, OTR_LOSS_CUT); /* no memory */
	free_messages(st, ex);
	if (!sp)
		return;
	count(st, ex);
	ex->trace->shown = true;
	st->run.emitted += st->run.ex && ex->parent == st->run.ex;
	st->emit(st->arg, sp);
}
