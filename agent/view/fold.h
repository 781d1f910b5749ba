/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_VIEW_FOLD_H
#define OTR_VIEW_FOLD_H

/*
 * fold.h - the rows in which a tree is shown, at most `max` of them.
 *
 * Four or more sibling leaves of one name become one row. If more than `max` rows remain, the root
 * is kept, then errors (the node where an error began before those above it), then the critical
 * path, then the longest rows. A kept row whose parent is not kept hangs from the nearest ancestor
 * that is.
 */

#include "agent/view/tree.h"

struct otr_row {
	uint32_t node;		   /* of a group: its first node */
	uint32_t count;		   /* nodes in the row: 1, or the size of the group */
	uint32_t parent;	   /* index of a row, or OTR_NODE_NONE */
	bool last;		   /* it is the last row of its parent */
	bool critical;		   /* a node of the row is on the critical path */
	bool cut;		   /* a span of the row is cut */
	bool in_turn;		   /* of a group: no node began before the one before it ended */
	uint64_t start_ns, end_ns; /* first start, last end */
};

struct otr_rows {
	struct otr_row *row;
	uint32_t n;
	size_t rest;	  /* spans that no row shows */
	uint64_t rest_ns; /* the sum of their self times */
};

/* Makes the rows. Returns 0, or -ENOMEM; otr_rows_fini() frees them in both cases. */
int otr_rows_build(struct otr_rows *rows, const struct otr_tree *tree, uint32_t max);
void otr_rows_fini(struct otr_rows *rows);

#endif /* OTR_VIEW_FOLD_H */
