/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_VIEW_TREE_H
#define OTR_VIEW_TREE_H

/*
 * tree.h - the spans of one trace as a tree, analysed once for every view.
 *
 * Times are used as they are, never adjusted. Nothing here recurses, so a chain of 50,000 spans is
 * no problem. A span whose parent is missing is a further root; a cycle is cut at its first span.
 */

#include <stdbool.h>
#include <stddef.h>

#include "agent/view/node.h"

struct otr_label;
struct otr_span;

/* Makes the tree of `n` spans, at least one, in place of the one that `tree` was; it begins zeroed.
 * May leave it outlined (node.h).
 * `join`: the client and the server span of one exchange share a node. Returns 0, or -ENOMEM;
 * otr_tree_fini() frees the tree in both cases. */
int otr_tree_build(struct otr_tree *tree, const struct otr_span *const *spans, size_t n, bool join);
void otr_tree_fini(struct otr_tree *tree);

/* Completes the tree, and finds where the time of the trace went: what a timed tree has (node.h).
 * Does so once. */
void otr_tree_time(struct otr_tree *tree);

/* The span that names the node: the server span, if there is one. */
const struct otr_span *otr_node_face(const struct otr_node *node);

/* Fills in the label of the node. A client span whose server is known is not named after its
 * peer. */
void otr_node_label(const struct otr_node *node, struct otr_label *out);

#endif /* OTR_VIEW_TREE_H */
