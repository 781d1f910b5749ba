/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_CAUSALITY_H
#define OTR_CAUSALITY_H

/*
 * causality.h - who caused what: the rules of parenthood, R1 to R10.
 *
 * Pure functions over small structs: no allocation, no clock, no loop. They have two
 * homes, BPF and a library inside the traced process, and are tested natively
 * (tests/unit/causality_test.c). The caller finds the structs and orders the calls as
 * the strand made them.
 *
 *	strand     a thread, or a goroutine: what runs one thing at a time
 *	exchange   one request and its answer on one connection; *inbound* where our
 *	           process answers, *outbound* where it asks
 *	current    the inbound exchange a strand works for, if that is known
 *	LOOP       a strand that waited for several descriptors, or whose process is MUX:
 *	           a strand of it read a second request before it answered its first
 *	turn       of a LOOP strand: from one real wait to the next
 *	solo(x)    x is the one open inbound exchange of the process
 *
 * What is *believed* (and feeds R2) is kept apart from what is *claimed* (and leaves):
 * a wrong parent is worse than none.
 *
 *	R1  any bytes of a request        current = it, STRONG
 *	R2  any bytes of a response       current = its believed parent if open, else none;
 *	                                  different parents in one read: none. A blocking
 *	                                  strand that holds it already: no change. What was
 *	                                  WEAK stays WEAK
 *	R3  first response bytes          answered; current = none. Before that, if LOOP and
 *	                                  more than one inbound open: current agrees:
 *	                                  doubt -= 1; another: doubt = 3000. Written by
 *	                                  another strand than read it, both readers of
 *	                                  requests (work stealing): doubt = 3000. A process
 *	                                  starts with doubt = 32 (probation). What connect()
 *	                                  remembered has a doubt of its own: that it was right
 *	                                  says nothing of connections that others had before
 *	R4  first bytes of a request out  parent, first match: claim of R10; what connect() =
 *	                                  EINPROGRESS remembered, even "none"; current.
 *	                                  Withheld: LOOP and doubt and not solo; WEAK and not
 *	                                  solo; a timer may be what runs; the connection was
 *	                                  freed and taken within this turn while others starve;
 *	                                  no descriptor is left, and another of this turn did
 *	                                  nothing when it was handled: it may have put it off,
 *	                                  or the last one has asked already: tested apart
 *	R5  wait                          for one descriptor: keep. timeout not 0: current =
 *	                                  none, new turn. timeout 0: same turn; current stays
 *	                                  only if exactly one open exchange was read in it.
 *	                                  A strand that then acts before it handles anything
 *	                                  DEFERS (asyncio; Node does not): a read of another
 *	                                  exchange, too, makes current none, and timers may
 *	                                  run while descriptors wait
 *	R7  clone                         only STRONG is inherited, as WEAK
 *	R8  closed                        nobody's current
 *	R9  eventfd, pipe, socket pair    a write leaves current, a read takes it, if all
 *	                                  writers agree and solo
 *	R10 idle outbound connection      a blocking strand whose current is from R1 reads
 *	                                  EAGAIN from it, polls it, epoll_ctl()s it: claim
 *
 *	R6c a strand that waits for its work is woken: late evidence that who woke it did
 *	    that work (wake.bpf.c finds them). Not by who ever read a request, or waits for
 *	    an answer now: it has work of its own, and handed a lock on. Then, and at first,
 *	    so many wake-ups have to be plain before one is believed, but for solo. Never
 *	    where a process is MUX, or requests move between the strands that read them
 */

#include "causality_state.h"

/* R1: the first bytes of a request, at `ref`. `mine` is the exchange last seen on
 * st->mine.conn, or NULL. `may_loop`: the socket does not block. */
OTR_RULE_FN void otr_r1_first(struct otr_strand *st, struct otr_proc_state *proc,
			      struct otr_exch *ex, const struct otr_xref *ref,
			      const struct otr_exch *mine, int may_loop, __u64 strand, __u64 now)
{
	otr_exch_end(ex, proc); /* one that was never answered */
	/* No blocking thread reads a second request before it answered its first. */
	if (!proc->go && otr_xref_open(&st->mine, mine) && st->mine.conn != ref->conn)
		OTR_PUT(proc->mux, 1);
	OTR_PUT(ex->pos, ref->pos);
	OTR_PUT(ex->reader, strand);
	OTR_PUT(ex->inflight, 0);
	OTR_PUT(ex->open, 1);
	__sync_fetch_and_add(&proc->open, 1);
	__sync_fetch_and_add(&proc->starving, 1);
	st->mine = *ref;
	st->blocks = !may_loop;
	st->freed = 0;
	st->entry_ns = now;
	otr_join(st, ref, OTR_LEVEL_STRONG, ref->conn);
	st->from_request = st->cur.conn != 0;
}

