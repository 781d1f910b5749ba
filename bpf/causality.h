/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_CAUSALITY_H
#define OTR_CAUSALITY_H

/*
 * causality.h - the rules of parenthood, R1 to R10: which request was made for which.
 *
 * The rules are pure functions over small structs: no allocation, no clock, no loop. They run in
 * BPF and in the library inside the traced process, and are tested natively
 * (tests/unit/causality_test.c). The caller finds the structs, and calls the rules in the order in
 * which the strand acted.
 *
 *	strand     a thread, or a goroutine: what runs one thing at a time
 *	exchange   one request and its answer on one connection; *inbound*: this process
 *	           answers; *outbound*: this process asks
 *	current    the inbound exchange that a strand works for, if that is known
 *	MUX        a process where a strand read a second request before it answered its first
 *	LOOP       a strand that has waited for several descriptors, or any strand of a MUX process
 *	turn       of a LOOP strand: the time from one real wait (timeout not 0) to the next
 *	solo(x)    x is the only open inbound exchange of the process
 *	doubt      how many tests a process has to pass before its loops are believed
 *
 * A parent that is *believed* feeds R2; a parent that is *claimed* is emitted as well. The two are
 * kept apart, because a wrong parent is worse than none.
 *
 *	R1  Bytes of a request are read: current = that exchange, STRONG.
 *	R2  Bytes of a response are read: current = the believed parent of its request if that
 *	    is open, else none; none also if responses with different parents come in one read.
 *	    A blocking strand that has this current keeps it unchanged. WEAK stays WEAK.
 *
 *	R3  The first bytes of an answer are written: the exchange is answered, current = none.
 *	    Before that, a LOOP strand with several inbound exchanges open is tested: if current
 *	    is the answered exchange, doubt -= 1; if current is another, doubt = 3000. If another
 *	    strand answers than the one that read the request, and both read requests (work
 *	    stealing), doubt = 3000. A process starts with doubt = 32. What connect() remembered
 *	    has a doubt of its own: that it was right says nothing about connections that other
 *	    exchanges used before.
 *
 *	R4  The first bytes of an outbound request are written: the parent is what was
 *	    remembered when connect() returned EINPROGRESS, even if that is "none"; else the
 *	    claim of R10; else current. The parent is not claimed if
 *	    - the strand is a LOOP, the process is in doubt, and the parent is not solo;
 *	    - it is WEAK and not solo;
 *	    - a timer may be what runs;
 *	    - the connection came free in this turn, and other exchanges have nothing in flight
 *	      (it may be used for one of these);
 *	    - all descriptors of the turn are handled, and one of them caused nothing when it was
 *	      handled (its work may have been put off), or the last one has asked already (which
 *	      has a doubt of its own).
 *
 *	R5  A wait returns. For one descriptor: current stays. For several, with a timeout other
 *	    than 0: current = none, a new turn begins. With timeout 0 the turn goes on, and
 *	    current stays only if bytes of exactly one open exchange were read in it. A strand
 *	    that acts after such a wait before it handled any descriptor *defers* (asyncio does,
 *	    Node does not): from then on a read of another exchange makes current none, and
 *	    timers may run while descriptors are left.
 *
 *	R6c A strand that waits for its work is woken: late evidence that the waker did that
 *	    work (wake.bpf.c finds such pairs). Not if the waker has ever read a request or waits
 *	    for an answer: then it has work of its own, and passed a lock on. After such a
 *	    wake-up, and at the start, a number of wake-ups have to be plain before one is
 *	    believed, unless the exchange is solo. Never in a MUX process, nor where requests move
 *	    between the strands that read them. Which of its requests: work.h.
 *
 *	R7  A process or thread is cloned: the child inherits a STRONG current, as WEAK.
 *	R8  A connection is closed: its exchange is no strand's current.
 *	R9  eventfd, pipe, socket pair: a write leaves current in the notify slot, a read takes
 *	    it, if all writers agree and it is solo.
 *	R10 An idle outbound connection is looked at: a blocking strand whose current is from R1
 *	    reads EAGAIN from it, polls it, or calls epoll_ctl() on it. The next request on it is
 *	    claimed for that current.
 */

#include "exchange.h"

/* R1: the first bytes of a request, at `ref`. `last_ex`: the exchange last seen on
 * st->last_read.conn, or NULL. `may_loop`: the socket does not block. */
