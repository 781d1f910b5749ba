/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_VIEW_WORDS_H
#define OTR_VIEW_WORDS_H

/* words.h - the findings of a tree as text. */

#include "agent/view/fold.h"

struct otr_buf;

/* Appends at most two lines, escaped, without indent: the largest self time, a query that was
 * repeated, where the first error began, calls in parallel. */
void otr_words(struct otr_buf *out, const struct otr_tree *tree, const struct otr_rows *rows);

/* Appends "68% postgres SELECT orders", the node with the largest self time, if that is 30 % of the
 * trace or more. */
void otr_words_why(struct otr_buf *out, const struct otr_tree *tree);

/* Appends "postgres SELECT orders", escaped, and the status if the node failed. */
void otr_words_node(struct otr_buf *out, const struct otr_node *node);

#endif /* OTR_VIEW_WORDS_H */
