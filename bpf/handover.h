/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_HANDOVER_H
#define OTR_HANDOVER_H

/* handover.h - the rules about work that one strand gives to another: R6c, R7, R9 and R10.
 * causality.h says what these rules are, and includes this header. */

#include "causality_state.h"
#include "work.h"

/* R7: `from` makes `child`, which is zeroed. Call otr_refresh() on `from` before. */
OTR_RULE_FN void otr_r7_clone(const struct otr_strand *from, struct otr_strand *child,
			      enum otr_evidence why)
{
	if (from->cur.conn && from->level >= OTR_LEVEL_STRONG)
		otr_set(child, &from->cur, OTR_LEVEL_WEAK, why);
}

/* R10: may a connection that this strand looks at be claimed? Call otr_refresh() before. */
OTR_RULE_FN int otr_r10_claims(struct otr_strand *st, const struct otr_proc_state *proc, __u64 now)
{
	st->entry_ns = now;
	return st->cur.conn && st->from_request && !otr_is_loop(st, proc) && otr_is_known(st);
}

/* R10: the strand looks at an outbound connection; the connection is idle if no request is
 * pending. */
OTR_RULE_FN void otr_r10_touch(struct otr_strand *st, const struct otr_proc_state *proc,
			       struct otr_asked *asked, __u64 now)
{
	if (otr_r10_claims(st, proc, now) && !asked->pending)
		asked->claim = st->cur;
}

/* R10: a request goes out on a connection that was looked at where its state could not be reached.
 * `sent`, `got`: the sequence numbers of its streams now. */
OTR_RULE_FN void otr_r10_looked(struct otr_asked *asked, const struct otr_look *look, __u32 sent,
				__u32 got)
{
	if (look->sent == sent && look->got == got)
		asked->claim = look->claim;
}

/*
 * R6c: `waker` woke a strand that works for a request and waited, alone, on a futex word. Is that
 * evidence that `waker` did its work? `asking`: the waker waits for an answer.
 *
 * The lock of an interpreter that threads pass on (Ruby) is such a word as well. There one in
 * four or more of the wakers has work of its own; in pools none has.
 *
 * It is no evidence in a MUX process: a strand there runs one task, which waits and leaves the
 * strand to the next one (Java's virtual threads). Its current is that of the last task, and the
 * waker did the work of any task. That the request was read since the strand last ran does not
 * help: an idle carrier thread is woken for whichever task can go on.
 */
OTR_RULE_FN int otr_r6c_woken(const struct otr_strand *waker, struct otr_proc_state *proc,
			      int asking)
{
	if (OTR_GET(proc->mux) || OTR_GET(proc->moves))
		return 0;
	if (waker->last_read.conn || asking) {
		proc->relays = OTR_DOUBT_AFTER_RELAY;
		return 0;
	}
	if (!otr_r6c_counts(&proc->relays))
		return 1;
	return OTR_GET(proc->open) == 1;
}

/* R9: the strand writes to the descriptor of `slot`. Call otr_refresh() before. */
OTR_RULE_FN void otr_r9_write(struct otr_strand *st, struct otr_notify_token *slot, __u64 now)
{
	st->entry_ns = now;
	if (!st->cur.conn || (slot->full && !otr_xref_is(&slot->from, &st->cur)))
		slot->many = 1;
	slot->from = st->cur;
	slot->full = 1;
}

/* R9: the strand reads from the descriptor of `slot`, which `key` identifies. `ex`: the exchange
 * last seen on slot->from.conn, or NULL. */
OTR_RULE_FN void otr_r9_read(struct otr_strand *st, const struct otr_proc_state *proc,
			     struct otr_notify_token *slot, const struct otr_exch *ex, __u64 key,
			     __u64 now)
{
	int known = slot->full && !slot->many && otr_xref_open(&slot->from, ex) &&
		    OTR_GET(proc->open) == 1;

	st->entry_ns = now;
	otr_join(st, known ? &slot->from : 0, OTR_LEVEL_STRONG, key);
	if (known)
		st->evidence = OTR_EVIDENCE_NOTIFY;
	slot->full = 0;
	slot->many = 0;
}

#endif /* OTR_HANDOVER_H */