/* R1: more bytes of it. */
OTR_RULE_FN void otr_r1_more(struct otr_strand *st, const struct otr_exch *ex,
			     const struct otr_xref *ref, __u64 now)
{
	st->entry_ns = now;
	if (!otr_xref_open(ref, ex))
		return;
	otr_join(st, ref, OTR_LEVEL_STRONG, ref->conn);
	st->from_request = st->cur.conn != 0;
}

/* R3: the first bytes of the answer to `ref`. */
OTR_RULE_FN void otr_r3_answer(struct otr_strand *st, struct otr_proc_state *proc,
			       struct otr_exch *ex, const struct otr_xref *ref, int reader_is_other,
			       __u64 now)
{
	otr_act(st, now);
	st->freed = 0;
	otr_left_over(st);
	/* A turn whose wait was not seen, since waits are probed a moment after the
	 * rest, tests nothing (and claims nothing: R4). */
	if (otr_is_loop(st, proc) && st->waited && OTR_GET(proc->open) > 1 && st->cur.conn)
		otr_test(st, proc, otr_xref_is(&st->cur, ref));
	/* It goes without an answer that was thought to be for it: perhaps another's. */
	if (OTR_GET(ex->inflight))
		st->puts_off = 1;
	/* Tasks move between threads that read: a work stealer. */
	if (!proc->go && reader_is_other && st->mine.conn) {
		otr_disagreed(proc);
		OTR_PUT(proc->moves, 1);
	}
	otr_exch_end(ex, proc);
	otr_set(st, 0, OTR_LEVEL_NONE, OTR_EVIDENCE_NONE);
}

/* Drops a current that is closed (R8). `ex`: of st->cur.conn, or NULL. */
OTR_RULE_FN void otr_refresh(struct otr_strand *st, const struct otr_exch *ex)
{
	if (st->cur.conn && !otr_xref_open(&st->cur, ex))
		otr_set(st, 0, OTR_LEVEL_NONE, OTR_EVIDENCE_NONE);
}

/* Is current believed by R4 and by connect()? st->cur must be fresh. */
OTR_RULE_FN int otr_believes(const struct otr_strand *st, const struct otr_proc_state *proc,
			     __u64 now)
{
	if (!st->cur.conn)
		return 0;
	if (proc->go)
		return 1;
	if (st->level == OTR_LEVEL_WEAK && OTR_GET(proc->open) != 1)
		return 0;
	if (!otr_is_loop(st, proc))
		return 1;
	return !otr_timer_due(st, now) && (!otr_is_late(st) || OTR_GET(proc->open) == 1);
}

/* And may it be claimed by who tests nothing? */
OTR_RULE_FN int otr_current(const struct otr_strand *st, const struct otr_proc_state *proc,
			    __u64 now)
{
	return otr_believes(st, proc, now) && !otr_is_unsure(st, proc);
}

/* connect() said EINPROGRESS: the connection remembers what was current. */
OTR_RULE_FN void otr_r4_born(struct otr_strand *st, struct otr_proc_state *proc,
			     struct otr_asked *asked, struct otr_exch *cur_ex, __u64 now)
{
	if (proc->go)
		return;
	otr_refresh(st, cur_ex);
	asked->has_born = 1;
	asked->born.conn = 0;
	asked->born.pos = 0;
	asked->again = (__u8)otr_is_unsure(st, proc);
	if (otr_is_known(st) && otr_believes(st, proc, now)) {
		asked->born = st->cur;
		otr_flight(proc, cur_ex, 1); /* it waits: it is not starving */
	}
	otr_watch_late(st, now);
	otr_act(st, now);
}

/* R4 for a connect() that comes to nothing: whom it was for, claimed as a request would be.
 * Sets `parent` (conn 0: none); st->cur is fresh. */