OTR_RULE_FN void otr_r1_first(struct otr_strand *st, struct otr_proc_state *proc,
			      struct otr_exch *ex, const struct otr_xref *ref,
			      const struct otr_exch *last_ex, int may_loop, __u64 strand, __u64 now)
{
	otr_exch_end(ex, proc); /* the exchange before this one was never answered */
	/* A blocking thread answers its first request before it reads a second one. */
	if (!proc->go && otr_xref_open(&st->last_read, last_ex) && st->last_read.conn != ref->conn)
		OTR_PUT(proc->mux, 1);
	OTR_PUT(ex->pos, ref->pos);
	OTR_PUT(ex->reader, strand);
	OTR_PUT(ex->inflight, 0);
	OTR_PUT(ex->open, 1);
	__sync_fetch_and_add(&proc->open, 1);
	__sync_fetch_and_add(&proc->starving, 1);
	st->last_read = *ref;
	st->blocks = !may_loop;
	st->freed = 0;
	st->entry_ns = now;
	otr_join(st, ref, OTR_LEVEL_STRONG, ref->conn);
	st->from_request = st->cur.conn != 0;
}

/* R1: more bytes of the same request. */
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
	/* Waits are probed a moment later than the rest. A turn whose wait was not seen is no test,
	 * and nothing is claimed in it (R4). */
	if (otr_is_loop(st, proc) && st->waited && OTR_GET(proc->open) > 1 && st->cur.conn)
		otr_test(st, proc, otr_xref_is(&st->cur, ref));
	/* The exchange is answered while a request believed to be made for it is in flight: that
	 * request may have been made for another exchange. */
	if (OTR_GET(ex->inflight))
		st->puts_off = 1;
	/* Tasks move between threads that read requests: the process steals work. */
	if (!proc->go && reader_is_other && st->last_read.conn) {
		otr_disagreed(proc);
		OTR_PUT(proc->moves, 1);
	}
	otr_exch_end(ex, proc);
	otr_set(st, 0, OTR_LEVEL_NONE, OTR_EVIDENCE_NONE);
}

/* R8: drops current if its exchange is not open. `ex`: the exchange last seen on st->cur.conn, or
 * NULL. */
OTR_RULE_FN void otr_refresh(struct otr_strand *st, const struct otr_exch *ex)
{
	if (st->cur.conn && !otr_xref_open(&st->cur, ex))
		otr_set(st, 0, OTR_LEVEL_NONE, OTR_EVIDENCE_NONE);
}

/* Is current believed, by R4 and at connect()? Call otr_refresh() before. */
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

/* Is current believed, and may it be claimed where no test follows? */
OTR_RULE_FN int otr_current(const struct otr_strand *st, const struct otr_proc_state *proc,
			    __u64 now)
{
	return otr_believes(st, proc, now) && !otr_is_unsure(st, proc);
}

/* R4: connect() returned EINPROGRESS: the connection remembers current. */
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
		otr_flight(proc, cur_ex, 1); /* the exchange waits for this connection */
	}
	otr_watch_late(st, now);
	otr_act(st, now);
}

/* R4 for a connect() that will fail: finds the parent as for a request. Call otr_refresh() before.
 * Sets `parent` (conn 0: none), and returns the evidence or NONE. */
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
 * R4: the first bytes of an outbound request. Sets `believed` (conn 0: none) and returns the
 * evidence with which it may be claimed, or NONE. `claim_ex`, `born_ex`, `cur_ex`: the exchanges
 * last seen on the connections of asked->claim, asked->born and st->cur, or NULL. `may_loop`: the
 * socket does not block.
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
		believed->conn = 0; /* nor is it believed when the answer is read */
		return OTR_EVIDENCE_NONE;
	}
	if (otr_is_loop(st, proc) && (asked->again || otr_in_doubt(proc, why)) &&
	    OTR_GET(proc->open) != 1)
		return OTR_EVIDENCE_NONE;
	return why;
}

/* R4: counts the request that was written as in flight. `ex`: the exchange of `believed`, or
 * NULL. */
OTR_RULE_FN void otr_r4_book(struct otr_proc_state *proc, struct otr_asked *asked,
			     const struct otr_xref *believed, struct otr_exch *ex)
{
	if (!asked->pending) {
		asked->believed = *believed;
		asked->mixed = 0;
		asked->pending = 1;
		if (!believed->conn) /* one answer ends all that are pending: otr_land() */
			__sync_fetch_and_add(&proc->orphans, 1);
	} else {
		asked->pending = 2;
		if (!otr_xref_is(&asked->believed, believed))
			asked->mixed = 1;
	}
	if (otr_xref_open(believed, ex))
		otr_flight(proc, ex, 1);
}

