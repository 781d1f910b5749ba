/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_VIEW_TREE_INT_H
#define OTR_VIEW_TREE_INT_H

/* tree_int.h - the steps of otr_tree_build() that have files of their own. */

#include "agent/view/tree.h"

/* Sets self times, the widest fan and the critical path. `room` is scratch memory for tree->n
 * numbers. In tree_time.c. */
void otr_tree_times(struct otr_tree *tree, uint32_t *room);

/* Sets counts, the first error and the number of services. `room` is scratch memory for
 * tree->spans numbers. In tree_time.c. */
void otr_tree_count(struct otr_tree *tree, uint64_t *room);

#endif /* OTR_VIEW_TREE_INT_H */