OTR_RULE_FN enum otr_evidence otr_r4_dial(const struct otr_strand *st,
					  const struct otr_proc_state *proc, int may_loop,
					  __u64 now, struct otr_xref *parent)
{
	parent->conn = 0;
	parent->pos = 0;
	if (!otr_current(st, proc, now) || (may_loop && !otr_is_known(st)))
		return OTR_EVIDENCE_NONE;
	if (otr_is_loop(st, proc) && OTR_GET(proc->doubt) && OTR_GET(proc->open) != 1)
		return OTR_EVIDENCE_NONE;
	*parent = st->cur;
	return (enum otr_evidence)st->evidence;
}

/*
 * R4: the first bytes of an outbound request. Sets `believed` (conn 0: none) and
 * returns the evidence with which it may be claimed, or NONE. `claim_ex`, `born_ex`,
 * `cur_ex`: the exchanges last seen on those connections, or NULL. `may_loop`: the socket
 * does not block.
 */
OTR_RULE_FN enum otr_evidence otr_r4_ask(struct otr_strand *st, struct otr_proc_state *proc,
					 struct otr_asked *asked, const struct otr_exch *claim_ex,
					 struct otr_exch *born_ex, const struct otr_exch *cur_ex,
					 int may_loop, __u64 conn, __u64 now,
					 struct otr_xref *believed)
{
	enum otr_evidence why = OTR_EVIDENCE_NONE;
	int weak = 0;

	believed->conn = 0;
	believed->pos = 0;
	otr_refresh(st, cur_ex);
	if (!asked->has_born)
		asked->again = (__u8)otr_is_unsure(st, proc);
	if (asked->has_born) {
		if (otr_xref_open(&asked->born, born_ex)) {
			*believed = asked->born;
			why = OTR_EVIDENCE_BORN;
			otr_flight(proc, born_ex, -1);
		}
	} else if (otr_xref_open(&asked->claim, claim_ex)) {
		*believed = asked->claim;
		why = OTR_EVIDENCE_CLAIM;
	} else if (otr_believes(st, proc, now)) {
		*believed = st->cur;
		why = (enum otr_evidence)st->evidence;
		weak = st->level == OTR_LEVEL_WEAK;
		if (cur_ex && otr_came_free(st, asked, conn) && otr_starve(proc, cur_ex)) {
			believed->conn = 0;
			why = OTR_EVIDENCE_NONE;
		}
	}
	if (asked->has_born) {
		st->entry_ns = now;
		otr_handle(st, conn);
		otr_handle_next(st);
	} else {
		otr_left_over(st);
		otr_watch_late(st, now);
	}
	asked->by_born = asked->has_born;
	asked->has_born = 0;
	asked->claim.conn = 0;
	otr_act(st, now);
	asked->weak = (__u8)weak;
	if (!believed->conn || proc->go)
		return why;
	if (why == OTR_EVIDENCE_CLAIM)
		return why;
	if (may_loop && why != OTR_EVIDENCE_BORN && !otr_is_known(st)) {
		believed->conn = 0; /* nor is it to be believed at the answer */
		return OTR_EVIDENCE_NONE;
	}
	if (otr_is_loop(st, proc) && (asked->again || otr_in_doubt(proc, why)) &&
	    OTR_GET(proc->open) != 1)
		return OTR_EVIDENCE_NONE;
	return why;
}

/* Books the request just asked: `ex` is the exchange of `believed`, or NULL. */
OTR_RULE_FN void otr_r4_book(struct otr_proc_state *proc, struct otr_asked *asked,
			     const struct otr_xref *believed, struct otr_exch *ex)
{
	if (!asked->pending) {
		asked->believed = *believed;
		asked->mixed = 0;
		asked->pending = 1;
	} else {
		asked->pending = 2;
		if (!otr_xref_is(&asked->believed, believed))
			asked->mixed = 1;
	}
	if (!believed->conn)
		__sync_fetch_and_add(&proc->orphans, 1);
	else if (otr_xref_open(believed, ex))
		otr_flight(proc, ex, 1);
}

/* R2: the first bytes of an answer. `ex`: of asked->believed.conn, or NULL. */
OTR_RULE_FN void otr_r2_answer(struct otr_strand *st, struct otr_proc_state *proc,
			       struct otr_asked *asked, struct otr_exch *ex, __u64 conn, __u64 now)
{
	struct otr_xref parent = asked->believed;
	int open = otr_xref_open(&parent, ex);
	int weak = st->level == OTR_LEVEL_WEAK || asked->weak;

