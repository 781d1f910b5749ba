/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_VIEW_WORDS_H
#define OTR_VIEW_WORDS_H

/* words.h - what a tree means, in words. */

#include "agent/view/fold.h"

struct otr_buf;

/* Appends at most two lines, each ended by \n, escaped, without indent: the
 * largest self time, a query repeated, where the first error began, calls in
 * parallel. */
void otr_words(struct otr_buf *out, const struct otr_tree *tree, const struct otr_rows *rows);

/* "68% postgres SELECT orders", of the largest self time, if it is 30 % or
 * more. Appends nothing otherwise. */
void otr_words_why(struct otr_buf *out, const struct otr_tree *tree);

/* Appends "postgres SELECT orders", escaped, and the status of a failed one. */
void otr_words_node(struct otr_buf *out, const struct otr_node *node);

#endif /* OTR_VIEW_WORDS_H */
