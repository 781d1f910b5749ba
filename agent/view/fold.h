/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_VIEW_FOLD_H
#define OTR_VIEW_FOLD_H

/*
 * fold.h - which rows of a tree are worth a person's screen.
 *
 * Four or more sibling leaves of one name are one row. If that is still more
 * than `max` rows, the root stays, errors (where they began first), the
 * critical path, then the longest; a row whose parent went hangs from the next
 * one up.
 */

#include "agent/view/tree.h"

struct otr_row {
	uint32_t node;		   /* the first, of a group */
	uint32_t count;		   /* 1; of a group more */
	uint32_t parent;	   /* row, or OTR_NODE_NONE */
	bool last;		   /* of its parent's rows */
	bool critical;		   /* any of them */
	bool cut;		   /* likewise */
	bool in_turn;		   /* of a group: none began before another ended */
	uint64_t start_ns, end_ns; /* first to last */
};

struct otr_rows {
	struct otr_row *row;
	uint32_t n;
	size_t rest;	  /* spans that no row shows */
	uint64_t rest_ns; /* their self time */
};

/* Returns 0 or -ENOMEM: then nothing is held. */
int otr_rows_build(struct otr_rows *rows, const struct otr_tree *tree, uint32_t max);
void otr_rows_fini(struct otr_rows *rows);

#endif /* OTR_VIEW_FOLD_H */
