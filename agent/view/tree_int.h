/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_VIEW_TREE_INT_H
#define OTR_VIEW_TREE_INT_H

/* tree_int.h - the steps of otr_tree_build() that have files of their own. */

#include "agent/view/tree.h"

/* Self times, the widest fan, the critical path. `room` holds tree->n numbers.
 * tree_time.c. */
void otr_tree_times(struct otr_tree *tree, uint32_t *room);

/* Counts, first error, services. `room` holds tree->spans numbers. tree_time.c.
 */
void otr_tree_count(struct otr_tree *tree, uint64_t *room);

#endif /* OTR_VIEW_TREE_INT_H */
