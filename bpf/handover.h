/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_HANDOVER_H
#define OTR_HANDOVER_H

/* handover.h - the rules about what one strand leaves to another: R6c, R7, R9 and R10 of
 * causality.h, which says what they are, and through which they are to be had. */

#include "causality_state.h"

/* R7. `child` is zeroed; `from`'s current must be fresh. */
OTR_RULE_FN void otr_r7_clone(const struct otr_strand *from, struct otr_strand *child,
			      enum otr_evidence why)
{
	if (from->cur.conn && from->level >= OTR_LEVEL_STRONG)
		otr_set(child, &from->cur, OTR_LEVEL_WEAK, why);
}

/* R10: may this strand claim what it looks at? st->cur must be fresh. */
OTR_RULE_FN int otr_r10_claims(struct otr_strand *st, const struct otr_proc_state *proc, __u64 now)
{
	st->entry_ns = now;
	return st->cur.conn && st->from_request && !otr_is_loop(st, proc) && otr_is_known(st);
}

/* R10: it looks at an outbound connection, idle where nothing is pending. */
OTR_RULE_FN void otr_r10_touch(struct otr_strand *st, const struct otr_proc_state *proc,
			       struct otr_asked *asked, __u64 now)
{
	if (otr_r10_claims(st, proc, now) && !asked->pending)
		asked->claim = st->cur;
}

/* R10: a look, where the connection's state was out of reach; `sent` and `got`: where the
 * streams stand now that a request is to go out. */
OTR_RULE_FN void otr_r10_looked(struct otr_asked *asked, const struct otr_look *look, __u32 sent,
				__u32 got)
{
	if (look->sent == sent && look->got == got)
		asked->claim = look->claim;
}

/*
 * R6c: is it evidence that `waker` woke one that waits, at a request, on a word on which
 * nobody else waits? `asking`: the waker waits for an answer. An interpreter's lock that is
 * handed from thread to thread (Ruby) is such a word, too: there one in four or more of
 * the wakers has work of its own, in pools none.
 *
 * Nor where a strand is multiplexed: it runs one task, which waits and leaves the strand to
 * the next (Java's virtual threads). What it had in hand when it fell asleep is the last task's,
 * and who wakes it has done the work of any. That its request was read since it last ran does
 * not help: an idle carrier is woken for whichever task can go on.
 */
OTR_RULE_FN int otr_r6c_woken(const struct otr_strand *waker, struct otr_proc_state *proc,
			      int asking)
{
	if (OTR_GET(proc->mux) || OTR_GET(proc->moves))
		return 0;
	if (waker->mine.conn || asking) {
		proc->relays = OTR_DOUBT_AFTER_RELAY;
		return 0;
	}
	if (!proc->relays)
		return 1;
	proc->relays--;
	return OTR_GET(proc->open) == 1;
}

OTR_RULE_FN void otr_r9_write(struct otr_strand *st, struct otr_notify_token *slot, __u64 now)
{
	st->entry_ns = now;
	if (!st->cur.conn || (slot->full && !otr_xref_is(&slot->from, &st->cur)))
		slot->many = 1;
	slot->from = st->cur;
	slot->full = 1;
}

/* `ex`: of slot->from.conn, or NULL. `key` tells the descriptor. */
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