	st->entry_ns = now;
	asked->read_ns = now;
	if (asked->pending) {
		if (!parent.conn) {
			if (OTR_GET(proc->orphans))
				__sync_fetch_and_add(&proc->orphans, -1);
		} else if (open)
			otr_flight(proc, ex, -1);
	}
	if (asked->mixed)
		open = 0;
	asked->answered.conn = open ? parent.conn : 0;
	asked->answered.pos = parent.pos;
	asked->pending = 0;
	asked->mixed = 0;
	asked->believed.conn = 0;
	if (proc->go)
		return; /* a connection's own goroutine serves many */
	if (!otr_is_loop(st, proc) && st->cur.conn && open && otr_xref_is(&st->cur, &parent)) {
		st->freed = 0; /* blocked in its own call: nothing new */
		return;
	}
	if (!otr_is_loop(st, proc))
		weak = 1;
	otr_join(st, open ? &parent : 0, weak ? OTR_LEVEL_WEAK : OTR_LEVEL_STRONG, conn);
	st->by_born = asked->by_born;
	st->by_again = asked->again;
	if (open && OTR_GET(ex->inflight))
		st->acted = 1; /* it has asked, and waits for another answer */
	st->freed = conn;
}

/* R2: more bytes of the same answer, perhaps in another turn. `ex`: of
 * asked->answered.conn, or NULL. */
OTR_RULE_FN void otr_r2_more(struct otr_strand *st, const struct otr_proc_state *proc,
			     struct otr_asked *asked, const struct otr_exch *ex, __u64 conn,
			     __u64 now)
{
	int open = otr_xref_open(&asked->answered, ex);

	st->entry_ns = now;
	asked->read_ns = now;
	if (!otr_is_loop(st, proc))
		return; /* blocked in its own call: nothing new */
	otr_join(st, open ? &asked->answered : 0, OTR_LEVEL_STRONG, conn);
	st->by_born = asked->by_born;
	st->by_again = asked->again;
	/* The rest of what is being passed on; or it waits for another answer. */
	if (open ? OTR_GET(ex->inflight) != 0 : asked->answered.conn != 0)
		st->acted = 1;
	st->freed = conn;
}

/* R5: a wait for several descriptors returned `ret`. `timeout_ns` < 0: for ever.
 * `turn_ex`: of st->turn.conn, or NULL. */
OTR_RULE_FN void otr_r5_wait(struct otr_strand *st, const struct otr_exch *turn_ex,
			     __s64 timeout_ns, __s32 ret, __u64 now)
{
	int one = st->turn_kind == OTR_TURN_ONE && otr_xref_open(&st->turn, turn_ex);

	st->handled = 0;
	st->left = ret > 0 ? ret : 0;
	st->loop = 1;
	st->waited = 1;
	st->freed = 0;
	if (!timeout_ns) {
		/* It did not wait: it has work of its own left, of the same turn. */
		if (one)
			otr_set(st, &st->turn, OTR_LEVEL_STRONG, OTR_EVIDENCE_STRAND);
		else
			otr_set(st, 0, OTR_LEVEL_NONE, OTR_EVIDENCE_NONE);
		if (st->turn_kind == OTR_TURN_ONE && !one)
			st->turn_kind = OTR_TURN_NONE;
		st->carried = 1;
		if (!st->turn_ns)
			st->due_ns = 1; /* when a timer is due was never said */
		st->entry_ns = now;
		st->clock_ns = now;
		return;
	}
	st->turn_kind = OTR_TURN_NONE;
	st->acted = 1;
	st->silent = 0;
	st->carried = 0;
	otr_set(st, 0, OTR_LEVEL_NONE, OTR_EVIDENCE_NONE);
	st->due_ns = 0;
	if (timeout_ns > 0)
		st->due_ns = st->clock_ns + (__u64)timeout_ns - 1000000;
	if (!ret)
		st->due_ns = 1; /* it ran out: timers are due now */
	st->entry_ns = now;
	st->clock_ns = now;
	st->turn_ns = now;
}

/* R5: a wait for one descriptor keeps. */
OTR_RULE_FN void otr_r5_one(struct otr_strand *st, __u64 now)
{
	st->entry_ns = now;
	st->waited = 1;
}

#include "handover.h"

#endif /* OTR_CAUSALITY_H */
