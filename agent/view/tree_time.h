/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_VIEW_TREE_TIME_H
#define OTR_VIEW_TREE_TIME_H

/* tree_time.h - the last steps of a tree, whose nodes are linked. */

#include <stdint.h>

struct otr_tree;

/* Sets self times, the widest fan and the critical path. `scratch` is memory for tree->n numbers.
 */
void otr_tree_times(struct otr_tree *tree, uint32_t *scratch);

/* Sets counts, the first error and the number of services. `scratch` is memory for tree->spans
 * numbers. */
void otr_tree_count(struct otr_tree *tree, uint64_t *scratch);

#endif /* OTR_VIEW_TREE_TIME_H */
