/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_PARENT_H
#define OTR_STITCH_PARENT_H

/* parent.h - which exchange is the parent of which. Inside of stitch/ only. */

#include <stdbool.h>
#include <stdint.h>

struct otr_cause;
struct otr_exchange;
struct otr_msg;
struct otr_proto_ops;
struct otr_side;
struct otr_stitch;
struct otr_trace;

/* Who sends a request. */
struct otr_asker {
	uint32_t tgid;
	uint64_t strand;
	const struct otr_proto_ops *proto;
};

/* The exchange that `cause`, of a request that `by` sends, names, if it names any that is here, for
 * certain; or NULL. */
struct otr_exchange *otr_parent_named(struct otr_stitch *st, const struct otr_cause *cause,
				      const struct otr_asker *by);

/* The trace that the exchange of this request will be in, as side->cause names `named`; NULL: that
 * is not certain. */
struct otr_trace *otr_parent_trace(const struct otr_exchange *named, const struct otr_side *side,
				   const struct otr_msg *msg);

/* Finds the parent of `ex`, a new exchange, by `cause` (NULL: nothing is known) and the exchange
 * that it names, by its header, its wire, its process; and its peer, if that is here. */
void otr_parent_find(struct otr_stitch *st, struct otr_exchange *ex, const struct otr_cause *cause,
		     struct otr_exchange *named);

/* Late evidence: `ex` was done for `parent`. If `ex` is emitted, that is counted as lost; if it
 * has a proved parent, the two contradict each other. */
void otr_parent_late(struct otr_stitch *st, struct otr_exchange *ex, struct otr_exchange *parent);

#endif /* OTR_STITCH_PARENT_H */