/* R2: the first bytes of a response. `ex`: the exchange last seen on asked->believed.conn, or
 * NULL. */
OTR_RULE_FN void otr_r2_answer(struct otr_strand *st, struct otr_proc_state *proc,
			       struct otr_asked *asked, struct otr_exch *ex, __u64 conn, __u64 now)
{
	struct otr_xref parent = asked->believed;
	int open = otr_xref_open(&parent, ex);
	int weak = st->level == OTR_LEVEL_WEAK || asked->weak;

	st->entry_ns = now;
	asked->read_ns = now;
	otr_land(proc, asked, ex);
	if (asked->mixed)
		open = 0;
	asked->answered.conn = open ? parent.conn : 0;
	asked->answered.pos = parent.pos;
	asked->pending = 0;
	asked->mixed = 0;
	asked->believed.conn = 0;
	if (proc->go)
		return; /* one goroutine reads the connection for many others */
	if (!otr_is_loop(st, proc) && st->cur.conn && open && otr_xref_is(&st->cur, &parent)) {
		st->freed = 0; /* the strand blocked in its own call: current stays */
		return;
	}
	if (!otr_is_loop(st, proc))
		weak = 1;
	otr_join(st, open ? &parent : 0, weak ? OTR_LEVEL_WEAK : OTR_LEVEL_STRONG, conn);
	st->by_born = asked->by_born;
	st->by_again = asked->again;
	if (open && OTR_GET(ex->inflight))
		st->acted = 1; /* the exchange waits for another answer */
	st->freed = conn;
}

/* R2: more bytes of the same response, perhaps in another turn. `ex`: the exchange last seen on
 * asked->answered.conn, or NULL. */
OTR_RULE_FN void otr_r2_more(struct otr_strand *st, const struct otr_proc_state *proc,
			     struct otr_asked *asked, const struct otr_exch *ex, __u64 conn,
			     __u64 now)
{
	int open = otr_xref_open(&asked->answered, ex);

	st->entry_ns = now;
	asked->read_ns = now;
	if (!otr_is_loop(st, proc))
		return; /* the strand blocked in its own call: current stays */
	otr_join(st, open ? &asked->answered : 0, OTR_LEVEL_STRONG, conn);
	st->by_born = asked->by_born;
	st->by_again = asked->again;
	/* The exchange waits for another answer; or this is the rest of a response whose exchange
	 * is answered already, so the strand passes it on. */
	if (open ? OTR_GET(ex->inflight) != 0 : asked->answered.conn != 0)
		st->acted = 1;
	st->freed = conn;
}

/* A loop rounds the time until its next timer up to a millisecond, CPython twice: 8.1 ms become
 * 9 * 0.001, which is more than 9 ms as a float, so the kernel is given 10. */
#define OTR_ROUNDED_UP_NS 2000000

/* R5: a wait for several descriptors returned `ret`. `timeout_ns` < 0: without end. `turn_ex`: the
 * exchange last seen on st->turn.conn, or NULL. */
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
		/* The strand did not wait: it has work left, of the same turn. */
		if (one)
			otr_set(st, &st->turn, OTR_LEVEL_STRONG, OTR_EVIDENCE_STRAND);
		else
			otr_set(st, 0, OTR_LEVEL_NONE, OTR_EVIDENCE_NONE);
		if (st->turn_kind == OTR_TURN_ONE && !one)
			st->turn_kind = OTR_TURN_NONE;
		st->carried = 1;
		if (!st->turn_ns)
			st->due_ns = 1; /* no wait has said when a timer is due */
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
		st->due_ns = st->clock_ns + (__u64)timeout_ns - OTR_ROUNDED_UP_NS;
	if (!ret)
		st->due_ns = 1; /* the timeout ran out: timers are due now */
	st->entry_ns = now;
	st->clock_ns = now;
	st->turn_ns = now;
}

/* R5: a wait for one descriptor returned: current stays. */
OTR_RULE_FN void otr_r5_one(struct otr_strand *st, __u64 now)
{
	st->entry_ns = now;
	st->waited = 1;
}

#include "handover.h"

#endif /* OTR_CAUSALITY_H */
