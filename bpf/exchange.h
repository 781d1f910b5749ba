/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_EXCHANGE_H
#define OTR_EXCHANGE_H

/* exchange.h - what the rules of causality.h count: inbound exchanges that are open, and outbound
 * requests in flight. */

#include "causality_state.h"

/* The exchange is answered or closed, by one of several strands. Returns whether it was open. */
OTR_RULE_FN int otr_exch_end(struct otr_exch *ex, struct otr_proc_state *proc)
{
	if (!OTR_GET(ex->open) || !OTR_SWAP(ex->open, 0))
		return 0;
	if (proc) {
		__sync_fetch_and_add(&proc->open, -1);
		if (!OTR_GET(ex->inflight))
			__sync_fetch_and_add(&proc->starving, -1);
	}
	return 1;
}

/* One request more (`by` = 1) or less (-1) is in flight for an open exchange. */
OTR_RULE_FN void otr_flight(struct otr_proc_state *proc, struct otr_exch *ex, int by)
{
	if (by > 0) {
		if (!__sync_fetch_and_add(&ex->inflight, 1))
			__sync_fetch_and_add(&proc->starving, -1);
	} else if (OTR_GET(ex->inflight)) {
		if (__sync_fetch_and_add(&ex->inflight, -1) == 1)
			__sync_fetch_and_add(&proc->starving, 1);
	}
}

/* The answer to what was asked on a connection has come, or never will. `ex`: the exchange last
 * seen on asked->believed.conn, or NULL. */
OTR_RULE_FN void otr_land(struct otr_proc_state *proc, const struct otr_asked *asked,
			  struct otr_exch *ex)
{
	if (!asked->pending)
		return;
	if (asked->believed.conn) {
		if (otr_xref_open(&asked->believed, ex))
			otr_flight(proc, ex, -1);
	} else if (OTR_GET(proc->orphans)) {
		__sync_fetch_and_add(&proc->orphans, -1);
	}
}

/* Have other open exchanges nothing in flight? The request on a connection that has just come
 * free may be made for one of them. `starving` counts them, and `cur_ex` is not one of the
 * others. */
OTR_RULE_FN int otr_starve(const struct otr_proc_state *proc, const struct otr_exch *cur_ex)
{
	return OTR_GET(proc->starving) - (OTR_GET(cur_ex->inflight) == 0) > OTR_GET(proc->orphans);
}

/* R8: an outbound connection is closed: nothing is in flight on it. `ex`, `born_ex`: the exchanges
 * last seen on the connections of asked->believed and asked->born, or NULL. */
OTR_RULE_FN void otr_r8_asked(struct otr_proc_state *proc, struct otr_asked *asked,
			      struct otr_exch *ex, struct otr_exch *born_ex)
{
	otr_land(proc, asked, ex);
	if (asked->has_born && otr_xref_open(&asked->born, born_ex))
		otr_flight(proc, born_ex, -1);
	asked->pending = 0;
	asked->has_born = 0;
}

#endif /* OTR_EXCHANGE_H */
